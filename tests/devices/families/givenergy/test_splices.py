"""Pages of batteries put together of two: what differs by more than a battery can move is never shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunhelm.devices.families import load_family
from sunhelm.devices.families.base import RegisterFamily
from sunhelm.devices.families.inspection import Inspector
from sunhelm.devices.families.parts import FoundPart
from sunhelm.devices.links.base import Span, Table
from sunhelm.simulator.faces import face as wire
from sunhelm.simulator.faces.givenergy import HYBRID, GivEnergyFace
from sunhelm.simulator.faces.image import Image
from sunhelm.simulator.plant import Plant

PLACES: Final = {
    **{f"cell_{n}_voltage": (59 + n, 1000.0, 0.3) for n in range(1, 17)},
    **{f"cells_{n}_to_{n + 3}_temperature": (76 + n // 4, 10.0, 5.0) for n in (1, 5, 9, 13)},
    "mosfet_temperature": (81, 10.0, 20.0),
    "cells_voltage": (80, 1000.0, 1.6),
    "voltage": (82, 1000.0, 4.0),
    "state_of_charge": (100, 1.0, 10.0),
    "stack_discharge": (105, 10.0, 5.0),
    "stack_charge": (106, 10.0, 5.0),
    "capacity": (84, 100.0, 15.0),
    "design_capacity": (86, 100.0, 15.0),
    "remaining_charge": (88, 100.0, 15.0),
    "design_capacity_2": (101, 100.0, 15.0),
}
"""Where each value stands, how many steps its unit has, and how far it can move: from the facts sheet."""

PAIRS: Final = {"voltage", "capacity", "design_capacity", "remaining_charge", "design_capacity_2"}
PAGE: Final = Span(0x32, Table.INPUT, 60, 60)


def battery() -> FoundPart:
    family = load_family("givenergy")
    assert isinstance(family, RegisterFamily)
    part = next(part for part in family.spec.parts if part.name == "battery")
    return FoundPart("battery_50", part, 0x32, family.map_of(part), {"battery": "1"})


PACK: Final = battery()


def value(page: Sequence[int], name: str) -> float:
    address, gain, _ = PLACES[name]
    first, second = page[address - 60], page[address - 59]
    return (first << 16 | second if name in PAIRS else first) / gain


def jumps(before: Sequence[int], after: Sequence[int]) -> set[str]:
    """The names of what cannot have moved so far, worked out from the sheet; 0 % and 0 kWh are no values."""
    maybe_none = {"state_of_charge", "stack_charge", "stack_discharge"}
    return {
        name
        for name, (_, _, limit) in PLACES.items()
        if not (name in maybe_none and 0.0 in (value(before, name), value(after, name)))
        and abs(value(after, name) - value(before, name)) > limit + 1e-9
    }


@st.composite
def pages(draw: st.DrawFn) -> list[int]:
    """A page of a battery, always of the same one."""
    image = Image()
    cells = draw(st.lists(st.integers(2800, 3600), min_size=16, max_size=16))
    image.words(60, *cells)
    image.words(76, *draw(st.lists(st.integers(50, 350), min_size=4, max_size=4)))
    image.word(80, sum(cells))
    image.word(81, draw(st.integers(50, 500)))
    image.pair(82, draw(st.integers(45_000, 57_000)))
    image.pairs(84, *(draw(st.integers(8_000, 19_000)) for _ in range(3)))
    image.words(95, draw(st.integers(0, 5000)), 411, 16, 3022)
    image.word(100, draw(st.integers(0, 100)))
    image.pair(101, draw(st.integers(8_000, 19_000)))
    image.words(105, draw(st.integers(0, 9000)), draw(st.integers(0, 9000)))
    image.text(110, 5, "DF2244G001")
    return [image.get(place, 0) for place in range(60, 120)]


def test_the_limits_are_those_of_the_facts_sheet() -> None:
    told = {register.name: PACK.part.step_of(register.name) for register in PACK.map.registers}
    assert {name: step for name, step in told.items() if step is not None} == {
        name: limit for name, (_, _, limit) in PLACES.items()
    }


def test_every_limit_is_that_of_a_register() -> None:
    family = load_family("givenergy")
    assert isinstance(family, RegisterFamily)
    for part in family.spec.parts:
        names = [register.name for register in family.map_of(part).registers]
        steps = [part.step_of(name) for name in names]
        assert set(part.steps.values()) == {step for step in steps if step is not None}, part.name


@given(pages(), pages(), st.integers(1, 59))
def test_a_page_of_two_shows_nothing_that_cannot_be(one: list[int], other: list[int], cut: int) -> None:
    """However two pages are put together, what comes through is near to the first one, or nothing comes."""
    inspector = Inspector(pages=True)
    inspector.begin()
    assert inspector.findings(PACK, PAGE, tuple(one), 0.0).doubts == ()
    spliced = (*one[:cut], *other[cut:])
    inspector.begin()
    found = inspector.findings(PACK, PAGE, spliced, 15.0)
    assert {doubt.register.name for doubt in found.doubts} == jumps(one, spliced)
    assert bool(found.damage) == (len(found.doubts) > 1)
    inspector.begin()
    assert inspector.findings(PACK, PAGE, tuple(one), 30.0).damage == ""


@given(pages(), pages(), st.integers(1, 59), st.integers(1, 30))
def test_a_page_of_two_is_never_believed_before_five_minutes(
    one: list[int], other: list[int], cut: int, every: int
) -> None:
    """A buffer may hold it for long; nothing tells it then from what is true."""
    spliced = (*one[:cut], *other[cut:])
    inspector = Inspector(pages=True)
    inspector.findings(PACK, PAGE, tuple(one), 0.0)
    for now in range(every, 320, every):
        inspector.begin()
        damage = inspector.findings(PACK, PAGE, spliced, now).damage
        assert bool(damage) == (len(jumps(one, spliced)) > 1 and now < 300)


@pytest.mark.parametrize("cut", range(1, 60))
def test_two_simulated_packs_put_together_are_never_shown_as_one(cut: int) -> None:
    """The first half of a full pack, the second of an empty one: wherever it is cut."""
    full, empty = (
        GivEnergyFace(Plant(seed=3, start=1_780_000_000.0, soc=soc, warm_up=False), HYBRID)
        for soc in (0.95, 0.08)
    )
    one = full.read(0x32, wire.Table.INPUT, 60, 60)
    other = empty.read(0x33, wire.Table.INPUT, 60, 60)
    inspector = Inspector(pages=True)
    inspector.findings(PACK, PAGE, tuple(one), 0.0)
    for spliced in ((*one[:cut], *other[cut:]), (*other[:cut], *one[cut:])):
        inspector.begin()
        found = inspector.findings(PACK, PAGE, spliced, 15.0)
        shown = PLACES.keys() - {doubt.register.name for doubt in found.doubts}
        assert found.damage or all(
            abs(value(spliced, name) - value(one, name)) <= PLACES[name][2] + 1e-9 for name in shown
        )
