"""What huawei-solar reads of a SUN2000, as JSON: run by a Python that has the library.

    python read.py HOST PORT

Registers one by one, then the files about optimizers and the list of devices.
"""

from __future__ import annotations

import asyncio
import dataclasses
import enum
import json
import struct
import sys
from datetime import datetime
from typing import Any

from huawei_solar import AsyncHuaweiSolar, HuaweiSolarException, create_tcp_bridge
from huawei_solar.registers import REGISTERS, TargetDevice

UNIT = 1


def plain(value: Any) -> Any:
    """Return a value as JSON can say it."""
    if isinstance(value, bool | enum.IntEnum):
        return int(value)
    if isinstance(value, datetime):
        return {"time": value.timestamp()}
    if isinstance(value, list | tuple):
        return {"several": len(value)}
    return value if isinstance(value, int | float | str) or value is None else {"other": str(value)}


async def registers(client: AsyncHuaweiSolar) -> list[dict[str, Any]]:
    rows = []
    for name, register in REGISTERS.items():
        if TargetDevice.SUN2000 in register.target_device and register.readable:
            try:
                value, unit = await client.get(name, UNIT)
            except (HuaweiSolarException, IndexError, ValueError, struct.error) as error:
                value, unit = {"error": f"{type(error).__name__}"}, None
            rows.append(
                {"address": register.register, "name": name, "value": plain(value), "unit": str(unit or "")}
            )
    return rows


def fields(item: Any) -> dict[str, Any]:
    return {each.name: plain(getattr(item, each.name)) for each in dataclasses.fields(item)}


async def main(host: str, port: str) -> None:
    bridge = await create_tcp_bridge(host, int(port), UNIT)
    client = bridge.client
    client._cooldown_time = 0.0
    found: dict[str, Any] = {
        "registers": await registers(client),
        "optimizers": [fields(each) for each in (await bridge.get_latest_optimizer_history_data()).values()],
        "systems": [fields(each) for each in (await bridge.get_optimizer_system_information_data()).values()],
        "devices": [fields(each) for each in await client.get_device_infos()],
        "model": bridge.model_name,
        "serial": bridge.serial_number,
    }
    await client.stop()
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
