"""What real GivEnergy devices answered, and what the program that recorded it took it for.

Every value that it states is compared, found by its name in the facts sheet. Where the program is not right
by the facts sheet, or states what no register says, the place is listed here with the reason.
"""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, cast
from zoneinfo import ZoneInfo

import pytest

from sunhelm.devices.clock import Deadline
from sunhelm.devices.device_config import DeviceConfig
from sunhelm.devices.errors import Rejected
from sunhelm.devices.families import load_family
from sunhelm.devices.families.base import RegisterFamily, Surroundings
from sunhelm.devices.families.register_source import DISCOVERY, RegisterSource
from sunhelm.devices.links.base import LinkStatistics, Span
from sunhelm.devices.reading import Sample
from sunhelm.devices.units import BASE_UNITS

pytestmark = pytest.mark.captures

KWH: Final = 3_600_000.0
BLOCKS: Final = {
    "inverter": ("input", "holding"),
    "three_phase_inverter": ("input", "holding"),
    "ems": ("input", "holding"),
    "battery": ("battery-input",),
    "bcu": ("hv-bcu-input",),
    "bmu": ("hv-bmu-input",),
    "meter": ("meter-input",),
}
ALIASES: Final = {
    "p_grid_out_ph1": "p_inverter_out",
    "p_backup": "p_eps_backup",
    "pf_inverter_output_now": "power_factor_output",
    "charge_status": "chgdis_status",
    "charge_status_label": "chgdis_status",
    "status_label": "status",
    "work_time_total_hours": "work_time_hours",
    "v_ac1_output": "v_eps_backup",
    "f_ac1_output": "f_eps_backup",
    "e_inverter_out_today": "e_pv_generation_today",
    "e_inverter_out_total": "e_pv_generation_total",
    "e_battery_charge_today": "e_battery_charge_today_alt1",
    "e_battery_discharge_today": "e_battery_discharge_today_alt1",
    "enable_rtc": "enable_real_time_control",
    "plant_enabled": "plant_status",
    "charge_slot_2_x": "charge_slot_2_ext",
    **{f"inverter_{n}_suspected_status": f"inverter_{n}_status" for n in range(1, 5)},
}
"""Names of the program that differ from those of the sheet."""

NOT_SET: Final = "0 is a power factor that is not set, and not -1"
NO_SENSOR: Final = "0.0 degrees is a sensor that the module does not have"
NO_INVERTER: Final = "nothing is told of an inverter that is not there"
OTHER_PAGE: Final = "page 0 is empty on three-phase inverters, and not read"
NO_PHASE: Final = "nothing is told of a phase without a voltage"
NOT_TOLD: Final = "the program states 0 for every module; ours are numbered from 1"
OTHER_MEANING: Final = "on this model these registers are something else, known by name"
A_COMMAND: Final = "a command that says nothing"
SCALED: Final = "the sheet's scale, which voltage, current and power agree with"


@dataclass
class Recorded:
    """Answers from a recording."""

    blocks: Mapping[str, Mapping[str, int]]
    statistics: LinkStatistics = field(default_factory=LinkStatistics)
    spans: list[Span] = field(default_factory=list)

    @asynccontextmanager
    async def turn(self, deadline: Deadline) -> AsyncIterator[None]:
        yield

    async def read(self, span: Span, deadline: Deadline) -> tuple[int, ...]:
        self.spans.append(span)
        page = self.blocks.get(f"0x{span.unit:02x}:{span.table}", {})
        if not any(str(place) in page for place in range(span.address, span.end)):
            raise Rejected("refused")
        return tuple(page.get(str(place), 0) for place in range(span.address, span.end))

    async def close(self) -> None: ...


