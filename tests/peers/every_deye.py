"""One simulated Deye of every kind and link, at midday, their time standing still."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime
from zoneinfo import ZoneInfo

from sunhelm.simulator.faces.deye import DeyeFace
from sunhelm.simulator.faults import Delay
from sunhelm.simulator.modbus_device import Limits
from sunhelm.simulator.modbus_framing import RtuFraming
from sunhelm.simulator.modbus_server import ModbusServer
from sunhelm.simulator.plant import Plant
from sunhelm.simulator.solarman import DEFAULT_SERIAL, Habits, SolarmanLogger

NOON = datetime(2026, 6, 21, 12, tzinfo=ZoneInfo("Europe/Amsterdam"))
DEYE = Limits(functions={3, 16})


async def serve() -> None:
    """Print the ports, and answer until the process ends."""
    plant = Plant(seed=7, start=NOON.timestamp(), soc=0.4, warm_up=False)
    plant.advance(120)
    servers: dict[str, ModbusServer | SolarmanLogger] = {
        "three_phase_lv": ModbusServer(DeyeFace(plant), limits=DEYE),
        "three_phase_hv": ModbusServer(DeyeFace(plant, kind="three_phase_hv", firmware=0x1097), limits=DEYE),
        "single_phase": ModbusServer(DeyeFace(plant, kind="single_phase"), limits=DEYE),
        "rtu": ModbusServer(DeyeFace(plant), framing=RtuFraming(), limits=DEYE),
        # The clients cannot bear a heartbeat that comes with an answer; ours is tried with it elsewhere.
        "solarman": SolarmanLogger(DeyeFace(plant), limits=DEYE, habits=Habits(beats_every_s=None)),
        "twice": SolarmanLogger(
            DeyeFace(plant), limits=DEYE, habits=Habits(beats_every_s=None, checksum_twice=True)
        ),
    }
    for server in servers.values():
        await server.open("127.0.0.1", 0)
    for server in servers.values():
        if isinstance(server, SolarmanLogger):
            # pysolarmanv5 drops an answer that comes within microseconds, as no stick's does.
            server.faults.start(Delay(seconds=0.01))
    ports = {name: server.port for name, server in servers.items()}
    print(json.dumps({"logger_serial": DEFAULT_SERIAL, **ports}), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve())
