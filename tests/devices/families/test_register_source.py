"""A device of registers: parts, plans, bisecting, sums, bounds, identity."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sunhelm.devices.clock import Deadline
from sunhelm.devices.device_config import DeviceConfig
from sunhelm.devices.errors import Busy, Reason, Rejected, TimedOut
from sunhelm.devices.families import RegisterFamily, Surroundings, load_family
from sunhelm.devices.families.register_source import DISCOVERY, RegisterSource
from sunhelm.devices.families.source import Fetched
from sunhelm.devices.links.base import Span
from sunhelm.devices.reading import Guard, Sample

ONE_PART = {
    "title": "Test", "vendor": "Tester", "links": {"modbus_tcp": 502},
    "parts": [{"name": "inverter", "map": "map.csv"}],
}  # fmt: skip
LIVE = """
    address,type,scale,unit,group,name,quantity,labels,absent,min,max
    10,i16,1,W,live,pv_1,pv_string_power,string=1,0x8000,,
    11,i16,1,W,live,pv_2,pv_string_power,string=2,0x8000,,
    12,u16,0.1,V,live,grid_voltage,grid_phase_voltage,phase=L1,,0,300
    13,u16,1,W,live,ac,inverter_power,,,,rated_power*1.3
    20,u32,0.1,kWh,energy,export,grid_export,,,,
