"""The page of `&debug=true`: how this probe went, for a person, with the metrics at its end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from prometheus_client.exposition import generate_latest

from exporter.metrics import Page
from exporter.probe import Probed
from exporter.targets import Linked
from sunhelm.devices.links.trace import Traced
from sunhelm.devices.reading import Outcome


def debug_page(probed: Probed, page: Page, requests: Sequence[Traced], lines: Sequence[str]) -> str:
    """Return the page as text. `requests` and log `lines` are those that were seen during the probe."""
    return "\n".join([*_sections(probed, requests, lines), generate_latest(page).decode()])


def _sections(probed: Probed, requests: Sequence[Traced], lines: Sequence[str]) -> Iterator[str]:
    target, answer, scrape = probed.target, probed.answer, probed.scrape
    reading = answer.reading
    yield f"Probe of {target.name}, family {target.labels['family']}, site {target.labels['site']}"
    yield f"  {scrape.duration_s:.3f} s of {scrape.timeout_s:g} s: {_how(probed)}"
    yield f"  oldest value from {_moment(reading.taken_at)}"
    yield ""
    yield "Groups"
    for name, outcome in reading.groups.items():
        yield f"  {name}: {_outcome(outcome)}"
    yield ""
    yield "Log of this probe, of every level"
    yield from (f"  {line}" for line in lines)
    yield ""
    yield "Requests of this probe, and what came"
    yield from (f"  {request.request}: {request.came}" for request in requests)
    if isinstance(target.source, Linked):
        yield ""
        yield "Plan: the requests that a read of all these groups takes"
        yield from (f"  {request}" for request in target.source.plan(tuple(reading.groups)))
        yield ""
        yield "Link, since it was opened"
        statistics = target.source.link.statistics
        yield f"  {statistics.requests} requests, {statistics.connects} connections"
        yield f"  {statistics.retries} retries, {statistics.stale_answers} stale answers"
        yield f"  {statistics.waited_for_turn_s:.3f} s waited for other users of the device"
    yield ""
    yield "Values held back"
    yield from (
        f"  {held.guard.value}: {held.source}{f' ({held.detail})' if held.detail else ''}"
        for held in reading.held
    )
    yield ""
    yield "Metrics"


def _how(probed: Probed) -> str:
    if probed.answer.late:
        return "the read goes on and serves the next probe"
    if probed.answer.again:
        return "served again, or read for a simultaneous probe"
    return "read for this probe"


def _outcome(outcome: Outcome) -> str:
    if outcome.reason is not None:
        return f"{outcome.reason.value}: {outcome.detail}" if outcome.detail else outcome.reason.value
    how = f"{outcome.requests} requests, {outcome.waited_s:.3f} s" if outcome.requests else "from memory"
    return f"read, {how}" + ("" if outcome.taken_at is None else f", at {_moment(outcome.taken_at)}")


def _moment(unix_time: float) -> str:
    return datetime.fromtimestamp(unix_time, UTC).isoformat(timespec="milliseconds")
