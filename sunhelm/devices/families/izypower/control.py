"""What can be commanded on a station of Izypower; the exporter may not import it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from sunhelm.devices.clock import Deadline
from sunhelm.devices.control import Handle, Promise
from sunhelm.devices.errors import Rejected
from sunhelm.devices.families.base import Family, Surroundings
from sunhelm.devices.families.control import CommandedDevice, by_key, export_promise, promise
from sunhelm.devices.families.izypower.answers import DETAIL
from sunhelm.devices.families.izypower.battery import Battery, ControlMode, Head, MinimumSoc
from sunhelm.devices.families.izypower.desk import Desk
from sunhelm.devices.families.izypower.family import Family as IzypowerFamily
from sunhelm.devices.families.izypower.injection import InjectionLimit
from sunhelm.devices.families.izypower.units import BATTERY
from sunhelm.devices.families.izypower.writables import WRITABLES, BatteryPowerLimit, StationSetting
from sunhelm.devices.families.shapes import number
from sunhelm.devices.links.control import HttpControlLink
from sunhelm.devices.links.http import quoted

if TYPE_CHECKING:
    from sunhelm.devices.device_config import DeviceConfig


def open_control(family: Family, config: DeviceConfig, surroundings: Surroundings) -> CommandedDevice:
    """Return a station of an account, opened for control; nothing is sent yet."""
    assert isinstance(family, IzypowerFamily)
    assert config.account is not None
    spec = family.spec
    lease = family.share(config.account, surroundings, link_class=HttpControlLink, role="control")
    source = family.source(config, lease, surroundings)
    link = lease.shared.link
    assert isinstance(link, HttpControlLink)
    desk = Desk(source, link)
    head = Head(desk)

    def promised(key: str) -> Promise:
        return promise(key, spec.controls[key])

    handles: tuple[Handle, ...] = (
        InjectionLimit(export_promise(spec.controls["export_limit"], config), desk),
        Battery(promised("battery"), head),
        ControlMode(promised("mode"), head),
        MinimumSoc(promised("soc_limits"), desk),
        BatteryPowerLimit(promised("setting:battery_charge_power"), desk, "in"),
        BatteryPowerLimit(promised("setting:battery_discharge_power"), desk, "out"),
        *(StationSetting(promised(f"setting:{name}"), desk, name) for name in WRITABLES),
    )
    return CommandedDevice(
        name=config.name,
        link=source,
        serial=partial(_serial, desk),
        handles=by_key(handles),
        tasks=by_key([LiveMode(promise("task:live_mode", spec.tasks["live_mode"]), desk)]),
        state_of_charge=partial(_state_of_charge, desk),
    )


async def _serial(desk: Desk, deadline: Deadline) -> str:
    """Return the id of the station, with the serial numbers that the site file names behind it."""
    station = await desk.station(deadline)
    return "/".join((station.id, *desk.source.wanted.chosen))


async def _state_of_charge(desk: Desk, deadline: Deadline) -> float:
    unit = await desk.unit(BATTERY, deadline)
    told = number((await desk.read(f"/izy/v2/battery/{quoted(unit.serial)}", deadline, *DETAIL)).get("soc"))
    if told is None or unit.online is False:
        raise Rejected(f"the cloud does not tell the state of charge of {unit.serial} now")
    return told / 100


@dataclass(slots=True, eq=False)
class LiveMode:
    """Asks the station and its batteries to tell the cloud everything at once for two minutes."""

    promise: Promise
    desk: Desk

    async def run(self, deadline: Deadline) -> None:
        station = await self.desk.station(deadline)
        await self.desk.tell(f"/api/v3/powerStations/fastData/{quoted(station.id)}", None, deadline)
        for unit in await self.desk.batteries(deadline):
            await self.desk.tell(f"/api/v3/device/fastData/{quoted(unit.serial)}", None, deadline)
