"""Plans are the best there are, and bisecting a refused block ends with the truth."""

from __future__ import annotations

import random
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sunhelm.devices.registers.plan import Field, PlanError, plan, split

Cost = tuple[Fraction, int, int]


@dataclass(frozen=True)
class Problem:
    """What `plan` is asked."""

    wanted: Sequence[Field]
    words: int
    request_cost: float
    word_cost: float
    readable: Sequence[Field] | None
    forbidden: Collection[int]

    def plan(self) -> tuple[Field, ...]:
        return plan(
            self.wanted,
            words=self.words,
            request_cost=self.request_cost,
            word_cost=self.word_cost,
            readable=self.readable,
            forbidden=self.forbidden,
        )

    def ground(self) -> set[int]:
        """The addresses that a block may cover."""
        ground = set(range(100)) - set(self.forbidden)
        if self.readable is None:
            return ground
        return ground & {address for field in self.readable for address in range(field.start, field.end)}

    def cost_of(self, blocks: Collection[Field]) -> Cost:
        words = sum(block.words for block in blocks)
        time = Fraction(self.request_cost) * len(blocks) + Fraction(self.word_cost) * words
        return time, len(blocks), words

    def best(self) -> Cost:
        """The cost of the best set of blocks, found by trying them all.

        Knows nothing of runs, cuts or nesting: any block of allowed addresses may be taken.
        """
        fields = sorted(set(self.wanted))
        ground = self.ground()
        covers: dict[frozenset[int], int] = {}
        for start in ground:
            for end in range(start + 1, start + self.words + 1):
                if ground.issuperset(range(start, end)):
                    block = Field(start, end)
                    covered = frozenset(k for k, field in enumerate(fields) if block.covers(field))
                    covers[covered] = min(block.words, covers.get(covered, block.words))

        @cache
        def cheapest(missing: frozenset[int]) -> Cost:
            if not missing:
                return Fraction(0), 0, 0
            candidates = []
            for covered, length in covers.items():
                if min(missing) in covered:
                    time, requests, words = cheapest(missing - covered)
                    time += Fraction(self.request_cost) + Fraction(self.word_cost) * length
                    candidates.append((time, requests + 1, words + length))
            return min(candidates)

        return cheapest(frozenset(range(len(fields))))


def random_problem(rng: random.Random) -> Problem:
    span = rng.randint(4, 24)
    wanted = []
    for _ in range(rng.randint(1, 7)):
        start = rng.randrange(span)
        wanted.append(Field(start, start + rng.choice([1, 1, 1, 2, 2, 4])))
    inside = {address for field in wanted for address in range(field.start, field.end)}
    readable = [*wanted, *(Field(a, a + 1) for a in range(span) if rng.random() < 0.6)]
    return Problem(
        wanted=wanted,
        words=rng.randint(4, 12),
        request_cost=rng.choice([0.0, 0.001, 0.05, 0.1, 1.0]),
        word_cost=rng.choice([0.0, 0.0001, 0.01, 0.05, 0.1]),
        readable=readable if rng.random() < 0.5 else None,
        forbidden={address for address in range(span) if address not in inside and rng.random() < 0.1},
    )


def test_plans_of_1000_random_small_maps_cost_what_the_best_of_all_plans_costs() -> None:
    rng = random.Random(20260603)
    for _ in range(1000):
        problem = random_problem(rng)
        assert problem.cost_of(problem.plan()) == problem.best(), problem


fields = st.builds(lambda start, words: Field(start, start + words), st.integers(0, 60), st.integers(1, 6))
costs = st.floats(0, 10, allow_subnormal=False)
problems = st.builds(
    Problem,
    wanted=st.lists(fields, max_size=7),
    words=st.integers(1, 12),
    request_cost=costs,
    word_cost=costs,
    readable=st.none() | st.lists(fields | st.just(Field(0, 70)), max_size=12),
    forbidden=st.sets(st.integers(0, 65), max_size=6),
)


@settings(max_examples=500)
@given(problems)
def test_a_plan_is_the_best_and_covers_nothing_it_may_not_or_names_every_field_that_cannot_be_read(
    problem: Problem,
) -> None:
    ground = problem.ground()
    impossible = {
        field
        for field in problem.wanted
        if field.words > problem.words or not ground.issuperset(range(field.start, field.end))
    }
    if impossible:
        with pytest.raises(PlanError) as caught:
            problem.plan()
        assert list(caught.value.fields) == sorted(impossible)
        problem = replace(problem, wanted=[field for field in problem.wanted if field not in impossible])
    blocks = problem.plan()
    assert list(blocks) == sorted(blocks)
    for field in problem.wanted:
        assert any(block.covers(field) for block in blocks)
    for block in blocks:
        assert 1 <= block.words <= problem.words
        assert ground.issuperset(range(block.start, block.end))
    assert problem.cost_of(blocks) == problem.best()
    again = replace(problem, wanted=[*reversed(problem.wanted), *problem.wanted])
    assert again.plan() == blocks, "order and repetition change nothing"


def test_a_hole_is_read_over_only_when_that_is_cheaper_than_a_request() -> None:
    wanted = [Field(0, 2), Field(12, 14)]
    assert plan(wanted, words=125, request_cost=11, word_cost=1) == (Field(0, 14),)
    assert plan(wanted, words=125, request_cost=9, word_cost=1) == (Field(0, 2), Field(12, 14))


