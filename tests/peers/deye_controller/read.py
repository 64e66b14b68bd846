"""What deye-controller reads, as JSON, register by register: run by a Python that has the library.

python read.py HOST PORT LOGGER_SERIAL
"""

from __future__ import annotations

import json
import sys

from deye_controller import HoldingRegisters
from deye_controller.utils import group_registers, map_response
from pysolarmanv5 import PySolarmanV5


def main(host: str, port: str, serial: str) -> None:
    inverter = PySolarmanV5(host, int(serial), port=int(port), mb_slave_id=1, socket_timeout=10)
    rows = []
    for group in group_registers(HoldingRegisters.as_list()):
        map_response(inverter.read_holding_registers(group.start_address, group.len), group)
        for register in group:
            address = register.address if hasattr(register, "address") else register.address1
            row = {"name": register.description, "address": [address], "value": register.format()}
            rows.append(row)
    inverter.disconnect()
    print(json.dumps(rows, default=str))


main(*sys.argv[1:])
