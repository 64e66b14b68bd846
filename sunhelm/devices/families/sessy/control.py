"""What can be commanded on a Sessy: what its battery does, its strategy, its settings, the grid's target."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from sunhelm.devices.clock import Deadline
from sunhelm.devices.control import (
    UNKNOWN,
    Charge,
    Discharge,
    Handle,
    Mode,
    Promise,
    SelfConsumption,
    Unknown,
    Value,
)
from sunhelm.devices.errors import Rejected
from sunhelm.devices.families.base import Family, Surroundings
from sunhelm.devices.families.control import CommandedDevice, NotControllable, by_key, promise
from sunhelm.devices.families.sessy.desk import Desk
from sunhelm.devices.families.sessy.dongle import (
    KINDS,
    RESTART,
    SETPOINT,
    address,
    kind_of,
    known_serial,
    sign_in,
)
from sunhelm.devices.families.sessy.settings import (
    ENDS,
    NUMBERS,
    SWITCHES,
    EnabledTime,
    GridTarget,
    MinimumSoc,
    SystemSetting,
)
from sunhelm.devices.families.shapes import number
from sunhelm.devices.families.values import as_mode, as_order, discharged, order_of
from sunhelm.devices.links.control import HttpControlLink

if TYPE_CHECKING:
    from sunhelm.devices.device_config import DeviceConfig
    from sunhelm.devices.sections import Account

_API: Final = "API"
_NATIVES: Final = {"nom": "NOM", "roi": "ROI", "idle": "IDLE", "sessy_connect": "SESSY_CONNECT", "eco": "ECO"}
_MODES: Final = {"self_consumption": "NOM", "time_of_use": "ROI", "idle": "IDLE"} | {
    f"native:{name}": strategy for name, strategy in _NATIVES.items()
}


def open_control(family: Family, config: DeviceConfig, surroundings: Surroundings) -> CommandedDevice:
    """Return the dongle, opened for control. Raises NotControllable where its kind cannot be told."""
    account = None if config.account is None else surroundings.accounts[config.account]
    letter = (config.serial or (account and account.username) or "").upper()[:1]
    if letter not in KINDS:
        raise NotControllable(
            f"devices.{config.name}.account: needs a username that is the serial of the dongle: its first"
            " letter, D, P or C, says what can be commanded"
        )
    link = HttpControlLink(
        address(config, family.spec),
        pacing=family.spec.pacing,
        sign_in=sign_in(account, surroundings),
        turns=surroundings.turns,
        clock=surroundings.clock,
    )
    controls = family.spec.controls
    desk = Desk(link, config)
    handles: list[Handle] = []
    if letter == "D":
        settings = {name: f"setting:{name}" for name in (*NUMBERS, *SWITCHES)}
        hours = {f"setting:{name}": end for name, end in ENDS.items()}
        handles = [
            Battery(promise("battery", controls["battery"]), desk),
            Strategy(promise("mode", controls["mode"]), desk),
            MinimumSoc(promise("soc_limits", controls["soc_limits"]), desk),
            *(SystemSetting(promise(key, controls[key]), desk, name) for name, key in settings.items()),
            *(EnabledTime(promise(key, controls[key]), desk, end) for key, end in hours.items()),
        ]
    else:
        handles = [GridTarget(promise("setting:grid_target", controls["setting:grid_target"]), desk)]
    return CommandedDevice(
        name=config.name,
        link=link,
        serial=partial(_serial, desk, account),
        handles=by_key(handles),
        tasks={"restart": Restart(promise("restart", family.spec.tasks["restart"]), desk)},
        state_of_charge=partial(_state_of_charge, desk) if letter == "D" else None,
    )


@dataclass(slots=True, eq=False)
class Battery:
    """The setpoint under the strategy API; any other strategy is the battery's own doing."""

    promise: Promise
    desk: Desk

    def check(self, value: Value) -> None:
        as_order(self.promise, value, _NATIVES)

    def equal(self, wanted: Value, observed: Value) -> bool:
        if isinstance(wanted, SelfConsumption) or isinstance(observed, SelfConsumption):
            return wanted == observed or (
                wanted == SelfConsumption() and isinstance(observed, SelfConsumption)
            )
        return abs(discharged(wanted) - discharged(observed)) <= self.promise.tolerance

    async def observe(self, deadline: Deadline) -> SelfConsumption | Charge | Discharge | Unknown:
        """Return the strategy, or the setpoint in force; UNKNOWN for a strategy that has no name here."""
        strategy = await self.desk.strategy(deadline)
        if strategy != _API:
            names = {value: name for name, value in _NATIVES.items()}
            return SelfConsumption(names[strategy]) if strategy in names else UNKNOWN
        setpoint = number((await self.desk.status(deadline)).get("power_setpoint"))
        return UNKNOWN if setpoint is None else order_of(setpoint)

    async def write(self, value: Value, deadline: Deadline) -> None:
        """Take the strategy API first, since a setpoint is ignored without it; or hand back."""
        self.check(value)
        if isinstance(value, SelfConsumption):
            await self.desk.take_strategy(_NATIVES[value.native or "nom"], deadline)
            return
        await self.desk.take_strategy(_API, deadline)
        await self.desk.tell(SETPOINT, {"setpoint": round(discharged(value))}, deadline)


@dataclass(slots=True, eq=False)
class Strategy:
    """The strategy that the battery follows by itself. While it is commanded, that is left alone."""

    promise: Promise
    desk: Desk

    def check(self, value: Value) -> None:
        as_mode(value, _MODES)

    def equal(self, wanted: Value, observed: Value) -> bool:
        return (
            isinstance(wanted, Mode)
            and isinstance(observed, Mode)
            and _MODES.get(wanted.name) == _MODES.get(observed.name, observed.name)
        )

    async def observe(self, deadline: Deadline) -> Mode | Unknown:
        """Return the strategy; UNKNOWN while a setpoint is in force."""
        strategy = await self.desk.strategy(deadline)
        names = {value: f"native:{name}" for name, value in _NATIVES.items()}
        return Mode(names[strategy]) if strategy in names else UNKNOWN

    async def write(self, value: Value, deadline: Deadline) -> None:
        mode = as_mode(value, _MODES)
        if await self.desk.strategy(deadline) == _API:
            raise Rejected(f"{self.desk.config.name}: its battery is commanded; end that first")
        await self.desk.take_strategy(_MODES[mode.name], deadline)


@dataclass(slots=True, eq=False)
class Restart:
    """Restart the dongle; nothing is measured meanwhile."""

    promise: Promise
    desk: Desk

    async def run(self, deadline: Deadline) -> None:
        await self.desk.tell(RESTART, {}, deadline)


async def _serial(desk: Desk, account: Account | None, deadline: Deadline) -> str:
    """Return the serial of the dongle. Raises Rejected when it is another one than the site file says."""
    _, serial = await kind_of(desk.link, account, deadline)
    return known_serial(desk.config, serial) or f"sessy@{desk.config.host}"


async def _state_of_charge(desk: Desk, deadline: Deadline) -> float:
    """Return the state of charge, 0 to 1. Raises Rejected where the dongle does not tell it."""
    told = number((await desk.status(deadline)).get("state_of_charge"))
    if told is None or not 0 <= told <= 1:
        raise Rejected(f"{desk.config.name}: it does not tell its state of charge now")
    return told
