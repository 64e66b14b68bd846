"""Three independent libraries and our driver read the same simulated inverters, frozen in time.

Every value that a library decodes is compared with our samples of the same registers; where we mean
something else than the library, the names stand here with the reason.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
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

HERE: Final = Path(__file__).parent
LABELS: Final = (
    (range(0x32, 0x38), 0x32, "{}"),
    (range(0x70, 0x76), 0x70, "{}"),
    (range(0x50, 0x60), 0x50, "1.{}"),
    (range(1, 9), 1, "{}"),
)
"""Units of which there are several, the first of them, and what we call each, counted from 1."""

NOTHING: Final = "0, and nothing is told of what is not there"
METER: Final = "worked out of the phases, by the scale that volts and amperes show"
SCALED: Final = "the scale that the sheet has measured"
NO_INPUT: Final = "the grid voltage on a model without PV"
OUR_FORM: Final = "another form of the same: a text, a local time, a share"
KNOWN: Final = "looked up or multiplied by the library, which has no register of its own for it"
SIGNED: Final = "one of two figures of one sign each, which are one figure of ours"
FAULT: Final = "a fault of the library: the word of the battery's temperature taken for bits"
Reasons = tuple[tuple[str, str], ...]
REASONS: Final[Mapping[str, Reasons]] = {
    "givenergy_modbus": (
        (METER, "(i|p_apparent|pf)_.*|p_(re)?active_total"),
        (OUR_FORM, "model|firmware_version|modbus_version|system_time|f_ac1"),
        (OUR_FORM, "(battery_)?(dis)?charge_limit|.*_messages|.*fault_codes.*"),
        (SCALED, "battery_power"),
        (NO_INPUT, "v_pv1"),
        (NOTHING, ".*"),
    ),
    "givenergy_modbus_async": (
        (METER, "(i|p_apparent|pf)_(phase_.|total)|p_(re)?active_total"),
        (KNOWN, "inverter_max_power(_new)?|battery_max_power|num_phases|certification_type"),
        (KNOWN, "(remaining_)?battery_(nominal_)?capacity"),
        (OUR_FORM, "model|firmware_version|modbus_version|system_time|f_ac1|power_factor"),
        (OUR_FORM, "battery_(dis)?charge_limit(_ac)?|(dis)?charge_slot_[1-9]_(start|end)"),
        (SIGNED, "p_battery_charge|p_meter_import"),
        (SCALED, "i_battery|battery_power|p_(load|out)_ac[123]"),
        (NO_INPUT, "v_pv1"),
        (FAULT, "battery_errors"),
        (NOTHING, ".*"),
    ),
    "prometheus_givenergy": (
        (SCALED, "(pv1|pv2|ac1)_amps|holding_ac_(low|high)_(in|out)_time_(volts|hz)"),
        (SIGNED, "grid_out_w|battery_discharge_(amps|w)"),
        (OUR_FORM, "ac1_hz|battery_level|holding_inverter_module|holding_system_time_.*"),
        (OUR_FORM, "holding_active_power_rate|holding_(dis)?charge_slot_[12]_(start|end)"),
        (OUR_FORM, "holding_battery_(soc|discharge_min_power)_reserve|holding_charge_target_soc"),
        (NOTHING, ".*"),
    ),
}
"""Why a value is not among our samples of its register, by its name; NOTHING only where it is 0."""

EQUAL: Final = {
    ("givenergy_modbus", "hybrid"): 300,
    ("givenergy_modbus", "all_in_one"): 300,
    ("givenergy_modbus", "three_phase"): 300,
    ("givenergy_modbus_async", "hybrid"): 225,
    ("givenergy_modbus_async", "all_in_one"): 390,
    ("givenergy_modbus_async", "three_phase"): 405,
    ("prometheus_givenergy", "hybrid"): 210,
}
"""So many values at least are the same."""


@pytest.fixture(scope="module")
def ports() -> Iterator[Mapping[str, int]]:
    with subprocess.Popen(
        [sys.executable, HERE / "every_givenergy.py"], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())
        process.terminate()


async def ours(port: int, folder: Path) -> tuple[Sample, ...]:
    site = folder / "sunhelm.yml"
    device = {"family": "givenergy", "host": "127.0.0.1", "port": port, "profile": "full"}
    site.write_text(
        yaml.safe_dump({"site": {"name": "peer", "zone": "Europe/Amsterdam"}, "devices": {"it": device}})
    )
    async with open_site(site) as devices:
        for _ in range(4):  # what there was no time for is read in the next
            reading = await devices["it"].read(Deadline.after(90))
            if all(each.ok for each in reading.groups.values()):
                break
    assert [(name, each.detail) for name, each in reading.groups.items() if not each.ok] == []
    return reading.samples


def theirs(python: Path, library: str, port: int) -> dict[str, Any]:
    run = subprocess.run(
        [python, HERE / library / "read.py", str(port)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert run.returncode == 0, run.stderr
    return cast("dict[str, Any]", json.loads(run.stdout))


def label_of(unit: int) -> str | None:
    return next((text.format(unit - first + 1) for units, first, text in LABELS if unit in units), None)


def registers_at(unit: int, table: str, address: int) -> Iterator[Register]:
    family = cast("RegisterFamily", load_family("givenergy"))
    for part in family.spec.parts:
        if unit in part.units:
            for register in family.map_of(part).registers:
                if register.table.value == table and register.address == address:
                    yield register


def found_for(row: Mapping[str, Any], samples: tuple[Sample, ...]) -> Iterator[float | str]:
    """Yield our values of the register that a value begins at, in the vendor's unit."""
    label = label_of(row["unit"])
    for register in registers_at(row["unit"], row["table"], row["places"][0][0]):
        for sample in samples:
            quantity = register.code or register.quantity
            if sample.source != register.place or sample.quantity != quantity:
                continue
            labels = dict(zip(sample.quantity.labels, sample.labels, strict=True))
            if label not in (None, labels.get("battery"), labels.get("meter")):
                continue
            if sample.quantity.kind == "info":
                yield sample.labels[-1]
            elif sample.quantity.unit in ("", "timestamp_seconds"):
                yield sample.value
            else:
                base = BASE_UNITS[register.unit]
                yield (sample.value - float(base.offset)) / float(base.factor)


