"""Days of random faults in virtual time: nothing that only a restart would mend, and nothing that grows."""

from __future__ import annotations

import asyncio
import gc
import os
from collections import Counter
from itertools import pairwise
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, Final

import pytest

from sunhelm.devices.device import Device
from sunhelm.simulator.families import FAMILIES
from sunhelm.simulator.faults import NightSleep, Timetable, random_episodes

DAYS: Final = float(os.environ.get("SUNHELM_SOAK_DAYS", "1"))
"""`make soak` soaks for longer."""

VARIANTS: Final = [
    *(name for name in FAMILIES if not FAMILIES[name].cloud),
    "redback",
    "sessy",
    "izypower",
    "sunspec rtu_over_tcp",
]
INTERVAL_S: Final = 60.0
QUIET_S: Final = 7200.0
"""At the end, so that what is looked at once an hour was looked at again."""

MEASURED: Final = 4


def _episodes(seed: int) -> Any:
    return random_episodes(seed, DAYS * 86_400.0 - QUIET_S, mean_gap_s=900.0, mean_length_s=180.0)


async def _follow(bench: Any, seed: int, began: float) -> None:
    """Switch the faults on and off at their times, also in the middle of a read."""
    episodes = _episodes(seed)
    timetable = Timetable(episodes, bench.faults)
    for moment in sorted({at for episode in episodes for at in (episode.begin_s, episode.end_s)}):
        await bench.clock.sleep(began + moment - bench.clock.monotonic())
        timetable.follow(moment)


def _kept(device: Device) -> int:
    """Return how many objects can be reached from a device."""
    apart = (type, ModuleType, FunctionType, asyncio.AbstractEventLoop)
    seen: dict[int, object] = {}
    todo: list[object] = [device]
    while todo:
        one = todo.pop()
        if id(one) not in seen and not isinstance(one, apart):
            seen[id(one)] = one
            todo.extend(gc.get_referents(one))
    return len(seen)


@pytest.mark.timeout(max(300.0, DAYS * 300.0))
@pytest.mark.parametrize("variant", VARIANTS)
def test_a_soak_of_random_faults(variant: str, open_bench: Any, virtually: Any, record_property: Any) -> None:
    seed = 20 + VARIANTS.index(variant)
    outcomes: Counter[str] = Counter()

    async def program() -> None:
        async with open_bench(variant, step_s=15.0, seed=seed) as bench:
            if bench.device.family.spec.sleeps:
                bench.faults.start(NightSleep())
            began = bench.clock.monotonic()
            faults = asyncio.create_task(_follow(bench, seed, began))
            memory: list[int] = []
            scrapes = int(DAYS * 86_400.0 / INTERVAL_S)
            for number in range(scrapes):
                if number % (scrapes // MEASURED) == scrapes // MEASURED - 1:
                    memory.append(_kept(bench.device))
                await _scrape_at(bench, began + number * INTERVAL_S, outcomes)
            await faults
            await _has_all(bench)
            settled = memory[1:]  # it has met most of what can go wrong by then
            # Caches that are not full yet grow with what is new; a leak grows with every scrape.
            assert all(after - before < scrapes // MEASURED for before, after in pairwise(settled)), memory

    sockets = len([*Path("/proc/self/fd").iterdir()])
    virtually(program())
    assert len([*Path("/proc/self/fd").iterdir()]) == sockets
    record_property("outcomes", dict(outcomes))
    assert outcomes["up"] > outcomes["down"] > 0


async def _scrape_at(bench: Any, moment: float, outcomes: Counter[str]) -> None:
    await bench.pass_time(max(0.0, moment - bench.clock.monotonic()))
    before = bench.faults.active
    reading = await bench.scrape()
    was_well = before == bench.faults.active and not any(
        not isinstance(fault, NightSleep) for fault in before
    )
    if was_well and not bench.faults.asleep:
        assert reading.up, [outcome.detail for outcome in reading.groups.values() if outcome.detail]
    outcomes["up" if reading.up else "down"] += 1
    outcomes.update(str(reason) for reason in {o.reason for o in reading.groups.values() if o.reason})


async def _has_all(bench: Any) -> None:
    reading = await bench.scrape()
    assert {name: outcome.detail for name, outcome in reading.groups.items() if not outcome.ok} == {}
    shown = {(sample.quantity.metric, sample.labels) for sample in reading.samples}
    assert {key for samples in (await bench.truth()).values() for key in samples} <= shown | bench.lies
