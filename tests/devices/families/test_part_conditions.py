"""What a part's map depends on: a text that begins right, numbers of strings, a meter that is there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sunhelm.devices.clock import Deadline
from sunhelm.devices.errors import Rejected, TimedOut
from sunhelm.devices.families.register_source import DISCOVERY, RegisterSource
from sunhelm.devices.families.spec import Probe

MAIN = """
    address,type,name,quantity,labels,group
    10,u16,strings,-,,identity
    20,u16,string_1_voltage,~voltage,string=1,
    21,u16,string_2_voltage,~voltage,string=2,
    22,u16,string_3_voltage,~voltage,string=3,
"""
METER = """
    address,type,name,group
    40,u16,status,
    41,u16,power,
    42,u16,import,energy
"""
SPEC = {
    "title": "Test family",
    "vendor": "Test",
    "links": {"modbus_tcp": 502},
    "parts": [
        {
            "name": "main",
            "map": "main.csv",
            "prefix": "main",
            "units": [1, 0],
            "probe": {"address": 1, "count": 2, "begins": ["SUN", "EDF"]},
            "counted": {"string": "strings"},
        },
        {
            "name": "meter",
            "map": "meter.csv",
            "prefix": "meter",
            "beside": "main",
            "only_while": {"status": [1]},
        },
    ],
}
MAPS = {"main.csv": MAIN, "meter.csv": METER}
MakeSource = Callable[..., RegisterSource]


@pytest.fixture
def house(link: Any) -> Any:
    """A device at unit 0 with two strings and a meter, and something else at unit 1."""
    link.set(1, 1, 0x454D, 0x4D41)
    link.set(0, 1, 0x5355, 0x4E32)
    link.set(0, 10, 2)
    link.set(0, 20, 310, 320, 0)
    link.set(0, 40, 1, 500, 700)
    return link


async def read(source: RegisterSource, deadline: Deadline) -> dict[str, Any]:
    await source.prepare(deadline)
    groups = [group.name for group in source.groups() if group.name != DISCOVERY]
    return dict(await source.fetch(groups, deadline))


@pytest.mark.parametrize(
    ("words", "there"),
    [((0x5355, 0x4E32), True), ((0x4544, 0x4620), True), ((0x454D, 0x4D41), False), ((0, 0), False)],
)
def test_a_probe_wants_text_that_begins_right(words: tuple[int, ...], *, there: bool) -> None:
    assert Probe(address=1, count=2, begins=("SUN", "EDF")).is_there(words) is there


async def test_a_part_beside_another_stands_where_that_was_found(
    make_source: MakeSource, house: Any, clock: Any
) -> None:
    source = make_source(SPEC, MAPS)
    await source.prepare(Deadline.after(30, clock))
    assert [(part.name, part.unit) for part in source.parts] == [("main", 0), ("meter", 0)]


async def test_strings_beyond_the_number_that_the_device_tells_are_not_there(
    make_source: MakeSource, house: Any, clock: Any
) -> None:
    fetched = await read(make_source(SPEC, MAPS), Deadline.after(30, clock))
    assert [sample.labels for sample in fetched["main_live"].samples] == [("1",), ("2",)]


@pytest.mark.parametrize("told", [None, 0])
async def test_all_strings_are_there_when_the_device_tells_no_number(
    make_source: MakeSource, house: Any, clock: Any, told: int | None
) -> None:
    if told is None:
        del house.words[0, 10]
    else:
        house.set(0, 10, told)
    fetched = await read(make_source(SPEC, MAPS), Deadline.after(30, clock))
    assert [sample.labels for sample in fetched["main_live"].samples] == [("1",), ("2",), ("3",)]


async def test_what_has_to_be_asked_first_is_asked_first(
    make_source: MakeSource, house: Any, clock: Any
) -> None:
    source = make_source(SPEC, MAPS)
    fetched = await read(source, Deadline.after(30, clock))
    spans = [(span.address, span.count) for span in house.spans if span.address >= 40]
    assert spans == [(40, 1), (41, 2)]
    assert [sample.value for sample in fetched["meter_live"].samples] == [1.0, 500.0]
    assert [sample.value for sample in fetched["meter_energy"].samples] == [700.0]
    assert source.plan(["meter_live", "meter_energy"]) == ("unit 0 holding 40+1", "unit 0 holding 41+2")


async def test_nothing_more_is_asked_while_the_first_answer_says_so(
    make_source: MakeSource, house: Any, clock: Any
) -> None:
    house.set(0, 40, 0)
    fetched = await read(make_source(SPEC, MAPS), Deadline.after(30, clock))
    assert not [span for span in house.spans if span.address > 40]
    assert fetched["meter_live"].outcome.ok
    assert fetched["meter_energy"].outcome.ok
    assert [sample.value for sample in fetched["meter_live"].samples] == [0.0]
    assert not fetched["meter_energy"].samples


async def test_a_first_answer_that_does_not_come_fails_all_of_the_part(
    make_source: MakeSource, house: Any, clock: Any
) -> None:
    house.trouble[40] = [Rejected("failure", code=4)]
    fetched = await read(make_source(SPEC, MAPS), Deadline.after(30, clock))
    assert not fetched["meter_live"].outcome.ok
    assert not fetched["meter_energy"].outcome.ok
    assert fetched["main_live"].outcome.ok


async def test_a_unit_that_is_silent_is_not_asked_for_every_part(
    make_source: MakeSource, house: Any, clock: Any
) -> None:
    other = {"name": "other", "map": "meter.csv", "prefix": "other", "units": [1], "probe": {"address": 5}}
    house.trouble[1] = [TimedOut("silence")]
    source = make_source({**SPEC, "parts": [*SPEC["parts"], other]}, MAPS)
    await source.prepare(Deadline.after(30, clock))
    assert not [span for span in house.spans if span.address == 5]
    assert [part.name for part in source.parts] == ["main", "meter"]


async def test_a_hole_that_spoils_a_block_is_remembered(
    make_source: MakeSource, link: Any, clock: Any
) -> None:
    spec = {
        "title": "Test family",
        "vendor": "Test",
        "links": {"modbus_tcp": 502},
        "read": {"holes": "readable", "gap": 5},
        "parts": [{"name": "main", "map": "main.csv", "prefix": "main"}],
    }
    text = "address,type,name\n10,u16,one\n13,u16,other\n"
    link.set(1, 10, 1)
    link.set(1, 13, 2)
    source = make_source(spec, {"main.csv": text})
    deadline = Deadline.after(30, clock)
    fetched = await read(source, deadline)
    assert [sample.value for sample in fetched["live"].samples] == [1.0, 2.0]
    asked = len(link.spans)
    assert asked == 3
    await source.fetch(["live"], deadline)
    assert [(span.address, span.count) for span in link.spans[asked:]] == [(10, 1), (13, 1)]
