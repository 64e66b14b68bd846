"""A chain of models is found wherever it stands, and read only as far as it goes."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sunhelm.devices.clock import Deadline
from sunhelm.devices.errors import Rejected, TimedOut
from sunhelm.devices.families.register_source import DISCOVERY, RegisterSource
from sunhelm.devices.links.base import Span
from sunhelm.devices.reading import Sample

Make = Callable[..., RegisterSource]
Put = Callable[..., None]
Model = tuple[int, Sequence[int]]

NOTHING = 0xFFFF
INVERTER = (
    *(60, 20, 20, 20, 0xFFFF),  # 6.0 A, SF -1
    *(4000, NOTHING, NOTHING, 2301, 2302, 2303, 0xFFFF),
    *(412, 1),  # 4.12 kW
    *(5001, 0xFFFE),
    *(0x8000, 0x8000, 0x8000, 0x8000, 0x8000, 0x8000),  # VA, VAr, PF
    *(1, 2, 0),  # 65538 Wh
    *(NOTHING, 0x8000, 3500, 0xFFFF, 4200, 0),
    *(452, 0x8000, 0x8000, 0x8000, 0xFFFF),
    *(4, NOTHING, 0, 0x81, 0, 0, *[0xFFFF] * 8),
)
METER = (
    *(100, 40, 30, 30, 0xFFFF, 2300, 2300, 2301, 2302, 0x8000, 0x8000, 0x8000, 0x8000, 0xFFFF, 50, 0),
    *(0xFFFF - 499, 0xFFFF - 99, 0xFFFF - 199, 0xFFFF - 199, 0),
    *([0x8000] * 15),
    *(0, 1000, *[0] * 6, 0, 2000, *[0] * 6, 0),
    *([0] * 16),
    0x8000,
    *([0] * 32),
    *(0x8000, 0, 0),
)


async def read(source: RegisterSource, clock: Any) -> dict[str, float]:
    """Read everything; values by metric and labels."""
    deadline = Deadline.after(60, clock)
    async with source.turn(deadline):
        await source.prepare(deadline)
        fetched = await source.fetch([group.name for group in source.groups()], deadline)
    failed = {name: each.outcome for name, each in fetched.items() if not each.outcome.ok}
    assert not failed
    samples = [sample for each in fetched.values() for sample in each.samples]
    return {_name(sample): sample.value for sample in (*samples, *source.derive(samples, list(fetched)))}


def _name(sample: Sample) -> str:
    return " ".join((sample.quantity.name, *sample.labels))


def test_the_examples_are_as_long_as_the_models() -> None:
    assert (len(INVERTER), len(METER)) == (50, 105)


@pytest.mark.parametrize("base", [0, 40000, 50000])
async def test_a_chain_is_found_at_every_base(
    make_device: Make, put: Put, common: Model, clock: Any, base: int
) -> None:
    put([common, (103, INVERTER)], base=base)
    source = make_device()
    values = await read(source, clock)
    assert values["device Maker Model X S-42 1.2.3"] == 1
    assert values["inverter_power"] == 4120
    assert values["inverter_output"] == 65538 * 3600
    assert values["inverter_frequency"] == 50.01
    assert values["inverter_phase_voltage L2"] == 230.2
    assert values["inverter_temperature cabinet"] == 45.2
    assert values["sunspec_inverter_state tracking"] == 1
    assert values["sunspec_inverter_event over_temperature"] == 1
    assert values["pv_power"] == 4200
    assert [part.map["model_id"].address for part in source.parts] == [base + 2, base + 70]


async def test_a_configured_base_is_the_only_one(
    make_device: Make, put: Put, common: Model, clock: Any
) -> None:
    put([common, (103, INVERTER)], base=1000)
    assert (await read(make_device(base=1000), clock))["inverter_power"] == 4120
    with pytest.raises(Rejected, match='no "SunS" at address 40001 of unit 1'):
        await read(make_device(base=40001), clock)


async def test_what_the_device_does_not_implement_is_no_sample(
    make_device: Make, put: Put, common: Model, clock: Any
) -> None:
    put([common, (103, INVERTER)])
    values = await read(make_device(profile="full"), clock)
    absent = {"apparent_power", "reactive_power", "power_factor", "temperature heat_sink"}
    assert not {f"inverter_{name}" for name in absent} & values.keys()
    assert "sunspec_inverter_dc_current" not in values, "its scale factor says that there is none"
    assert "sunspec_inverter_line_voltage L1-L2" in values
    assert "sunspec_inverter_line_voltage L2-L3" not in values


async def test_models_that_are_not_known_are_passed_over(
    make_device: Make, put: Put, common: Model, link: Any, clock: Any
) -> None:
    put([common, (64110, [7] * 300), (103, INVERTER), (701, [0] * 153), (203, METER)])
    source = make_device()
    values = await read(source, clock)
    assert [part.name for part in source.parts] == ["common", "inverter", "grid"]
    assert values["grid_power"] == -500
    assert all(span.count == 2 for span in link.spans if 40070 <= span.address < 40372)


async def test_the_only_meter_is_at_the_grid_and_several_are_numbered(
    make_device: Make, put: Put, common: Model, clock: Any
) -> None:
    put([common, (103, INVERTER), (203, METER)])
    values = await read(make_device(), clock)
    assert values["grid_phase_power L1"] == -100
    assert values["grid_import"] == 2000 * 3600
    assert values["grid_export"] == 1000 * 3600
    assert "grid_phase_import L1" not in values, "an accumulator of 0 is not implemented"
    put([common, (203, METER), (201, METER)])
    values = await read(make_device(), clock)
    assert (values["meter_power 1"], values["meter_power 2"]) == (-500, -500)
    assert values["meter_phase_current 2 L1"] == 4
    assert "grid_power" not in values


async def test_a_maker_who_counts_export_positive_is_turned_back(
    make_device: Make, put: Put, common_of: Callable[[str], Model], clock: Any
) -> None:
    put([common_of("SolarEdge "), (103, INVERTER), (203, METER)])
    values = await read(make_device(), clock)
    assert (values["grid_power"], values["grid_phase_power L1"]) == (500, 100)
    assert values["grid_phase_current L1"] == 4, "currents are not turned"
    assert values["inverter_power"] == 4120
    put([common_of("SolarEdge "), (203, METER), (203, METER)])
    assert (await read(make_device(), clock))["meter_power 2"] == 500


async def test_a_longer_model_is_fine_and_a_shorter_one_is_read_to_its_end(
    make_device: Make, put: Put, common: Model, link: Any, clock: Any
) -> None:
    put([common, (103, (*INVERTER, 1, 2, 3)), (203, METER[:21])], end=())
    source = make_device(profile="full")
    values = await read(source, clock)
    assert values["inverter_power"] == 4120
    assert values["grid_phase_power L3"] == -200
    assert "grid_import" not in values
    meter = source.parts[-1].map["model_id"].address
    assert max(span.end for span in link.spans if span.count > 2) == meter + 2 + 21


async def test_registers_whose_scale_is_cut_off_are_left_out(
    make_device: Make, put: Put, common: Model, clock: Any
) -> None:
    put([common, (103, INVERTER[:12])])
    values = await read(make_device(), clock)
    assert values["inverter_phase_voltage L1"] == 230.1
    put([common, (103, INVERTER[:11])])
    values = await read(make_device(), clock)
    assert "inverter_phase_voltage L1" not in values
    assert values["inverter_phase_current L1"] == 2


async def test_a_chain_may_end_without_its_mark(
    make_device: Make, put: Put, common: Model, clock: Any
) -> None:
    put([common, (103, INVERTER)], end=())
    assert (await read(make_device(), clock))["inverter_power"] == 4120
    put([common, (103, INVERTER)], end=(0, 0))
    assert (await read(make_device(), clock))["inverter_power"] == 4120


async def test_without_a_chain_the_error_says_where_was_looked(
    make_device: Make, link: Any, clock: Any
) -> None:
    link.set(1, 40000, 0x1234, 0x5678)
    with pytest.raises(Rejected, match=r'no "SunS" at address 40000 or 0 or 50000 of unit 1'):
        await read(make_device(), clock)


async def test_a_device_that_wakes_up_later_is_found_then(
    make_device: Make, put: Put, common: Model, link: Any, clock: Any
) -> None:
    source = make_device()
    link.set(1, 40000, 0, 0)
    with pytest.raises(Rejected):
        await read(source, clock)
    put([common, (103, INVERTER)])
    assert (await read(source, clock))["inverter_power"] == 4120


async def test_without_a_common_model_the_error_names_what_is_there(
    make_device: Make, put: Put, clock: Any
) -> None:
    put([(103, INVERTER)])
    with pytest.raises(Rejected, match=r"no common \(model 1\) at unit 1; its models are 103"):
        await read(make_device(), clock)


async def test_a_part_may_stand_at_a_unit_of_its_own(
    make_device: Make, put: Put, common: Model, clock: Any
) -> None:
    put([common, (103, INVERTER)])
    put([common, (203, METER)], unit=240)
    source = make_device(units={"grid": (240,)})
    values = await read(source, clock)
    assert (values["inverter_power"], values["grid_power"]) == (4120, -500)
    assert [(part.name, part.unit) for part in source.parts][-1] == ("grid", 240)


async def test_the_float_twin_of_a_model_is_only_read_without_it(
    make_device: Make, put: Put, common: Model, clock: Any
) -> None:
    floats = (*[0x7FC0, 0] * 10, 0x4580, 0x0000, *[0x7FC0, 0] * 12, 4, NOTHING, *[0] * 12)
    put([common, (113, floats)])
    source = make_device()
    values = await read(source, clock)
    assert values["inverter_power"] == 4096
    assert "inverter_frequency" not in values, "NaN"
    put([common, (113, floats), (103, INVERTER)])
    source = make_device()
    await read(source, clock)
    assert [part.name for part in source.parts] == ["common", "inverter"]


def mppt(modules: int, *, told: int | None = None) -> Model:
    """Return model 160 with so many modules: module i has 10 i V, i A, 100 i W and i kWh."""
    words = [0xFFFF, 0, 1, 3, 0, 0, modules if told is None else told, NOTHING]
    for i in range(1, modules + 1):
        words += (i, *[0] * 8, 10 * i, 10 * i, 10 * i, 0, i, 0, 0, 20 + i, 4, 0, 0)
    return 160, words


async def test_each_module_is_a_string(make_device: Make, put: Put, common: Model, clock: Any) -> None:
    put([common, (103, INVERTER), mppt(3)])
    values = await read(make_device(), clock)
    assert {name: value for name, value in values.items() if name.startswith("pv_")} == {
        "pv_power": 600,
        **{f"pv_string_power {i}": 100 * i for i in (1, 2, 3)},
        **{f"pv_string_voltage {i}": 10 * i for i in (1, 2, 3)},
        **{f"pv_string_current {i}": i for i in (1, 2, 3)},
        **{f"pv_string_production {i}": i * 3.6e6 for i in (1, 2, 3)},
    }
    assert values["sunspec_mppt_string_state 2 tracking"] == 1
    assert values["sunspec_mppt_string_temperature 3"] == 23


STORAGE = (
    *(5000, 100, 100, 0, NOTHING, 1000, 4200, NOTHING, NOTHING, 4, 10000, 10000, 0, 0, 0, 1),
    *(0, 0, 0x8000, 0xFFFE, 0xFFFE, 0x8000, 0x8000, 0xFFFE),
)


async def test_the_last_modules_of_a_fronius_hybrid_are_its_battery(
    make_device: Make, put: Put, common_of: Callable[[str], Model], clock: Any
) -> None:
    put([common_of("Fronius"), (103, INVERTER), (124, STORAGE), mppt(4)])
    values = await read(make_device(), clock)
    assert values["pv_power"] == 300
    assert values["battery_power"] == 400 - 300
    assert (values["battery_charge"], values["battery_discharge"]) == (3 * 3.6e6, 4 * 3.6e6)
    assert {name for name in values if name.startswith("pv_string_power")} == {
        "pv_string_power 1",
        "pv_string_power 2",
    }
    assert values["sunspec_mppt_string_state charge tracking"] == 1
    for models in ([common_of("Fronius"), mppt(4)], [common_of("Other"), (124, STORAGE), mppt(4)]):
        put(models)
        values = await read(make_device(), clock)
        assert values["pv_string_power 4"] == 400
        assert "battery_power" not in values


@pytest.mark.parametrize(("told", "read_"), [(1, 1), (2, 2), (7, 2), (0, 0), (NOTHING, 2)])
async def test_there_are_no_more_modules_than_said_and_than_fit(
    make_device: Make, put: Put, common: Model, clock: Any, *, told: int, read_: int
) -> None:
    put([common, mppt(2, told=told)])
    values = await read(make_device(), clock)
    assert sum(name.startswith("pv_string_power") for name in values) == read_
    assert values.get("pv_power") == ({1: 100, 2: 300}.get(read_))


async def test_discovery_goes_on_where_a_deadline_cut_it_short(
    make_device: Make, put: Put, common: Model, link: Any, clock: Any
) -> None:
    put([common, (103, INVERTER), (203, METER)])
    link.trouble = {40122: [TimedOut("the deadline passed")]}
    source = make_device()
    with pytest.raises(TimedOut):
        await read(source, clock)
    await read(source, clock)
    headers = [span.address for span in link.spans if span.count == 2]
    assert headers[:6] == [40000, 40002, 40070, 40122, 40122, 40229]


async def test_a_chain_that_grew_is_found_within_the_hour(
    make_device: Make, put: Put, common: Model, link: Any, clock: Any
) -> None:
    put([common, (103, INVERTER)])
    source = make_device()
    await read(source, clock)
    assert DISCOVERY in [group.name for group in source.groups()]
    before = source.parts[1].map
    put([common, (103, INVERTER), (203, METER)])
    await read(source, clock)
    assert [part.name for part in source.parts] == ["common", "inverter", "grid"]
    assert source.parts[1].map is before, "what is known of a register stays"


KNOWN = {1: 66, 101: 50, 102: 50, 103: 50, 120: 26, 121: 30, 122: 44, 123: 24, 124: 24, 201: 105, 203: 105}


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    models=st.lists(
        st.tuples(
            st.one_of(st.sampled_from(sorted(KNOWN)), st.integers(2, 65534)),
            st.lists(st.integers(0, 0xFFFF), min_size=1, max_size=180),
        ),
        max_size=8,
    ),
    base=st.sampled_from([0, 40000, 50000]),
    end=st.sampled_from([(0xFFFF, 0), (0, 0), ()]),
)
async def test_no_request_leaves_the_model_it_is_for(
    *, make_device: Make, put: Put, common: Model, link: Any, clock: Any, models: Any, base: int, end: Any
) -> None:
    link.words.clear()
    link.spans.clear()
    put([common, *models], base=base, end=end)
    source = make_device(profile="full")
    await read(source, clock)
    assert source.parts[0].name == "common"
    bounds, start = set(), base + 2
    for _, content in [common, *models]:
        bounds.add((start, start + 2 + len(content)))
        start += 2 + len(content)
    for span in link.spans:
        if span.count > 2:
            assert any(low <= span.address and span.end <= high for low, high in bounds), span
    for part in source.parts:
        assert all(register.scale_register in {r.name for r in part.map.registers} | {""}
                   for register in part.map.registers)  # fmt: skip
    assert all(isinstance(span, Span) for span in link.spans)


async def test_a_dump_leads_to_the_same_models(
    make_device: Make, put: Put, common: Model, link: Any, clock: Any
) -> None:
    put([common, (64110, [7] * 30), (103, INVERTER), mppt(2)])
    source = make_device(profile="full")
    values = await read(source, clock)
    dump = json.loads(json.dumps(await source.dump(Deadline.after(30, clock))))
    link.words.clear()
    for start, words in dump["holding"]["1"].items():
        link.set(1, int(start), *(int(word, 16) for word in words.split()))
    assert len(link.words) == 2 + 68 + 2 + 52 + 50 + 2, "nothing of the model that nobody knows"
    replayed = await read(make_device(profile="full"), clock)
    assert {name for name in values.keys() ^ replayed.keys() if not name.startswith("device ")} == set()
    assert "device Maker Model X A-00 1.2.3" in replayed
