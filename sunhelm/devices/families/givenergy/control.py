"""What can be commanded on a GivEnergy device, one register after the other.

Which registers it has, page 0 says; only those that are known to be safe are ever written.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sunhelm.devices.control import Handle, Task
from sunhelm.devices.families.base import Family, RegisterFamily, Surroundings, line_to
from sunhelm.devices.families.control import CommandedDevice, by_key, promise
from sunhelm.devices.families.givenergy.battery import ForcedBattery
from sunhelm.devices.families.givenergy.inverter import Inverter
from sunhelm.devices.families.givenergy.limits import (
    BatteryMode,
    BatteryPower,
    Calibration,
    ProductionLimit,
    Reserve,
)
from sunhelm.devices.families.givenergy.schedules import SlotSchedules
from sunhelm.devices.families.givenergy.tasks import InverterClock, Restart
from sunhelm.devices.families.register_board import RegisterBoard
from sunhelm.devices.families.setting import settings
from sunhelm.devices.links.base import Table
from sunhelm.devices.links.control import open_control_link

if TYPE_CHECKING:
    from sunhelm.devices.device_config import DeviceConfig


def open_control(family: Family, config: DeviceConfig, surroundings: Surroundings) -> CommandedDevice:
    """Return the inverter, opened for control; what it is, is found out when it is used."""
    assert isinstance(family, RegisterFamily)
    spec = family.spec
    kind, line = line_to(config, spec, surroundings)
    # More clients at once are more answers that come damaged: it leaves after each turn.
    link = open_control_link(kind, replace(line, single=True))
    board = RegisterBoard(link, config, spec.parts, family.map_of)
    inverter = Inverter(board, surroundings.zone, surroundings.clock, spec.read.pages[Table.HOLDING])
    controls, tasks = spec.controls, spec.tasks
    charge, discharge = "setting:battery.charge_power", "setting:battery.discharge_power"
    calibration = "setting:calibration"
    handles: tuple[Handle, ...] = (
        ForcedBattery(promise("battery", controls["battery"]), inverter),
        BatteryMode(promise("mode", controls["mode"]), inverter),
        Reserve(promise("soc_limits", controls["soc_limits"]), inverter),
        ProductionLimit(
            promise("production_limit", controls["production_limit"]), inverter, config.rated_power
        ),
        BatteryPower(promise(charge, controls[charge]), inverter, charges=True),
        BatteryPower(promise(discharge, controls[discharge]), inverter, charges=False),
        Calibration(promise(calibration, controls[calibration]), inverter),
        *settings(board, spec),
    )
    done: dict[str, Task] = {
        "set_clock": InverterClock(promise("set_clock", tasks["set_clock"]), inverter),
        "restart": Restart(promise("restart", tasks["restart"]), inverter),
    }
    return CommandedDevice(
        name=config.name,
        link=link,
        serial=inverter.identify,
        handles=by_key(handles),
        tasks=done,
        schedules=SlotSchedules(promise("schedules", controls["schedules"]), inverter, surroundings.zone),
    )
