"""What HomeBattery's Sma class reads, as JSON: run by a Python that has the library.

    python read_sma.py HOST PORT

Its constructor would switch the set point on: nothing is written here.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
from typing import Any

from HomeBattery.batteries.sma import SmaInverter


class Reader(SmaInverter):
    """The library's class, without what it writes."""

    def write_register(self, *_: object, **__: object) -> None:
        pass


def main(host: str, port: str) -> None:
    reader = Reader(host, int(port))
    rows: list[dict[str, Any]] = []
    for member in reader.SmaRegisters:
        if "read" in member.value.access_type.name.lower():
            # The library prints its errors and returns None.
            with contextlib.redirect_stdout(io.StringIO()):
                value = reader.read_holding_register(member.value, 3)
            rows.append({"address": member.value.address, "name": member.name, "value": value, "error": ""})
    reader.disconnect()
    json.dump(rows, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
