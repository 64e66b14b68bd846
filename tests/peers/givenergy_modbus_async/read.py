"""Read a GivEnergy system with givenergy-modbus-async: every named value that it knows, as JSON."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from datetime import datetime, time
from enum import Enum

from givenergy_modbus_async.client.client import Client
from givenergy_modbus_async.exceptions import ConversionError
from givenergy_modbus_async.model.plant import Plant
from givenergy_modbus_async.model.register import RegisterGetter

TABLES = {"HR": "holding", "IR": "input", "MR": "meter"}


def plain(value: object) -> object:
    """Return the value as JSON has it."""
    if isinstance(value, Enum):
        return plain(value.value)
    if isinstance(value, datetime | time):
        return value.isoformat()
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def devices(plant: Plant) -> Iterator[tuple[int, RegisterGetter]]:
    """Yield what the library found, each with its unit."""
    yield 0x11, plant.inverter
    yield from plant.meters.items()
    for number, battery in enumerate(plant.batteries or ()):
        yield 0x32 + number, battery
    for (number, _), (stack, modules) in zip(plant.bcu_list, plant.HVStack, strict=True):
        yield 0x70 + number, stack
        for place, module in enumerate(modules):
            yield 0x50 + place, module


async def main(port: int) -> None:
    client = Client("127.0.0.1", port)
    await client.connect()
    await client.detect_plant(timeout=2, retries=2)
    rows = []
    for unit, device in devices(client.plant):
        for name, definition in device.REGISTER_LUT.items():
            registers = getattr(definition, "registers", ())
            words = [device.cache.get(register) for register in registers]
            if not registers or None in words:
                continue
            places = [(register._idx, word) for register, word in zip(registers, words, strict=True)]
            row = {"unit": unit, "table": TABLES[type(registers[0]).__name__], "name": name}
            try:
                value = device.get(name)
            except (ConversionError, ArithmeticError, LookupError, TypeError, AttributeError) as error:
                rows.append(row | {"value": None, "places": places, "error": repr(error)})
                continue
            if hasattr(value, "start"):  # a slot, of two registers
                for end, place in zip((value.start, value.end), places, strict=True):
                    rows.append(row | {"value": plain(end), "places": [place]})
            else:
                rows.append(row | {"value": plain(value), "places": places})
    await client.close()
    print(json.dumps({"rows": rows}, default=str))


asyncio.run(main(int(sys.argv[1])))
