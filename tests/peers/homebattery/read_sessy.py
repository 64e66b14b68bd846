"""What HomeBattery's Sessy class reads, as JSON: run by a Python that has the library.

python read_sessy.py HOST:PORT USER PASSWORD
"""

from __future__ import annotations

import asyncio
import json
import sys

from HomeBattery.batteries.sessy import SessyInverter


async def main(host: str, username: str, password: str) -> None:
    reader = SessyInverter(host, username, password)
    told = {
        "soc": await reader.get_battery_soc(),
        "power": await reader.get_active_power_total(),
        "strategy": await reader.get_active_strategy(),
        "voltage": [await reader.get_phase_voltage(phase) for phase in (1, 2, 3)],
        "current": [await reader.get_phase_current(phase) for phase in (1, 2, 3)],
    }
    await reader._client.close()
    json.dump(told, sys.stdout)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
