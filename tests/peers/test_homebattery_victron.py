"""HomeBattery's Victron class and our driver read the same simulated device, frozen in time.

Every register that the library knows is compared: what it reads, in the vendor's unit, is our value, but
for our sign and for the faults of the library that are listed here.
"""

from __future__ import annotations

import json
import math
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from sunhelm.devices.clock import Deadline
from sunhelm.devices.device import open_site
from sunhelm.devices.families import RegisterFamily, load_family
from sunhelm.devices.reading import Sample
from sunhelm.devices.registers.register import Register
from sunhelm.devices.units import BASE_UNITS

pytestmark = pytest.mark.peers

GRID_UNIT: Final = 30
PARTS: Final[Mapping[str, tuple[str, ...]]] = {
    "system": ("system", "settings"),
    "battery": ("battery",),
    "vebus": ("vebus",),
    "multi": ("multi",),
    "grid": ("grid",),
}
"""The library's classes of registers, and the parts of our family that have them."""

OUR_SIGN: Final = "our sign is that of a source into the house: a battery that discharges"
NO_SCALE: Final = "the library misses the scale"
NO_SCALE_NO_SIGN: Final = "the library misses the scale, and that a current flows both ways"
INVERSE_SCALE: Final = "the library multiplies by the inverse of the scale"
LENGTH: Final = "the library reads the serial number with 14 registers; it has 7"


@dataclass(frozen=True)
class Difference:
    """Our value, in the vendor's unit, is the library's times `factor`, because of `reason`.

    `signed`: the library reads as unsigned what is a two's complement number. `step`: the register that we
    read of the two for the same value counts in steps of so much.
    """

    factor: float
    reason: str
    signed: bool = False
    step: float = 0.0

    def ours(self, value: float) -> float:
        """Return what we should read where the library reads `value`."""
        return (value - 0x10000 if self.signed and value >= 0x8000 else value) * self.factor


def _differences() -> Iterator[tuple[tuple[str, int], Difference]]:
    for service, address in (("system", 841), ("system", 842), ("battery", 258), ("battery", 261)):
        yield (service, address), Difference(-1, OUR_SIGN)
    for service, factor, addresses in (
        ("system", -0.1, (845,)),
        ("system", 0.1, (851,)),
        ("system", 100, (846,)),
        ("vebus", 0.1, (15, 16, 17, 18, 19, 20, 22, 27, 30, 61)),
        ("vebus", 0.01, (21, 26)),
        ("multi", 0.1, (*range(4500, 4503), *range(4510, 4513), 4522, 4523, 4527, 4528, 4529, 4544)),
        ("multi", 0.1, (4574, 4576, *range(4578, 4586), *range(4594, 4598))),
        ("multi", 0.01, (4509, 4519, 4526, *range(4546, 4574, 2))),
        ("multi", 10, (*range(4506, 4509), *range(4516, 4519))),
    ):
        for address in addresses:
            yield (service, address), Difference(factor, NO_SCALE)
    yield ("multi", 4541), Difference(0.1, NO_SCALE, step=1.0)
    for address in (*range(4503, 4506), *range(4513, 4516)):
        yield ("multi", address), Difference(0.1, NO_SCALE_NO_SIGN, signed=True)
    for address in (265, 281, 282, 283, 286):
        yield ("battery", address), Difference(0.01, INVERSE_SCALE)


DIFFERENCES: Final = dict(_differences())
OTHER_REGISTERS: Final = {("grid", 2609): LENGTH}


