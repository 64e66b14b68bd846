"""Four independent libraries and our driver read the same simulated Deye inverters.

What a library reads, in the vendor's unit, is our value; its words stand for our codes. What differs is named
here with the reason.
"""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest

from sunhelm.devices.clock import Deadline
from sunhelm.devices.device_config import DeviceConfig
from sunhelm.devices.families import Surroundings, load_family
from sunhelm.devices.registers.register import Register, RegisterMap
from sunhelm.devices.units import BASE_UNITS

pytestmark = pytest.mark.peers

HERE: Final = Path(__file__).parent
ZONE: Final = ZoneInfo("Europe/Amsterdam")

NOT_THERE: Final = "0 where nothing is: we leave it out"
SUM: Final = "a sum of its own over several registers"
UNIT: Final = "another unit for the same raw number"
FAULT: Final = "a fault of the library that is known"
WORD: Final = "the other half of two words that we show as one"
PROFILE: Final = "the facts sheet gives steps of 0.1 V on high-voltage units"

AGREED: Final[Mapping[str, str]] = {
    **dict.fromkeys(("grid_current", "grid_ct_current", "pv_power"), SUM),
    **dict.fromkeys(
        ("essential_power", "essential_1_power", "essential_2_power", "non_essential_power"), SUM
    ),
    **dict.fromkeys(("gen_l1_current", "gen_l2_current", "gen_l3_current"), FAULT),
    **dict.fromkeys(
        (
            *("pv4_power", "pv4_current", "pv4_in_power", "pv4_voltage", "pv4_volt"),
            *("grid_l2_power", "load_l2_power"),
        ),
        NOT_THERE,
    ),
    **dict.fromkeys(
        (
            "battery_2_soc",
            "battery_2_voltage",
            "battery_2_current",
            "battery_2_power",
            "battery_2_temperature",
            "battery_2_bms_temperature",
        ),
        NOT_THERE,
    ),
    **dict.fromkeys(
        (
            "battery_resistance",
            "generator_max_operating_time",
            "gen_max_working_time",
            "TEMPCO",
            "grid_freq_selection",
        ),
        UNIT,
    ),
    **dict.fromkeys(("gen_charge_start_soc", "battery_temperature", "battery_1_bms_current"), FAULT),
    **dict.fromkeys(("warn_2", "lithium_battery_loss_warning"), WORD),
    "parallel_communication_quality_warning": WORD,
    **{f"SellTimePoint{n}": "hours and minutes as one decimal number" for n in range(1, 7)},
    **{f"SellModeBattVolt{n}": "not scaled" for n in range(1, 7)},
}
"""What may differ, and why."""

ONLY_HIGH_VOLTAGE: Final[Mapping[str, str]] = {
    **{
        f"battery_{what}_voltage": PROFILE
        for what in ("low", "equalization", "absorption", "float", "shutdown", "restart")
    },
    **{f"prog{n}_voltage": PROFILE for n in range(1, 7)},
}

