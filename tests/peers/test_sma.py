"""Three independent libraries and our driver read the same simulated SMA devices, and command them alike.

What a library reads, in the vendor's unit, is our value, but for the faults and the registers beyond the
published lists that are named here.
"""

from __future__ import annotations

import asyncio
import json
import math
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
from sunhelm.devices.reading import Reading
from sunhelm.devices.registers.register import Register
from sunhelm.devices.units import BASE_UNITS
from sunhelm.simulator.faces.sma import SmaFace
from sunhelm.simulator.faces.sma.models import SUNNY_ISLAND
from sunhelm.simulator.modbus_server import ModbusServer
from sunhelm.simulator.plant import Plant

pytestmark = pytest.mark.peers

HERE: Final = Path(__file__).parent
ONLY_THEIRS: Final = "a register that no published list has"
DERIVED: Final = "a part of one of our totals"
IN_INFO: Final = "a label of solar_device_info"

TOTALS: Final = {
    30865: ("solar_grid_power_watts", 1.0),
    30867: ("solar_grid_power_watts", -1.0),
    31393: ("solar_battery_power_watts", -1.0),
    31395: ("solar_battery_power_watts", 1.0),
}
"""Registers that we show as one signed total, and the sign of each in it."""


@pytest.fixture(scope="module")
def ports() -> Iterator[Mapping[str, int]]:
    with subprocess.Popen(
        [sys.executable, HERE / "every_sma.py"], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())
        process.terminate()


def told(python: Path, script: str, *arguments: object) -> list[dict[str, Any]]:
    run = subprocess.run(
        [python, HERE / script, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert run.returncode == 0, run.stderr
    return cast("list[dict[str, Any]]", json.loads(run.stdout) if run.stdout else [])


async def ours(port: int, folder: Path) -> Reading:
    site = folder / "sunhelm.yml"
    device = {"family": "sma", "host": "127.0.0.1", "port": port, "profile": "full"}
    site.write_text(
        yaml.safe_dump({"site": {"name": "peer", "zone": "Europe/Amsterdam"}, "devices": {"it": device}})
    )
    async with open_site(site) as devices:
        reading = await devices["it"].read(Deadline.after(60))
    assert all(outcome.ok for outcome in reading.groups.values()), reading.groups
    return reading


def registers() -> Mapping[int, list[Register]]:
    family = cast("RegisterFamily", load_family("sma"))
    found: dict[int, list[Register]] = {}
    for part in family.spec.parts:
        for register in family.map_of(part).registers:
            found.setdefault(register.address, []).append(register)
    return found


def outcome_of(row: Mapping[str, Any], reading: Reading, known: Mapping[int, list[Register]]) -> str:
    """Return how our reading and one value of a library relate; "wrong" where they should not differ."""
    address, value = row["address"], row["value"]
    if address not in known:
        return ONLY_THEIRS
    if address in (30053, 30057, 30059):
        return IN_INFO
    if address in TOTALS:
        metric, sign = TOTALS[address]
        (total,) = [s.value for s in reading.samples if s.quantity.metric == metric]
        return DERIVED if value == pytest.approx(max(0.0, sign * total), abs=0.5) else "wrong"
    sources = {register.place: register for register in known[address]}
    samples = [s for s in reading.samples if s.source in sources and s.quantity.kind != "state"]
    if value is None and not samples and not row["error"]:
        return "not available, for both"
    if value is None or not samples:
        return "wrong"
    return "equal" if _is(value, samples[0].value, sources[samples[0].source]) else "wrong"


def _is(theirs: float, ours: float, register: Register) -> bool:
    if register.names:
        return theirs == ours
    unit = BASE_UNITS["Wh" if register.unit == "kWh" else register.unit]  # so do the libraries
    expected = theirs * float(unit.factor) + float(unit.offset)
    return math.isclose(ours, expected, rel_tol=1e-9, abs_tol=1e-9)


def compare(name: str, rows: list[dict[str, Any]], reading: Reading) -> Counter[str]:
    known = registers()
    outcomes = Counter(outcome_of(row, reading, known) for row in rows)
    print(name, *(f"{count:4} {outcome}" for outcome, count in sorted(outcomes.items())), sep="\n")
    wrong = [row for row in rows if outcome_of(row, reading, known) == "wrong"]
    assert not wrong, wrong
    return outcomes


async def test_homebattery_reads_a_sunny_island_as_we_do(
    peer: Callable[[str], Path], ports: Mapping[str, int], tmp_path: Path
) -> None:
    rows = told(peer("homebattery"), "homebattery/read_sma.py", "127.0.0.1", ports["island"])
    reading = await ours(ports["island"], tmp_path)
    outcomes = compare("homebattery", rows, reading)
    assert outcomes["equal"] == len(rows) == 13


@pytest.mark.parametrize(
    ("device", "library", "equal"),
    [("inverter", "SunnyTripower", 41), ("inverter", "SunnyBoy", 35), ("hybrid", "SunnyBoySmartEnergy", 48)],
)
async def test_sma_modbus_reads_as_we_do(  # noqa: PLR0917 - fixtures, and what is compared
    peer: Callable[[str], Path],
    ports: Mapping[str, int],
    tmp_path: Path,
    device: str,
    library: str,
    equal: int,
) -> None:
    rows = told(peer("sma_modbus"), "sma_modbus/read.py", "127.0.0.1", ports[device], library, 3)
    outcomes = compare(f"sma-modbus {library}", rows, await ours(ports[device], tmp_path))
    assert outcomes["equal"] == equal


@pytest.mark.parametrize(
    ("name", "script"),
    [("homebattery", "homebattery/command_sma.py"), ("smasunnyisland", "smasunnyisland/command.py")],
)
async def test_a_library_moves_the_battery_of_our_island(
    peer: Callable[[str], Path], name: str, script: str
) -> None:
    plant = Plant(seed=7, start=1_782_081_000.0, soc=0.5, warm_up=False)
    face = SmaFace(plant, model=SUNNY_ISLAND)
    server = ModbusServer(face)
    await server.open("127.0.0.1", 0)
    try:
        process = await asyncio.create_subprocess_exec(
            str(peer(name)), str(HERE / script), "127.0.0.1", str(server.port), "-1500"
        )
        assert await process.wait() == 0
        assert [(write.address, write.words) for write in server.log.writes] == [
            (40151, (0, 802)),
            (40149, (0xFFFF, 0xFA24)),
        ]
        plant.advance(20)
        server.update()
        plant.advance(20)
        assert plant.state.battery.power_w == pytest.approx(-1500, rel=0.1)
    finally:
        await server.close()
