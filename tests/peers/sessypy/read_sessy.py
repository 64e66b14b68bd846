"""What sessypy reads of a dongle, as JSON: run by a Python that has the library.

python read_sessy.py HOST:PORT USER PASSWORD
"""

from __future__ import annotations

import asyncio
import json
import sys

from sessypy.devices import SessyBattery, get_sessy_device


async def main(host: str, username: str, password: str) -> None:
    device = await get_sessy_device(host, username, password)
    told = {
        "model": device.model,
        "info": await device.get_system_info(),
        "ota": await device.get_ota_status(),
    }
    if isinstance(device, SessyBattery):
        told["settings"] = await device.get_system_settings()
        told["power"] = await device.get_power_status()
        told["energy"] = await device.get_energy_status()
        told["strategy"] = await device.get_power_strategy()
        told["schedule"] = await device.get_dynamic_schedule()
    else:
        told["target"] = await device.get_grid_target()
        told["p1"] = await device.get_p1_details()
    await device.close()
    json.dump(told, sys.stdout)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
