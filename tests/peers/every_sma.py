"""One simulated SMA device of every kind, at midday, their time standing still."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime
from zoneinfo import ZoneInfo

from sunhelm.simulator.faces.sma import HomeManagerFace, SmaFace
from sunhelm.simulator.faces.sma.models import HYBRID, INVERTER, STORAGE, SUNNY_ISLAND
from sunhelm.simulator.modbus_server import ModbusServer
from sunhelm.simulator.plant import Plant

NOON = datetime(2026, 6, 21, 12, tzinfo=ZoneInfo("Europe/Amsterdam"))
MODELS = {"island": SUNNY_ISLAND, "storage": STORAGE, "hybrid": HYBRID, "inverter": INVERTER}


async def serve() -> None:
    """Print the ports, and answer until the process ends."""
    plant = Plant(seed=7, start=NOON.timestamp(), soc=0.4, warm_up=False)
    plant.advance(120)
    faces = {name: SmaFace(plant, model=model) for name, model in MODELS.items()}
    servers = {name: ModbusServer(face) for name, face in faces.items()}
    servers["home_manager"] = ModbusServer(HomeManagerFace(plant))
    for server in servers.values():
        await server.open("127.0.0.1", 0)
    print(json.dumps({name: server.port for name, server in servers.items()}), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve())
