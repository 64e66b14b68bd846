"""Parts: which register maps a device has, and at which unit ids."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sunhelm.devices.clock import Deadline
from sunhelm.devices.errors import Rejected, TimedOut
from sunhelm.devices.families.spec import Part, Probe, Quirk
from sunhelm.devices.links.base import RegisterLink, Span
from sunhelm.devices.registers import codec
from sunhelm.devices.registers.register import NEVER_READ, Register, RegisterMap


@dataclass(frozen=True, slots=True)
class FoundPart:
    """A part that the device has: a map at a unit id. `name` tells it from its like: "battery_225".

    `figures` are what the part tells of itself, in base units: its rated power, its capacity.
    """

    name: str
    part: Part
    unit: int
    map: RegisterMap
    labels: Mapping[str, str]
    figures: Mapping[str, float] = field(default_factory=dict)


@dataclass(slots=True)
class Discovery:
    """Looks for the parts of one device, and goes on where it stopped when a deadline cut it short.

    `units` are the unit ids that the owner configured, by part; they replace those of the family.
    `landmarks` are words by unit id and address that one has to read to find the parts: here, none.
    With `alternatives`, the device is the first of the parts that is there. `doubtful` is whether the last
    look missed parts that were asked for with little patience: they may be there all the same.
    """

    parts: Sequence[Part]
    units: Mapping[str, tuple[int, ...]]
    map_of: Callable[[Part], RegisterMap]
    landmarks: Mapping[int, Mapping[int, int]] = field(default_factory=dict)
    alternatives: bool = False
    doubtful: bool = False
    _answers: dict[Span, Sequence[int] | None] = field(default_factory=dict)
    _silent: set[int] = field(default_factory=set)
    _silence: TimedOut | None = None
    _heard: bool = False

    async def find(self, link: RegisterLink, deadline: Deadline) -> tuple[FoundPart, ...]:
        """Return the parts that answer, in the order of the family.

        Raises Rejected when a required part is missing, TimedOut when nothing answers at all, else what the
        link raises.
        """
        found: list[FoundPart] = []
        self.doubtful &= bool(self._answers)  # a look that goes on where it stopped
        for part in self.parts:
            if any(one.part.name in part.instead_of for one in found):
                continue
            units = await self._units(part, self._candidates(part, found), link, deadline)
            if part.required and not units:
                self._forget()
                raise Rejected(f"no {part.name} at unit {part.candidates(self.units)}")
            found.extend([await self._found(part, unit, link, deadline) for unit in units])
            if self.alternatives and found:
                break
        silence = None if self._heard else self._silence
        unlike = self._unlike() if self.alternatives and not found else ""
        self._forget()
        if silence is not None:
            raise silence
        if unlike:
            raise Rejected(unlike)
        return tuple(found)

    def _unlike(self) -> str:
        """Say what was found where a device says which of the alternatives it is."""
        told = [
            f"{span} is {' '.join(f'{word:#06x}' for word in words)}" if words else f"{span} is refused"
            for span, words in self._answers.items()
        ]
        allowed = ", ".join(
            f"{part.name} has {' or '.join(f'{value:#06x}' for value in part.probe.values)}"
            for part in self.parts
            if part.probe is not None
        )
        return f"another device than expected: {'; '.join(told)}, where {allowed}"

    def _candidates(self, part: Part, found: Sequence[FoundPart]) -> tuple[int, ...]:
        """Return the unit ids where a part may stand: beside another one, where that was found."""
        if part.name not in self.units and any(other.name == part.beside for other in self.parts):
            return tuple(one.unit for one in found if one.part.name == part.beside)
        return part.candidates(self.units)

    def _forget(self) -> None:
        self._answers.clear()
        self._silent.clear()
        self._silence, self._heard = None, False

    async def _units(
        self, part: Part, candidates: Sequence[int], link: RegisterLink, deadline: Deadline
    ) -> list[int]:
        if part.given and not await self._is_given(part, link, deadline):
            return []
        if part.probe is None or (part.name in self.units and not self.alternatives):
            return list(candidates)
        units: list[int] = []
        for unit in candidates:
            if await self._meets(part, part.probe, unit, link, deadline):
                units.append(unit)
                if not part.every:
                    break
            elif part.consecutive:
                break
        return units

    async def _is_given(self, part: Part, link: RegisterLink, deadline: Deadline) -> bool:
        unit = part.candidates(self.units)[0]
        for probe in part.given:
            if await self._meets(part, probe, unit, link, deadline):
                return True
        return False

    async def _meets(
        self, part: Part, probe: Probe, unit: int, link: RegisterLink, deadline: Deadline
    ) -> bool:
        """Whether a unit answers a probe as it should; one that tells nothing is asked in vain once."""
        span = Span(unit if probe.unit is None else probe.unit, probe.table, probe.address, probe.count)
        if span not in self._answers:
            told = any(words and other.unit == span.unit for other, words in self._answers.items())
            if span.unit in self._silent and not told:
                return False
            self._answers[span] = await self._answer(part, probe, span, link, deadline)
        words = self._answers[span]
        return words is not None and probe.is_there(words)

    async def _answer(
        self, part: Part, probe: Probe, span: Span, link: RegisterLink, deadline: Deadline
    ) -> Sequence[int] | None:
        """Return the words that answer a probe; None when nothing is there to answer it."""
        patient = deadline if probe.patience is None else deadline.within(probe.patience)
        try:
            words = await link.read(span, patient)
        except Rejected:
            self._heard = True
            self.doubtful |= probe.patience is not None
            return None
        except TimedOut as error:
            # Some gateways say nothing where a unit is missing; a required part would be a dead device.
            if part.required or deadline.passed:
                raise
            self._silence = error
            self._silent.add(span.unit)
            self.doubtful |= probe.patience is not None
            return None
        self._heard = True
        return words

    async def _found(self, part: Part, unit: int, link: RegisterLink, deadline: Deadline) -> FoundPart:
        several = part.every or part.label
        written = self.map_of(part)
        part = part.within({register.name for register in written.registers})
        names = {*(quirk.when for quirk in part.quirks), *part.figures.values()}
        told = await self._told([written[name] for name in sorted(names)], unit, link, deadline)
        return FoundPart(
            name=f"{part.name}_{unit}" if several else part.name,
            part=part,
            unit=unit,
            map=_with_quirks(await self._counted(part, written, unit, link, deadline), part.quirks, told),
            labels={part.label: self._label(part, unit)} if part.label else {},
            figures={
                figure: value
                for figure, name in part.figures.items()
                if (value := codec.value(written[name], told[name])) > 0.0
            },
        )

    async def _counted(
        self, part: Part, written: RegisterMap, unit: int, link: RegisterLink, deadline: Deadline
    ) -> RegisterMap:
        """Return the map without what is beyond the number that the device tells, if it tells one."""
        if not part.counted:
            return written
        names = sorted(set(part.counted.values()))
        try:
            told = await self._told([written[name] for name in names], unit, link, deadline)
        except Rejected:
            return written
        most = {
            label: told[name]
            for label, name in part.counted.items()
            if told[name] not in written[name].absent and told[name] > 0
        }

        def is_there(register: Register) -> bool:
            return all(int(value) <= most[label] for label, value in register.labels.items() if label in most)

        return RegisterMap(
            written.name,
            tuple(
                register if is_there(register) else replace(register, group=NEVER_READ)
                for register in written.registers
            ),
        )

    def _label(self, part: Part, unit: int) -> str:
        if not part.numbering:
            return str(unit)
        return part.numbering.format(part.candidates(self.units).index(unit) + 1)

    async def _told(
        self, registers: Sequence[Register], unit: int, link: RegisterLink, deadline: Deadline
    ) -> Mapping[str, int]:
        """Return the raw numbers of registers that stand close together, by one request."""
        if not registers:
            return {}
        first = min(register.address for register in registers)
        span = Span(unit, registers[0].table, first, max(register.end for register in registers) - first)
        if span not in self._answers:
            self._answers[span] = await link.read(span, deadline)
        words = self._answers[span] or ()
        numbers: dict[str, int] = {}
        for register in registers:
            start = register.address - first
            raw = codec.unpack(register.type, words[start : start + register.type.words])
            assert isinstance(raw, int)
            numbers[register.name] = raw
        return numbers


def _with_quirks(written: RegisterMap, quirks: Sequence[Quirk], told: Mapping[str, int]) -> RegisterMap:
    """Return the map with the scales of this device."""
    there = [quirk for quirk in quirks if told[quirk.when] >= quirk.at_least]
    times = {name: quirk.times for quirk in there for name in quirk.registers}
    if not times:
        return written
    return RegisterMap(
        written.name,
        tuple(
            replace(register, scale=register.scale * times.get(register.name, 1))
            for register in written.registers
        ),
    )
