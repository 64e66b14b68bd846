"""What pysolarmanv5's own clients read and write, as JSON: run by a Python that has the library.

python read.py HOST PORT LOGGER_SERIAL
"""

from __future__ import annotations

import asyncio
import json
import sys

from pysolarmanv5 import PySolarmanV5, PySolarmanV5Async

BLOCKS = ((0, 125), (125, 125), (500, 125), (625, 106))


async def gently(host: str, port: int, serial: int) -> dict[int, int]:
    client = PySolarmanV5Async(host, serial, port=port, mb_slave_id=1, socket_timeout=5)
    await client.connect()
    words = {}
    for start, count in BLOCKS:
        words |= dict(enumerate(await client.read_holding_registers(start, count), start))
    await client.disconnect()
    return words


def main(host: str, port: str, serial: str) -> None:
    told = {"async": asyncio.run(gently(host, int(port), int(serial)))}
    client = PySolarmanV5(host, int(serial), port=int(port), mb_slave_id=1, socket_timeout=5)
    words = {}
    for start, count in BLOCKS:
        words |= dict(enumerate(client.read_holding_registers(start, count), start))
    told["sync"] = words
    refused = {}
    for name, act in (
        ("function 4", lambda: client.read_input_registers(588, 4)),
        ("function 6", lambda: client.write_holding_register(143, 1)),
        ("address", lambda: client.read_holding_registers(3000, 1)),
    ):
        try:
            act()
        except Exception as error:  # noqa: BLE001 - the libraries' own, whatever they are
            refused[name] = type(error).__name__
    written = client.write_multiple_holding_registers(143, [7000])
    client.disconnect()
    print(json.dumps({**told, "refused": refused, "written": written}))


main(*sys.argv[1:])
