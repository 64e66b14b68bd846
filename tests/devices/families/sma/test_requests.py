"""A device that refuses some of its values is asked around them, and never from the middle of one."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from random import Random
from typing import Any

import pytest

from sunhelm.devices.clock import Deadline
from sunhelm.devices.device import open_site
from sunhelm.devices.reading import Reading
from sunhelm.simulator.faces.sma.layout import KINDS, words_of
from sunhelm.simulator.faces.sma.models import HYBRID, INVERTER, OLD_ISLAND, STORAGE, SUNNY_ISLAND, Model
from sunhelm.simulator.modbus_server import ModbusServer
from sunhelm.simulator.plant import Plant
from sunhelm.simulator.request_log import Request

NOON = 1_782_036_000.0
MODELS = [SUNNY_ISLAND, OLD_ISLAND, STORAGE, HYBRID, INVERTER]
IDS = ["island", "old island", "storage", "hybrid", "inverter"]
IDENTITY = range(30003, 30060)
"""What a device is recognised by."""


@pytest.fixture
def read_in_full(tmp_path: Path, troubled: Any, clock: Any) -> Any:
    """Read all that a device has which does not know some values."""

    async def read_in_full(model: Model, unknown: Collection[int]) -> tuple[Reading, list[Request]]:
        face = troubled(Plant(start=NOON, warm_up=False), model, clock, unknown=set(unknown))
        server = ModbusServer(face)
        await server.open("127.0.0.1", 0)
        (tmp_path / "sunhelm.yml").write_text(
            "site: {name: home, zone: Europe/Amsterdam}\n"
            f"devices:\n  it: {{family: sma, host: 127.0.0.1, port: {server.port}, profile: full}}\n"
        )
        try:
            async with open_site(tmp_path / "sunhelm.yml") as devices:
                reading = await devices["it"].read(Deadline.after(60))
            return reading, list(server.log.recent)
        finally:
            await server.close()

    return read_in_full


def cut(requests: Collection[Request]) -> list[Request]:
    """Return the requests that begin or end within a value."""
    inside = {address + n for address in KINDS for n in range(1, words_of(address))}
    return [each for each in requests if each.address in inside or each.address + each.count in inside]


def answered(requests: Collection[Request]) -> set[int]:
    asked = [range(each.address, each.address + each.count) for each in requests if not each.exception]
    return {address for words in asked for address in words}


def names(reading: Reading) -> set[tuple[str, ...]]:
    return {(sample.quantity.metric, *sample.labels) for sample in reading.samples}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("model", MODELS, ids=IDS)
async def test_what_is_refused_costs_little_more_than_itself(
    model: Model, seed: int, read_in_full: Any
) -> None:
    whole, requests = await read_in_full(model, ())
    assert not cut(requests)
    refused = Random(seed).sample(sorted(answered(requests) & KINDS.keys() - set(IDENTITY)), 12)
    holed, requests = await read_in_full(model, refused)
    assert not cut(requests)
    lost = {metric.removesuffix("_code") for metric, *_ in names(whole) - names(holed)}
    assert len(lost) <= len(refused), "each value stands for one metric"
    assert not names(holed) - names(whole)
