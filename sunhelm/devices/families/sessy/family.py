"""Sessy: a battery, or a meter that serves batteries, each behind a dongle of its own."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from math import fsum
from typing import TYPE_CHECKING, ClassVar, Final

from sunhelm.devices.clock import Clock, Deadline
from sunhelm.devices.errors import Busy, DeviceError, Malformed, Rejected
from sunhelm.devices.families.base import Surroundings
from sunhelm.devices.families.json_family import JsonFamily
from sunhelm.devices.families.json_values import JsonMap
from sunhelm.devices.families.sessy.dongle import (
    SETTINGS,
    TARGET,
    Kind,
    address,
    kind_of,
    known_serial,
    newest,
    sign_in,
)
from sunhelm.devices.families.sessy.schedule import OFFERS, schedule_samples
from sunhelm.devices.families.source import Fetched, Group, Setting, Source
from sunhelm.devices.links.http import HttpLink
from sunhelm.devices.quantities import CATALOGUE, Quantity
from sunhelm.devices.reading import Held, Outcome, Sample

if TYPE_CHECKING:
    from sunhelm.devices.device_config import DeviceConfig
    from sunhelm.devices.sections import Account

PHASES: Final = (1, 2, 3)
_SOUND: Final = frozenset({"P1_OK", "MODBUS_OK"})
_TELLING: Final = ("P1_", "MODBUS_")
"""What the states of a meter begin with; in all but the sound ones it is not heard."""

_PRIVATE: Final = (
    *("ssid", "ip", "mac", "serial", "hostname", "equipment_identifier"),
    *("pass", "key", "token", "secret", "mail", "user", "owner", "address", "location"),
)
"""What the names of members have in them whose values tell whose a dongle is."""


class Family(JsonFamily):
    """The family `sessy`; see `sunhelm.devices.families.base.Family`."""

    beyond: ClassVar[Mapping[str, Sequence[Quantity]]] = {
        "schedule": OFFERS,
        "p1_live": [CATALOGUE[name] for name in ("grid_import", "grid_export", "grid_phase_power")],
    }

    def open(self, config: DeviceConfig, surroundings: Surroundings) -> Source:
        account = None if config.account is None else surroundings.accounts[config.account]
        link = HttpLink(
            address(config, self.spec),
            pacing=self.spec.pacing,
            sign_in=sign_in(account, surroundings),
            turns=surroundings.turns,
            clock=surroundings.clock,
        )
        return SessySource(self, config, link, account, surroundings)


@dataclass(slots=True)
class SessySource:
    """One dongle; implements `Source`. `absent` are groups that its firmware does not have."""

    family: Family
    config: DeviceConfig
    link: HttpLink
    account: Account | None
    surroundings: Surroundings
    kind: Kind | None = None
    serial: str = ""
    firmware: str = ""
    absent: set[str] = field(default_factory=set)

    @property
    def clock(self) -> Clock:
        return self.surroundings.clock

    @property
    def values(self) -> JsonMap:
        return self.family.values

    def turn(self, deadline: Deadline) -> AbstractAsyncContextManager[None]:
        return self.link.turn(deadline)

    async def prepare(self, deadline: Deadline) -> None:
        """Find out which kind of dongle it is."""
        if self.kind is None:
            kind, serial = await kind_of(self.link, self.account, deadline)
            self.kind, self.serial = kind, known_serial(self.config, serial)

    def groups(self) -> Sequence[Group]:
        if self.kind is None:
            return []
        return [
            Group(name, period)
            for name, period in self.family.spec.tiers.items()
            if name in self.kind.groups and name not in self.absent
        ]

    async def fetch(self, groups: Sequence[str], deadline: Deadline) -> Mapping[str, Fetched]:
        if "identity" in groups:
            self.absent.clear()  # its firmware may be another one by now
        return {group: await self._fetch(group, deadline) for group in groups}

    def derive(self, samples: Sequence[Sample], groups: Collection[str]) -> Iterator[Sample]:
        if "p1_live" in groups:
            yield from totals_of_p1(samples)
        if self.kind is not None:
            told = (self.family.spec.vendor, self.kind.model, self.serial, self.firmware)
            yield Sample(CATALOGUE["device"], 1.0, told, "system/info")

    def remarks(self) -> Iterable[Sample]:
        """Nothing is known of a dongle that does not answer."""
        return ()

    async def dump(self, deadline: Deadline) -> Mapping[str, object]:
        """Return every answer by its group; what the dongle refuses or garbles is told with its reason."""
        assert self.kind is not None
        told: dict[str, object] = {}
        failed: dict[str, str] = {}
        for group, paths in self.kind.groups.items():
            try:
                document = await newest(self.link, paths, deadline)
            except (Rejected, Malformed, Busy) as error:
                failed[group] = str(error.reason)
                continue
            if document is not None:
                told[group] = _redacted(document)
        return {"kind": self.kind.model, "answers": told, "failed": failed}

    async def settings(self, deadline: Deadline) -> Mapping[str, Setting]:
        assert self.kind is not None
        told: dict[str, Setting] = {}
        for group, path in (("settings", SETTINGS), ("target", TARGET)):
            if group in self.kind.groups:
                document = await newest(self.link, (path,), deadline) or {}
                for key, value in document.items():
                    if key != "status":
                        told[f"{group}.{key}"] = Setting(path, str(value), str(value))
        return told

    async def close(self) -> None:
        await self.link.close()

    async def _fetch(self, group: str, deadline: Deadline) -> Fetched:
        assert self.kind is not None
        began, asked = self.clock.monotonic(), self.link.statistics.requests
        said: Sequence[Sample | Held] = ()
        reason, detail, taken_at = None, "", None
        try:
            document = await newest(self.link, self.kind.groups[group], deadline)
            taken_at = self.clock.time()
            if document is not None:
                said = self._said(group, document)
            elif group == self.kind.main:
                raise Rejected(f"the dongle has no {' or '.join(self.kind.groups[group])}")
            else:
                self.absent.add(group)
        except DeviceError as error:
            reason, detail, taken_at = error.reason, str(error), None
        requests, waited = self.link.statistics.requests - asked, self.clock.monotonic() - began
        return Fetched.of(Outcome(reason, detail, taken_at, requests, waited), said)

    def _said(self, group: str, document: Mapping[str, object]) -> list[Sample | Held]:
        if group == "schedule":
            return list(schedule_samples(document, self.clock.time(), self.surroundings.zone))
        if group == "firmware":
            self.firmware = _text(document, "self", "installed_firmware", "version")
        document = measured(document)
        said = list(self.values.samples(group, document, self.config))
        if group == "p1_live":
            said += _phases_of_p1(document)
        wanted = any(self.values.wanted(group, self.config))
        if wanted and not any(isinstance(item, Sample) for item in said):
            raise Malformed(
                f"{self.kind and self.kind.groups[group][0]}: none of the values that {group} has"
            )
        return said


def measured(document: Mapping[str, object]) -> Mapping[str, object]:
    """Return an answer without what nothing has measured.

    A phase whose voltage, current and power are all 0 is not there: a phase that is there has a voltage. Of
    a meter that is not heard nothing counts but its state: what else is told are zeros, or of long ago.
    """
    told = dict(document)
    state = str(told.get("state"))
    if state.startswith(_TELLING) and state not in _SOUND:
        return {"state": state}
    if str(told.get("state")).startswith("P1_") and "total_power" in told:
        told["power_total"] = told.pop("total_power")  # as the first edition of the interface calls it
    for phase in PHASES:
        keys = [
            key
            for key in told
            if key.endswith(f"_l{phase}") and key.startswith(("voltage_l", "current", "power"))
        ]
        if f"voltage_l{phase}" in told and not any(told[key] for key in keys):
            told |= dict.fromkeys(keys)
        for place in (f"renewable_energy_phase{phase}", f"phase_{phase}"):
            parts = told.get(place)
            if isinstance(parts, dict) and not any(parts.values()):
                told[place] = None
    return told


def _phases_of_p1(document: Mapping[str, object]) -> Iterator[Sample]:
    """Yield the power of each phase; import is positive."""
    for phase in PHASES:
        consumed, produced = (
            document.get(f"power_consumed_l{phase}"),
            document.get(f"power_produced_l{phase}"),
        )
        if isinstance(consumed, int) and isinstance(produced, int):
            power = float(consumed - produced)
            yield Sample(
                CATALOGUE["grid_phase_power"], power, (f"L{phase}",), "consumed - produced", "p1_live"
            )


def totals_of_p1(samples: Sequence[Sample]) -> Iterator[Sample]:
    """Yield the totals of both tariffs."""
    told = {(sample.quantity.name, sample.labels): sample.value for sample in samples}
    for name in ("import", "export"):
        parts = [told.get((f"sessy_p1_{name}", (tariff,))) for tariff in ("1", "2")]
        known = [part for part in parts if part is not None]
        if len(known) == len(parts):
            yield Sample(CATALOGUE[f"grid_{name}"], fsum(known), (), "both tariffs", "p1_live")


def _text(document: Mapping[str, object], *keys: str) -> str:
    place: object = document
    for key in keys:
        place = place.get(key) if isinstance(place, dict) else None
    return place if isinstance(place, str) else ""


def _redacted(value: object, key: str = "") -> object:
    """Return a value without what tells whose it is."""
    if isinstance(value, dict):
        return {name: _redacted(part, name) for name, part in value.items()}
    if any(private in key.lower() for private in _PRIVATE):
        return "redacted" if value else value
    if isinstance(value, list):
        return [_redacted(part, key) for part in value]
    return value
