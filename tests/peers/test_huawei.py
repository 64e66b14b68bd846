"""huawei-solar, HomeBattery's Sun2000 and our driver read the same simulated inverter, frozen in time.

Every register that a library knows is compared: what it reads, in the vendor's unit, is our value, but for
our sign and for the faults of the library that are listed here.
"""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, cast

import pytest
import yaml

from sunhelm.devices.clock import Deadline
from sunhelm.devices.device import open_site
from sunhelm.devices.families import RegisterFamily, load_family
from sunhelm.devices.reading import Sample
from sunhelm.devices.registers.register import Register
from sunhelm.devices.units import BASE_UNITS

pytestmark = pytest.mark.peers

PARTS: Final = ("inverter", "meter", "battery", "packs", "optimizers")
KWH: Final = 3_600_000.0

UNITS: Final[Mapping[str, str]] = {
    "°C": "degC",
    "minutes": "min",
    "seconds": "s",
    "hour": "h",
    "MOhm": "Mohm",
    **{
        unit: unit
        for unit in ("V", "A", "mA", "W", "VA", "var", "Hz", "kWh", "kvarh", "Wh", "min", "%", "%/s")
    },
}
"""What huawei-solar calls a unit, and what we do."""

OURS_IS_A_SOURCE: Final = frozenset(
    (37_001, 37_743, 37_765, 37_107, 37_109, 37_111, 37_113, 37_132, 37_134, 37_136)
)
"""Our sign is that of a source into the house: a battery that discharges, a grid that is drawn from."""

FAULTS: Final[Mapping[str, Mapping[int, tuple[float, str]]]] = {
    "huawei-solar": {
        37_927: (10.0, "it reads tenths of a percent as whole ones; two of three sources have the scale"),
    },
    "HomeBattery": {32_088: (1e-6, "it counts in megohms")},
}
"""By library and address: its value is ours times so much, and why."""

IN_KW: Final = "it counts in kW"


