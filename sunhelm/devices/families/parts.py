"""Parts: which register maps a device has, and at which unit ids."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from sunhelm.devices.clock import Deadline
from sunhelm.devices.errors import Rejected, TimedOut
from sunhelm.devices.families.spec import Part
from sunhelm.devices.links.base import RegisterLink, Span
from sunhelm.devices.registers.register import RegisterMap


@dataclass(frozen=True, slots=True)
class FoundPart:
    """A part that the device has: a map at a unit id. `name` tells it from its like: "battery_225"."""

    name: str
    part: Part
    unit: int
    map: RegisterMap
    labels: Mapping[str, str]


@dataclass(slots=True)
class Discovery:
    """Looks for the parts of one device, and goes on where it stopped when a deadline cut it short.

    `units` are the unit ids that the owner configured, by part; they replace those of the family.
    `landmarks` are words by unit id and address that one has to read to find the parts: here, none.
    """

    parts: Sequence[Part]
    units: Mapping[str, Sequence[int]]
    map_of: Callable[[Part], RegisterMap]
    landmarks: Mapping[int, Mapping[int, int]] = field(default_factory=dict)
    _answers: dict[tuple[str, int], bool] = field(default_factory=dict)

    async def find(self, link: RegisterLink, deadline: Deadline) -> tuple[FoundPart, ...]:
        """Return the parts that answer, in the order of the family.

        Raises Rejected when a required part is missing, else what the link raises.
        """
        found: list[FoundPart] = []
        for part in self.parts:
            units = await self._units(part, link, deadline)
            if part.required and not units:
                self._answers.clear()
                raise Rejected(f"no {part.name} at unit {self._candidates(part)}")
            found.extend(self._found(part, unit) for unit in units)
        self._answers.clear()
        return tuple(found)

    def _candidates(self, part: Part) -> Sequence[int]:
        return self.units.get(part.name, part.units)

    async def _units(self, part: Part, link: RegisterLink, deadline: Deadline) -> list[int]:
        candidates = self._candidates(part)
        if part.name in self.units or part.probe is None:
            return list(candidates)
        units: list[int] = []
        for unit in candidates:
            key = (part.name, unit)
            if key not in self._answers:
                self._answers[key] = await self._answers_at(part, unit, link, deadline)
            if self._answers[key]:
                units.append(unit)
                if not part.every:
                    break
        return units

    async def _answers_at(self, part: Part, unit: int, link: RegisterLink, deadline: Deadline) -> bool:
        assert part.probe is not None
        span = Span(unit, part.probe.table, part.probe.address, part.probe.count)
        try:
            words = await link.read(span, deadline)
        except Rejected:
            return False
        except TimedOut:
            # Some gateways say nothing where a unit is missing; a required part would be a dead device.
            if part.required or deadline.passed:
                raise
            return False
        return any(words) or not part.probe.nonzero

    def _found(self, part: Part, unit: int) -> FoundPart:
        several = part.every or part.label
        return FoundPart(
            name=f"{part.name}_{unit}" if several else part.name,
            part=part,
            unit=unit,
            map=self.map_of(part),
            labels={part.label: str(unit)} if part.label else {},
        )