def test_of_equal_costs_fewer_requests_win_then_fewer_words() -> None:
    wanted = [Field(0, 2), Field(12, 14)]
    assert plan(wanted, words=125, request_cost=10, word_cost=1) == (Field(0, 14),)
    assert plan([Field(0, 1), Field(4, 5), Field(6, 7)], words=5, request_cost=1, word_cost=0) == (
        Field(0, 1),
        Field(4, 7),
    )


def test_tenths_of_milliseconds_that_floats_cannot_add_still_make_a_tie() -> None:
    wanted = [Field(0, 1), Field(4, 5)]
    assert plan(wanted, words=125, request_cost=0.3, word_cost=0.1) == (Field(0, 1), Field(4, 5))
    assert plan(wanted, words=125, request_cost=0.375, word_cost=0.125) == (Field(0, 5),)


def test_nothing_wanted_is_no_request() -> None:
    assert plan([], words=125, request_cost=1, word_cost=1) == ()


def test_a_negative_cost_is_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        plan([Field(0, 1)], words=125, request_cost=-1, word_cost=1)


def test_the_error_says_for_each_field_why_no_request_can_bring_it() -> None:
    with pytest.raises(PlanError) as caught:
        plan(
            [Field(0, 9), Field(20, 22), Field(30, 31), Field(41, 43), Field(50, 51)],
            words=8,
            request_cost=1,
            word_cost=1,
            readable=[Field(0, 31), Field(41, 42), Field(50, 51)],
            forbidden={21},
        )
    assert str(caught.value) == (
        "0+9 is longer than the 8 words of a request; 20+2 has the forbidden address 21; "
        "41+2 lies outside the readable registers"
    )


def test_two_thousand_fields_are_planned_in_milliseconds() -> None:
    rng = random.Random(1)
    addresses = sorted(rng.sample(range(20_000), 2000))
    wanted = [Field(a, a + rng.choice([1, 2])) for a in addresses]
    forbidden = set(rng.sample(range(20_000), 500)) - {x for f in wanted for x in range(f.start, f.end)}
    problem = Problem(wanted, 125, 0.05, 0.0001, wanted, forbidden)
    seconds = []
    for _ in range(3):
        started = time.process_time()
        problem.plan()
        seconds.append(time.process_time() - started)
    assert min(seconds) < 0.05


class Device:
    """Refuses every block that has a refused address; counts what it is asked."""

    def __init__(self, refused: Collection[int]) -> None:
        self.refused = refused
        self.requests = 0

    def read(self, block: Field) -> bool:
        self.requests += 1
        return not any(block.start <= address < block.end for address in self.refused)


def bisect(device: Device, block: Field, wanted: Collection[Field]) -> tuple[set[Field], set[Field]]:
    """Read all that can be read of a block; return what was read and what the device refuses."""
    read: set[Field] = set()
    bad: set[Field] = set()
    blocks = [block]
    while blocks:
        block = blocks.pop()
        if device.read(block):
            read |= {field for field in wanted if block.covers(field)}
            continue
        bad |= {block} & set(wanted)
        blocks.extend(split(block, set(wanted) - read - bad))
    return read, bad


@given(st.sets(fields, min_size=1, max_size=20), st.sets(st.integers(0, 65), max_size=8))
def test_bisecting_reads_every_good_field_and_names_exactly_the_bad_ones(
    wanted: set[Field], refused: set[int]
) -> None:
    good = {field for field in wanted if refused.isdisjoint(range(field.start, field.end))}
    block = Field(min(field.start for field in wanted), max(field.end for field in wanted))
    device = Device(refused)
    read, bad = bisect(device, block, wanted)
    assert read == good
    assert bad == wanted - good
    assert device.requests <= 2 * len(wanted)


@given(st.integers(0, 199), st.integers(2, 200))
def test_one_bad_register_among_neighbours_costs_two_requests_a_halving(bad: int, count: int) -> None:
    wanted = {Field(address, address + 1) for address in range(count)}
    device = Device({bad % count})
    assert bisect(device, Field(0, count), wanted)[1] == {Field(bad % count, bad % count + 1)}
    assert device.requests <= 1 + 2 * (count - 1).bit_length()


def test_a_refused_hole_is_cut_out_at_the_first_try() -> None:
    wanted = {*(Field(a, a + 1) for a in range(10)), *(Field(a, a + 1) for a in range(30, 40))}
    device = Device({20})
    assert bisect(device, Field(0, 40), wanted) == (wanted, set())
    assert device.requests == 3


def test_the_blocks_of_a_split() -> None:
    block = Field(0, 10)
    assert split(block, [block]) == ()
    assert split(block, []) == ()
    assert split(block, [block, Field(2, 4)]) == (Field(2, 4),)
    assert split(block, [Field(0, 1), Field(3, 4), Field(9, 10)]) == (Field(0, 4), Field(9, 10))
    assert split(block, [Field(0, 6), Field(4, 10)]) == (Field(0, 6), Field(4, 10))
    assert split(block, [Field(0, 2), Field(8, 12)]) == (Field(0, 2),), (
        "what lies outside is not its business"
    )
