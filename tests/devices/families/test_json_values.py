"""Values of JSON answers as data: what a row means."""

from __future__ import annotations

import math
import tempfile
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunhelm.devices.families.amount_texts import amount
from sunhelm.devices.families.json_map import load_json_map
from sunhelm.devices.families.json_values import JsonMap, JsonValue, Step
from sunhelm.devices.reading import Guard, Held, Sample
from sunhelm.devices.units import BASE_UNITS

HEAD = "group,path,type,unit,scale,profile,name,quantity,labels,min,max,names\n"


class Config:
    """A device of 10 kW without a battery that is known."""

    profile = "full"
    rated_power = 10_000.0
    capacity = None


def load(tmp_path: Path, *rows: str, **options: Any) -> JsonMap:
    file = tmp_path / "values.csv"
    file.write_text(HEAD + "".join(f"{row}\n" for row in rows))
    return load_json_map(file, family="box", **options)


def told(values: JsonMap, document: object, config: Any = None) -> list[tuple[Any, ...]]:
    found = []
    for item in values.samples("live", document, config or Config()):
        if isinstance(item, Sample):
            found.append((item.quantity.metric, *item.labels, item.value))
        else:
            found.append((item.guard, item.source))
    return found


def test_a_number_becomes_one_of_the_catalogue_in_its_base_unit(tmp_path: Path) -> None:
    values = load(
        tmp_path, "live,Pv.Power,,kW,,core,pv,pv_power,,,,", "live,Sum,,kWh,0.1,core,e,grid_export,,,,"
    )
    assert told(values, {"Pv": {"Power": 0.512}, "Sum": 52.3}) == [
        ("solar_pv_power_watts", 512.0),
        ("solar_grid_export_joules_total", 18_828_000.0),
    ]


def test_members_of_a_list_are_labelled_by_what_they_say_or_by_their_number(tmp_path: Path) -> None:
    values = load(
        tmp_path,
        "live,Phases[phase=Id].V,,V,,core,v,grid_phase_voltage,,,,",
        "live,Strings[string],,W,,core,p,pv_string_power,,,,",
        renames={"phase": {"A": "L1"}},
    )
    document = {"Phases": [{"Id": "B", "V": 231}, {"Id": "A", "V": 230}, {"V": 1}], "Strings": [5, None, 7]}
    assert told(values, document) == [
        ("solar_grid_phase_voltage_volts", "B", 231.0),
        ("solar_grid_phase_voltage_volts", "L1", 230.0),
        ("solar_pv_string_power_watts", "1", 5.0),
        (Guard.SENTINEL, "Strings[string]"),
        ("solar_pv_string_power_watts", "3", 7.0),
    ]


def test_states_texts_times_and_flags(tmp_path: Path) -> None:
    values = load(
        tmp_path,
        "live,S,state,,,core,status,,,,,OK=ok;Off=off",
        "live,T,text,,,core,note,,,,,",
        "live,U,time,,,core,seen,,,,,",
        "live,F,flag,,,core,on,,,,,",
    )
    document = {"S": "Off", "T": " a\t", "U": "1970-01-01T00:01:00Z", "F": True}
    assert told(values, document) == [
        ("solar_box_status", "ok", 0.0),
        ("solar_box_status", "off", 1.0),
        ("solar_box_note_info", "a", 1.0),
        ("solar_box_seen_timestamp_seconds", 60.0),
        ("solar_box_on", 1.0),
    ]
    assert told(values, {"S": "New", "T": "", "U": "soon", "F": 1}) == [
        ("solar_box_status", "ok", 0.0),
        ("solar_box_status", "off", 0.0),
        (Guard.UNKNOWN_CODE, "S"),
        (Guard.SENTINEL, "T"),
        (Guard.BOUNDS, "U"),
        (Guard.BOUNDS, "F"),
    ]


def test_bounds_are_in_the_vendors_unit_or_the_devices_own(tmp_path: Path) -> None:
    values = load(
        tmp_path,
        "live,A,,kW,,core,a,pv_power,,0,rated_power*1.5,",
        "live,B,,%,,core,b,battery_state_of_charge,,0,100,",
        "live,C,,Wh,,core,c,battery_capacity,,,capacity,",
    )
    assert told(values, {"A": 15, "B": 100, "C": 10**9}) == [
        ("solar_pv_power_watts", 15_000.0),
        ("solar_battery_state_of_charge_ratio", 1.0),
        ("solar_battery_capacity_joules", 3.6e12),
    ]
    assert told(values, {"A": 15.001, "B": 100.5, "C": 1}) == [
        (Guard.BOUNDS, "A"),
        (Guard.BOUNDS, "B"),
        ("solar_battery_capacity_joules", 3600.0),
    ]


