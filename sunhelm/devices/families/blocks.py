"""Reading registers of one part: plan the blocks, ask the link, bisect what the device refuses."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from sunhelm.devices.clock import Deadline
from sunhelm.devices.errors import DeviceError, Malformed, Rejected, Unreachable
from sunhelm.devices.families.inspection import Doubt, Inspector
from sunhelm.devices.families.parts import FoundPart
from sunhelm.devices.families.refusals import Place, Unsupported, place_of
from sunhelm.devices.families.silence import Silence
from sunhelm.devices.families.spec import FamilySpec
from sunhelm.devices.links.base import RegisterLink, Span, Table
from sunhelm.devices.registers import codec
from sunhelm.devices.registers.plan import Field, PlanError, plan, split
from sunhelm.devices.registers.register import Register

_BAD_REGISTER: Final = frozenset({2, 3})
"""Modbus exceptions that a single register in a block can cause: illegal address, illegal value."""

_MOST_PLANS: Final = 1024


@dataclass(slots=True)
class Words:
    """What came back for the registers of one part.

    `blocks` are the words as they came, each with the table and the address of its first.
    `errors` says by group why something of it was not read; `refused` are registers that the device does not
    have.
    `doubts` are about those that came and are not believed.
    `requests` counts what was sent for each group; `taken_at` is the Unix time of its first answer.
    """

    blocks: list[tuple[Table, int, tuple[int, ...]]] = field(default_factory=list)
    errors: dict[str, DeviceError] = field(default_factory=dict)
    refused: list[Register] = field(default_factory=list)
    doubts: list[Doubt] = field(default_factory=list)
    requests: dict[str, int] = field(default_factory=dict)
    taken_at: dict[str, float] = field(default_factory=dict)

    def of(self, register: Register) -> tuple[int, ...] | None:
        """Return the words of a register, None when not all were read."""
        for table, address, words in self.blocks:
            start, end = register.address - address, register.end - address
            if table is register.table and start >= 0 and end <= len(words):
                return words[start:end]
        return None

    def with_more(self, other: Words) -> Words:
        """Return what came here and there; of the same group, what came here counts as the first answer."""
        groups = {*self.requests, *other.requests}
        return Words(
            blocks=[*self.blocks, *other.blocks],
            errors={**other.errors, **self.errors},
            refused=[*self.refused, *other.refused],
            doubts=[*self.doubts, *other.doubts],
            requests={group: self.requests.get(group, 0) + other.requests.get(group, 0) for group in groups},
            taken_at={**other.taken_at, **self.taken_at},
        )

    def by_address(self) -> dict[tuple[Table, int], int]:
        """Return every word that was read, also those between the registers."""
        return {
            (table, address + i): word
            for table, address, words in self.blocks
            for i, word in enumerate(words)
        }


@dataclass(frozen=True, slots=True)
class _Errand:
    """One table of one part, to be read until a deadline into `result`."""

    part: FoundPart
    table: Table
    deadline: Deadline
    result: Words

    def span(self, block: Field) -> Span:
        return Span(self.part.unit, self.table, block.start, block.end - block.start)


@dataclass(slots=True)
class BlockReader:
    """Reads registers with the fewest bus milliseconds that the family's limits allow.

    Plans are kept: they only change with the wanted registers and with what the device refuses. In a family
    of pages, one that several parts have registers in is read once from `begin` to `begin`.
    """

    link: RegisterLink
    spec: FamilySpec
    unsupported: Unsupported
    silence: Silence = field(default_factory=Silence)
    _fresh: dict[Span, tuple[tuple[int, ...], float] | DeviceError] = field(default_factory=dict)
    _plans: dict[tuple[str, Table, tuple[Register, ...], frozenset[Place]], tuple[Field, ...]] = field(
        default_factory=dict
    )
    _inspector: Inspector = field(init=False)

    def __post_init__(self) -> None:
        self._inspector = Inspector(pages=bool(self.spec.read.pages))

    def begin(self, silence: Silence) -> None:
        """Begin a new read of the device: nothing that came before is new any more."""
        self.silence = silence
        self._fresh.clear()
        self._inspector.begin()

    async def read(self, part: FoundPart, wanted: Sequence[Register], deadline: Deadline) -> Words:
        """Read these registers of one part; what fails is told in the result. Never raises DeviceError."""
        first, rest = _in_turn(part, wanted)
        result = await self._read(part, first, deadline)
        for register in first if rest else ():
            for error in result.errors.values():
                self._fail(rest, error, result)
                return result
            words = result.of(register)
            if words is None or codec.unpack(register.type, words) not in part.part.only_while[register.name]:
                return result
        return result.with_more(await self._read(part, rest, deadline)) if rest else result

    async def _read(self, part: FoundPart, wanted: Sequence[Register], deadline: Deadline) -> Words:
        result = Words()
        for table in Table:
            registers = [register for register in wanted if register.table is table]
            if registers:
                errand = _Errand(part, table, deadline, result)
                refused = self.unsupported.current(deadline.clock.time())
                for block in self._blocks(part, table, registers, refused):
                    await self._read_block(errand, block, registers)
        self._believe_refusals(part, result, deadline.clock.time())
        return result

    def plan(self, part: FoundPart, wanted: Sequence[Register], now: float) -> tuple[Span, ...]:
        """Return the requests that reading these registers takes."""
        refused = self.unsupported.current(now)
        return tuple(
            Span(part.unit, table, block.start, block.end - block.start)
            for some in _in_turn(part, wanted)
            for table in Table
            if (registers := [register for register in some if register.table is table])
            for block in self._blocks(part, table, registers, refused)
        )

    def _blocks(
        self, part: FoundPart, table: Table, registers: Sequence[Register], refused: frozenset[Place]
    ) -> tuple[Field, ...]:
        key = (part.name, table, tuple(registers), refused)
        if key not in self._plans:
            if len(self._plans) >= _MOST_PLANS:
                self._plans.clear()
            fields = sorted({Field(register.address, register.end) for register in registers})
            bad = [r for r in part.map.registers if r.table is table and place_of(part, r) in refused]
            readable = self._readable(part, table)
            forbidden = {address for register in bad for address in range(register.address, register.end)}
            forbidden |= {place[-1] for place in refused if place[:3] == (part.unit, part.map.name, table)}
            pages = self.spec.read.pages
            self._plans[key] = (
                _pages_of(fields, pages.get(table, ()))
                if pages
                else self._cheapest(fields, readable, forbidden)
            )
        return self._plans[key]

    def _cheapest(
        self, fields: Sequence[Field], readable: Sequence[Field], forbidden: Collection[int]
    ) -> tuple[Field, ...]:
        """Return the plan; a field that shares words with a refused register cannot be read either."""
        pacing = self.spec.pacing
        try:
            return plan(
                fields,
                words=self.spec.read.words,
                request_cost=pacing.request_cost + pacing.pause,
                word_cost=pacing.word_cost,
                readable=readable,
                forbidden=forbidden,
            )
        except PlanError as error:
            return self._cheapest([f for f in fields if f not in error.fields], readable, forbidden)

    def _readable(self, part: FoundPart, table: Table) -> tuple[Field, ...]:
        """Return what a block may cover: listed registers, and holes that the family says can be read."""
        gap = self.spec.read.gap if self.spec.read.holes == "readable" else 0
        merged: list[Field] = []
        for register in part.map.registers:
            if register.table is not table or register.access == "w":
                continue
            if merged and register.address - merged[-1].end <= gap:
                merged[-1] = Field(merged[-1].start, max(merged[-1].end, register.end))
            else:
                merged.append(Field(register.address, register.end))
        return tuple(merged)

    async def _read_block(self, errand: _Errand, block: Field, wanted: Sequence[Register]) -> None:
        inside = [r for r in wanted if block.start <= r.address and r.end <= block.end]
        result = errand.result
        unit = errand.part.unit
        if self.silence.is_hopeless(unit):
            self._fail(inside, Unreachable("no answer to the requests before this one"), result)
            return
        if self.silence.refuses(unit):
            self._fail(inside, Rejected(f"unit {unit} refused the requests before this one"), result)
            return
        span = errand.span(block)
        try:
            words, taken_at = await self._words(errand, span, {register.group for register in inside})
        except Rejected as error:
            self.silence.heard(unit, words=False)
            if self.spec.read.pages:
                result.refused.extend(inside)
            elif error.code in _BAD_REGISTER:
                await self._bisect(errand, block, inside)
            else:
                self._fail(inside, error, result)
            return
        except DeviceError as error:
            if isinstance(error, Unreachable):
                self.silence.missed(unit)
            self._fail(inside, error, result)
            return
        self.silence.heard(unit, words=True)
        found = self._inspector.findings(errand.part, span, words, errand.deadline.clock.monotonic())
        result.doubts.extend(found.doubts)
        if found.damage:
            self._fail(inside, Malformed(f"{span}: {found.damage}"), result)
            return
        self.unsupported.answered(place_of(errand.part, register) for register in inside)
        for register in inside:
            result.taken_at.setdefault(register.group, taken_at)
        result.blocks.append((errand.table, block.start, words))

    async def _words(
        self, errand: _Errand, span: Span, groups: Collection[str]
    ) -> tuple[tuple[int, ...], float]:
        """Return the words of a block, and the Unix time when they came.

        A page that was asked for already, for another part, is not asked for again; nor is one that failed.
        """
        known = self._fresh.get(span)
        if isinstance(known, DeviceError):
            raise known
        if known is not None:
            return known
        for group in groups:
            errand.result.requests[group] = errand.result.requests.get(group, 0) + 1
        try:
            words = await self.link.read(span, self.silence.deadline(errand.deadline))
        except DeviceError as error:
            if self.spec.read.pages:
                self._fresh[span] = error
            raise
        came = words, errand.deadline.clock.time()
        if self.spec.read.pages:
            self._fresh[span] = came
        return came

    async def _bisect(self, errand: _Errand, block: Field, inside: Sequence[Register]) -> None:
        """Find the register that spoils the block, and read the others."""
        for register in inside:
            if Field(register.address, register.end) == block:
                errand.result.refused.append(register)
        refused = len(errand.result.refused)
        halves = split(block, [Field(register.address, register.end) for register in inside])
        for half in halves:
            await self._read_block(errand, half, inside)
        if len(errand.result.refused) == refused and not errand.result.errors:
            self._remember_holes(errand, halves)

    def _remember_holes(self, errand: _Errand, halves: Sequence[Field]) -> None:
        """Remember the unlisted registers between two blocks that answer, where both at once are refused."""
        now = errand.deadline.clock.time()
        for one, other in pairwise(halves):
            for address in range(one.end, other.start):
                self.unsupported.add((errand.part.unit, errand.part.map.name, errand.table, address), now)

    def _believe_refusals(self, part: FoundPart, result: Words, now: float) -> None:
        """Remember the refused registers, unless the unit has refused everything: then it is in trouble."""
        if self.silence.has_told(part.unit):
            for register in result.refused:
                self.unsupported.add(place_of(part, register), now)
            return
        error = Rejected(f"unit {part.unit} refuses every register of {part.name}")
        self._fail(result.refused, error, result)
        result.refused.clear()

    @staticmethod
    def _fail(registers: Iterable[Register], error: DeviceError, result: Words) -> None:
        for register in registers:
            result.errors.setdefault(register.group, error)


def _in_turn(part: FoundPart, wanted: Sequence[Register]) -> tuple[Sequence[Register], Sequence[Register]]:
    """Return what is read first, and what only then: `Part.only_while`. Both are one in most parts."""
    if not part.part.only_while:
        return wanted, ()
    rest = [register for register in wanted if register.name not in part.part.only_while]
    return [part.map[name] for name in part.part.only_while], rest


def _pages_of(fields: Iterable[Field], pages: Iterable[tuple[int, int]]) -> tuple[Field, ...]:
    """Return the pages that have any of the fields in them."""
    whole = [Field(start, start + count) for start, count in pages]
    wanted = list(fields)
    return tuple(page for page in whole if any(page.covers(field) for field in wanted))
