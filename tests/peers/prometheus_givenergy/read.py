"""Read a GivEnergy hybrid with prometheus-givenergy: every value that it makes of a register, as JSON.

It asks the slave of the first battery for everything, where a hybrid shows its first page of input registers
too, but neither settings nor the page of further figures. So those are asked for at the inverter, by the same
code, once its own round has gone through to the file that it writes.

Its checksum leaves out the slave and has its bytes the wrong way round, which our simulated adapter ignores
in silence: each request gets the right one here.
"""

from __future__ import annotations

import json
import socket
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from crccheck.crc import CrcModbus
from prometheus_givenergy import PrometheusGivEnergy
from prometheus_givenergy.prometheus import (
    GivEnergyHoldingRegisterConversion,
    GivEnergyInputRegisterConversion,
    GivEnergyRequest,
)

INVERTER, BATTERY = 0x11, GivEnergyRequest.slave_address
TABLES = {
    "input": (GivEnergyRequest.FUNC_READ_INPUT_REGISTERS, GivEnergyInputRegisterConversion),
    "holding": (GivEnergyRequest.FUNC_READ_HOLDING_REGISTERS, GivEnergyHoldingRegisterConversion),
}
PAGES = (
    (BATTERY, "input", 0),
    (BATTERY, "input", 60),
    (INVERTER, "input", 180),
    (INVERTER, "holding", 0),
    (INVERTER, "holding", 60),
    (INVERTER, "holding", 120),
)


ENCODE = GivEnergyRequest.encode


def encode(request: GivEnergyRequest) -> bytes:
    frame = ENCODE(request)[:-2]
    return frame + CrcModbus.calc(frame[26:]).to_bytes(2, "little")


def rows(client: PrometheusGivEnergy, connection: socket.socket) -> Iterator[dict[str, object]]:
    for unit, table, first in PAGES:
        function, conversion = TABLES[table]
        GivEnergyRequest.slave_address = unit
        words = client._transaction(connection, GivEnergyRequest(client, function, first, 60), table)
        converter = conversion(client)
        for address in range(first, first + 60):
            # The first page at a battery is a copy of the inverter's.
            known = INVERTER if table == "holding" or address < 60 else unit
            for metric in converter.metric(address, words):
                definition = converter.register_definition[address]
                more = definition.get("more", [])
                others = more if isinstance(more, list) else [more]
                yield {
                    "unit": known,
                    "table": table,
                    "name": f"{metric.name}_{metric.unit}".rstrip("_"),
                    "value": metric.value,
                    "scale": int(definition.get("scaling", 1)),
                    "places": [(place, words[place]) for place in (address, *others)],
                }


def main(port: int) -> None:
    GivEnergyRequest.encode = encode
    client = PrometheusGivEnergy("127.0.0.1", port)
    with tempfile.TemporaryDirectory() as folder:
        client.prom_file = str(Path(folder, "givenergy.prom"))
        client.report()
        lines = Path(client.prom_file).read_text().splitlines()
    shown = [line for line in lines if line and not line.startswith("#")]
    with socket.create_connection(("127.0.0.1", port)) as connection:
        print(json.dumps({"shown": shown, "rows": list(rows(client, connection))}))


main(int(sys.argv[1]))
