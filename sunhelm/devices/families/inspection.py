"""What shows that a block of registers is not what it should be, though every word of it arrived."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from sunhelm.devices.families.parts import FoundPart
from sunhelm.devices.guards import StepGuard, Witness
from sunhelm.devices.links.base import Span
from sunhelm.devices.reading import Guard
from sunhelm.devices.registers import codec
from sunhelm.devices.registers.register import Register


@dataclass(frozen=True, slots=True)
class Doubt:
    """A register that is not believed: by which guard, and why."""

    guard: Guard
    register: Register
    detail: str


@dataclass(frozen=True, slots=True)
class Findings:
    """What is wrong with a block: empty where nothing is.

    With `damage`, which says what, nothing of it is believed; without, all but the registers in `doubts`.
    """

    damage: str = ""
    doubts: tuple[Doubt, ...] = ()


@dataclass(frozen=True, slots=True)
class _Block:
    part: FoundPart
    span: Span
    words: tuple[int, ...]

    def of(self, register: Register) -> tuple[int, ...] | None:
        """Return the words of a register; None when it is not in the block whole."""
        start, end = register.address - self.span.address, register.end - self.span.address
        inside = register.table is self.span.table and start >= 0 and end <= len(self.words)
        return self.words[start:end] if inside else None

    def number(self, name: str) -> float | None:
        """Return a register in the vendor's unit; None when it is not in the block, or has no number."""
        register = self.part.map[name]
        own = self.of(register)
        raw = None if own is None else codec.unpack(register.type, own)
        if not isinstance(raw, int) or raw in register.absent:
            return None
        return float(raw * register.scale + register.offset)


@dataclass(slots=True)
class Inspector:
    """Compares what comes with what came before, and with what the family says that can be.

    With `pages`, a block of zeros in the place of something was lost on its way.
    """

    pages: bool
    _witness: Witness = field(default_factory=Witness)
    _steps: StepGuard = field(default_factory=StepGuard)
    _filled: set[Span] = field(default_factory=set)
    _jumps: dict[tuple[str, Span], Mapping[str, float]] = field(default_factory=dict)
    _limits: dict[str, Mapping[str, float]] = field(default_factory=dict)

    def begin(self) -> None:
        """Begin a new read: until then, the same block is what it was found to be."""
        self._jumps.clear()

    def findings(self, part: FoundPart, span: Span, words: tuple[int, ...], now: float) -> Findings:
        """Return what is wrong with a block that came at `now`, in monotonic seconds; remembers it."""
        block = _Block(part, span, words)
        if self.pages and not part.part.empties and not any(words) and span in self._filled:
            return Findings("a page of zeros, where something was")
        if changed := tuple(self._changed(block)):
            return Findings("the identity words changed", changed)
        if impossible := _impossible(block):
            return Findings(impossible)
        if any(words):
            self._filled.add(span)
        jumped = self._jumped(block, now)
        if len(jumped) > 1:
            names = ", ".join(doubt.register.name for doubt in jumped)
            return Findings(f"put together of two: {names} moved further than they can", jumped)
        return Findings(doubts=jumped)

    def _changed(self, block: _Block) -> Iterator[Doubt]:
        """Yield the identity words inside the block, if it has any, that are not those known."""
        for name in block.part.part.witness:
            register = block.part.map[name]
            own = block.of(register)
            if own is not None and not self._witness.allow((block.part.name, name), own):
                yield Doubt(Guard.IDENTITY, register, "is another one than before")

    def _jumped(self, block: _Block, now: float) -> tuple[Doubt, ...]:
        part, limits = block.part, self._limits_of(block.part)
        numbers = {name: block.number(name) for name in limits}
        values = {name: number for name, number in numbers.items() if number is not None}
        if not values:
            return ()
        place = (part.name, block.span)
        if place not in self._jumps:
            identity = tuple(block.of(part.map[name]) for name in part.part.witness)
            self._jumps[place] = self._steps.jumps((*place, identity), values, limits, now)
        return tuple(
            Doubt(
                Guard.SPLICE,
                part.map[name],
                f"{values[name]:g} after {before:g}: moves by {limits[name]:g} at most",
            )
            for name, before in self._jumps[place].items()
        )

    def _limits_of(self, part: FoundPart) -> Mapping[str, float]:
        """Return how far the registers of a part move from one read to the next; worked out once."""
        if part.part.name not in self._limits:
            steps = ((register.name, part.part.step_of(register.name)) for register in part.map.registers)
            self._limits[part.part.name] = {name: step for name, step in steps if step is not None}
        return self._limits[part.part.name]


def _impossible(block: _Block) -> str:
    """Return which register of the block has a value that the family says it cannot have, and what it can."""
    for name, (low, high) in block.part.part.sane.items():
        number = block.number(name)
        if number is not None and not low <= number <= high:
            return f"{name} cannot be {number:g}, only {low:g} to {high:g}"
    return ""
