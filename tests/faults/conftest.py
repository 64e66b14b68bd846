"""A driver and a device with faults, in one loop of virtual time, and a twin that tells the truth."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest

from sunhelm.devices.clock import Deadline
from sunhelm.devices.device import Device
from sunhelm.devices.errors import Reason
from sunhelm.devices.families.register_source import DISCOVERY
from sunhelm.devices.reading import Outcome, Reading, Sample
from sunhelm.devices.site import Site, load_site
from sunhelm.simulator.faces.sec1000 import Sec1000Box
from sunhelm.simulator.families import FAMILIES, Endpoint, secret_files, site_sections
from sunhelm.simulator.faults import CorruptWord, Faults
from sunhelm.simulator.modbus_framing import RtuFraming
from sunhelm.simulator.modbus_server import ModbusServer
from sunhelm.simulator.plant import Plant
from sunhelm.simulator.virtual_time import VirtualClock, VirtualLoop

NOON: Final = 1_750_240_800.0  # 18 June 2025 at Berlin
Key = tuple[str, tuple[str, ...]]
Truth = dict[str, dict[Key, Sample]]


def build(variant: str, plant: Plant, clock: VirtualClock, faults: Faults) -> Endpoint:
    """Return a family: "sunspec", or behind a gateway for the serial line "sunspec rtu_over_tcp"."""
    name, _, framing = variant.partition(" ")
    endpoint = FAMILIES[name].build(plant, clock, faults)
    if isinstance(endpoint, Sec1000Box):
        endpoint.habits.total_every_s = 0.0  # else two boxes show totals of different moments
    if framing:
        assert isinstance(endpoint, ModbusServer)
        endpoint = ModbusServer(endpoint.face, framing=RtuFraming(), faults=faults, clock=clock)
    return endpoint


def _knows_less(key: Key, known: dict[Key, Sample]) -> bool:
    """Whether an information lacks something that is true, and says nothing that is not."""
    metric, labels = key
    return any(
        name == metric and all(not shown or shown == true for shown, true in zip(labels, others, strict=True))
        for name, others in known
    )


def _same(shown: Sample, true: Sample) -> bool:
    """Whether both say the same; a register that stands in for a refused one may be coarser."""
    if shown.source != true.source:
        return math.isclose(shown.value, true.value, rel_tol=0.01, abs_tol=1.0)
    return shown.value == true.value


@dataclass
class Bench:
    """One device and its twin: the same plant on two ports, with faults on one of them.

    `scrape` reads the device and holds every invariant against what came; `lies` are the series that last
    showed what a fault had made of them. Time passes only while something
    waits for it, so the plant is the same before and after.
    """

    clock: VirtualClock
    plant: Plant
    endpoint: Endpoint
    faults: Faults
    device: Device
    open_twin: Callable[[], Device]
    twin_endpoint: Endpoint
    site: Site
    _twin: Device | None = None
    _true: Truth = field(default_factory=dict)
    _shown: dict[Key, float] = field(default_factory=dict)
    lies: set[Key] = field(default_factory=set)
    _seen: dict[str, tuple[Outcome, bool]] = field(default_factory=dict)

    @property
    def patience_s(self) -> float:
        """What Prometheus allows a scrape of this family, less the way."""
        return self.device.family.spec.scrape.timeout - 0.5

    async def pass_time(self, seconds: float) -> None:
        """Let the plant and both devices live on."""
        await self.clock.sleep(seconds)
        self.plant.advance(self.clock.time() - self.plant.time)
        self.show()

    def show(self) -> None:
        for endpoint in (self.endpoint, self.twin_endpoint):
            endpoint.faults.see_sun(self.plant.state.weather.sun.elevation)
            endpoint.update()

    async def scrape(self, timeout_s: float | None = None) -> Reading:
        """Read the device; fails when the read is late or shows anything that is not so."""
        timeout_s = self.patience_s if timeout_s is None else timeout_s
        lied = self.faults.on(CorruptWord) is not None
        began = self.clock.monotonic()
        reading = await self.device.read(Deadline.after(timeout_s, self.clock))
        took = self.clock.monotonic() - began
        assert took <= timeout_s + 0.5, f"a scrape of {timeout_s:g} s took {took:g} s"
        lied = lied or self.faults.on(CorruptWord) is not None
        self._check_outcomes(reading)
        self._check_samples(reading, await self.truth(), lied)
        return reading

    def _check_outcomes(self, reading: Reading) -> None:
        assert reading.groups
        for name, outcome in reading.groups.items():
            assert outcome.reason is None or outcome.reason in Reason, name
            if not outcome.ok:
                assert outcome.detail, f"{name} failed and does not say why"
                assert not [sample for sample in reading.samples if sample.group == name]

    def _check_samples(self, reading: Reading, true: Truth, lied: bool) -> None:
        for name, outcome in reading.groups.items():
            if outcome.ok and outcome.requests and name in true:
                self._true[name] = true[name]
        for sample in reading.samples:
            if sample.source == "our requests" or (not sample.group and self.lies):
                continue
            key = (sample.quantity.metric, sample.labels)
            known = self._true.get(sample.group, true.get(sample.group, {}))
            expected = known.get(key)
            if sample.quantity.kind == "info" and _knows_less(key, known):
                continue
            if sample.quantity.kind == "counter":
                before = self._shown.get(key, 0.0)
                assert sample.value >= before or key in self.lies, f"{key} fell from {before}"
                self._shown[key] = sample.value
            if expected is not None and _same(sample, expected):
                self.lies.discard(key)
            else:
                assert lied or key in self.lies, f"{key} of {sample.group}: {sample.value}, not {expected}"
                self.lies.add(key)

    async def truth(self) -> Truth:
        """Return what a device without faults shows now, by group."""
        if self._twin is None or isinstance(self.twin_endpoint, Sec1000Box):
            self._twin = self.open_twin()  # the source of a SEC1000 has guards of its own
        source = self._twin.source
        deadline = Deadline.after(60.0, self.clock)
        async with source.turn(deadline):
            await source.prepare(deadline)
            groups = [group.name for group in source.groups() if group.name != DISCOVERY]
            fetched = await source.fetch(groups, deadline)
        failed = {name: group.outcome.detail for name, group in fetched.items() if not group.outcome.ok}
        assert not failed
        samples = [sample for group in fetched.values() for sample in group.samples]
        true: Truth = {name: {} for name in ("", *groups)}
        for sample in (*samples, *source.derive(samples, groups), *source.remarks()):
            true.setdefault(sample.group, {})[sample.quantity.metric, sample.labels] = sample
        return true

    async def close(self) -> None:
        await self.device.close()
        if self._twin is not None:
            await self._twin.close()


@asynccontextmanager
async def _bench(
    folder: Path, variant: str, *, start: float, step_s: float, seed: int
) -> AsyncIterator[Bench]:
    loop = asyncio.get_running_loop()
    clock = VirtualClock(start - loop.time())
    plant = Plant(seed=seed, start=start, step_s=step_s)
    faults = Faults(seed)
    endpoint, twin = build(variant, plant, clock, faults), build(variant, plant, clock, Faults())
    await endpoint.open("127.0.0.1", 0)
    await twin.open("127.0.0.1", 0)
    family, _, link = variant.partition(" ")
    file = folder / "sunhelm.yml"
    content: dict[str, Any] = {
        "site": {
            "name": "home",
            "zone": "Europe/Berlin",
            "location": {"latitude": 52.5, "longitude": 13.4},
        },
        "devices": {},
    }
    for name, port in (("device", endpoint.port), ("twin", twin.port)):
        sections = site_sections(family, "127.0.0.1", port)
        content["devices"][name] = sections["devices"][family] | ({"link": link} if link else {})
        if "accounts" in sections:
            content.setdefault("accounts", {})[name] = sections["accounts"][family]
            content["devices"][name]["account"] = name
    for name, secret in secret_files([family]).items():
        (folder / name).write_text(secret)
    file.write_text(json.dumps(content), encoding="utf-8")
    site = load_site(file).site
    bench = Bench(
        clock,
        plant,
        endpoint,
        faults,
        Device(site.devices["device"], site, clock=clock),
        lambda: Device(site.devices["twin"], site, clock=clock),
        twin,
        site,
    )
    bench.show()
    try:
        yield bench
    finally:
        await bench.close()
        await endpoint.close()
        await twin.close()


OpenBench = Callable[..., AbstractAsyncContextManager[Bench]]


@pytest.fixture
def open_bench(tmp_path: Path) -> OpenBench:
    """Open a bench: `async with open_bench("victron") as bench`."""

    def open_bench(
        variant: str, *, start: float = NOON, step_s: float = 1.0, seed: int = 3
    ) -> AbstractAsyncContextManager[Bench]:
        return _bench(tmp_path, variant, start=start, step_s=step_s, seed=seed)

    return open_bench


@pytest.fixture
def virtually() -> Callable[[Coroutine[Any, Any, None]], None]:
    """Run a coroutine in virtual time; fails when it leaves a task behind."""

    def run(program: Coroutine[Any, Any, None]) -> None:
        async def watched() -> None:
            await program
            for _ in range(3):
                await asyncio.sleep(0.1)  # connections that were closed are done with one step later
            left = asyncio.all_tasks() - {asyncio.current_task()}
            assert not left, f"tasks are left: {left}"

        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            runner.run(watched())

    return run