@pytest.fixture(scope="module")
def frozen() -> Iterator[int]:
    command = [sys.executable, Path(__file__).with_name("every_huawei.py")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield int(process.stdout.readline())
        process.terminate()


def run(python: Path, script: str, port: int) -> Any:
    done = subprocess.run(
        [python, Path(__file__).parent / script, "127.0.0.1", str(port)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**os.environ, "TZ": "UTC"},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def huawei_solar(frozen: int, peer: Callable[[str], Path]) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", run(peer("huawei_solar"), "huawei_solar/read.py", frozen))


@pytest.fixture(scope="module")
def homebattery(frozen: int, peer: Callable[[str], Path]) -> Sequence[Mapping[str, Any]]:
    script = "homebattery/read_sun2000.py"
    return cast("Sequence[Mapping[str, Any]]", run(peer("homebattery"), script, frozen))


@pytest.fixture
async def ours(frozen: int, tmp_path: Path) -> Sequence[Sample]:
    """What our driver reads, the files of the optimizers at the second time."""
    file = tmp_path / "sunhelm.yml"
    device = {"family": "huawei", "host": "127.0.0.1", "port": frozen, "profile": "full"}
    site = {"site": {"name": "peer", "zone": "Europe/Amsterdam"}, "devices": {"roof": device}}
    file.write_text(yaml.safe_dump(site))
    async with open_site(file) as devices:
        for _ in range(2):
            reading = await devices["roof"].read(Deadline.after(60))
    assert all(outcome.ok for outcome in reading.groups.values()), reading.groups
    return reading.samples


@pytest.fixture(scope="module")
def registers() -> Mapping[int, Register]:
    """Our registers by their address; of several, the first."""
    family = cast("RegisterFamily", load_family("huawei"))
    found: dict[int, Register] = {}
    for part in family.spec.parts:
        for register in family.map_of(part).registers if part.name in PARTS else ():
            found.setdefault(register.address, register)
    return found


@pytest.fixture(scope="module")
def not_exported() -> set[str]:
    """Places that no metric shows, for a listed reason: "inverter.clock", and addresses."""
    text = files("sunhelm.devices.families.huawei").joinpath("not_exported.yaml").read_text(encoding="utf-8")
    return {str(name) for reasons in yaml.safe_load(text).values() for name in reasons}


def by_address(samples: Sequence[Sample]) -> Mapping[int, Sequence[Sample]]:
    found: defaultdict[int, list[Sample]] = defaultdict(list)
    for sample in samples:
        table, _, rest = sample.source.partition(" ")
        if table == "holding":
            found[int(rest.split()[0])].append(sample)
    return found


def outcome(
    library: str,
    row: Mapping[str, Any],
    register: Register | None,
    samples: Sequence[Sample],
    not_exported: set[str],
) -> str:
    """What becomes of one value of a library beside ours; "wrong" where they are not the same."""
    value = row["value"]
    if register is None:
        is_other = isinstance(value, dict) and "other" in value
        listed = str(row["address"]) in not_exported
        return "not exported, for a listed reason" if listed else "another unit id" if is_other else "wrong"
    if not samples:
        return _of_nothing(value, register, not_exported)
    if isinstance(value, dict):
        return _of_several(value, samples)
    if isinstance(value, str):
        return "equal" if _text_of(samples) in (value, _as_name(value)) else "wrong"
    return "wrong" if value is None else _of_number(library, row, register, samples)


def _of_nothing(value: Any, register: Register, not_exported: set[str]) -> str:
    """We have no sample there."""
    if register.name in not_exported:
        return "not exported, for a listed reason"
    if {"string", "tracker", "battery"} & register.labels.keys():
        return "not there: the inverter has fewer"
    nothing = value in (None, "", 0) or value == {"time": 0.0} or _is_all_ones(value)
    return "nothing there, for both" if nothing else "wrong"


def _of_number(library: str, row: Mapping[str, Any], register: Register, samples: Sequence[Sample]) -> str:
    (sample,) = [s for s in samples if s.quantity.kind not in ("state", "info")]
    unit = row.get("unit")
    conversion = BASE_UNITS[UNITS[unit] if unit else register.unit]
    expected = float(row["value"]) * float(conversion.factor) + float(conversion.offset)
    sign = OURS_IS_A_SOURCE.intersection([row["address"]])
    expected *= -1 if sign else 1
    if math.isclose(sample.value, expected, rel_tol=1e-9, abs_tol=1e-9):
        return "equal but for the sign" if sign else "equal"
    factor, reason = FAULTS[library].get(row["address"], (0.001, IN_KW if library == "HomeBattery" else ""))
    same = reason and math.isclose(sample.value * factor, expected, rel_tol=1e-9)
    return f"differs as listed: {reason}" if same else "wrong"


def _text_of(samples: Sequence[Sample]) -> str:
    """Return the text, or the state that holds."""
    return next((sample.labels[-1] for sample in samples if sample.labels and sample.value == 1.0), "")


def _as_name(text: str) -> str:
    return re.sub("[^a-z0-9]+", "_", text.lower()).strip("_")


def _is_all_ones(value: Any) -> bool:
    return value in (0x7FFF, 0xFFFF, 0x7FFF_FFFF, 0xFFFF_FFFF)


def _of_several(value: Mapping[str, Any], samples: Sequence[Sample]) -> str:
    """Alarms and states are lists of names with the library; ours are 1 for each that holds."""
    if "time" in value:
        return "equal" if samples[0].value == value["time"] else "wrong"
    if "other" in value:
        return "the library cannot read it"
    states = [sample for sample in samples if sample.quantity.kind == "state"]
    if not states:
        return "the library knows more than a number"
    names = sum(sample.value for sample in states)
    both_ways = {"off_grid": 2, "inputs": 3}  # the library has a name for 0, too
    place = samples[0].source.split()[-1]
    return "equal" if value["several"] in (names, both_ways.get(place)) else "wrong"


def compare(
    library: str,
    rows: Sequence[Mapping[str, Any]],
    ours: Sequence[Sample],
    registers: Mapping[int, Register],
    not_exported: set[str],
) -> Counter[str]:
    samples = by_address(ours)
    outcomes: Counter[str] = Counter()
    wrong = []
    for row in rows:
        address = row["address"]
        what = outcome(library, row, registers.get(address), samples.get(address, ()), not_exported)
        outcomes[what] += 1
        if what == "wrong":
            wrong.append((row, registers.get(address), samples.get(address)))
    print(library, *(f"{count:4} {what}" for what, count in sorted(outcomes.items())), sep="\n")
    assert not wrong, "\n".join(
        f"{row} {register and register.place} {found}" for row, register, found in wrong
    )
    return outcomes


def test_huawei_solar_reads_the_same(
    huawei_solar: Mapping[str, Any],
    ours: Sequence[Sample],
    registers: Mapping[int, Register],
    not_exported: set[str],
) -> None:
    outcomes = compare("huawei-solar", huawei_solar["registers"], ours, registers, not_exported)
    assert outcomes["equal"] + outcomes["equal but for the sign"] >= 200
    (device,) = [sample for sample in ours if sample.quantity.name == "device"]
    model = huawei_solar["model"].partition("\0")[0]  # it keeps what is left over behind the end of the text
    assert device.labels[1:3] == (model, huawei_solar["serial"])


def test_homebattery_reads_the_same(
    homebattery: Sequence[Mapping[str, Any]],
    ours: Sequence[Sample],
    registers: Mapping[int, Register],
    not_exported: set[str],
) -> None:
    outcomes = compare("HomeBattery", homebattery, ours, registers, not_exported)
    assert outcomes["equal"] + outcomes["equal but for the sign"] >= 100


NUMBERS: Final = {
    "output_power": ("huawei_optimizer_power", 1.0),
    "voltage_to_ground": ("huawei_optimizer_ground_voltage", 1.0),
    "output_voltage": ("huawei_optimizer_output_voltage", 1.0),
    "output_current": ("huawei_optimizer_output_current", 1.0),
    "input_voltage": ("huawei_optimizer_input_voltage", 1.0),
    "input_current": ("huawei_optimizer_input_current", 1.0),
    "temperature": ("huawei_optimizer_temperature", 1.0),
    "running_status": ("huawei_optimizer_status_code", 1.0),
    "accumulated_energy_yield": ("huawei_optimizer_production", KWH),
}


def test_huawei_solar_reads_the_same_optimizers(
    huawei_solar: Mapping[str, Any], ours: Sequence[Sample]
) -> None:
    found = {
        (sample.quantity.name, sample.labels[0]): sample.value
        for sample in ours
        if sample.quantity.name.startswith("huawei_optimizer") and len(sample.labels) == 1
    }
    compared = 0
    for optimizer in huawei_solar["optimizers"]:
        for theirs, (name, factor) in NUMBERS.items():
            value = found[name, str(optimizer["optimizer_address"])]
            assert value == pytest.approx(optimizer[theirs] * factor, rel=1e-9)
            compared += 1
    labels = {s.labels[0]: s.labels[1:] for s in ours if s.quantity.name == "huawei_optimizer"}
    for system in huawei_solar["systems"]:
        expected = [system["string_number"], system["position_in_current_string"], system["sn"]]
        expected += [system["model"], system["software_version"], system["alias"]]
        assert list(labels[str(system["optimizer_address"])]) == [str(each) for each in expected]
        compared += len(expected)
    print(f"huawei-solar: {compared} values of {len(labels)} optimizers are equal")
    assert len(labels) == len(huawei_solar["optimizers"]) == 19


def test_huawei_solar_lists_the_same_devices(huawei_solar: Mapping[str, Any], ours: Sequence[Sample]) -> None:
    theirs = {
        (str(each["device_id"]), each["model"], each["software_version"], each["esn"])
        for each in huawei_solar["devices"]
    }
    assert {sample.labels for sample in ours if sample.quantity.name == "huawei_listed_device"} == theirs
