"""One simulated GivEnergy system of every kind, at midday, their time standing still."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime
from zoneinfo import ZoneInfo

from sunhelm.simulator.faces.givenergy import Dongle, GivEnergyFace
from sunhelm.simulator.faces.givenergy.kinds import ALL_IN_ONE, HYBRID, THREE_PHASE
from sunhelm.simulator.plant import Plant

NOON = datetime(2026, 6, 21, 12, tzinfo=ZoneInfo("Europe/Amsterdam"))
KINDS = {"hybrid": HYBRID, "all_in_one": ALL_IN_ONE, "three_phase": THREE_PHASE}


async def serve() -> None:
    """Print the ports, and answer until the process ends."""
    plant = Plant(seed=7, start=NOON.timestamp(), soc=0.4, warm_up=False)
    plant.advance(120)
    dongles = {name: Dongle(GivEnergyFace(plant, kind)) for name, kind in KINDS.items()}
    for dongle in dongles.values():
        await dongle.open("127.0.0.1", 0)
    print(json.dumps({name: dongle.port for name, dongle in dongles.items()}), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve())
