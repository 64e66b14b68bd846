"""What the batteries do: by themselves, by their calendar, or what they are told by hand."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from sunhelm.devices.clock import Deadline
from sunhelm.devices.control import (
    UNKNOWN,
    BatteryOrder,
    Charge,
    Discharge,
    Mode,
    Promise,
    SelfConsumption,
    SocLimits,
    Unknown,
    Value,
)
from sunhelm.devices.errors import Busy, Rejected
from sunhelm.devices.families.izypower.answers import discharge_member
from sunhelm.devices.families.izypower.bodies import Json
from sunhelm.devices.families.izypower.desk import Desk, battery_path
from sunhelm.devices.families.izypower.units import BATTERY, Unit
from sunhelm.devices.families.shapes import mapping, number
from sunhelm.devices.families.values import (
    as_minimum,
    as_mode,
    as_order,
    discharged,
    is_same_minimum,
    is_same_order,
    whole_percent,
)

INTELLIGENT, MANUAL, CALENDAR = 0, 1, 2
STANDBY, CHARGE, DISCHARGE = 0, 1, 2
STEP_W: Final = 50
_STANDBY_ORDER: Final = (STANDBY, 0)
_NATIVES: Final = {"intelligent": INTELLIGENT, "calendar": CALENDAR}
_MODES: Final = {
    "self_consumption": INTELLIGENT,
    "time_of_use": CALENDAR,
    "idle": MANUAL,
    **{f"native:{name}": code for name, code in _NATIVES.items()},
}
_STEP_PERCENT: Final = 5


@dataclass(frozen=True, slots=True)
class Doing:
    """What a battery head does: its mode, and its orders by hand, which act in the mode MANUAL alone."""

    mode: int | None
    manual: tuple[int, int] | None

    @classmethod
    def of(cls, told: Json) -> Doing:
        """Return what the settings of a battery say."""
        mode = number(mapping(told.get("mode")).get("ctr_mode"))
        manual = mapping(told.get("manual"))
        way, watts = number(manual.get("mode")), number(manual.get("power"))
        order = None if way is None or (watts is None and way != STANDBY) else (int(way), round(watts or 0.0))
        return cls(None if mode is None else int(mode), order)

    @property
    def is_commanded(self) -> bool:
        """Whether it charges or discharges by hand."""
        return self.mode == MANUAL and (self.manual is None or self.manual[0] != STANDBY)

    @property
    def order(self) -> BatteryOrder | Unknown:
        """What that is in the words of all families; standing by is charging with nothing."""
        match self.mode, self.manual:
            case 0, _:
                return SelfConsumption("intelligent")
            case 2, _:
                return SelfConsumption("calendar")
            case 1, (0, _):
                return Charge(0.0)
            case 1, (1, watts):
                return Charge(float(watts))
            case 1, (2, watts):
                return Discharge(float(watts))
        return UNKNOWN


@dataclass(frozen=True, slots=True)
class Head:
    """The battery that takes the orders, and how they are given.

    An order by hand stays where it is when the mode is another one, and acts again in the manual mode. So
    none but standing by is left behind, and one of others is put to that before the mode is taken.
    """

    desk: Desk

    async def doing(self, deadline: Deadline) -> Doing:
        """Return what it does. Raises DeviceError."""
        return Doing.of(await self.desk.command(await self.desk.unit(BATTERY, deadline), deadline))

    async def take(self, order: tuple[int, int], deadline: Deadline) -> None:
        """Have it do what it is told by hand: the mode first, then the order."""
        unit = await self.desk.ready(BATTERY, deadline)
        told = await self.desk.command(unit, deadline)
        check_power(unit, told, order)
        doing = Doing.of(told)
        if doing.mode != MANUAL:
            if doing.manual != _STANDBY_ORDER:
                with suppress(Rejected, Busy):  # a cloud that takes it in the manual mode alone is right, too
                    await self._order(unit, _STANDBY_ORDER, deadline)
            await self._choose(unit, MANUAL, deadline)
        await self._order(unit, order, deadline)

    async def hand_back(self, mode: int, deadline: Deadline) -> None:
        """Have it go its own way: it stands by first, then the mode is another one."""
        unit = await self.desk.ready(BATTERY, deadline)
        told = await self.desk.command(unit, deadline)
        if mode == INTELLIGENT and told.get("hasMeter") is False:
            raise Rejected(f"{unit.serial} has no meter; the intelligent mode needs one")
        doing = Doing.of(told)
        if doing.is_commanded:
            await self._order(unit, _STANDBY_ORDER, deadline)
        if doing.mode != mode:
            await self._choose(unit, mode, deadline)

    async def own_mode(self, deadline: Deadline) -> int:
        """Return what it does when nobody says how: the intelligent mode, without a meter the calendar."""
        told = await self.desk.command(await self.desk.unit(BATTERY, deadline), deadline)
        return CALENDAR if told.get("hasMeter") is False else INTELLIGENT

    async def _choose(self, unit: Unit, mode: int, deadline: Deadline) -> None:
        await self.desk.tell(battery_path("mode", unit), {"ctr_mode": mode}, deadline)

    async def _order(self, unit: Unit, order: tuple[int, int], deadline: Deadline) -> None:
        way, watts = order
        body = {"mode": way, "power": 0 if way == STANDBY else watts}
        await self.desk.tell(battery_path("manual_mode_value", unit), body, deadline)


def check_power(unit: Unit, told: Json, order: tuple[int, int]) -> None:
    """Raise Rejected for more power than the limits that are set there."""
    way, watts = order
    limits = mapping(told.get("power"))
    name = {CHARGE: "max_in_power", DISCHARGE: discharge_member(unit)}.get(way, "")
    most = number(limits.get(name))
    if most is not None and watts > most:
        raise Rejected(f"{unit.serial}: {watts} W; its limit ({name}) is {most:g} W")


@dataclass(slots=True, eq=False)
class Battery:
    """Charging and discharging by hand; implements `Handle`."""

    promise: Promise
    head: Head

    def check(self, value: Value) -> None:
        as_order(self.promise, value, _NATIVES)

    def equal(self, wanted: Value, observed: Value) -> bool:
        if isinstance(wanted, Charge | Discharge) and isinstance(observed, Charge | Discharge):
            return abs(discharged(wanted) - discharged(observed)) <= self.promise.tolerance
        return is_same_order(wanted, observed, tolerance=self.promise.tolerance)

    async def observe(self, deadline: Deadline) -> BatteryOrder | Unknown:
        return (await self.head.doing(deadline)).order

    async def write(self, value: Value, deadline: Deadline) -> None:
        self.check(value)
        if isinstance(value, SelfConsumption):
            native = _NATIVES.get(value.native)
            await self.head.hand_back(
                await self.head.own_mode(deadline) if native is None else native, deadline
            )
            return
        power = discharged(value)
        watts = STEP_W * round(abs(power) / STEP_W)
        way = STANDBY if not watts else CHARGE if power < 0 else DISCHARGE
        await self.head.take((way, watts), deadline)


@dataclass(slots=True, eq=False)
class ControlMode:
    """The mode of the batteries; implements `Handle`. While they are commanded, it is left alone."""

    promise: Promise
    head: Head

    def check(self, value: Value) -> None:
        as_mode(value, _MODES)

    def equal(self, wanted: Value, observed: Value) -> bool:
        return (
            isinstance(wanted, Mode)
            and isinstance(observed, Mode)
            and _MODES.get(wanted.name) == _MODES.get(observed.name)
        )

    async def observe(self, deadline: Deadline) -> Mode | Unknown:
        """Return the mode; UNKNOWN while the batteries are commanded."""
        doing = await self.head.doing(deadline)
        if doing.is_commanded:
            return UNKNOWN
        return next((Mode(name) for name, code in _MODES.items() if code == doing.mode), UNKNOWN)

    async def write(self, value: Value, deadline: Deadline) -> None:
        mode = _MODES[as_mode(value, _MODES).name]
        if (await self.head.doing(deadline)).is_commanded:
            raise Rejected("the batteries are commanded; end that first")
        if mode == MANUAL:
            await self.head.take(_STANDBY_ORDER, deadline)
        else:
            await self.head.hand_back(mode, deadline)


@dataclass(slots=True, eq=False)
class MinimumSoc:
    """The state of charge below which nothing is discharged, head and Links; implements `Handle`."""

    promise: Promise
    desk: Desk

    def check(self, value: Value) -> None:
        as_minimum(self.promise, value)

    def equal(self, wanted: Value, observed: Value) -> bool:
        return is_same_minimum(wanted, observed, _STEP_PERCENT)

    async def observe(self, deadline: Deadline) -> SocLimits | Unknown:
        unit = await self.desk.unit(BATTERY, deadline)
        told = number((await self.desk.command(unit, deadline)).get("min_soc"))
        return UNKNOWN if told is None else SocLimits(minimum=told / 100)

    async def write(self, value: Value, deadline: Deadline) -> None:
        percent = whole_percent(as_minimum(self.promise, value), _STEP_PERCENT)
        unit = await self.desk.ready(BATTERY, deadline)
        await self.desk.tell(battery_path("min_soc", unit), {"value": percent}, deadline)