def same(expected: object, found: float | str) -> bool:
    if isinstance(expected, bool):
        return bool(found) is expected
    if isinstance(expected, str) and isinstance(found, float):
        if re.fullmatch("[0-9:]{5,8}", expected) and ":" in expected:
            hour, minute = map(int, expected.split(":")[:2])
            return found == 3600 * hour + 60 * minute
        return re.fullmatch(r"[0-9A-F]+", expected) is not None and found == int(expected, 16)
    if isinstance(expected, int | float) and isinstance(found, float):
        # Our sign is that of a source into the house.
        return abs(found) == pytest.approx(abs(expected), rel=1e-9, abs=1e-9)
    return expected == found


def reason(row: Mapping[str, Any], reasons: Reasons) -> str:
    """Return why a value is not shown as the library has it, or "wrong"."""
    nothing = not any(word for _, word in row["places"])
    found = (
        text for text, names in reasons if re.fullmatch(names, row["name"]) and (nothing or text != NOTHING)
    )
    return next(found, "wrong")


@pytest.mark.parametrize(("library", "kind"), [*EQUAL])
async def test_we_read_what_the_library_reads(
    library: str, kind: str, ports: Mapping[str, int], peer: Callable[[str], Path], tmp_path: Path
) -> None:
    told = theirs(peer(library), library, ports[kind])
    samples = await ours(ports[kind], tmp_path)
    outcomes: Counter[str] = Counter()
    wrong = []
    for row in told["rows"]:
        values = list(found_for(row, samples))
        outcome = (
            "equal" if any(same(row["value"], value) for value in values) else reason(row, REASONS[library])
        )
        outcomes[outcome] += 1
        if outcome == "wrong":
            wrong.append((row, values))
    print(*(f"{count:4} {outcome}" for outcome, count in sorted(outcomes.items())), sep="\n")
    assert not wrong, "\n".join(map(str, wrong))
    assert outcomes["equal"] >= EQUAL[library, kind]
