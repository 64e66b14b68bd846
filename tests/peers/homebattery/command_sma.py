"""HomeBattery's Sma class commands a battery as it does: run by a Python that has the library.

python command_sma.py HOST PORT WATTS
"""

from __future__ import annotations

import sys

from HomeBattery.batteries.sma import SmaInverter


def main(host: str, port: str, watts: str) -> None:
    inverter = SmaInverter(host, int(port))
    inverter.set_power_setpoint(int(watts))
    inverter.disconnect()


if __name__ == "__main__":
    main(*sys.argv[1:])