@dataclass
class Device:
    """One recording, and all that is shown of it."""

    name: str
    expected: Mapping[str, Mapping[str, Any]]
    source: RegisterSource
    samples: Sequence[Sample]
    live: Sequence[Span]

    def of(self, unit: int, table: str, address: int) -> Iterator[tuple[Sample, str]]:
        """Yield the samples of the registers at an address, each with the vendor's unit."""
        for part in self.source.parts:
            if part.unit != unit:
                continue
            for register in part.map.registers:
                if (register.table.value, register.address) != (table, address):
                    continue
                for sample in self.samples:
                    same = sample.source == register.place and sample.quantity in (
                        register.code,
                        None if register.names else register.quantity,
                    )
                    if same and sample.group.startswith(part.name):
                        yield sample, register.unit

    def value(self, metric: str, **labels: str) -> float:
        """The value of one series."""
        (value,) = {
            sample.value
            for sample in self.samples
            if sample.quantity.metric == f"solar_{metric}"
            and labels == dict(zip(sample.quantity.labels, sample.labels, strict=True))
        }
        return value


def loaded(path: Path) -> dict[str, Any]:
    recording: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return recording


async def read(path: Path) -> Device:
    recording = loaded(path)
    blocks = dict(recording["blocks"])
    if "0x11:holding" not in blocks:
        # Page 0 was not recorded; what it would say of the model is known.
        blocks["0x11:holding"] = {"0": 0x4004, "21": 1121, **{str(n): 0x3030 for n in range(13, 18)}}
        blocks["0x11:holding"] |= {str(n): 0 for n in range(1, 13)}
    family = cast("RegisterFamily", load_family("givenergy"))
    config = DeviceConfig(
        family="givenergy",
        name="it",
        profile="full",
        units={},
        model=None,
        serial=None,
        rated_power=None,
        capacity=None,
    )
    link = Recorded(blocks)
    source = family.source(config, Surroundings(ZoneInfo("UTC")), link)
    deadline = Deadline.after(60)
    await source.prepare(deadline)
    await source.prepare(deadline)
    link.spans.clear()
    await source.fetch([group.name for group in source.groups() if group.period_s == 0], deadline)
    live = tuple(link.spans)
    await source.prepare(deadline)
    groups = [group.name for group in source.groups() if group.name != DISCOVERY]
    fetched = await source.fetch(groups, deadline)
    failed = {name: group.outcome.detail for name, group in fetched.items() if not group.outcome.ok}
    assert {
        name for name in failed if not name.startswith(("controls", "three_phase_settings", "meter_prod"))
    } == set()
    samples = [sample for group in fetched.values() for sample in group.samples]
    samples += source.derive(samples, groups)
    return Device(path.stem, recording["decoded_by_source_repo"], source, samples, live)