@pytest.fixture(scope="module")
def theirs(frozen_victron: int, peer: Callable[[str], Path]) -> list[dict[str, Any]]:
    """What the library reads: service, unit, address, words, name, value."""
    script = Path(__file__).parent / "homebattery" / "read_victron.py"
    run = subprocess.run(
        [peer("homebattery"), script, "127.0.0.1", str(frozen_victron), str(GRID_UNIT)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert run.returncode == 0, run.stderr
    rows: list[dict[str, Any]] = json.loads(run.stdout)
    return rows


@pytest.fixture
async def ours(frozen_victron: int, tmp_path: Path) -> tuple[Sample, ...]:
    """What our driver reads."""
    site = tmp_path / "sunhelm.yml"
    device = {"family": "victron", "host": "127.0.0.1", "port": frozen_victron, "profile": "full"}
    site.write_text(
        yaml.safe_dump({"site": {"name": "peer", "zone": "Europe/Amsterdam"}, "devices": {"gx": device}})
    )
    async with open_site(site) as devices:
        reading = await devices["gx"].read(Deadline.after(30))
    assert all(outcome.ok for outcome in reading.groups.values()), reading.groups
    return reading.samples


@dataclass(frozen=True)
class Place:
    """A register of our maps, and the sub-device it is read from."""

    part: str
    label: str
    unit: int
    register: Register

    def sample(self, samples: tuple[Sample, ...]) -> Sample | None:
        """Return our sample of it; that of the code where it is an enumeration."""
        quantity = self.register.code or self.register.quantity
        for sample in samples:
            labels = dict(zip(sample.quantity.labels, sample.labels, strict=True))
            same_unit = not self.label or labels.get(self.label) == str(self.unit)
            if sample.quantity == quantity and sample.source == self.register.place and same_unit:
                return sample
        return None


@pytest.fixture(scope="module")
def places() -> Mapping[tuple[str, int], Place]:
    """Our registers by the library's class and their address; the better twin where there is one."""
    family = load_family("victron")
    assert isinstance(family, RegisterFamily)
    units = {"battery": 225, "vebus": 227, "multi": 230, "grid": GRID_UNIT}
    found = {}
    for service, names in PARTS.items():
        for part in (part for part in family.spec.parts if part.name in names):
            registers = family.map_of(part)
            for each in registers.registers:
                register = registers[each.instead_of] if each.instead_of else each
                found[service, each.address] = Place(part.name, part.label, units.get(service, 100), register)
    return found


@pytest.fixture(scope="module")
def not_exported() -> Mapping[str, Mapping[str, str]]:
    text = files("sunhelm.devices.families.victron").joinpath("not_exported.yaml").read_text(encoding="utf-8")
    lists: Mapping[str, Mapping[str, str]] = yaml.safe_load(text)
    return lists


def test_we_read_what_the_library_reads(
    theirs: list[dict[str, Any]],
    ours: tuple[Sample, ...],
    places: Mapping[tuple[str, int], Place],
    not_exported: Mapping[str, Mapping[str, str]],
) -> None:
    outcomes: Counter[str] = Counter()
    wrong = []
    for row in theirs:
        key = (row["service"], row["address"])
        place = places.get(key)
        sample = place.sample(ours) if place else None
        difference = DIFFERENCES.get(key)
        listed = place and place.register.name in not_exported.get(f"{_map_of(place)}", ())
        if row["value"] is None:
            outcome = "no such service, for both" if sample is None else "wrong"
        elif key in OTHER_REGISTERS:
            outcome = OTHER_REGISTERS[key]
        elif place is not None and sample is None and listed:
            outcome = "not exported, for a listed reason"
        elif place is None:
            outcome = "wrong"
        elif sample is None:
            outcome = "left out: 0 cannot be told from nothing" if row["value"] == 0 else "wrong"
        elif _is(sample, row["value"], place.register, difference):
            outcome = f"differs as listed: {difference.reason}" if difference else "equal"
        else:
            outcome = "wrong"
        outcomes[outcome] += 1
        if outcome == "wrong":
            wrong.append((row, sample))
    print(*(f"{count:4} {outcome}" for outcome, count in sorted(outcomes.items())), sep="\n")
    assert not wrong, "\n".join(f"{row} {sample}" for row, sample in wrong)
    assert outcomes["equal"] >= 100


def _map_of(place: Place) -> str:
    family = load_family("victron")
    return next(part.map for part in family.spec.parts if part.name == place.part)


def _is(sample: Sample, value: float | str, register: Register, difference: Difference | None) -> bool:
    """Whether our sample is the library's value, which is in the vendor's unit."""
    if isinstance(value, str):
        return sample.labels[-1] == value
    unit = BASE_UNITS[register.unit]
    expected = (difference.ours(value) if difference else value) * float(unit.factor) + float(unit.offset)
    step = difference.step * float(unit.factor) if difference else 0.0
    return math.isclose(sample.value, expected, rel_tol=1e-9, abs_tol=max(step, 1e-9))


def test_every_listed_difference_is_of_a_register_that_the_library_knows(
    theirs: list[dict[str, Any]],
) -> None:
    known = {(row["service"], row["address"]) for row in theirs}
    assert known >= DIFFERENCES.keys() | OTHER_REGISTERS.keys()