def test_the_profile_core_leaves_out_what_is_full(tmp_path: Path) -> None:
    values = load(tmp_path, "live,A,,W,,core,a,,,,,", "live,B,,W,,full,b,,,,,")
    core: Any = type("Core", (Config,), {"profile": "core"})()
    assert told(values, {"A": 1, "B": 2}, core) == [("solar_box_a_watts", 1.0)]
    assert len(told(values, {"A": 1, "B": 2})) == 2


def value_of(unit: str, scale: Fraction = Fraction(1)) -> JsonValue:
    return JsonValue(
        path="A",
        steps=(Step("A"),),
        type="number",
        quantity=None,
        conversion=BASE_UNITS[unit],
        scale=scale,
        group="live",
        profile="core",
        name="a",
        names={},
        labels={},
        low=None,
        high=None,
    )


@given(
    number=st.floats(allow_nan=False, allow_infinity=False) | st.integers(),
    unit=st.sampled_from(sorted(BASE_UNITS)),
    scale=st.sampled_from(["1", "-1", "0.1", "1000", "1/3"]).map(Fraction),
)
def test_what_is_written_in_decimal_is_converted_with_one_rounding(
    number: float, unit: str, scale: Fraction
) -> None:
    conversion = BASE_UNITS[unit]
    exact = Fraction(repr(number)) * scale * conversion.factor + conversion.offset
    try:
        expected = float(exact)
    except OverflowError:
        with pytest.raises(OverflowError):
            value_of(unit, scale).in_base_unit(number)
    else:
        assert value_of(unit, scale).in_base_unit(number) == expected


json = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ABCId"), inner, max_size=4),
    max_leaves=12,
)


@given(json)
def test_no_answer_of_any_shape_throws(document: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        values = load(
            Path(folder),
            "live,A.B,,kW,,core,a,pv_power,,,,",
            "live,A[string].C,,V,,core,b,pv_string_voltage,,,,",
            "live,B[phase=Id].C,state,,,core,c,,,,,x=y",
            "live,C,time,,,core,d,,,,,",
        )
    for item in values.samples("live", document, Config()):  # type: ignore[arg-type]
        assert isinstance(item, Sample | Held)


def test_an_amount_may_be_text_with_its_unit(tmp_path: Path) -> None:
    values = load(
        tmp_path,
        "live,A,amount,kWh,,core,a,grid_import,,,,",
        "live,B,amount,%,,core,b,battery_state_of_charge,,0,100,",
        "live,C,amount,W,-1,core,c,battery_power,,,,",
    )
    assert told(values, {"A": "930Wh", "B": "62.0%", "C": "1,5 kW"}) == [
        ("solar_grid_import_joules_total", 3_348_000.0),
        ("solar_battery_state_of_charge_ratio", 0.62),
        ("solar_battery_power_watts", -1500.0),
    ]
    assert told(values, {"A": "-", "B": "620%", "C": "1,500W"}) == [
        (Guard.SENTINEL, "A"),
        (Guard.BOUNDS, "B"),
        (Guard.BOUNDS, "C"),
    ]


@given(
    number=st.decimals(-(10**9), 10**9, places=3),
    unit=st.sampled_from([unit for unit in BASE_UNITS if unit and len(unit) <= 6 and unit.isalpha()]),
    gap=st.sampled_from(["", " ", "\u00a0"]),
)
def test_an_amount_is_what_its_text_says(number: Decimal, unit: str, gap: str) -> None:
    conversion = BASE_UNITS[unit]
    exact = Fraction(number) * conversion.factor + conversion.offset
    assert amount(f"{number:f}{gap}{unit}", conversion) == float(exact)


@given(st.text(max_size=20))
def test_no_text_breaks_the_reading_of_an_amount(text: str) -> None:
    found = amount(text, BASE_UNITS["W"])
    assert found is None or math.isfinite(found)