@pytest.fixture(scope="module")
def sheet(captures: Path) -> Mapping[tuple[str, str], Sequence[Mapping[str, str]]]:
    """The rows of the sheet by block and name."""
    rows: dict[tuple[str, str], list[Mapping[str, str]]] = {}
    with (captures.parent / "facts" / "givenergy.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            rows.setdefault((row["block"], row["name"]), []).append(row)
    return rows


Sheet = Mapping[tuple[str, str], Sequence[Mapping[str, str]]]


def rows_of(sheet: Sheet, kind: str, name: str) -> list[Mapping[str, str]]:
    """The rows of a name; what belongs to other models only, last."""
    found = [row for block in BLOCKS[kind] for row in sheet.get((block, name), ())]
    marks = {"three_phase_inverter": "three-phase only", "ems": "EMS only"}
    mark = marks.get(kind)
    if mark is None:
        return [row for row in found if not any(other in row["notes"] for other in marks.values())]
    return sorted(found, key=lambda row: mark not in row["notes"])


def in_units(sample: Sample, unit: str) -> float | str:
    """The value in the vendor's unit, or the text."""
    if sample.quantity.kind == "info":
        return sample.labels[-1]
    if sample.quantity.unit in ("", "timestamp_seconds"):
        return sample.value
    base = BASE_UNITS[unit]
    return (sample.value - float(base.offset)) / float(base.factor)


def same(expected: object, found: float | str) -> bool:
    if isinstance(expected, bool):
        return bool(found) is expected
    if isinstance(expected, int | float) and isinstance(found, float):
        return found == pytest.approx(expected, rel=1e-9, abs=1e-9)
    if isinstance(expected, str) and isinstance(found, float):
        if re.fullmatch(r"[0-9]+", expected):
            return found == int(expected, 16)
        clock = datetime.strptime(expected, "%H:%M:%S").replace(tzinfo=UTC) if ":" in expected else None
        return clock is not None and found == 3600 * clock.hour + 60 * clock.minute
    return expected == found


SIGNS: Final = ("grid_power", "battery_power", "current", "power_l")


def compare(device: Device, sheet: Sheet, block: str, name: str, expected: Any) -> str:
    """Return how a stated value is met: "equal", a listed reason, or "wrong"."""
    unit, kind = int(block.split(maxsplit=1)[0], 16), block.split()[1]
    special = SPECIAL.get((kind, name)) or SPECIAL.get(("", name))
    if special is not None:
        return "equal" if special(device, unit, expected) else "wrong"
    if isinstance(expected, dict):
        ends = [compare(device, sheet, block, f"{name}_{end}", value) for end, value in expected.items()]
        return next((end for end in ends if end != "equal"), "equal")
    slot = re.fullmatch(r"(.*)_(start|end)", name)
    theirs, _, end = name.rpartition("_") if slot else (name, "", "")
    alias = "_".join(filter(None, (ALIASES.get(theirs, theirs), end)))
    for row in (*rows_of(sheet, kind, name), *rows_of(sheet, kind, alias)):
        table = "holding" if row["block"] == "holding" else "input"
        for sample, vendor_unit in device.of(unit, table, int(row["address"])):
            found = in_units(sample, vendor_unit)
            if same(expected, found):
                return "equal"
            if isinstance(found, float) and isinstance(expected, int | float) and same(-expected, found):
                return "equal"  # our sign is that of a source into the house
    return left_out(kind, name, expected)


def left_out(kind: str, name: str, expected: Any) -> str:
    """Return the reason why a value is not shown as stated."""
    zero = expected in (0, 0.0, "0000", "", -1.0, [])
    for reason, kinds, names, holds in (
        (NOT_SET, ("inverter",), "power_factor", expected == -1.0),
        (NO_SENSOR, ("bmu",), "t_cell_.*", zero),
        (NOT_TOLD, ("bmu",), "bmu_index", zero),
        (NO_INVERTER, ("ems",), "inverter_[34]_.*", zero),
        (OTHER_MEANING, ("inverter",), "e_battery_.*_alt[12]", zero),
        (A_COMMAND, ("inverter",), "inverter_reboot", zero),
        (OTHER_PAGE, ("three_phase_inverter",), ".*", zero),
        (NO_PHASE, ("meter",), ".*_phase_[23]", zero),
        (SCALED, ("meter",), "(i|p_apparent|pf)_.*", True),
        (SCALED, ("bcu",), "battery_power|.*_capacity_(total|today)", True),
    ):
        if kind in kinds and re.fullmatch(names, name) and holds:
            return reason
    return "wrong"


def close(value: float, expected: float) -> bool:
    return value == pytest.approx(expected, rel=1e-9, abs=1e-6)


def split(quantity: str, sign: float) -> Callable[[Device, int, Any], bool]:
    return lambda device, _, expected: close(max(0.0, sign * device.value(quantity)), expected)


def joules(metric: str) -> Callable[[Device, int, Any], bool]:
    return lambda device, _, expected: close(device.value(metric) / KWH, expected)


def watts(metric: str) -> Callable[[Device, int, Any], bool]:
    return lambda device, _, expected: close(device.value(metric), expected)


def info(device: Device) -> Mapping[str, str]:
    (sample,) = [sample for sample in device.samples if sample.quantity.name == "device"]
    return dict(zip(sample.quantity.labels, sample.labels, strict=True))


def no_alarm(word: str) -> Callable[[Device, int, Any], bool]:
    def check(device: Device, _: int, expected: Any) -> bool:
        bits = [s.value for s in device.samples if s.quantity.name == f"givenergy_{word}"]
        return expected == [] and bool(bits) and not any(bits)

    return check


def battery(metric: str) -> Callable[[Device, int, Any], bool]:
    """Watt-hours of a battery, which the program cuts to whole ones."""
    return lambda device, unit, expected: (
        int(device.value(metric, battery=str(unit - 0x31)) / 3600) == expected
    )


SPECIAL: Final[Mapping[tuple[str, str], Callable[[Device, int, Any], bool]]] = {
    ("", "device_type_code"): lambda d, _, e: d.value("givenergy_device_type") == int(e, 16),
    ("", "model"): lambda d, _, e: int(d.value("givenergy_device_type")) >> 12 == int(e, 16),
    ("", "module"): lambda d, _, e: (
        [s.labels[-1] for s in d.samples if s.quantity.name == "givenergy_module"] == [e]
    ),
    ("inverter", "firmware_version"): lambda d, _, e: info(d)["firmware"] == e,
    ("three_phase_inverter", "firmware_version"): lambda d, _, e: (
        f"D0.{d.value('givenergy_ac_dsp_firmware_version'):.0f}"
        f"-A0.{d.value('givenergy_tph_arm_firmware_version'):.0f}" == e
    ),
    ("", "system_time"): lambda d, _, e: (
        d.value("device_clock_timestamp_seconds") == datetime.fromisoformat(f"{e}+00:00").timestamp()
    ),
    ("", "is_ac_coupled"): lambda d, _, e: ("AC Coupled" in info(d)["model"]) is e,
    ("inverter", "grid_import_power"): split("grid_power_watts", 1.0),
    ("inverter", "grid_export_power"): split("grid_power_watts", -1.0),
    ("inverter", "battery_charge_power"): split("battery_power_watts", -1.0),
    ("inverter", "battery_discharge_power"): split("battery_power_watts", 1.0),
    ("three_phase_inverter", "grid_import_power"): split("grid_power_watts", 1.0),
    ("three_phase_inverter", "grid_export_power"): split("grid_power_watts", -1.0),
    ("three_phase_inverter", "battery_charge_power"): split("battery_power_watts", -1.0),
    ("three_phase_inverter", "battery_discharge_power"): split("battery_power_watts", 1.0),
    ("three_phase_inverter", "p_meter_import"): split("grid_power_watts", 1.0),
    ("three_phase_inverter", "p_meter_export"): split("grid_power_watts", -1.0),
    ("three_phase_inverter", "p_battery_charge"): split("battery_power_watts", -1.0),
    ("three_phase_inverter", "p_battery_discharge"): split("battery_power_watts", 1.0),
    ("three_phase_inverter", "p_battery"): watts("battery_power_watts"),
    ("three_phase_inverter", "e_battery_throughput"): joules("givenergy_battery_throughput_joules_total"),
    ("inverter", "f_ac1"): watts("grid_frequency_hertz"),
    ("inverter", "battery_capacity_kwh"): joules("givenergy_battery_nominal_capacity_joules"),
    ("inverter", "battery_max_power"): watts("givenergy_rated_battery_power_watts"),
    ("inverter", "inverter_max_power"): watts("rated_power_watts"),
    ("inverter", "e_consumption_today"): joules("load_consumption_today_joules"),
    ("inverter", "e_self_consumption_today"): joules("givenergy_self_consumption_today_joules"),
    ("inverter", "e_self_consumption_total"): joules("givenergy_self_consumption_joules"),
    ("inverter", "e_pv_direct_today"): joules("givenergy_pv_direct_today_joules"),
    ("inverter", "charger_warning_messages"): no_alarm("charger_warning"),
    **{("three_phase_inverter", f"inverter_fault_codes_{n}"): no_alarm(f"fault_word_{n}") for n in range(8)},
    ("battery", "remaining_energy_nominal_wh"): battery("givenergy_battery_unit_stored_joules"),
    ("battery", "remaining_energy_measured_wh"): battery("givenergy_battery_unit_stored_measured_joules"),
    ("", "modbus_version"): lambda d, _, e: close(d.value("givenergy_modbus_version"), float(e)),
    ("inverter", "battery_charge_limit"): lambda d, _, e: close(
        100.0 * d.value("givenergy_battery_charge_rate"), e
    ),
    ("inverter", "battery_discharge_limit"): lambda d, _, e: close(
        100.0 * d.value("givenergy_battery_discharge_rate"), e
    ),
    ("meter", "p_active_total"): lambda d, unit, e: (
        (e == 0 and d.value("meter_power_watts", meter=str(unit)) != 0.0)
        or close(d.value("meter_power_watts", meter=str(unit)), e)
    ),
    ("meter", "p_reactive_total"): lambda d, unit, e: close(
        d.value("givenergy_meter_reactive_power_vars", meter=str(unit)), e
    ),
}
"""What is stated and is no register, or is worked out from several: by kind and name."""


@pytest.fixture(scope="module")
def paths(captures: Path) -> Sequence[Path]:
    return sorted((captures / "givenergy").glob("capture_*.json"))


STATED: Final = 1129
EQUAL: Final = 932
"""How many values the four recordings state, and how many are shown as stated."""


async def test_every_value_of_the_recordings_is_shown(
    paths: Sequence[Path], sheet: Sheet, capsys: pytest.CaptureFixture[str]
) -> None:
    outcomes: Counter[str] = Counter()
    wrong = []
    for path in paths:
        device = await read(path)
        for block, values in device.expected.items():
            for name, expected in values.items():
                outcome = compare(device, sheet, block, name, expected)
                outcomes[outcome] += 1
                if outcome == "wrong":
                    wrong.append((path.stem, block, name, expected))
    with capsys.disabled():
        print()
        print(*(f"givenergy: {count:5} {outcome}" for outcome, count in outcomes.most_common()), sep="\n")
    assert not wrong, "\n".join(map(str, wrong))
    assert outcomes.total() == STATED
    assert outcomes["equal"] == EQUAL


async def test_meters_agree_with_themselves(paths: Sequence[Path]) -> None:
    """Volts times amperes is apparent power: the program's fixed steps are ten times off on some."""
    looked_at = 0
    for path in paths:
        device = await read(path)
        for sample in device.samples:
            if sample.quantity.name != "meter_phase_current" or not sample.value:
                continue
            meter, phase = sample.labels
            volts = device.value("meter_phase_voltage_volts", meter=meter, phase=phase)
            apparent = device.value(
                "givenergy_meter_phase_apparent_power_volt_amperes", meter=meter, phase=phase
            )
            # A current is told in steps of 0.1 A, cut or rounded.
            assert abs(volts * sample.value - apparent) <= volts * 0.1 + 1.0, (path.stem, meter, phase)
            looked_at += 1
    assert looked_at == 7


async def test_stacks_agree_with_themselves(paths: Sequence[Path]) -> None:
    """Volts times amperes is the power, positive when discharging; charge counts in tenths of an hour."""
    for path in paths:
        device = await read(path)
        if not any(part.name == "stack_112" for part in device.source.parts):
            continue
        volts = device.value("battery_unit_voltage_volts", battery="1")
        amperes = device.value("battery_unit_current_amperes", battery="1")
        power = device.value("battery_unit_power_watts", battery="1")
        assert abs(volts * amperes - power) <= 100.0
        energy = device.value("battery_unit_discharge_joules_total", battery="1")
        charge = device.value("givenergy_battery_unit_discharged_coulombs_total", battery="1")
        assert energy / charge == pytest.approx(volts, rel=0.15)


async def test_a_live_scrape_is_few_requests(
    paths: Sequence[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """At most three, and one more for each battery pack."""
    for path in paths:
        device = await read(path)
        packs = [span for span in device.live if span.unit >= 0x31]
        with capsys.disabled():
            print(f"\n{path.stem}: {len(device.live) - len(packs)} live requests, {len(packs)} for packs")
        assert len(device.live) - len(packs) <= 3
        assert len(set(device.live)) == len(device.live)
