"""Every other thing of a station that can be set: one member of its settings, or two that go together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from sunhelm.devices.clock import Deadline
from sunhelm.devices.control import UNKNOWN, Number, Promise, Unknown, Value
from sunhelm.devices.errors import Rejected
from sunhelm.devices.families.izypower.answers import COMMANDS, discharge_member
from sunhelm.devices.families.izypower.battery import STEP_W
from sunhelm.devices.families.izypower.bodies import Json
from sunhelm.devices.families.izypower.desk import Desk, battery_path
from sunhelm.devices.families.izypower.groups import command_path, derate_path, intelligent_path
from sunhelm.devices.families.izypower.times import seconds_of_day, time_of_day
from sunhelm.devices.families.izypower.units import BATTERY, CHARGER, MASTER, Unit
from sunhelm.devices.families.shapes import mapping, number
from sunhelm.devices.families.values import as_number
from sunhelm.devices.links.http import quoted

MOST_W: Final = 2400
"""The most of one battery."""

Kind = Literal["switch", "number", "days", "time"]

_DAY_S: Final = 86_400.0


def _nothing(told: Json, value: float) -> str:
    del told, value
    return ""


@dataclass(frozen=True, slots=True)
class Writable:
    """One setting.

    `place` leads to it in the answer of `asks`, which has one of `members`; without one it cannot be read.
    `posts` says where it is posted, `name` what it is called there, and `both` which members go with it.
    `step` is in the cloud's unit. `refuses` says why it cannot be set now, beside what is there.
    """

    kind: Kind
    of: str
    posts: Callable[[Unit, str], str]
    place: tuple[str, ...] = ()
    asks: Callable[[Unit, str], str] = lambda unit, _: command_path(unit)
    members: tuple[str, ...] = COMMANDS
    name: str = "value"
    both: tuple[str, ...] = ()
    step: int = 1
    refuses: Callable[[Json, float], str] = _nothing


def _battery(order: str) -> Callable[[Unit, str], str]:
    return lambda unit, _: battery_path(order, unit)


def _charger(order: str) -> Callable[[Unit, str], str]:
    return lambda unit, _: f"/api/v2/device/ev/{order}/{quoted(unit.serial)}"


def _priority(_: Unit, station: str) -> str:
    return f"/api/v2/device/ev/priority/V2/{quoted(station)}"


def _outlet_is_off(told: Json, value: float) -> str:
    del value
    return "" if mapping(told.get("offGrid")).get("open") is True else "the backup outlet is off"


def _no_meter(told: Json, value: float) -> str:
    return "the intelligent mode needs a meter" if value == 0 and told.get("hasMeter") is False else ""


def _beyond(told: Json, value: float) -> str:
    low, high, step = (number(told.get(name)) for name in ("min_power", "max_power", "interval"))
    if (low is not None and value < low) or (high is not None and value > high):
        return f"the charger takes {low} to {high} W"
    return f"the charger takes steps of {step:g} W" if step and value % step else ""


def _intelligent(name: str) -> Writable:
    return Writable(
        "switch",
        CHARGER,
        _charger("intelligentValue/V2"),
        (name,),
        lambda unit, _: intelligent_path(unit),
        ("enableGrid", "enableBattery"),
        name,
        ("enableGrid", "enableBattery"),
    )


WRITABLES: Final[Mapping[str, Writable]] = {
    "battery_lights": Writable("switch", BATTERY, _battery("led")),
    "backup_outlet": Writable("switch", BATTERY, _battery("toggleOffGrid"), ("offGrid", "open")),
    "backup_outlet_mode": Writable(
        "number", BATTERY, _battery("offGrid"), ("offGrid", "value"), refuses=_outlet_is_off
    ),
    "calibration": Writable("switch", BATTERY, _battery("toggleFullChargeDays"), ("fullCharge", "open")),
    "calibration_interval": Writable("days", BATTERY, _battery("fullChargeDays"), ("fullCharge", "days")),
    "calibration_time": Writable(
        "time", BATTERY, _battery("fullChargeTime"), ("fullCharge", "time"), step=300
    ),
    "ev_power": Writable("number", CHARGER, _charger("chargePower"), ("power",), refuses=_beyond),
    "ev_mode": Writable("number", CHARGER, _charger("mode"), ("controlMode",), refuses=_no_meter),
    "ev_charging": Writable("switch", CHARGER, _charger("state"), ("open",)),
    "ev_grid": _intelligent("enableGrid"),
    "ev_battery": _intelligent("enableBattery"),
    "ev_derate": Writable(
        "number",
        CHARGER,
        _charger("powerDerate"),
        ("value",),
        lambda unit, _: derate_path(unit),
        ("value",),
        step=10,
    ),
    "ev_priority": Writable("switch", CHARGER, _priority, ("value",), _priority, ("value",)),
}
"""What can be set, by the name behind `setting:`."""

_NUMERIC_SWITCHES: Final = frozenset({"battery_lights"})
"""Those that are told 0 and 1, and not false and true."""


@dataclass(slots=True, eq=False)
class StationSetting:
    """One setting in its base unit: 0 and 1 for off and on, seconds for days and times; a `Handle`."""

    promise: Promise
    desk: Desk
    key: str

    @property
    def writable(self) -> Writable:
        """What it is."""
        return WRITABLES[self.key]

    def check(self, value: Value) -> None:
        self._raw(value)

    def equal(self, wanted: Value, observed: Value) -> bool:
        return isinstance(wanted, Number) and isinstance(observed, Number) and wanted == observed

    async def observe(self, deadline: Deadline) -> Number | Unknown:
        """Return what is set; UNKNOWN where the cloud does not tell."""
        if not self.writable.place:
            return UNKNOWN
        unit = await self.desk.unit(self.writable.of, deadline)
        told: object = await self._read(unit, deadline)
        for name in self.writable.place:
            told = mapping(told).get(name)
        return self._value(told)

    async def write(self, value: Value, deadline: Deadline) -> None:
        raw, writable = self._raw(value), self.writable
        unit = await self.desk.ready(writable.of, deadline)
        body: dict[str, object] = {}
        if writable.place:
            told = await self._read(unit, deadline)
            why = writable.refuses(told, float(raw) if isinstance(raw, int) else 0.0)
            if why:
                raise Rejected(f"{unit.serial}: {why}")
            for member in writable.both:
                if not isinstance(told.get(member), bool):
                    raise Rejected(
                        f"{unit.serial}: {member} is not told, and goes together with {writable.name}"
                    )
                body[member] = told[member]
        body[writable.name] = raw
        station = await self.desk.station(deadline)
        await self.desk.tell(writable.posts(unit, station.id), body, deadline)

    async def _read(self, unit: Unit, deadline: Deadline) -> Json:
        station = await self.desk.station(deadline)
        return await self.desk.read(self.writable.asks(unit, station.id), deadline, *self.writable.members)

    def _value(self, told: object) -> Number | Unknown:
        kind = self.writable.kind
        if kind == "switch":
            return Number(float(told)) if isinstance(told, bool) else UNKNOWN
        found = seconds_of_day(told) if kind == "time" else number(told)
        if found is None:
            return UNKNOWN
        return Number(found * _DAY_S if kind == "days" else float(found))

    def _raw(self, value: Value) -> int | bool | str:
        """Return a value as it is posted. Raises ValueError for one that cannot be."""
        writable = self.writable
        base = as_number(self.promise, value, "")
        amount = base / _DAY_S if writable.kind == "days" else base
        if amount % writable.step:
            raise ValueError(f"{self.promise.key}: {amount:g} is no multiple of {writable.step}")
        match writable.kind:
            case "switch" if self.key in _NUMERIC_SWITCHES:
                return int(amount)
            case "switch":
                return bool(amount)
            case "time":
                return time_of_day(amount)
        return int(amount)


@dataclass(slots=True, eq=False)
class BatteryPowerLimit:
    """The most that a battery is charged or discharged with; implements `Handle`.

    Both limits go in one order, whose `type` says which one is meant; the other one is repeated. Of a master
    they are those of its cluster.
    """

    promise: Promise
    desk: Desk
    way: Literal["in", "out"]

    def check(self, value: Value) -> None:
        watts = as_number(self.promise, value, "W")
        if watts % STEP_W:
            raise ValueError(f"{self.promise.key}: {watts:g} W is no multiple of {STEP_W} W")

    def equal(self, wanted: Value, observed: Value) -> bool:
        return isinstance(wanted, Number) and isinstance(observed, Number) and wanted == observed

    async def observe(self, deadline: Deadline) -> Number | Unknown:
        unit = await self.desk.unit(BATTERY, deadline)
        told = _limits(unit, await self.desk.command(unit, deadline))[self.way]
        return UNKNOWN if told is None else Number(told)

    async def write(self, value: Value, deadline: Deadline) -> None:
        """Write the limit. Raises Rejected, before anything is sent, for more than the batteries can."""
        self.check(value)
        assert isinstance(value, Number)
        unit = await self.desk.ready(BATTERY, deadline)
        told = await self.desk.command(unit, deadline)
        batteries = told.get("allBatteries")
        several = unit.role == MASTER and isinstance(batteries, list) and bool(batteries)
        most = MOST_W * (len(batteries) if several and isinstance(batteries, list) else 1)
        if value.value > most:
            raise Rejected(f"{unit.serial}: {value.value:g} W; {most} W is the most of its batteries")
        limits = {**_limits(unit, told), self.way: value.value}
        if limits["in"] is None or limits["out"] is None:
            raise Rejected(f"{unit.serial}: the other limit is not told, and goes together with this one")
        body = {
            "max_in_power": round(limits["in"]),
            "max_out_power": round(limits["out"]),
            "type": self.way,
            "isCluster": unit.role == MASTER,
        }
        await self.desk.tell(battery_path("power", unit), body, deadline)


def _limits(unit: Unit, told: Json) -> dict[Literal["in", "out"], float | None]:
    limits = mapping(told.get("power"))
    return {"in": number(limits.get("max_in_power")), "out": number(limits.get(discharge_member(unit)))}
