"""What a dongle keeps for good: the settings of a battery, and the target of a meter."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from sunhelm.devices.clock import Deadline
from sunhelm.devices.control import UNKNOWN, Number, Promise, SocLimits, Unknown, Value
from sunhelm.devices.errors import Rejected
from sunhelm.devices.families.sessy.desk import Desk
from sunhelm.devices.families.sessy.dongle import SETTINGS, TARGET
from sunhelm.devices.families.shapes import number
from sunhelm.devices.families.values import (
    as_minimum,
    as_number,
    is_same_minimum,
    is_same_whole_number,
    whole_percent,
)

NUMBERS: Final = ("min_power", "max_power", "eco_charge_power", "eco_charge_hours", "allowed_noise_level")
SWITCHES: Final = (
    "disable_noise_level",
    "sessy_enabled",
    "cloud_enabled",
    "eco_nom_charge",
    "pack_temp_limit_enabled",
)
_UNIT_S: Final = {"eco_charge_hours": 3600.0}
_PERCENT: Final = 100.0
_MINUTE_S: Final = 60
_HOUR_S: Final = 3600
_TIME: Final = "enabled_time"
_HOURS: Final = re.compile(r"(?P<begin>[0-2][0-9]:[0-5][0-9])-(?P<end>[0-2][0-9]:[0-5][0-9])")
ENDS: Final = {"enabled_from": "begin", "enabled_until": "end"}
"""The two ends of the hours in which a battery works, and what each is called in `_HOURS`."""


@dataclass(slots=True, eq=False)
class MinimumSoc:
    """The state of charge below which the battery is not discharged, in whole percent."""

    promise: Promise
    desk: Desk

    def check(self, value: Value) -> None:
        as_minimum(self.promise, value)

    def equal(self, wanted: Value, observed: Value) -> bool:
        return is_same_minimum(wanted, observed)

    async def observe(self, deadline: Deadline) -> SocLimits | Unknown:
        told = number((await self.desk.read(SETTINGS, deadline)).get("min_soc"))
        return UNKNOWN if told is None else SocLimits(minimum=told / _PERCENT)

    async def write(self, value: Value, deadline: Deadline) -> None:
        await self.desk.change("min_soc", whole_percent(as_minimum(self.promise, value)), deadline)


@dataclass(slots=True, eq=False)
class SystemSetting:
    """One key of the settings; 0 and 1 stand for off and on."""

    promise: Promise
    desk: Desk
    key: str

    def check(self, value: Value) -> None:
        as_number(self.promise, value, "")
        self._raw(value)

    def equal(self, wanted: Value, observed: Value) -> bool:
        return (
            isinstance(wanted, Number)
            and isinstance(observed, Number)
            and self._raw(wanted) == self._raw(observed)
        )

    async def observe(self, deadline: Deadline) -> Number | Unknown:
        told = (await self.desk.read(SETTINGS, deadline)).get(self.key)
        if not isinstance(told, int | float):
            return UNKNOWN
        return Number(float(told) * _UNIT_S.get(self.key, 1.0))

    async def write(self, value: Value, deadline: Deadline) -> None:
        self.check(value)
        await self.desk.change(self.key, self._raw(value), deadline)

    def _raw(self, value: Value) -> int | bool:
        assert isinstance(value, Number)
        number = value.value / _UNIT_S.get(self.key, 1.0)
        if not number.is_integer():
            raise ValueError(f"{self.promise.key}: {number:g} is no whole number")
        return bool(number) if self.key in SWITCHES else int(number)


@dataclass(slots=True, eq=False)
class EnabledTime:
    """One end of the hours in which the battery works, kept together as "HH:MM-HH:MM"; told in seconds."""

    promise: Promise
    desk: Desk
    end: str

    def check(self, value: Value) -> None:
        seconds = as_number(self.promise, value, "s")
        if seconds % _MINUTE_S:
            raise ValueError(f"{self.promise.key}: {seconds:g} s is no whole minute")

    def equal(self, wanted: Value, observed: Value) -> bool:
        return is_same_whole_number(wanted, observed)

    async def observe(self, deadline: Deadline) -> Number | Unknown:
        told = _HOURS.fullmatch(str((await self.desk.read(SETTINGS, deadline)).get(_TIME)))
        if told is None:
            return UNKNOWN
        hour, minute = told[self.end].split(":")
        return Number(float(int(hour) * _HOUR_S + int(minute) * _MINUTE_S))

    async def write(self, value: Value, deadline: Deadline) -> None:
        self.check(value)
        minutes = int(as_number(self.promise, value, "s")) // _MINUTE_S
        now = f"{minutes // 60:02d}:{minutes % 60:02d}"
        told = _HOURS.fullmatch(str((await self.desk.read(SETTINGS, deadline)).get(_TIME)))
        if told is None:
            raise Rejected(f"{self.desk.config.name}: its firmware tells no {_TIME} of the form HH:MM-HH:MM")
        ends = {**told.groupdict(), self.end: now}
        await self.desk.change(_TIME, f"{ends['begin']}-{ends['end']}", deadline)


@dataclass(slots=True, eq=False)
class GridTarget:
    """What the strategy NOM holds the grid at, in watts; import is positive."""

    promise: Promise
    desk: Desk

    def check(self, value: Value) -> None:
        as_number(self.promise, value, "W")

    def equal(self, wanted: Value, observed: Value) -> bool:
        return is_same_whole_number(wanted, observed)

    async def observe(self, deadline: Deadline) -> Number | Unknown:
        told = number((await self.desk.read(TARGET, deadline)).get("grid_target"))
        return UNKNOWN if told is None else Number(told)

    async def write(self, value: Value, deadline: Deadline) -> None:
        watts = round(as_number(self.promise, value, "W"))
        await self.desk.tell(TARGET, {"grid_target": watts}, deadline)
