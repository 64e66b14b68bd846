"""A simulated GX with every service of the register list, at midday, its time standing still."""

from __future__ import annotations

import asyncio
from datetime import datetime
from zoneinfo import ZoneInfo

from sunhelm.simulator.faces.victron import VictronFace
from sunhelm.simulator.modbus_server import ModbusServer
from sunhelm.simulator.plant import Plant

NOON = datetime(2026, 6, 21, 12, tzinfo=ZoneInfo("Europe/Amsterdam"))


async def serve() -> None:
    """Print the port, and answer until the process ends."""
    server = ModbusServer(VictronFace(Plant(seed=7, start=NOON.timestamp())))
    await server.open("127.0.0.1", 0)
    print(server.port, flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve())
