"""What the maps say of registers, held against the facts sheets: every difference has its reason."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Final, cast

import pytest

from sunhelm.devices.families import load_family
from sunhelm.devices.families.base import RegisterFamily
from sunhelm.devices.registers.register import Register
from sunhelm.devices.units import BASE_UNITS

pytestmark = pytest.mark.captures

_SHEETS: Final = {"huawei": "huawei_sun2000", "deye": "deye", "givenergy": "givenergy"}

_PACKED: Final = "how many periods there are; those are read by a command"
_APP: Final = "the sheet gives the scale of the maker's app and no unit, the name says which"
_HIGH: Final = "one half of a number that no program decodes: shown raw"
_BY_METER: Final = "the scale is found out, meter by meter"
COMPARED: Final = {"huawei": 1037, "deye": 1029, "givenergy": 1025}
"""How many registers there are to compare."""

_TEXT_OF_MAKER: Final = "the maker's own name for it tells the unit or the sign, beside it in the sheet"

AGREED: Final[Mapping[str, Mapping[str, Mapping[str, str]]]] = {
    "huawei": {
        "emma-holding": {
            "40000": "reserved numbers",
            "40004": _PACKED,
            "40470": "a time of which the zone is not known: a number without a unit",
        },
        "smartlogger-holding": {"42256": "reserved numbers"},
        "holding": {
            "37928": "a state of charge without a unit",
            "42000": "a number of the vendor's long list, which is never written",
            "47028, 47200, 47255": _PACKED,
        },
        "sdongle-holding": {
            "35104": "strength of a signal, and four states",
            "37410": "two readings are known",
        },
    },
    "deye": {
        "holding-3p": {
            "105": "days",
            "107": "millivolts a degree",
            "241, 242, 246, 247, 727-730": "the sheet gives the steps of high-voltage units only",
            "656-659, 668-671, 687-694, 696-703, 705-708": "a high word, read with its low one",
        },
        "holding-1p": {
            "80": "a high word, read with its low one",
            "207": "days",
            "209": "millivolts a degree",
        },
    },
    "givenergy": {
        "holding": {
            "35": "six words are one clock",
            "111, 112": "hundredths of the capacity an hour, as its note says",
            "138-143, 1046-1048, 1051, 1052, 1070, 1075": _TEXT_OF_MAKER,
            "2040": "the master switch, which has two states; those of the plant stand among the inputs",
        },
        "input": {
            "18": "an EMS counts energy where inverters have the power of PV",
            "47, 1068, 1077, 1086-1088, 1127, 1240, 1244": _TEXT_OF_MAKER,
            "194-197, 1033, 1034, 1414-1417": _HIGH,
        },
        "hv-bcu-input": {"120, 123, 126, 129, 132-137": _APP},
        "meter-input": {"63-67, 76-79, 80-83": _BY_METER},
    },
}
"""By family and block: the addresses where a map says something else than the sheet, and why."""

_HIGH_VOLTAGE: Final = re.compile(r"HV (?:unit )?(?:is )?(0\.1|10) [VWA]")
"""How the sheet tells the steps of high-voltage Deye units, beside those of all others."""

_UNITS: Final = {"°": "deg", "W/m²": "W/m2", "MJ/m²": "MJ/m2", "kWh/m²": "kWh/m2", "timestamp": "s"}
_NUMBERS: Final = re.compile(r"(?:^|;)\s*(0x[0-9a-fA-F]+|\d+)=")


@pytest.mark.parametrize("name", _SHEETS)
def test_every_difference_from_the_sheet_has_its_reason(
    name: str,
    captures: Path,
    sheet_parts: Mapping[str, Mapping[str, tuple[str, ...]]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    family = cast("RegisterFamily", load_family(name))
    with (captures.parent / "facts" / f"{_SHEETS[name]}.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    compared, found = 0, set[tuple[str, int]]()
    agreed = {
        (block, address)
        for block, reasons in AGREED[name].items()
        for run in reasons
        for address in _addresses(run)
    }
    for row in rows:
        place = row["block"], int(row["address"])
        for part in family.spec.parts:
            here = [r for r in family.map_of(part).registers if _is_of(row, sheet_parts[name], part.name, r)]
            if not here:
                continue
            compared += 1
            # Of a word with two numbers in it, or of another model, the sheet has a row for each.
            least = min((list(_differences(row, r, part.name)) for r in here), key=len)
            if least:
                found.add(place)
                assert place in agreed, f"{part.name} {here[0].place}: {', '.join(least)}; {row}"
    assert not agreed - found
    with capsys.disabled():
        print(f"\n{name}: {compared} registers as their sheet has them, but for {len(found)} with a reason")
    assert compared == COMPARED[name]


def _is_of(
    row: Mapping[str, str], parts: Mapping[str, tuple[str, ...]], part: str, register: Register
) -> bool:
    """Whether a register of a part is what a row of the sheet describes; `parts` are those of its blocks."""
    block = row["block"]
    if register.address != int(row["address"]):
        return False
    if block in parts:
        return part in parts[block]
    return not any(part in named for named in parts.values()) and register.table.value == block


def _addresses(text: str) -> Iterator[int]:
    for run in text.split(", "):
        first, _, last = run.partition("-")
        yield from range(int(first), int(last or first) + 1)


def _differences(row: Mapping[str, str], register: Register, part: str) -> Iterator[str]:
    kind = register.type
    if kind.words != int(row["count"] or 1):
        yield f"{kind.words} words"
    if register.access != "r" and row["access"] == "r":
        yield "can be written"
    is_number = kind.kind in {"uint", "int"}
    if is_number and re.match(r"[ui]\d", row["type"]) and (kind.kind == "int") != (row["type"][0] == "i"):
        yield kind.name
    if is_number and not register.names and row["scale"]:
        high = _HIGH_VOLTAGE.search(row["notes"]) if part == "three_phase_hv" else None
        scale = Fraction(high[1] if high else row["scale"])
        told, ours = BASE_UNITS[_UNITS.get(row["unit"], row["unit"])], BASE_UNITS[register.unit]
        same_unit = told.base == ours.base or (not told.base and ours.base == "ratio")
        if not same_unit or scale * told.factor != abs(register.scale) * ours.factor:
            yield f"steps of {register.scale} {register.unit}"
    numbers = {int(number, 0) for number in _NUMBERS.findall(row["enum"])}
    if (len(numbers) > 2 or register.names) and numbers - set(register.names):
        yield f"no name for {sorted(numbers - set(register.names))}"
