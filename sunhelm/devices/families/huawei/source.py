"""A SUN2000 as a source: its registers, the files of its optimizers, and the list of devices around it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final

from sunhelm.devices.clock import Deadline
from sunhelm.devices.errors import DeviceError, Malformed, Rejected, TimedOut
from sunhelm.devices.families.huawei import optimizers
from sunhelm.devices.families.huawei.device_list import NUMBER_OF_DEVICES, device_samples
from sunhelm.devices.families.huawei.quantities import CORE
from sunhelm.devices.families.register_source import RegisterSource
from sunhelm.devices.families.source import Fetched, Group
from sunhelm.devices.links.base import Span, Table
from sunhelm.devices.links.private import FileLink
from sunhelm.devices.quantities import CATALOGUE
from sunhelm.devices.reading import Outcome, Sample

OPTIMIZERS: Final = "optimizers_data"
FEATURES: Final = "optimizers_features"
DEVICES: Final = "devices"

_DEVICE_LIST_S: Final = 3.0
"""A proxy between us and the devices drops what it does not know: nothing else waits longer for that."""

_ASK_AGAIN_S: Final = 86_400.0
"""A list that is not answered is not asked for in so long."""

_DONGLE: Final = "dongle_live"
_FITTED: Final = 37_200
_CLOCK: Final = 40_000
_EMMA_CLOCK: Final = 31_003


class HuaweiSource(RegisterSource):
    """Adds what is no register: files one transfer at a time, behind the live groups, never between them."""

    _no_list_until: float = 0.0

    def groups(self) -> Sequence[Group]:
        groups = [*super().groups()]
        if not groups or not isinstance(self.link, FileLink):
            return groups
        tiers = self._family.spec.tiers
        if self._unit("inverter") is not None:
            fitted = self._values.get("optimizers", {}).get("fitted")
            if isinstance(fitted, float) and fitted > 0:
                groups.append(Group(OPTIMIZERS, tiers["optimizers"]))
                groups.append(Group(FEATURES, tiers["identity"]))
        groups.append(Group(DEVICES, tiers["identity"]))
        return groups

    async def fetch(self, groups: Sequence[str], deadline: Deadline) -> Mapping[str, Fetched]:
        own = [name for name in groups if name in (OPTIMIZERS, FEATURES, DEVICES)]
        others = [name for name in groups if name not in own]
        fetched = dict(await super().fetch(others, deadline)) if others else {}
        for name in own:
            fetched[name] = await self._fetch_own(name, deadline)
        return fetched

    def plan(self, groups: Iterable[str]) -> tuple[str, ...]:
        names = list(groups)
        unit = self._unit("inverter")
        files = {
            OPTIMIZERS: f"unit {unit} file {optimizers.REAL_TIME:#04x}",
            FEATURES: f"unit {unit} file {optimizers.FEATURES:#04x}",
            DEVICES: "unit 0 identification",
        }
        return (*super().plan(names), *(what for name, what in files.items() if name in names))

    def derive(self, samples: Sequence[Sample], groups: Collection[str]) -> Iterator[Sample]:
        """Yield what follows; no sum for the load while the dongle, which tells it, has failed to answer."""
        known = {group.name for group in self.groups()}
        waits = _DONGLE in known and _DONGLE not in groups
        for sample in super().derive(samples, groups):
            if not (waits and sample.quantity is CATALOGUE["load_power"]):
                yield sample

    async def dump(self, deadline: Deadline) -> Mapping[str, object]:
        """Return the registers, and the files of the optimizers without what tells who owns them."""
        raw = dict(await super().dump(deadline))
        unit = self._unit("inverter")
        if (
            unit is not None
            and isinstance(self.link, FileLink)
            and await self._has_optimizers(unit, deadline)
        ):
            local, _ = await self._local_time(unit, deadline)
            features = await self.link.read_file(unit, optimizers.FEATURES, deadline)
            data = await self.link.read_file(
                unit, optimizers.REAL_TIME, deadline, optimizers.parameters(local)
            )
            raw["files"] = {
                f"{optimizers.FEATURES:#04x}": optimizers.masked_features(features).hex(" ", 4),
                f"{optimizers.REAL_TIME:#04x}": data.hex(" ", 4),
            }
        return raw

    async def _has_optimizers(self, unit: int, deadline: Deadline) -> bool:
        try:
            (fitted,) = await self.link.read(Span(unit, Table.HOLDING, _FITTED, 1), deadline)
        except Rejected:
            return False
        return fitted not in (0, 0xFFFF)

    async def _fetch_own(self, group: str, deadline: Deadline) -> Fetched:
        started, asked = self._clock.monotonic(), self.link.statistics.requests
        error: DeviceError | None = None
        samples: Collection[Sample] = ()
        try:
            samples = await self._samples(group, deadline)
        except DeviceError as raised:
            error = raised
        outcome = Outcome(
            reason=error.reason if error else None,
            detail=str(error) if error else "",
            taken_at=None if error else self._clock.time(),
            requests=self.link.statistics.requests - asked,
            waited_s=self._clock.monotonic() - started,
        )
        full = self._config.profile == "full"
        return Fetched(outcome, tuple(sample for sample in samples if full or sample.quantity in CORE))

    async def _samples(self, group: str, deadline: Deadline) -> Collection[Sample]:
        link, unit = self.link, self._unit("inverter")
        assert isinstance(link, FileLink)
        if group == DEVICES:
            return await self._listed(link, deadline)
        assert unit is not None, "the groups of files are there only with an inverter"
        if group == FEATURES:
            content = await link.read_file(unit, optimizers.FEATURES, deadline)
            return list(optimizers.feature_samples(content, FEATURES))
        local, offset_s = await self._local_time(unit, deadline)
        content = await link.read_file(unit, optimizers.REAL_TIME, deadline, optimizers.parameters(local))
        return list(optimizers.real_time_samples(content, offset_s, OPTIMIZERS))

    async def _listed(self, link: FileLink, deadline: Deadline) -> Collection[Sample]:
        """Return the devices of the list; none where nothing answers that question."""
        now = self._clock.monotonic()
        if now < self._no_list_until:
            return ()
        try:
            objects = await link.read_identification(
                0, deadline.within(_DEVICE_LIST_S), category=3, first=NUMBER_OF_DEVICES
            )
        except (Rejected, TimedOut, Malformed):
            self._no_list_until = now + _ASK_AGAIN_S
            return ()
        return list(device_samples(objects, DEVICES))

    async def _local_time(self, unit: int, deadline: Deadline) -> tuple[int, float]:
        """Return the clock that stamps the files, and by how much it is ahead of Unix time."""
        emma = self._unit("emma")
        place, address = (unit, _CLOCK) if emma is None else (emma, _EMMA_CLOCK)
        high, low = await self.link.read(Span(place, Table.HOLDING, address, 2), deadline)
        local = high << 16 | low
        if local in (0, 0xFFFF_FFFF):
            raise Malformed("the clock of the inverter is not set; the files of its optimizers need it")
        return local, self.local_offset_s()

    def local_offset_s(self) -> float:
        """Return by how much the inverter's local time is ahead of UTC, as it says itself."""
        told = self._values.get("inverter", {})
        zone, summer = told.get("time_zone", 0.0), told.get("daylight_saving_time", 0.0)
        return float(zone) + 3600.0 * float(summer)

    def _unit(self, name: str) -> int | None:
        return next((part.unit for part in self.parts if part.part.name == name), None)
