"""What HomeBattery's Victron class reads, as JSON: run by a Python that has the library.

    python read_victron.py HOST PORT GRID_UNIT

Its constructor would take the inverter over (external control): nothing is written here.
"""

from __future__ import annotations

import contextlib
import enum
import io
import json
import sys
from typing import Any

from HomeBattery.batteries.victron import VictronInverter

SERVICES = {
    "system": VictronInverter.SystemRegisters,
    "battery": VictronInverter.BatteryRegisters,
    "vebus": VictronInverter.VEbusRegisters,
    "multi": VictronInverter.MultiplusGXRegisters,
    "grid": VictronInverter.GridRegisters,
}


class Reader(VictronInverter):
    """The library's class, without what it writes."""

    def init_power_setpoint_registers(self) -> None:
        pass


def read(reader: Reader, service: str, registers: type[enum.Enum], unit: int) -> list[dict[str, Any]]:
    rows = []
    for member in registers:
        if member.name == "slave_id":
            continue
        # The library prints its errors and returns None.
        with contextlib.redirect_stdout(io.StringIO()):
            value = reader.read_holding_register(member.value, unit)
        if isinstance(value, bytes):
            value = value.split(b"\0")[0].decode("latin-1").rstrip()
        rows.append(
            {
                "service": service,
                "unit": unit,
                "address": member.value.address,
                "words": member.value.count,
                "name": member.name,
                "value": value,
            }
        )
    return rows


def main(host: str, port: str, grid_unit: str) -> None:
    reader = Reader(host, int(port))
    rows = []
    for service, registers in SERVICES.items():
        unit = registers.slave_id.value if hasattr(registers, "slave_id") else int(grid_unit)
        rows += read(reader, service, registers, unit)
    reader.disconnect()
    json.dump(rows, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