WORDS: Final[Mapping[str, Mapping[str, float]]] = {
    "device_type": {
        "Low voltage three phase hybrid": 5,
        "High voltage three phase hybrid": 6,
        "Single phase hybrid": 3,
        "Hybrid3Phase": 5,
    },
    "protocol": {"1.4": 0x0104},
    "overall_state": {"ok": 2},
    "battery_type": {"Lithium (Use BMS)": 1},
    "battery_wake_up": {"Enabled": 1, "Active": 1},
    "battery_1_wake_up": {"Disabled": 1},
    "battery_2_wake_up": {"Enabled": 1},
    "generator_port_usage": {"Generator": 0},
    "gen_port_use": {"GenInput": 0},
    "generator_input": {"Disable": 0},
    "load_limit": {"Zero Export": 2},
    "work_mode": {"ZeroExportToCT": 2},
    "gen_signal_on": {"False": 1},
    "grid_standard": {"Generic": 0},
    "configured_grid_frequency": {"50Hz": 0},
    "configured_grid_phases": {"Single Phase": 1},
    "battery_1_manufacturer": {"HereYin": 0, "No HV battery": 0},
    "battery_2_manufacturer": {"No HV battery": 0},
    "lithium_hv_bms_protocol": {"PYLON SOLAX (CAN)": 0},
    "bms_protocol": {"PYLON CAN": 0},
    "fan_warning": {"No Warning": 0},
    "grid_phase_warning": {"No Warning": 0},
    "fault": {"": 0},
    "fault_information": {"Normal: OK/No Error": 0},
    "warn_1": {"{'Fan-Warning': 0, 'Wrong-Phase': 0}": 0},
    "sd_status": {"unknown 0": 0},
    "use_timer": {"True": 0xFE, "False": 0xFE},
    **{name: {"None": 0} for name in ("time_synchronization", "beep", "am_pm", "auto_dim", "allow_remote")},
    **{name: {"Active": 1} for name in ("switch_on_off", "solar_sell")},
    **{
        name: {"Inactive": 0}
        for name in ("gen_charge_enable", "grid_charge_enable", "generator_to_grid", "bms_battery_alarm")
    },
    **{f"prog{n}_charge": {"No Grid or Gen": 0} for n in range(1, 7)},
    **{f"prog{n}_mode": {"None": 0} for n in range(1, 7)},
}
"""What the libraries call a code."""

PAIRS: Final = (
    "microinverter_export_to_grid_cutoff",
    "gen_peak_shaving",
    "grid_peak_shaving",
    "on_grid_always_on",
    "external_relay",
    "loss_of_lithium_battery_report_fault",
    "drm",
    "us_version_grounding_fault",
)
SUNSYNK: Final[Mapping[str, Mapping[str, int]]] = {
    "three-phase": {"equal": 119, "the same in words": 79, "agreed to differ": 11},
    "three-phase-hv": {"equal": 141, "the same in words": 92, "agreed to differ": 32},
    "single-phase": {"equal": 95, "the same in words": 38, "agreed to differ": 6},
}
"""How many of its readings are what, by profile."""

