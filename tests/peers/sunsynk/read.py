"""What sunsynk reads, as JSON, sensor by sensor: run by a Python that has the library.

python read.py PROFILE URL [LOGGER_SERIAL]
"""

from __future__ import annotations

import asyncio
import json
import sys

from sunsynk.definitions import import_defs
from sunsynk.pysunsynk import PySunsynk
from sunsynk.solarmansunsynk import SolarmanSunsynk


async def main(profile: str, url: str, serial: str = "") -> None:
    sensors = list(import_defs(profile).all.values())
    inverter = SolarmanSunsynk(port=url, dongle_serial_number=int(serial)) if serial else PySunsynk(port=url)
    inverter.state.track(*sensors)
    await inverter.connect()
    await inverter.read_sensors(sensors)
    rows = [
        {
            "name": sensor.id,
            "address": list(sensor.address),
            "bitmask": sensor.bitmask,
            "unit": sensor.unit,
            "factor": sensor.factor,
            "value": inverter.state[sensor],
        }
        for sensor in sensors
    ]
    print(json.dumps(rows, default=str))


asyncio.run(main(*sys.argv[1:]))