"""

Make = Callable[..., RegisterSource]


async def fetch(source: RegisterSource, clock: Any, *groups: str, seconds: float = 10) -> dict[str, Fetched]:
    deadline = Deadline.after(seconds, clock)
    async with source.turn(deadline):
        await source.prepare(deadline)
        wanted = groups or tuple(group.name for group in source.groups())
        return dict(await source.fetch(wanted, deadline))


def values(*fetched: Fetched) -> dict[str, float]:
    return {
        " ".join((sample.quantity.name, *sample.labels)): sample.value
        for group in fetched
        for sample in group.samples
    }


def derived_by(source: RegisterSource, *groups: str) -> dict[str, Sample]:
    return {sample.quantity.name: sample for sample in source.derive((), groups)}


async def test_words_become_samples_in_base_units(make_source: Make, link: Any, clock: Any) -> None:
    source = make_source(ONE_PART, {"map.csv": LIVE})
    link.set(1, 10, 1500, 0xFFFE, 2301, 1400)
    link.set(1, 20, 0, 12345)
    fetched = await fetch(source, clock)
    assert values(*fetched.values()) == {
        "pv_string_power 1": 1500.0,
        "pv_string_power 2": -2.0,
        "grid_phase_voltage L1": 230.1,
        "inverter_power": 1400.0,
        "grid_export": 1234.5 * 3.6e6,
    }
    assert [str(span) for span in link.spans] == ["unit 1 holding 10+4", "unit 1 holding 20+2"]
    sample = fetched["live"].samples[0]
    assert sample.source == "holding 10 pv_1"
    assert sample.group == "live"


async def test_a_sentinel_is_no_sample(make_source: Make, link: Any, clock: Any) -> None:  # T7
    source = make_source(ONE_PART, {"map.csv": LIVE})
    link.set(1, 10, 0x8000, 5, 2301, 1400)
    link.set(1, 20, 0, 1)
    fetched = await fetch(source, clock)
    assert "pv_string_power 1" not in values(fetched["live"])
    assert [held.guard for held in fetched["live"].held] == [Guard.SENTINEL]
    assert fetched["live"].outcome.ok


async def test_what_cannot_be_is_left_out_not_clamped(make_source: Make, link: Any, clock: Any) -> None:
    source = make_source(ONE_PART, {"map.csv": LIVE}, rated_power=5000.0)
    link.set(1, 10, 1, 2, 3500, 6501)
    link.set(1, 20, 0, 1)
    fetched = await fetch(source, clock)
    assert values(fetched["live"]) == {"pv_string_power 1": 1.0, "pv_string_power 2": 2.0}
    assert {held.guard for held in fetched["live"].held} == {Guard.BOUNDS}


async def test_a_bound_by_a_figure_nobody_gave_is_no_bound(make_source: Make, link: Any, clock: Any) -> None:
    source = make_source(ONE_PART, {"map.csv": LIVE})
    link.set(1, 10, 1, 2, 2300, 60_000)
    link.set(1, 20, 0, 1)
    assert values((await fetch(source, clock))["live"])["inverter_power"] == 60_000


async def test_only_the_refused_register_is_dropped_and_remembered_for_up_to_a_day(
    make_source: Make, link: Any, clock: Any
) -> None:  # T10, T19
    source = make_source(ONE_PART, {"map.csv": LIVE})
    link.set(1, 10, 1, 2)
    link.set(1, 13, 4)
    link.set(1, 20, 0, 1)
    fetched = await fetch(source, clock)
    assert set(values(fetched["live"])) == {"pv_string_power 1", "pv_string_power 2", "inverter_power"}
    assert fetched["live"].outcome.ok
    assert [(held.guard, held.source) for held in fetched["live"].held] == [
        (Guard.UNSUPPORTED, "holding 12 grid_voltage")
    ]
    link.spans.clear()
    await fetch(source, clock)
    assert [str(span) for span in link.spans] == [
        "unit 1 holding 10+2",
        "unit 1 holding 13+1",
        "unit 1 holding 20+2",
    ]
    for seconds in (61, 481, 3841, 30_721):
        clock.advance(seconds)
        await fetch(source, clock)  # asked once more, and refused again
    link.spans.clear()
    clock.advance(86_000)
    await fetch(source, clock)
    assert "unit 1 holding 10+4" not in [str(span) for span in link.spans]
    clock.advance(401)
    link.set(1, 12, 2300)
    assert "grid_phase_voltage L1" in values((await fetch(source, clock))["live"])


async def test_a_register_refused_by_mistake_is_back_after_a_minute(
    make_source: Make, link: Any, clock: Any
) -> None:
    source = make_source(ONE_PART, {"map.csv": LIVE})
    link.set(1, 10, 1, 2, 2300, 4)
    link.set(1, 20, 0, 1)
    for _ in range(3):  # being answered in between, it never counts as refused again
        link.trouble = {10: [Rejected("still starting", code=2)] * 3}
        assert "pv_string_power 1" not in values((await fetch(source, clock))["live"])
        clock.advance(61)
        assert "pv_string_power 1" in values((await fetch(source, clock))["live"])


async def test_a_unit_that_refuses_everything_fails_and_is_asked_again(
    make_source: Make, link: Any, clock: Any
) -> None:  # T20
    source = make_source(ONE_PART, {"map.csv": LIVE})
    link.set(1, 50, 1)
    fetched = await fetch(source, clock)
    assert {group.outcome.reason for group in fetched.values()} == {Reason.REJECTED}
    link.set(1, 10, 1, 2, 2300, 4)
    link.set(1, 20, 0, 1)
    fetched = await fetch(source, clock)
    assert all(group.outcome.ok for group in fetched.values())
    assert len(values(*fetched.values())) == 5


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(bad=st.sets(st.integers(10, 13)))
async def test_every_register_is_read_or_named(
    make_source: Make, link: Any, clock: Any, bad: set[int]
) -> None:
    link.words.clear()
    source = make_source(ONE_PART, {"map.csv": LIVE})
    for address in {10, 11, 12, 13} - bad:
        link.set(1, address, 7)
    link.set(1, 20, 0, 1)
    fetched = await fetch(source, clock)
    refused = [held.source for held in fetched["live"].held if held.guard is Guard.UNSUPPORTED]
    assert sorted(int(source.split()[1]) for source in refused) == sorted(bad)
    assert len(values(fetched["live"])) == 4 - len(bad)


async def test_a_register_inside_a_refused_one_is_still_read(
    make_source: Make, link: Any, clock: Any
) -> None:
    words = """
        address,type,group,name
        1,u32,live,whole
        =1,u16,live,upper
        3,u16,live,next
    """
    source = make_source(ONE_PART, {"map.csv": words})
    link.set(1, 1, 5)
    link.set(1, 3, 7)
    for _ in range(2):
        fetched = await fetch(source, clock)
        assert fetched["live"].outcome.ok
    assert values(fetched["live"]) == {"testfamily_next": 7.0}


async def test_a_time_out_fails_the_groups_of_that_block_only(
    make_source: Make, link: Any, clock: Any
) -> None:
    source = make_source(ONE_PART, {"map.csv": LIVE})
    link.set(1, 10, 1, 2, 3, 4)
    link.set(1, 20, 0, 1)
    link.trouble = {10: [TimedOut("no answer within 3 s")]}
    fetched = await fetch(source, clock)
    assert fetched["live"].outcome.reason is Reason.TIMEOUT
    assert fetched["live"].samples == ()
    assert fetched["energy"].outcome.ok


async def test_a_dead_device_is_not_asked_for_every_block(make_source: Make, link: Any, clock: Any) -> None:
    lines = "\n".join(f"{address},u16,live,r{address}" for address in range(0, 100, 10))
    source = make_source(ONE_PART, {"map.csv": f"address,type,group,name\n{lines}"})
    link.set(1, 0, 1)
    link.trouble = {address: [TimedOut("silence")] * 2 for address in range(0, 100, 10)}
    fetched = await fetch(source, clock)
    assert len(link.spans) == 2
    assert fetched["live"].outcome.reason is Reason.TIMEOUT


async def test_a_dead_unit_does_not_cost_the_others_theirs(
    make_source: Make, link: Any, clock: Any
) -> None:  # T9
    parts = [{"name": name, "map": "map.csv", "units": [unit], "label": "meter"} for name, unit in
             (("one", 1), ("two", 2), ("three", 3))]  # fmt: skip
    lines = "".join(f"{address},u16,live,r{address}\n" for address in range(0, 50, 10))
    source = make_source({**ONE_PART, "parts": parts}, {"map.csv": f"address,type,group,name\n{lines}"})
    for unit in (2, 3):
        for address in range(0, 50, 10):
            link.set(unit, address, 7)
    link.set(1, 999, 0)
    answers = link.read

    async def first_is_dead(span: Span, deadline: Deadline) -> tuple[int, ...]:
        if span.unit == 1:
            link.spans.append(span)
            raise TimedOut("no answer")
        words: tuple[int, ...] = await answers(span, deadline)
        return words

    link.read = first_is_dead
    fetched = await fetch(source, clock)
    assert {name: group.outcome.reason for name, group in fetched.items()} == {
        "one_1_live": Reason.TIMEOUT,
        "two_2_live": None,
        "three_3_live": None,
    }
    assert len([span for span in link.spans if span.unit == 1]) == 2


async def test_a_busy_answer_is_busy(make_source: Make, link: Any, clock: Any) -> None:
    source = make_source(ONE_PART, {"map.csv": LIVE})
    link.set(1, 20, 0, 1)
    link.trouble = {10: [Busy("slave device busy")]}
    assert (await fetch(source, clock))["live"].outcome.reason is Reason.BUSY


SERVICES = {
    "title": "Test", "vendor": "Tester", "links": {"modbus_tcp": 502},
    "identity": {"serial": "system.serial"},
    "parts": [
        {
            "name": "system", "map": "system.csv", "units": [100], "required": True,
            "probe": {"address": 1},
            "derived": [
                {"quantity": "grid_power", "sum": ["l1", "l2"]},
                {"quantity": "grid_power", "sum": ["l1_16"]},
            ],
        },
        {
            "name": "battery", "map": "battery.csv", "units": [225, 226, 227], "every": True,
            "label": "battery", "prefix": "battery", "probe": {"address": 1, "nonzero": True},
        },
    ],
}  # fmt: skip
SYSTEM = """
    address,type,unit,group,name,quantity,labels,instead_of
    1,string2,,identity,serial,-,,
    5,i16,W,live,l1_16,-,,l1
    10,i32,W,live,l1,grid_phase_power,phase=L1,
    12,i32,W,live,l2,grid_phase_power,phase=L2,
