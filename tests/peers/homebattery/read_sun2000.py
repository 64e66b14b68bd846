"""What HomeBattery's Sun2000 class reads, as JSON: run by a Python that has the library.

    python read_sun2000.py HOST PORT

Its constructor would let the grid charge the battery: nothing is written here.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
from typing import Any

from HomeBattery.batteries.sun2000 import Sun2000Inverter


class Reader(Sun2000Inverter):
    """The library's class, without what it writes."""

    def init_power_setpoint_registers(self) -> None:
        pass


def main(host: str, port: str) -> None:
    reader = Reader(host, int(port))
    rows: list[dict[str, Any]] = []
    for member in reader.Sun2000Registers:
        if "read" not in member.value.access_type.name.lower():
            continue
        # The library prints its errors and returns None.
        with contextlib.redirect_stdout(io.StringIO()):
            value = reader.read_holding_register(member.value)
        if isinstance(value, bytes):
            value = value.split(b"\0")[0].decode("latin-1").rstrip()
        rows.append({"address": member.value.address, "name": member.name, "value": value})
    reader.disconnect()
    json.dump(rows, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