DAYS: Final = ("time_of_use", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
RELAYS: Final = {
    "grid_connected": 2,
    "inv_relay_status": 0,
    "undefined_load_relay_status": 1,
    "grid_relay_status": 2,
    "generator_relay_status": 3,
    "grid_give_power_to_relay_status": 4,
    "dry_contact1_status": 5,
    "dry_contact2_status": 6,
}


@pytest.fixture(scope="module")
def ports() -> Iterator[Mapping[str, int]]:
    with subprocess.Popen(
        [sys.executable, HERE / "every_deye.py"], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())
        process.terminate()


def told(python: Path, script: str, *arguments: object) -> Any:
    run = subprocess.run(
        [python, HERE / script, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def ours(kind: str, port: int) -> tuple[RegisterMap, Mapping[str, float | str]]:
    """The map of this inverter, and what our driver reads of it, in base units."""

    async def read() -> tuple[RegisterMap, Mapping[str, float | str]]:
        config = DeviceConfig(name="roof", family="deye", host="127.0.0.1", port=port, profile="full")
        source: Any = load_family("deye").open(config, Surroundings(ZONE))
        deadline = Deadline.after(60)
        async with source.turn(deadline):
            await source.prepare(deadline)
            groups = [group.name for group in source.groups() if group.name != "discovery"]
            fetched = await source.fetch(groups, deadline)
        await source.close()
        assert all(group.outcome.ok for group in fetched.values())
        (part,) = source.parts
        assert part.name == kind
        return part.map, source.values[part.name]

    return asyncio.run(read())


def in_vendors_unit(register: Register, value: float) -> float:
    conversion = BASE_UNITS[register.unit]
    return (value - float(conversion.offset)) / float(conversion.factor)


def is_time(theirs: Any, value: float) -> bool:
    hours, minutes = map(int, str(theirs).split(":"))
    return value == 3600 * hours + 60 * minutes


def is_moment(theirs: Any, value: float) -> bool:
    return datetime.fromisoformat(str(theirs)) == datetime.fromtimestamp(value, ZONE).replace(tzinfo=None)


def are_days(theirs: Any, value: float) -> bool:
    days = {str(day).rpartition(" ")[2].lower() for day in theirs}
    return days == {day for bit, day in enumerate(DAYS) if bit and int(value) >> bit & 1}


def are_pairs(theirs: Any, value: float) -> bool:
    return list(theirs.values()) == [int(value) >> low & 3 for low in range(0, 2 * len(theirs), 2)]


def are_relays(theirs: Any, value: float) -> bool:
    return theirs["Inverter"] == int(value) & 1 and theirs["Grid"] == int(value) >> 2 & 1


ALIKE: Final = (
    (r"prog\d_time|sell_point_t\d", is_time),
    (r"date_time|inverter_time", is_moment),
    (r"sell_time_of_use", are_days),
    (r"export_to_grid_cutoff", are_pairs),
    (r"ac_relays", are_relays),
)
"""Words of theirs that say what our number says, by the pattern of their name."""


def is_switched(theirs: Any, raw: int, number: int) -> bool:
    """Whether they see this switch of several as we do: a pair of bits, on one phase one bit of four."""
    if isinstance(theirs, bool):
        return theirs == bool(raw >> 4 * number & 1)
    return bool({"Disable": 2, "Enable": 3, None: raw >> 14}[theirs] == raw >> 2 * number & 3)


def bit_of(name: str) -> int | None:
    """The one bit that a name of theirs is about; None where it is about all of the word."""
    if match := re.fullmatch(r"prog_(\w+)_enabled", name):
        return DAYS.index(match[1])
    if match := re.fullmatch(r"drm(\d)_code", name):
        return int(match[1])
    return None


def is_alike(name: str, theirs: Any, register: Register, value: float | str | None) -> bool:
    """Whether a word of theirs says what our value says."""
    if not isinstance(value, float):
        return bool(theirs == value)
    for pattern, check in ALIKE:
        if re.fullmatch(pattern, name):
            return check(theirs, value)
    if name in PAIRS:
        return is_switched(theirs, int(value), PAIRS.index(name))
    bit = RELAYS.get(name) if register.name == "relays" else bit_of(name)
    if bit is not None:
        return (theirs not in (False, "Not Active")) == bool(int(value) >> bit & 1)
    if isinstance(theirs, bool) and name not in WORDS:
        return theirs == bool(value)
    return WORDS.get(name, {}).get(str(theirs)) == value


def compare(
    who: str,
    rows: list[dict[str, Any]],
    kind: str,
    port: int,
    capsys: pytest.CaptureFixture[str],
    *,
    expected: Mapping[str, int],
) -> None:
    registers, values = ours(kind, port)
    by_address = {register.address: register for register in registers.registers}
    agreed = AGREED | (ONLY_HIGH_VOLTAGE if kind == "three_phase_hv" else {})
    count: Counter[str] = Counter()
    for row in rows:
        name, theirs = row["name"], row["value"]
        register = by_address.get(row["address"][0])
        value = None if register is None else values.get(register.name)
        number = isinstance(theirs, int | float) and not isinstance(theirs, bool)
        if register and number and isinstance(value, float):
            same = abs(theirs - in_vendors_unit(register, value)) <= 0.0051 + 1e-9 * abs(theirs)
        else:
            same = register is not None and is_alike(name, theirs, register, value)
        what = "equal" if same and number else "the same in words" if same else "agreed to differ"
        assert same or name in agreed, f"{who}: {name} {row['address']} is {theirs!r}, ours {value!r}"
        count[what] += 1
    with capsys.disabled():
        print(
            f"\n{who}: {len(rows)} readings, {', '.join(f'{n} {what}' for what, n in sorted(count.items()))}"
        )
    assert dict(count) == expected


@pytest.mark.parametrize(
    ("profile", "kind"),
    [
        ("three-phase", "three_phase_lv"),
        ("three-phase-hv", "three_phase_hv"),
        ("single-phase", "single_phase"),
    ],
)
def test_sunsynk_reads_what_we_read(peer: Any, ports: Any, profile: str, kind: str, capsys: Any) -> None:
    rows = told(peer("sunsynk"), "sunsynk/read.py", profile, f"tcp://127.0.0.1:{ports[kind]}")
    compare(f"sunsynk {profile}", rows, kind, ports[kind], capsys, expected=SUNSYNK[profile])


def test_sunsynk_reads_the_same_over_every_link(peer: Any, ports: Any) -> None:
    direct = told(
        peer("sunsynk"), "sunsynk/read.py", "three-phase", f"tcp://127.0.0.1:{ports['three_phase_lv']}"
    )
    serial_line = told(
        peer("sunsynk"), "sunsynk/read.py", "three-phase", f"serial-tcp://127.0.0.1:{ports['rtu']}"
    )
    stick = f"tcp://127.0.0.1:{ports['solarman']}"
    logger = told(peer("sunsynk"), "sunsynk/read.py", "three-phase", stick, ports["logger_serial"])
    assert serial_line == direct
    assert logger == direct


def test_deye_controller_reads_what_we_read(peer: Any, ports: Any, capsys: Any) -> None:
    rows = told(
        peer("deye_controller"),
        "deye_controller/read.py",
        "127.0.0.1",
        ports["solarman"],
        ports["logger_serial"],
    )
    compare(
        "deye-controller",
        rows,
        "three_phase_lv",
        ports["three_phase_lv"],
        capsys,
        expected={"equal": 174, "the same in words": 23, "agreed to differ": 10},
    )


@pytest.mark.parametrize("link", ["three_phase_lv", "solarman"])
def test_homebattery_reads_what_we_read(peer: Any, ports: Any, link: str, capsys: Any) -> None:
    serial = [ports["logger_serial"]] if link == "solarman" else []
    rows = told(peer("homebattery"), "homebattery/read_deye.py", "127.0.0.1", ports[link], *serial)
    compare(
        f"homebattery {link}",
        rows,
        "three_phase_lv",
        ports["three_phase_lv"],
        capsys,
        expected={"equal": 40, "agreed to differ": 11},
    )


@pytest.mark.parametrize("logger", ["solarman", "twice"])
def test_pysolarmanv5_reads_and_writes_through_the_simulated_logger(
    peer: Any, ports: Any, logger: str, capsys: Any
) -> None:
    said = told(
        peer("pysolarmanv5"), "pysolarmanv5/read.py", "127.0.0.1", ports[logger], ports["logger_serial"]
    )
    assert said["sync"] == said["async"]
    assert said["refused"] == {
        "function 4": "V5FrameError",
        "function 6": "V5FrameError",
        "address": "IllegalDataAddressError",
    }
    assert said["written"] == 1
    registers, values = ours("three_phase_lv", ports["three_phase_lv"])
    words = {int(address): word for address, word in said["sync"].items()}
    equal = 0
    for register in registers.registers:
        value = values.get(register.name)
        if isinstance(value, float) and register.type.words == 1 and register.address in words:
            raw = words[register.address]
            if register.type.kind == "int" and raw >> 15:
                raw -= 1 << 16
            if register.type.kind == "hhmm":
                raw = 3600 * (raw // 100) + 60 * (raw % 100)
            elif register.type.bits != 0xFFFF:
                raw = (raw & register.type.bits) >> register.type.low_bit
            exact = raw * register.scale + register.offset
            told_value = float(exact * register.factor + register.shift)
            assert told_value == pytest.approx(value), register.place
            equal += 1
    with capsys.disabled():
        print(f"\npysolarmanv5 {logger}: {len(words)} words by both clients, {equal} registers equal to ours")
    assert equal > 250
