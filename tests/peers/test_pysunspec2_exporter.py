"""prometheus-pysunspec2-exporter and our driver read the same simulated device, frozen in time.

It exports every point of every model that is implemented. Each of them is our value of the same register, in
the vendor's unit, or is listed here with the reason why we do not export it.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from socket import create_server
from typing import Final

import pytest
import yaml
from aiohttp import ClientSession

from sunhelm.cli.processes import Processes
from sunhelm.cli.readiness import answers
from sunhelm.devices.clock import Deadline
from sunhelm.devices.device import open_site
from sunhelm.devices.families import RegisterFamily, load_family
from sunhelm.devices.reading import Sample
from sunhelm.devices.registers.register import Register
from sunhelm.devices.units import BASE_UNITS

pytestmark = pytest.mark.peers

PARTS: Final = {
    "common": "common",
    "inverter_three_phase": "inverter",
    "nameplate": "nameplate",
    "settings": "settings",
    "status": "status",
    "controls": "controls",
    "storage_basic": "storage",
    "mppt": "mppt",
    "ac_meter_abcn": "grid",
}
"""Their name of a model, and our part."""

NOT_OURS: Final = {
    "model_id": "the chain, no value",
    "length": "the chain, no value",
    "pad": "a filler",
    "modules": "a number of repetitions",
    "id": "a number of the module",
}
SWITCHED_OFF: Final = frozenset(
    {
        "power_limit",
        "power_factor_setpoint",
        "reactive_power_of_maximum_power",
        "reactive_power_of_maximum",
        "reactive_power_of_available",
    }
)
"""Set points that are not in force on this device: we do not export them."""

_LINE: Final = re.compile(r"sunspec_(\w+)\{[^}]*\} (\S+)")


@dataclass(frozen=True)
class Point:
    """One of their values, with our register; `number` is that of the repetition, or empty."""

    part: str
    register: Register
    number: str
    value: float

    @property
    def name(self) -> str:
        """Our name of the register in this device."""
        return f"{self.register.name}_{self.number}" if self.number else self.register.name


@pytest.fixture
async def theirs(frozen_sunspec: int, peer: Callable[[str], Path], tmp_path: Path) -> AsyncIterator[str]:
    """Their page of the device."""
    program = peer("pysunspec2_exporter").with_name("prometheus_pysunspec2_exporter")
    config = tmp_path / "peer.yml"
    tcp = {"ipaddr": "127.0.0.1", "ipport": frozen_sunspec, "slave_id": 1}
    config.write_text(yaml.safe_dump({"devices": [{"tcp": tcp, "labels": {"name": "roof"}}]}))
    with create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    async with Processes(tmp_path) as processes:
        command = [str(program), str(config), "--address", "127.0.0.1", "--port", str(port)]
        await processes.start("peer", command, answers("127.0.0.1", port, "/metrics"), within_s=30)
        async with ClientSession() as session, session.get(f"http://127.0.0.1:{port}/metrics") as answer:
            yield await answer.text()


@pytest.fixture
async def ours(frozen_sunspec: int, tmp_path: Path) -> tuple[Sample, ...]:
    """What our driver reads."""
    site = tmp_path / "sunhelm.yml"
    device = {"family": "sunspec", "host": "127.0.0.1", "port": frozen_sunspec, "profile": "full"}
    site.write_text(
        yaml.safe_dump({"site": {"name": "peer", "zone": "Europe/Amsterdam"}, "devices": {"roof": device}})
    )
    async with open_site(site) as devices:
        reading = await devices["roof"].read(Deadline.after(30))
    assert all(outcome.ok for outcome in reading.groups.values()), reading.groups
    return reading.samples


def point(family: RegisterFamily, metric: str, value: float) -> Point:
    """Return what a metric of theirs is: model, module, point, unit."""
    model = next(name for name in PARTS if metric.startswith(f"{name}_"))
    rest = metric.removeprefix(f"{model}_")
    number = ""
    if module := re.fullmatch(r"module_(\d+)_(.+)", rest):
        number, rest = module.groups()
    part = next(each for each in family.spec.parts if each.name == PARTS[model])
    start = part.repeat.start if part.repeat else 0
    named = [
        register
        for register in family.map_of(part).registers
        if (register.vendor == rest or rest.startswith(f"{register.vendor}_"))
        and (not number or register.address >= start)
    ]
    register = max(named, key=lambda each: (len(each.vendor), each.address if number else -each.address))
    return Point(part.name, register, number, value)


def is_value_of(sample: Sample, point: Point) -> bool:
    """Whether our sample is their value, which is in the vendor's unit and before our offset."""
    register, unit = point.register, BASE_UNITS[point.register.unit]
    expected = (point.value + float(register.offset)) * float(unit.factor) + float(unit.offset)
    return math.isclose(sample.value, expected, rel_tol=1e-9, abs_tol=1e-9)


def test_we_read_what_the_exporter_reads(theirs: str, ours: tuple[Sample, ...]) -> None:
    family = load_family("sunspec")
    assert isinstance(family, RegisterFamily)
    numbers: Mapping[tuple[str, str], Sample] = {
        (sample.group.rpartition("_")[0], sample.source.rpartition(" ")[2]): sample
        for sample in ours
        if sample.quantity.kind in {"gauge", "counter"} and not sample.source.startswith("the sum of")
    }
    outcomes: Counter[str] = Counter()
    wrong = []
    met = set()
    for metric, value in _LINE.findall(theirs):
        if metric == "up":
            continue
        each = point(family, metric, float(value))
        sample = numbers.get((each.part, each.name))
        met.add((each.part, each.name))
        if each.register.type.kind == "scale_factor":
            outcome = "not exported: a scale factor"
        elif each.register.name in NOT_OURS:
            outcome = f"not exported: {NOT_OURS[each.register.name]}"
        elif sample is None and each.register.name in SWITCHED_OFF:
            outcome = "not exported: not in force"
        else:
            outcome = "equal" if sample is not None and is_value_of(sample, each) else "wrong"
        outcomes[outcome] += 1
        if outcome == "wrong":
            wrong.append((metric, value, sample))
    print(*(f"{count:4} {outcome}" for outcome, count in sorted(outcomes.items())), sep="\n")
    assert not wrong, "\n".join(map(str, wrong))
    assert outcomes["equal"] >= 130
    assert numbers.keys() - met == set(), "numbers that only we read"
