"""One target, one deadline, one page: what `/probe` and `/api/v1/readings/` are asked and how they answer.

A target is the name of a configured device and nothing else: no part of a request ever becomes an address.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from exporter.flight import Answer
from exporter.metrics import Scrape
from exporter.targets import Target
from sunhelm.configuration.mistakes import did_you_mean, found, listed
from sunhelm.devices.clock import Clock, Deadline

TIMEOUT_HEADER: Final = "X-Prometheus-Scrape-Timeout-Seconds"

DEFAULT_TIMEOUT_S: Final = 10.0
"""How long a probe may take when nobody says: a person with curl, or a browser."""

_LONGEST_TIMEOUT_S: Final = 600.0
_MOST_SHOWN: Final = 8


class BadRequest(Exception):
    """The request is wrong; the text says all that is."""


class UnknownTarget(Exception):
    """No device of that name is configured; the text says which are."""


class Query(Protocol):
    """The parameters of a request: names may come several times."""

    def getall(self, key: str, default: list[str]) -> list[str]:
        """Return every value of a parameter."""

    def keys(self) -> Iterable[str]:
        """Return the names of the parameters."""


@dataclass(frozen=True, slots=True)
class ProbeRequest:
    """What a request asks: which device, which of its groups (None for all), and whether to explain."""

    target: str
    groups: frozenset[str] | None = None
    debug: bool = False


def parse_probe(query: Query) -> ProbeRequest:
    """Return what the parameters `target`, `group` and `debug` ask. Raises BadRequest with all mistakes."""
    mistakes = list(_unknown(query, ("target", "group", "debug")))
    names = query.getall("target", [])
    if len(names) != 1 or not names[0]:
        mistakes.append("target: name one device, as in /probe?target=NAME; /sd lists them")
    groups, debug = frozenset[str](), False
    try:
        groups = parse_groups(query)
    except BadRequest as error:
        mistakes.append(str(error))
    match query.getall("debug", []):
        case [] | ["false"]:
            pass
        case ["true"]:
            debug = True
        case values:
            mistakes.append(f"debug: {found(values[-1])}; true or false is allowed")
    if mistakes:
        raise BadRequest("\n".join(mistakes))
    return ProbeRequest(names[0], groups or None, debug)


def parse_reading(query: Query) -> frozenset[str] | None:
    """Return the groups that a request for a reading asks, None for all. Raises BadRequest."""
    mistakes = list(_unknown(query, ("group",)))
    if mistakes:
        raise BadRequest("\n".join(mistakes))
    return parse_groups(query) or None


def parse_groups(query: Query) -> frozenset[str]:
    """Return the groups named by `group`, which may be given several times and hold several by commas."""
    groups = frozenset(part.strip() for value in query.getall("group", []) for part in value.split(","))
    if "" in groups:
        raise BadRequest("group: an empty name; write group=live or group=live,settings")
    return groups


def _unknown(query: Query, allowed: tuple[str, ...]) -> Iterable[str]:
    for name in dict.fromkeys(query.keys()):
        if name not in allowed:
            yield f"{found(name)} is no parameter; {listed(allowed)} is allowed.{did_you_mean(name, allowed)}"


def scrape_timeout(headers: Mapping[str, str], offset_s: float) -> float:
    """Return the seconds that an answer may take: what Prometheus allows, less the offset for the way.

    An offset that would leave less than half of it takes half instead. Raises BadRequest for a header
    that is not a positive number: answering after a guessed time would look like a device that is down.
    """
    text = headers.get(TIMEOUT_HEADER)
    if text is None:
        return DEFAULT_TIMEOUT_S
    try:
        allowed_s = float(text) if text.isascii() else math.nan
    except ValueError:
        allowed_s = math.nan
    if not 0 < allowed_s < math.inf:
        raise BadRequest(f"{TIMEOUT_HEADER}: {found(text)} is not a positive number of seconds")
    return min(max(allowed_s - offset_s, allowed_s / 2), _LONGEST_TIMEOUT_S)


def find_target(targets: Mapping[str, Target], name: str) -> Target:
    """Return the configured device. Raises UnknownTarget with the nearest name."""
    if (target := targets.get(name)) is not None:
        return target
    if not targets:
        raise UnknownTarget("no device is configured")
    shown = [*targets][:_MOST_SHOWN]
    more = f" and {len(targets) - len(shown)} more, see /sd" if len(targets) > len(shown) else ""
    known = f"{', '.join(shown)}{more}"
    raise UnknownTarget(f"{found(name)} is not a configured device; {known}.{did_you_mean(name, targets)}")


@dataclass(frozen=True, slots=True)
class Probed:
    """A target that has been asked: the answer, and how the asking went."""

    target: Target
    answer: Answer
    scrape: Scrape


async def probe(
    target: Target, timeout_s: float, clock: Clock, groups: frozenset[str] | None = None
) -> Probed:
    """Ask the target within the time. Raises BadRequest for a group that it does not have, or Grounded."""
    if known := target.flight.groups:
        _check_groups(target, groups, known)
    began = clock.monotonic()
    answer = await target.flight.reading(Deadline.after(timeout_s, clock), groups)
    _check_groups(target, groups, answer.reading.groups)
    scrape = Scrape(clock.monotonic() - began, timeout_s, answer.again)
    return Probed(target, answer, scrape)


def _check_groups(target: Target, wanted: frozenset[str] | None, known: Iterable[str]) -> None:
    if unknown := sorted((wanted or frozenset()).difference(known)):
        names = listed(found(name) for name in unknown)
        groups = target.flight.groups
        has = f"; it has {', '.join(groups)}.{did_you_mean(unknown[0], groups)}" if groups else ""
        raise BadRequest(f"group: {target.name} has no group {names}{has}")