"""
BATTERY = """
    address,type,scale,unit,group,name,quantity
    1,u16,0.01,V,live,voltage,battery_unit_voltage
    2,u16,1,,settings,mode,
"""


def services(link: Any) -> None:
    link.set(100, 1, 0x4142, 0x4344)
    link.set(100, 10, 0, 400, 0xFFFF, 0xFF9C)
    link.set(225, 1, 5230, 1)
    link.set(227, 1, 4800, 2)


async def test_parts_are_found_by_probing_and_labelled(make_source: Make, link: Any, clock: Any) -> None:
    source = make_source(SERVICES, {"system.csv": SYSTEM, "battery.csv": BATTERY})
    services(link)
    link.set(226, 1, 0, 0)
    fetched = await fetch(source, clock)
    assert [part.name for part in source.parts] == ["system", "battery_225", "battery_227"]
    assert values(fetched["battery_225_live"], fetched["battery_227_live"]) == {
        "battery_unit_voltage 225": 52.3,
        "battery_unit_voltage 227": 48.0,
    }
    groups = {group.name: group.period_s for group in source.groups()}
    assert groups["battery_225_settings"] == 300
    assert groups[DISCOVERY] == 3600
    metrics = {sample.quantity.metric for sample in fetched["battery_225_settings"].samples}
    assert metrics == {"solar_testfamily_battery_mode"}


async def test_configured_units_are_not_probed(make_source: Make, link: Any, clock: Any) -> None:
    maps = {"system.csv": SYSTEM, "battery.csv": BATTERY}
    source = make_source(SERVICES, maps, units={"battery": (230,), "system": (100,)})
    services(link)
    link.set(230, 1, 5000, 1)
    await fetch(source, clock)
    assert [part.unit for part in source.parts] == [100, 230]
    assert {span.unit for span in link.spans} == {100, 230}
    assert DISCOVERY not in [group.name for group in source.groups()]


async def test_a_read_that_nobody_answers_lasts_no_longer_than_a_scrape(
    make_source: Make, link: Any, clock: Any
) -> None:
    source = make_source(ONE_PART, {"map.csv": LIVE})
    patience_s = source._family.spec.scrape.timeout
    left: list[float] = []
    answers = link.read

    async def listened(span: Span, deadline: Deadline) -> tuple[int, ...]:
        left.append(deadline.remaining())
        words: tuple[int, ...] = await answers(span, deadline)
        return words

    link.read = listened
    link.set(1, 10, 1, 2, 2300, 4)
    link.set(1, 20, 0, 1)
    await fetch(source, clock, seconds=patience_s + 100)
    assert left == [patience_s, patience_s + 100]


async def test_parts_that_were_away_at_the_start_are_looked_for_again(
    make_source: Make, link: Any, clock: Any
) -> None:  # T20
    source = make_source(SERVICES, {"system.csv": SYSTEM, "battery.csv": BATTERY})
    link.set(100, 1, 1)
    await fetch(source, clock)
    assert [part.name for part in source.parts] == ["system"]
    services(link)
    await fetch(source, clock, DISCOVERY)
    assert [part.name for part in source.parts] == ["system", "battery_225", "battery_227"]


async def test_a_look_right_after_the_first_one_asks_nothing(
    make_source: Make, link: Any, clock: Any
) -> None:
    source = make_source(SERVICES, {"system.csv": SYSTEM, "battery.csv": BATTERY})
    services(link)
    await source.prepare(Deadline.after(5, clock))
    asked = len(link.spans)
    fetched = await source.fetch([DISCOVERY], Deadline.after(5, clock))
    assert fetched[DISCOVERY].outcome.ok
    assert len(link.spans) == asked


async def test_a_look_of_an_earlier_read_is_not_taken_for_the_last_word(
    make_source: Make, link: Any, clock: Any
) -> None:
    source = make_source(SERVICES, {"system.csv": SYSTEM, "battery.csv": BATTERY})
    services(link)
    await source.prepare(Deadline.after(5, clock))  # and the read came to nothing
    await source.prepare(Deadline.after(5, clock))
    asked = len(link.spans)
    await source.fetch([DISCOVERY], Deadline.after(5, clock))
    assert len(link.spans) > asked


async def test_a_part_is_given_up_when_two_looks_in_a_row_miss_it(
    make_source: Make, link: Any, clock: Any
) -> None:
    source = make_source(SERVICES, {"system.csv": SYSTEM, "battery.csv": BATTERY})
    services(link)
    await fetch(source, clock)

    async def look() -> list[str]:
        await fetch(source, clock, DISCOVERY)
        return [part.name for part in source.parts]

    everything = ["system", "battery_225", "battery_227"]
    del link.words[227, 1]
    assert await look() == everything
    link.set(227, 1, 4800, 1)
    assert await look() == everything
    del link.words[227, 1]
    assert await look() == everything
    assert await look() == ["system", "battery_225"]


async def test_discovery_goes_on_where_a_deadline_cut_it_short(
    make_source: Make, link: Any, clock: Any
) -> None:
    source = make_source(SERVICES, {"system.csv": SYSTEM, "battery.csv": BATTERY})
    services(link)
    link.set(226, 1, 1)
    answers = link.read

    async def impatient(span: Span, deadline: Deadline) -> tuple[int, ...]:
        if len(link.spans) == 2:
            link.spans.append(span)
            clock.advance(60)
            raise TimedOut("the deadline passed")
        words: tuple[int, ...] = await answers(span, deadline)
        return words

    link.read = impatient
    with pytest.raises(TimedOut):
        await fetch(source, clock)
    await fetch(source, clock)
    assert [span.unit for span in link.spans[:5]] == [100, 225, 226, 226, 227]
    assert [part.unit for part in source.parts] == [100, 225, 226, 227]


async def test_a_candidate_that_is_silent_is_not_there(make_source: Make, link: Any, clock: Any) -> None:
    source = make_source(SERVICES, {"system.csv": SYSTEM, "battery.csv": BATTERY})
    services(link)
    answers = link.read

    async def a_gateway(span: Span, deadline: Deadline) -> tuple[int, ...]:
        if span.unit == 226:
            raise TimedOut("no answer within 3 s")
        words: tuple[int, ...] = await answers(span, deadline)
        return words

    link.read = a_gateway
    await fetch(source, clock)
    assert [part.unit for part in source.parts] == [100, 225, 227]


async def test_a_missing_required_part_is_an_error(make_source: Make, link: Any, clock: Any) -> None:
    source = make_source(SERVICES, {"system.csv": SYSTEM, "battery.csv": BATTERY})
    link.set(225, 1, 5230, 1)
    with pytest.raises(Rejected, match="no system at unit"):
        await fetch(source, clock)
    services(link)
    assert "system_live" in await fetch(source, clock), "it is looked for again"


async def test_a_sum_needs_every_part_of_it_and_falls_back(make_source: Make, link: Any, clock: Any) -> None:
    source = make_source(SERVICES, {"system.csv": SYSTEM, "battery.csv": BATTERY})
    services(link)
    fetched = await fetch(source, clock)
    assert "grid_power" not in derived_by(source, "battery_225_live")
    derived = derived_by(source, *fetched)
    assert derived["grid_power"].value == 300
    assert derived["grid_power"].source == "the sum of l1 l2"
    assert derived["device"].labels == ("Tester", "", "ABCD", "")
    assert "l1_16" not in str(fetched)

    for address in (10, 11):
        del link.words[100, address]
    link.set(100, 5, 123)
    await fetch(source, clock)
    fetched = await fetch(source, clock)
    assert derived_by(source, *fetched)["grid_power"].value == 123


async def test_nothing_is_derived_from_a_value_that_is_gone(make_source: Make, link: Any, clock: Any) -> None:
    spec = {**ONE_PART, "parts": [{"name": "inverter", "map": "map.csv", "derived": [
        {"quantity": "pv_power", "sum": ["pv_1", "pv_2"]},
    ]}]}  # fmt: skip
    source = make_source(spec, {"map.csv": LIVE})
    link.set(1, 20, 0, 0)
    link.set(1, 10, 1500, 500, 2301, 1400)
    await fetch(source, clock)
    assert set(derived_by(source, "live")) == {"pv_power", "device"}
    link.set(1, 10, 0x8000)
    await fetch(source, clock)
    assert set(derived_by(source, "live")) == {"device"}


async def test_a_register_is_left_out_while_its_companion_is_zero(
    make_source: Make, link: Any, clock: Any
) -> None:
    companions = {"grid_voltage": ["pv_2", "ac"]}
    spec = {**ONE_PART, "parts": [{"name": "inverter", "map": "map.csv", "companions": companions}]}
    source = make_source(spec, {"map.csv": LIVE})
    link.set(1, 20, 0, 0)
    link.set(1, 10, 0, 0, 0, 0)
    fetched = (await fetch(source, clock))["live"]
    assert values(fetched) == {"pv_string_power 1": 0.0, "grid_phase_voltage L1": 0.0}
    assert [held.detail for held in fetched.held] == ["not there while grid_voltage is 0"] * 2
    link.set(1, 12, 2301)
    assert len(values((await fetch(source, clock))["live"])) == 4


async def test_a_scale_factor_in_another_register_is_read_with_it(
    make_source: Make, link: Any, clock: Any
) -> None:
    scaled = """
        address,type,scale,unit,group,name,quantity
        5,i16,@w_sf,W,live,w,inverter_power
        9,sunssf,,,identity,w_sf,-
    """
    source = make_source(ONE_PART, {"map.csv": scaled})
    link.set(1, 5, 1234, 0, 0, 0, 0xFFFF)
    assert values((await fetch(source, clock, "live"))["live"]) == {"inverter_power": 123.4}


@pytest.mark.parametrize("group", ["live", "-"])
async def test_a_block_whose_identity_changed_is_refused_whole(
    make_source: Make, link: Any, clock: Any, group: str
) -> None:  # T30
    page = f"""
        address,type,scale,unit,group,name,quantity
        0,u16,,,live,status,
        1,string2,,,{group},serial,-
        3,u16,0.01,kWh,live,capacity,battery_capacity
    """
    spec = ONE_PART | {"parts": [{"name": "inverter", "map": "map.csv", "witness": ["serial"]}]}
    source = make_source(spec, {"map.csv": page})
    link.set(1, 0, 7, 0x4142, 0x4344, 952)
    assert (await fetch(source, clock))["live"].outcome.ok
    link.set(1, 1, 0x4100, 0x0044, 1316)
    garbled = (await fetch(source, clock))["live"]
    assert garbled.outcome.reason is Reason.MALFORMED
    assert garbled.samples == ()
    assert [(held.guard, held.group, held.source) for held in garbled.held] == [
        (Guard.IDENTITY, "live", "holding 1 serial")
    ]
    link.set(1, 1, 0x4142, 0x4344, 952)
    assert (await fetch(source, clock))["live"].outcome.ok


async def test_the_profile_chooses_what_is_read(make_source: Make, link: Any, clock: Any) -> None:
    page = "address,type,profile,name\n1,u16,core,speed\n2,u16,full,gear\n"
    link.set(1, 1, 1, 2)
    core = await fetch(make_source(ONE_PART, {"map.csv": page}), clock)
    full = await fetch(make_source(ONE_PART, {"map.csv": page}, profile="full"), clock)
    assert len(core["live"].samples) == 1
    assert len(full["live"].samples) == 2


async def test_an_owners_map_stands_in_for_that_of_the_family(
    make_source: Make, link: Any, clock: Any, tmp_path: Path
) -> None:
    own = tmp_path / "own.csv"
    own.write_text("address,type,unit,group,name,quantity\n30,u16,W,live,sun,pv_power\n")
    source = make_source(ONE_PART, {"map.csv": LIVE}, map=own)
    link.set(1, 30, 1234)
    assert values((await fetch(source, clock))["live"]) == {"pv_power": 1234.0}


async def test_a_bit_field_without_names_is_its_code(make_source: Make, link: Any, clock: Any) -> None:
    source = make_source(ONE_PART, {"map.csv": "address,type,name\n10,bits32,vendor_event\n"})
    link.set(1, 10, 1, 2)
    assert values((await fetch(source, clock))["live"]) == {"testfamily_vendor_event_code": 65538}


MOVING = """
    address,type,scale,unit,group,name,absent
    1,string1,,,live,serial,
    2,u16,0.1,V,live,cell_1_voltage,
    3,u16,0.1,V,live,cell_2_voltage,
    4,u16,,,live,charge,0
    5,u16,,,settings,cycles,
