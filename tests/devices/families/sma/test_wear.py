"""What is held for an hour is held by registers that may be written for ever: no stored one wears out."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from sunhelm.devices.control import UNLIMITED, Charge, Discharge, Limit, Mode, SelfConsumption, Value
from sunhelm.simulator.faces.sma.models import HYBRID, INVERTER, STORAGE, SUNNY_ISLAND, Model

NIGHT = datetime(2026, 6, 21, 1, 30, tzinfo=ZoneInfo("Europe/Amsterdam")).timestamp()
NOON = NIGHT + 11.5 * 3_600
HOUR_S = 3_600
FRAMES = 4
"""The most that one command takes."""
MAY_BE_CYCLED = {
    40015,
    40016,
    40018,
    *range(40022, 40026),
    40149,
    40151,
    40153,
    40236,
    *range(40793, 40803, 2),
}
HANDED_BACK: dict[str, Value] = {
    "battery": SelfConsumption(),
    "mode": Mode("self_consumption"),
    "production_limit": UNLIMITED,
}
SINGLE = replace(SUNNY_ISLAND, units=1)


@pytest.mark.parametrize(
    ("model", "start", "key", "value"),
    [
        (SINGLE, NIGHT, "battery", Charge(800)),
        (SUNNY_ISLAND, NIGHT, "battery", Discharge(800)),
        (SINGLE, NIGHT, "mode", Mode("idle")),
        (STORAGE, NIGHT, "battery", Charge(800)),
        (STORAGE, NIGHT, "mode", Mode("native:no_discharge")),
        (HYBRID, NIGHT, "battery", Charge(800)),
        (HYBRID, NIGHT, "mode", Mode("native:no_discharge")),
        (INVERTER, NOON, "production_limit", Limit(500)),
    ],
)
async def test_an_hour_of_holding_writes_nothing_that_is_stored(
    model: Model, start: float, key: str, value: Value, play: Any
) -> None:
    played = await play(model, start=start)
    await played.hold(key, value, HOUR_S)
    handle = played.device.handles[key]
    assert handle.equal(value, await played.observe(key)), "it still does as it was told"
    await played.write(key, HANDED_BACK[key])
    addresses = {address for address, _ in played.written}
    assert addresses
    assert addresses <= MAY_BE_CYCLED
    renewed = HOUR_S / handle.promise.renew_s + 2
    assert len(played.written) <= renewed * FRAMES, "no oftener than the device wants it"
