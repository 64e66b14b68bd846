"""What sma-modbus reads, as JSON, field by field: run by a Python that has the library.

python read.py HOST PORT CLASS UNIT
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import sma_modbus
from modbus_connection import ModbusError
from modbus_connection.pymodbus import connect_tcp


async def read(host: str, port: int, name: str, unit: int) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    connection = await connect_tcp(host, port=port)
    fields = getattr(sma_modbus, name).declared_fields
    for field, register in fields.items():
        device = getattr(sma_modbus, name)(connection, unit)
        error = ""
        value: Any = None
        try:
            device.restrict_fields([field])
            await device.async_update()
            value = getattr(device, field)
        except (ModbusError, ValueError) as raised:
            error = type(raised).__name__
        rows.append(
            {
                "name": field,
                "address": register.address,
                "value": int(value) if isinstance(value, int) else value,
                "error": error,
            }
        )
    await connection.close()
    return rows


def main(host: str, port: str, name: str, unit: str) -> None:
    json.dump(asyncio.run(read(host, int(port), name, int(unit))), sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