"""


@pytest.fixture
def moving(make_source: Make, link: Any) -> RegisterSource:
    part = {
        "name": "inverter",
        "map": "map.csv",
        "witness": ["serial"],
        "steps": {"cell_*_voltage": 0.3, "charge": 10},
    }
    link.set(1, 1, 0x4142, 33, 33, 60, 400)
    return make_source(ONE_PART | {"parts": [part]}, {"map.csv": MOVING})


async def test_one_value_that_moved_too_far_is_held_back_until_it_is_confirmed(
    moving: RegisterSource, link: Any, clock: Any
) -> None:
    assert len((await fetch(moving, clock, "live"))["live"].held) == 0
    link.set(1, 4, 90)
    came = (await fetch(moving, clock, "live"))["live"]
    assert came.outcome.ok
    assert "testfamily_charge" not in values(came)
    assert [(held.guard, held.source, held.detail) for held in came.held] == [
        (Guard.SPLICE, "holding 4 charge", "90 after 60: moves by 10 at most")
    ]
    link.set(1, 4, 95)
    assert values((await fetch(moving, clock, "live"))["live"])["testfamily_charge"] == 95.0


async def test_a_block_put_together_of_two_is_refused_whole(
    moving: RegisterSource, link: Any, clock: Any
) -> None:
    await fetch(moving, clock, "live")
    link.set(1, 3, 29, 90)
    for _ in range(3):
        clock.advance(60)
        came = (await fetch(moving, clock, "live"))["live"]
        assert came.outcome.reason is Reason.MALFORMED
        assert "put together of two: cell_2_voltage, charge moved" in came.outcome.detail
        assert came.samples == ()
        assert [held.guard for held in came.held] == [Guard.SPLICE, Guard.SPLICE]
    clock.advance(120)
    assert (await fetch(moving, clock, "live"))["live"].outcome.ok  # five minutes after the last that counted


async def test_the_same_read_is_no_second_sign(make_source: Make, link: Any, clock: Any) -> None:
    page = "address,type,group,name\n0,u16,live,charge\n1,u16,settings,cycles\n"
    part = {"name": "inverter", "map": "map.csv", "steps": {"charge": 10}}
    spec = ONE_PART | {"parts": [part], "read": {"pages": {"holding": [(0, 2)]}}}
    source = make_source(spec | {"tiers": {"live": "0s", "settings": "1m"}}, {"map.csv": page})
    link.set(1, 0, 50, 1)
    await fetch(source, clock)
    link.set(1, 0, 99, 1)
    deadline = Deadline.after(10, clock)
    await source.prepare(deadline)
    for group in ("live", "settings", "live"):
        came = (await source.fetch([group], deadline))[group]
        assert "testfamily_charge" not in values(came)
    assert "testfamily_charge" in values((await fetch(source, clock, "live"))["live"])


async def test_another_device_is_not_compared_with_the_one_before(
    moving: RegisterSource, link: Any, clock: Any
) -> None:
    await fetch(moving, clock, "live")
    link.set(1, 1, 0x4143, 29, 29, 20)
    came = [(await fetch(moving, clock, "live"))["live"] for _ in range(3)]
    assert [one.outcome.ok for one in came] == [False, False, True]
    assert [held.guard for one in came for held in one.held] == [Guard.IDENTITY, Guard.IDENTITY]
    assert values(came[2])["testfamily_charge"] == 20.0


async def test_what_is_not_there_is_not_compared(moving: RegisterSource, link: Any, clock: Any) -> None:
    await fetch(moving, clock, "live")
    link.set(1, 4, 0)
    came = (await fetch(moving, clock, "live"))["live"]
    assert [held.guard for held in came.held] == [Guard.SENTINEL]
    link.set(1, 4, 61)
    assert (await fetch(moving, clock, "live"))["live"].held == ()


# Devices of pages

PAGES = {
    "title": "Pages",
    "vendor": "Test",
    "links": {"modbus_tcp": 502},
    "read": {"words": 60, "pages": {"holding": [(0, 4), (4, 4)], "input": [(60, 4)]}},
    "tiers": {"live": "0s", "settings": "5m"},
    "parts": [
        {
            "name": "inverter",
            "map": "inverter.csv",
            "required": True,
            "probe": {"address": 0, "count": 4, "expects": {0: [(10, 19), (30, 39)], 1: [(0, 99)]}},
            "sane": {"model": (0, 49)},
        },
        {
            "name": "extra",
            "map": "extra.csv",
            "probe": {"address": 0, "count": 4, "expects": {0: [(20, 29)]}},
        },
        {"name": "values", "map": "values.csv"},
        {
            "name": "pack",
            "map": "pack.csv",
            "units": (50, 51, 52, 53),
            "every": True,
            "consecutive": True,
            "label": "battery",
            "numbering": "pack {}",
            "probe": {"address": 60, "count": 4, "table": "input", "text": (62, 63), "patience": "1s"},
        },
    ],
}
PAGE_MAPS = {
    "inverter.csv": "address,type,group,name\n0,u16,settings,model\n2,u16,,power\n5,u16,,current\n",
    "extra.csv": "address,type,name\n3,u16,more\n",
    "values.csv": "address,type,name\n2,u16,again\n3,u16,voltage\n",
    "pack.csv": "address,type,table,name\n60,u16,input,charge\n62,string2,input,number\n",
}


@pytest.fixture
def paged(make_source: Any, link: Any) -> Any:
    link.set(1, 0, 12, 0, 100, 7, 0, 5, 0, 0)
    for unit in (50, 51, 53):
        link.set(unit, 60, 90, 0, 0x4131, 0x4232)
    link.set(52, 60, 0, 0, 0, 0)
    return make_source(PAGES, PAGE_MAPS)


async def test_pages_are_asked_for_whole_and_once(paged: Any, link: Any, clock: Any) -> None:
    deadline = Deadline.after(30, clock)
    await paged.prepare(deadline)
    assert [part.name for part in paged.parts] == ["inverter", "values", "pack_50", "pack_51"]
    assert [part.labels for part in paged.parts[2:]] == [{"battery": "pack 1"}, {"battery": "pack 2"}]
    link.spans.clear()
    fetched = await paged.fetch(["inverter_live", "values_live", "inverter_settings"], deadline)
    assert [str(span) for span in link.spans] == ["unit 1 holding 0+4", "unit 1 holding 4+4"]
    assert all(group.outcome.ok for group in fetched.values())
    assert fetched["values_live"].outcome.requests == 0
    await paged.prepare(deadline)
    await paged.fetch(["values_live"], deadline)
    assert len(link.spans) == 3


async def test_a_page_that_is_refused_is_one_that_the_device_lacks(paged: Any, link: Any, clock: Any) -> None:
    deadline = Deadline.after(30, clock)
    await paged.prepare(deadline)
    link.trouble[4] = [Rejected("refused")]
    fetched = await paged.fetch(["inverter_live"], deadline)
    assert fetched["inverter_live"].outcome.ok
    assert [sample.value for sample in fetched["inverter_live"].samples] == [100]
    await paged.prepare(deadline)
    link.spans.clear()
    await paged.fetch(["inverter_live"], deadline)
    assert [span.address for span in link.spans] == [0]


@pytest.mark.parametrize(
    ("words", "why"), [((0, 0, 0, 0), "a page of zeros"), ((55, 0, 1, 1), "model cannot be 55, only 0 to 49")]
)
async def test_a_damaged_page_is_refused_whole(
    words: tuple[int, ...], why: str, paged: Any, link: Any, clock: Any
) -> None:
    deadline = Deadline.after(30, clock)
    await paged.prepare(deadline)
    await paged.fetch(["inverter_live"], deadline)
    link.set(1, 0, *words)
    await paged.prepare(deadline)
    fetched = await paged.fetch(["inverter_live"], deadline)
    assert fetched["inverter_live"].outcome.reason == "malformed"
    assert why in fetched["inverter_live"].outcome.detail


async def test_a_map_of_an_owner_may_lack_what_the_family_says_more_of(
    link: Any, clock: Any, tmp_path: Path
) -> None:
    family = load_family("deye")
    assert isinstance(family, RegisterFamily)
    part = family.spec.parts[0]
    assert part.within({register.name for register in family.map_of(part).registers}) is part
    own = tmp_path / "own.csv"
    own.write_text("address,type,scale,unit,name,quantity\n587,u16,0.01,V,voltage,battery_voltage\n")
    config = DeviceConfig(name="roof", family="deye", map=own)
    source = family.source(config, Surroundings(ZoneInfo("UTC"), clock=clock), link)
    link.set(1, 0, 0x0005)
    link.set(1, 587, 5235)
    fetched = await fetch(source, clock)
    assert values(*fetched.values()) == {"battery_voltage": 52.35}
