"""kill -9 between the registers of a forced charge: what the owner had set is there again afterwards."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from sunhelm.simulator.faces.givenergy import Dongle, GivEnergyFace
from sunhelm.simulator.site import SimulatedSite

pytestmark = [pytest.mark.timeout(240), pytest.mark.real_time]

CONVERGED_S: Final = 30.0
SITE: Final = {
    "site": {"name": "home", "zone": "Europe/Amsterdam"},
    "devices": {
        "roof": {
            "family": "givenergy",
            "units": {"battery": [50], "meter": [1], "meter_product": [1]},  # less to look for at each start
            "control": {"enabled": True, "allow": ["charge"]},
        }
    },
    "alertmanager": {
        "repeat_interval": "1m",
        "resend": "1ms",
        "heartbeat": {"match": {"alertname": "Watchdog"}, "late": "5m"},
    },
    "policies": {
        "price": {
            "match": {"alertname": "Price"},
            "lease": "10m",
            "max_life": "24h",
            "min_life": "0s",
            "device": "roof",
            "action": "charge",
            "with": {"power": "1500W"},
        }
    },
}
CHARGES: Final = 96
RATE: Final = 111
TARGET: Final = 116
PAUSE: Final = 318
CLOCK: Final = range(35, 41)


@dataclass
class Cut:
    """Takes `after` writes more, and ends the controller in the next one, which is not taken."""

    face: GivEnergyFace
    upon: Callable[[], object]
    after: int | None = None

    def __call__(self, unit: int, address: int, words: Any) -> None:
        if self.after == 0:
            self.upon()
            return
        if self.after is not None:
            self.after -= 1
        GivEnergyFace.write(self.face, unit, address, words)


@pytest.mark.parametrize("taken", range(6))
async def test_a_controller_killed_between_any_writes_of_a_charge_ends_what_was_begun(
    *,
    tie: Callable[..., Any],
    words: Any,
    wait_until: Callable[..., Any],
    tmp_path: Path,
    taken: int,
    within_s: Callable[[float], float],
) -> None:
    async with SimulatedSite(faces=["givenergy"]) as simulated:
        dongle = simulated.endpoints["givenergy"]
        assert isinstance(dongle, Dongle)
        face = dongle.face
        assert isinstance(face, GivEnergyFace)
        rate = int(100 * 1500 / (face.kind.capacity_ah * face.kind.voltage))

        def owners() -> Mapping[int, int]:
            return {address: word for address, word in face.settings.words.items() if address not in CLOCK}

        def charges(now: Mapping[int, int]) -> bool:
            return (now[CHARGES], now[RATE], now[TARGET], now[PAUSE]) == (1, rate, 100, 0)

        face.settings.words |= {TARGET: 80, PAUSE: 1}  # so that a charge is six writes
        before = owners()
        async with tie(tmp_path, SITE, dongle.port) as (controller, _):
            cut = Cut(face, controller.kill)
            face.write = cut  # type: ignore[method-assign]
            controller.start()
            await controller.ready()
            cut.after = taken
            await controller.deliver(words.firing("Watchdog"), words.firing("Price"))
            await controller.killed()
            assert sum(before[address] != word for address, word in owners().items()) <= taken

            cut.after = None
            controller.start()
            await wait_until(owners, charges, controller)
            assert time.monotonic() - controller.started_at < within_s(CONVERGED_S), controller.log

            await controller.ready()
            cut.after = taken
            await controller.deliver(words.resolved("Price", at=time.time() - 0.1))
            await controller.deliver(words.firing("Watchdog"))
            await controller.killed()

            cut.after = None
            controller.start()
            await wait_until(owners, lambda now: now == before, controller)
            assert time.monotonic() - controller.started_at < within_s(CONVERGED_S), controller.log
