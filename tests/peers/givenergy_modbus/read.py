"""Read a GivEnergy system with givenergy-modbus: every named value that it knows, as JSON."""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import datetime, time
from enum import Enum

from givenergy_modbus.client.client import Client

TABLES = {"HR": "holding", "IR": "input", "MR": "meter"}


def plain(value: object) -> object:
    """Return the value as JSON has it."""
    if isinstance(value, Enum):
        return plain(value.value)
    if isinstance(value, datetime | time):
        return value.isoformat()
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


async def main(port: int) -> None:
    client = Client("127.0.0.1", port)
    await client.connect()
    await client.detect()
    await client.load_config()
    await client.refresh()
    plant = client.plant
    known = plant.capabilities
    stacks = [0x70 + stack for stack, _ in known.bcu_stacks]
    units = {0x11, *known.meter_addresses, *known.lv_battery_addresses, *stacks}
    units |= {*known.aio_battery_module_addresses, *known.hv_bmu_addresses, known.lv_bcu_address}
    rows = []
    for unit, cache in plant.register_caches.items():
        getter = plant._getter_for_device_address(unit)
        if getter is None or unit not in units:
            continue
        for name, definition in getter.REGISTER_LUT.items():
            registers = definition.registers
            if not registers or any(register not in cache for register in registers):
                continue
            value = getter(cache).get(name)
            places = [(register._idx, int(cache[register])) for register in registers]
            row = {"unit": unit, "table": TABLES[type(registers[0]).__name__], "name": name}
            if hasattr(value, "start"):  # a slot, of two registers
                for end, place in zip((value.start, value.end), places, strict=True):
                    rows.append(row | {"value": plain(end), "places": [place]})
            else:
                rows.append(row | {"value": plain(value), "places": places})
    await client.close()
    print(json.dumps({"capabilities": known.to_dict(), "rows": rows}, default=str))


asyncio.run(main(int(sys.argv[1])))
