"""What HomeBattery's Deye classes read, as JSON: run by a Python that has the library.

    python read_deye.py HOST PORT [LOGGER_SERIAL]

Their constructors would take the inverter's slots over: nothing is written here.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
from typing import Any

from HomeBattery.batteries.deye_modbus import DeyeModbusInverter
from HomeBattery.batteries.deye_solarman import DeyeSolarmanInverter


def main(host: str, port: str, serial: str = "") -> None:
    rows = []
    if serial:
        inverter: Any = DeyeSolarmanInverter(host, int(port), int(serial), manual_mode=False)
    else:
        inverter = DeyeModbusInverter(host, int(port), manual_mode=False)
    for member in inverter.HoldingRegisters:
        register = member.value
        with contextlib.redirect_stdout(io.StringIO()):
            if serial:
                words = inverter._client.read_holding_registers(register.address, register.count)
                value = register.decode(words)
            else:
                value = inverter.read_holding_register(register, 1)
        rows.append(
            {"name": member.name, "address": [register.address], "unit": register.unit, "value": value}
        )
    if serial:
        inverter._client.disconnect()
    print(json.dumps(rows, default=str))


main(*sys.argv[1:])
