"""Devices of one family that are of different classes, and totals of what a device happens to have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sunhelm.devices.clock import Deadline
from sunhelm.devices.errors import Rejected, TimedOut
from sunhelm.devices.families.register_source import RegisterSource
from sunhelm.devices.families.spec import Derived, FamilySpec, Probe

Make = Callable[..., RegisterSource]

THERE = {"address": 50, "count": 2}
CLASSES = {
    "title": "Test", "vendor": "Tester", "links": {"modbus_tcp": 502},
    "identity": {"model": "device.type", "serial": "device.serial"},
    "parts": [
        {"name": "device", "map": "device.csv", "units": [3], "probe": THERE},
        {"name": "hybrid", "map": "hybrid.csv", "units": [3], "beside": "device",
         "probe": {**THERE, "values": [8009, 0x1_0001]},
         "derived": [
             {"quantity": "pv_power", "sum": ["one", "two"], "partial": True},
             {"quantity": "grid_phase_power", "sum": ["one"], "labels": {"phase": "L1"}},
             {"quantity": "grid_phase_power", "sum": ["-two"], "labels": {"phase": "L2"}},
         ]},
        {"name": "plain", "map": "plain.csv", "units": [3], "beside": "device", "probe": THERE,
         "instead_of": ["hybrid"]},
        {"name": "plant", "map": "plain.csv", "units": [2], "probe": THERE, "instead_of": ["device"]},
    ],
}  # fmt: skip
MAPS = {
    "device.csv": """
        address,type,group,name,quantity,names,absent
        50,u32,identity,type,-,8009=hybrid;8001=plain,
        52,u32,identity,serial,-,,0xFFFFFFFF
    """,
    "hybrid.csv": """
        address,type,unit,group,name,quantity,labels,absent
        60,i32,W,live,one,pv_string_power,string=1,0x80000000
        62,i32,W,live,two,pv_string_power,string=2,0x80000000
    """,
    "plain.csv": """
        address,type,unit,group,name,quantity
        60,i32,W,live,one,inverter_power
    """,
}


def device(link: Any, unit: int, kind: int, *words: int) -> None:
    link.set(unit, 50, kind >> 16, kind & 0xFFFF, 0xB2D0, 0x5E00)
    link.set(unit, 60, *words)


async def parts(source: RegisterSource, clock: Any) -> list[str]:
    deadline = Deadline.after(10, clock)
    async with source.turn(deadline):
        await source.prepare(deadline)
    return [part.name for part in source.parts]


@pytest.mark.parametrize(
    ("kind", "found"),
    [(8009, "hybrid"), (0x1_0001, "hybrid"), (8001, "plain"), (1, "plain"), (0xFFFF_FFFF, "plain")],
)
async def test_what_a_device_tells_of_itself_chooses_its_map(
    make_source: Make, link: Any, clock: Any, kind: int, found: str
) -> None:
    device(link, 3, kind, 0, 5, 0, 7)
    assert await parts(make_source(CLASSES, MAPS), clock) == ["device", found]
    assert len(link.spans) == 1, "one request tells all of it"


async def test_a_part_that_stands_in_is_looked_for_where_the_others_are_missing(
    make_source: Make, link: Any, clock: Any
) -> None:
    device(link, 2, 9343, 0, 5)
    assert await parts(make_source(CLASSES, MAPS), clock) == ["plant"]


async def test_parts_beside_another_one_follow_its_unit_id(make_source: Make, link: Any, clock: Any) -> None:
    device(link, 9, 8009, 0, 5, 0, 7)
    source = make_source(CLASSES, MAPS, units={"device": (9,)})
    assert await parts(source, clock) == ["device", "hybrid"]
    assert {part.unit for part in source.parts} == {9}


async def test_a_code_is_named_and_a_serial_number_has_no_point(
    make_source: Make, link: Any, clock: Any
) -> None:
    device(link, 3, 8009, 0, 5, 0, 7)
    source = make_source(CLASSES, MAPS)
    await parts(source, clock)
    deadline = Deadline.after(10, clock)
    await source.fetch(["device_identity"], deadline)
    (told,) = [s.labels for s in source.derive((), ["device_identity"]) if s.quantity.name == "device"]
    assert told == ("Tester", "hybrid", "3000000000", "")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((0, 500, 0, 300), {"pv_power": 800.0, "grid_phase_power L1": 500.0, "grid_phase_power L2": -300.0}),
        ((0, 500, 0x8000, 0), {"pv_power": 500.0, "grid_phase_power L1": 500.0}),
        ((0x8000, 0, 0x8000, 0), {}),
    ],
)
async def test_a_partial_sum_is_of_what_there_is(
    make_source: Make, link: Any, clock: Any, words: tuple[int, ...], expected: dict[str, float]
) -> None:
    device(link, 3, 8009, *words)
    source = make_source(CLASSES, MAPS)
    await parts(source, clock)
    await source.fetch(["hybrid_live"], Deadline.after(10, clock))
    totals = {
        " ".join((sample.quantity.name, *sample.labels)): sample.value
        for sample in source.derive((), ["hybrid_live"])
        if sample.quantity.name != "device"
    }
    assert totals == expected


async def test_a_device_that_is_nothing_of_this_family_says_so(
    make_source: Make, link: Any, clock: Any
) -> None:
    link.set(7, 1, 1)
    with pytest.raises(Rejected, match="family testfamily"):
        await parts(make_source(CLASSES, MAPS), clock)


async def test_a_silent_device_is_silent_and_not_another_one(
    make_source: Make, link: Any, clock: Any
) -> None:
    link.trouble[50] = [TimedOut("no answer") for _ in range(9)]
    with pytest.raises(TimedOut):
        await parts(make_source(CLASSES, MAPS), clock)


def test_a_probe_without_values_takes_any_answer() -> None:
    assert Probe(address=1).is_there((0,))
    assert not Probe(address=1, nonzero=True).is_there((0, 0))
    assert Probe(address=1, values=(0x1_0002,)).is_there((1, 2))
    assert not Probe(address=1, values=(2,)).is_there((1, 2))


def test_the_hazard_of_a_setting_is_its_own_or_that_of_its_part() -> None:
    hazards = {"a.*": "person", "a.x": "never"}
    spec = FamilySpec(title="T", vendor="V", links={"modbus_tcp": 502}, setting_hazards=hazards)  # type: ignore[arg-type]  # words, as in YAML
    assert [spec.hazard_of(place) for place in ("a.x", "a.y", "b.x")] == ["never", "person", "opt-in"]
    assert Derived(quantity="pv_power", sum=("one",)).partial is False
