"""The read plan: which blocks to ask for, so that the bus is busy for the shortest time.

A block may carry what nobody wants when that is cheaper than a further request. The plan is the best
there is, not a guess: fields that lie in others are left out first, then the rest, in order of
address, is cut into runs by dynamic programming.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Collection, Iterable, Sequence
from fractions import Fraction
from itertools import pairwise
from math import lcm
from typing import NamedTuple


class Field(NamedTuple):
    """Addresses from `start` up to, but not with, `end`: a register, or a block that one request asks for."""

    start: int
    end: int

    @property
    def words(self) -> int:
        """How many addresses it has."""
        return self.end - self.start

    def covers(self, other: Field) -> bool:
        """Whether all of the other field lies in this one."""
        return self.start <= other.start and other.end <= self.end


class PlanError(ValueError):
    """Some wanted fields cannot be read by any request; `fields` are those, the text says why of each."""

    def __init__(self, reasons: Sequence[tuple[Field, str]]) -> None:
        super().__init__("; ".join(f"{field.start}+{field.words} {why}" for field, why in reasons))
        self.fields = tuple(field for field, _ in reasons)


class _Cost(NamedTuple):
    """What some requests cost; smaller is better, in this order. `time` is in a unit that makes it whole."""

    time: int
    requests: int
    words: int


def plan(
    wanted: Sequence[Field],
    *,
    words: int,
    request_cost: float,
    word_cost: float,
    readable: Sequence[Field] | None = None,
    forbidden: Collection[int] = (),
) -> tuple[Field, ...]:
    """Return the blocks that bring every wanted field whole at the lowest cost, in order of address.

    A request costs `request_cost` and each of its words `word_cost`, both not negative and in the same
    unit of time; of equal plans it is the one with the fewest requests, then the fewest words. No block
    has more than `words` words, has a `forbidden` address, or, with `readable`, an address outside
    these fields. Fields may overlap and repeat.

    Raises PlanError, with all of them, when wanted fields are longer than `words`, have a forbidden
    address or lie outside `readable`: leave them out and plan again.
    """
    ground = _Ground(words, readable, forbidden)
    unreachable = [(field, why) for field in sorted(set(wanted)) if (why := ground.barrier(field))]
    if unreachable:
        raise PlanError(unreachable)
    fields = _outermost(wanted)
    request_price, word_price = _whole(request_cost, word_cost)

    # A run from field i to field j costs best[i] + one request + (end of j - start of i) words. Only
    # end of j differs between the candidates for i, so that a queue of those that can still win holds
    # the best one at its head.
    best = [_Cost(0, 0, 0)]
    cut_before = [0]
    candidates: deque[tuple[_Cost, int]] = deque()
    for j, field in enumerate(fields):
        time, requests, count = best[j]
        candidate = _Cost(time - word_price * field.start, requests, count - field.start)
        while candidates and candidates[-1][0] > candidate:
            candidates.pop()
        candidates.append((candidate, j))
        first = ground.first(field)
        while fields[candidates[0][1]].start < first:
            candidates.popleft()
        (time, requests, count), i = candidates[0]
        best.append(_Cost(time + request_price + word_price * field.end, requests + 1, count + field.end))
        cut_before.append(i)

    blocks: list[Field] = []
    j = len(fields)
    while j:
        i = cut_before[j]
        blocks.append(Field(fields[i].start, fields[j - 1].end))
        j = i
    return tuple(reversed(blocks))


def split(block: Field, wanted: Iterable[Field]) -> tuple[Field, ...]:
    """Return the blocks to try in place of one that the device refused because of what is in it.

    A wanted field that is the whole block is the one that the device refuses: it is in none of the
    blocks returned, and there are none when nothing else was wanted in the block. All other wanted
    fields that lie in the block are each in one of the returned blocks: one when it can be made
    smaller, else two, parted at the widest hole, or nearest to the middle where holes are equal.

    Reading what is returned, and splitting again what is refused, needs at most two requests a field,
    and with few refused among many neighbours about two for each halving of the block.
    """
    fields = _outermost(field for field in wanted if block.covers(field) and field != block)
    if not fields:
        return ()
    whole = Field(fields[0].start, fields[-1].end)
    if whole != block:
        return (whole,)
    middle = block.start + block.end
    _, left, right = min(
        (
            (left.end - right.start, abs(left.end + right.start - middle)),
            left,
            right,
        )
        for left, right in pairwise(fields)
    )
    return Field(block.start, left.end), Field(right.start, block.end)


def _outermost(fields: Iterable[Field]) -> list[Field]:
    """Return the fields that lie in no other, in order: their starts and their ends both grow."""
    outermost: list[Field] = []
    for field in sorted(set(fields), key=lambda field: (field.start, -field.end)):
        if not outermost or field.end > outermost[-1].end:
            outermost.append(field)
    return outermost


class _Ground:
    """What a block may cover."""

    def __init__(self, words: int, readable: Sequence[Field] | None, forbidden: Collection[int]) -> None:
        self._words = words
        self._forbidden = sorted(forbidden)
        self._islands = None if readable is None else _joined(readable)

    def barrier(self, field: Field) -> str:
        """Return why no block can cover the field, "" when one can."""
        if field.words > self._words:
            return f"is longer than the {self._words} words of a request"
        bad = self._last_forbidden(field)
        if bad >= field.start:
            return f"has the forbidden address {bad}"
        island = self._island(field)
        if island is not None and not island.covers(field):
            return "lies outside the readable registers"
        return ""

    def first(self, field: Field) -> int:
        """Return the lowest address at which a block that ends with the field may start."""
        island = self._island(field)
        return max(
            field.end - self._words,
            self._last_forbidden(field) + 1,
            island.start if island else 0,
        )

    def _last_forbidden(self, field: Field) -> int:
        position = bisect_left(self._forbidden, field.end)
        return self._forbidden[position - 1] if position else -1

    def _island(self, field: Field) -> Field | None:
        """Return the run of readable addresses in which the field starts."""
        if self._islands is None:
            return None
        position = bisect_right(self._islands, field.start, key=lambda island: island.start)
        return self._islands[position - 1] if position else Field(field.start, field.start)


def _joined(fields: Iterable[Field]) -> list[Field]:
    """Return the union of the fields as the fewest fields, in order."""
    joined: list[Field] = []
    for field in sorted(fields):
        if joined and field.start <= joined[-1].end:
            joined[-1] = Field(joined[-1].start, max(joined[-1].end, field.end))
        else:
            joined.append(field)
    return joined


def _whole(request_cost: float, word_cost: float) -> tuple[int, int]:
    """Return both costs as whole numbers of some unit, so that equal plans are told as equal."""
    if request_cost < 0 or word_cost < 0:
        raise ValueError(f"a cost is negative: {request_cost} a request, {word_cost} a word; 0 or more is")
    request, word = Fraction(request_cost), Fraction(word_cost)
    unit = lcm(request.denominator, word.denominator)
    return int(request * unit), int(word * unit)
