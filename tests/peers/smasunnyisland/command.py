"""smasunnyisland commands a battery as it does: run by a Python that has the library.

    python command.py HOST PORT WATTS

The library opens SunSpec at unit id 126 as well, which is not asked here.
"""

from __future__ import annotations

import sys
from unittest.mock import patch

from smasunnyisland import SMASunnyIslandClient, sma_controller


def main(host: str, port: str, watts: str) -> None:
    with patch.object(sma_controller.clientSunspec, "SunSpecClientDevice"):
        client = SMASunnyIslandClient(host, int(port))
    client.set_power_setpoint(int(watts))
    client.modbus_client.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
