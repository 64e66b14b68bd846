"""How SMA devices let a battery be moved: by a set point, by limits, by a window of its rated power."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Protocol

from sunhelm.devices.clock import Clock, Deadline
from sunhelm.devices.errors import Rejected
from sunhelm.devices.families.sma.panel import Kind, Panel

_ACTIVE, _INACTIVE = 802, 803
_DEFAULT, _CHARGE, _DISCHARGE = 2424, 2289, 2290
_BETWEEN_S: Final = 0.5
"""The device may drop a set point that comes sooner after the one before."""

_ILLEGAL_ADDRESS, _REFUSED_VALUE = 2, 3
_SMALLER: Final = (1.0, 0.75, 0.5, 0.25)
_SHARE, _LEAST_W = 0.1, 150.0
_FULL: Final = 10_000
_SETPOINT: Final = ("power_setpoint", "setpoint_control")
_WINDOW: Final = ("power_window_upper", "power_window_lower")


@dataclass(frozen=True, slots=True)
class Target:
    """Between which powers the battery is to stay, positive out of it; one number is both ends."""

    low: float
    high: float

    def within(self, limits: tuple[float, float]) -> Target:
        """Return the target as far as these most powers of charging and discharging reach."""
        charge, discharge = limits
        return Target(
            min(max(self.low, -charge), discharge),
            max(min(self.high, discharge), -charge),
        )


FREE: Final = Target(-math.inf, math.inf)


class Way(Protocol):
    """One way; `send` is repeated, for what it does lapses."""

    async def send(self, target: Target, by: str, deadline: Deadline) -> None:
        """Tell the device, for the handle `by`. `target` is within its limits. Raises DeviceError."""

    async def release(self, by: str, deadline: Deadline) -> None:
        """Hand the battery back to the device, unless another handle commands it by now."""


@dataclass(slots=True)
class SetpointWay:
    """40149 and 40151: one power at the AC side, which for a hybrid is that of its PV as well.

    Whether the set point of a cluster is for each inverter or for all is found out: the first one is divided
    by their number, which can only be too little, and before each next one we look at what the battery does.
    """

    panel: Panel
    clock: Clock
    _wanted: float | None = None
    _learned: int = 0

    async def send(self, target: Target, by: str, deadline: Deadline) -> None:
        del by
        kind = await self.panel.kind(deadline)
        divisor = await self._divided_by(deadline) if kind is Kind.ISLAND else 1
        beside = await self.panel.pv_power(deadline) if kind.has_strings else 0.0
        self._wanted = None
        await self._put(target.low / divisor, beside, deadline)
        self._wanted = target.low

    async def release(self, by: str, deadline: Deadline) -> None:
        del by
        self._wanted = None
        await self.panel.board.write("control.setpoint_control", _INACTIVE, deadline)
        await self.clock.sleep(_BETWEEN_S)
        await self.panel.board.write("control.power_setpoint", 0, deadline)

    async def _put(self, watts: float, beside: float, deadline: Deadline) -> None:
        """Write the set point and switch it on by one request; when refused, with less of the battery."""
        for share in _SMALLER:
            raws = (round(watts * share + beside), _ACTIVE)
            try:
                await self.panel.board.write_row("control", _SETPOINT, raws, deadline)
            except Rejected as error:
                if error.code != _REFUSED_VALUE or share == _SMALLER[-1]:
                    raise
                await self.clock.sleep(_BETWEEN_S)
            else:
                return

    async def _divided_by(self, deadline: Deadline) -> int:
        """Return by what the wanted power is divided, as far as what the last set point did has told."""
        units = await self.panel.cluster(deadline)
        if units == 1 or self._wanted is None:
            return self._learned or units
        does = await self.panel.battery_power(deadline)
        # What was sent is the wanted power over the divisor; either that moves, or so many times that.
        alone = self._wanted / (self._learned or units)
        together = alone * units
        if does is not None and abs(together - alone) > _tolerance(together) + _tolerance(alone):
            if abs(does - together) <= _tolerance(together):
                self._learned = units
            elif abs(does - alone) <= _tolerance(alone):
                self._learned = 1
        return self._learned or units


def _tolerance(watts: float) -> float:
    return max(_LEAST_W, _SHARE * abs(watts))


@dataclass(slots=True)
class LimitsWay:
    """40236 and 40793 to 40801: least and most power of charging and of discharging, all of them each time.

    A Sunny Island has no least ones, a Tripower only the most. Two handles cannot use it at a time.
    """

    panel: Panel
    owner: str = ""
    _one_by_one: bool = False

    async def send(self, target: Target, by: str, deadline: Deadline) -> None:
        if self.owner not in ("", by):
            raise Rejected(f"{self.panel.name}: {self.owner} commands the battery")
        self.owner = by
        await self._tell(target, deadline)

    async def release(self, by: str, deadline: Deadline) -> None:
        if self.owner in ("", by):
            await self._tell(FREE.within(await self.panel.battery_limits(deadline)), deadline)
            self.owner = ""

    async def _tell(self, target: Target, deadline: Deadline) -> None:
        kind = await self.panel.kind(deadline)
        least_charge, most_charge = max(0.0, -target.high), max(0.0, -target.low)
        least_discharge, most_discharge = max(0.0, target.low), max(0.0, target.high)
        mode = _CHARGE if target.high < 0 else _DISCHARGE if target.low > 0 else _DEFAULT
        values = {
            "charge_power_minimum": least_charge,
            "charge_power_maximum": most_charge,
            "discharge_power_minimum": least_discharge,
            "discharge_power_maximum": most_discharge,
            "grid_exchange_setpoint": 0.0,
        }
        if kind is Kind.TRIPOWER_HYBRID:
            values = {name: values[name] for name in ("charge_power_maximum", "discharge_power_maximum")}
        else:
            await self.panel.board.write("control.battery_mode", mode, deadline)
            if kind is Kind.ISLAND:
                del values["charge_power_minimum"], values["discharge_power_minimum"]
        await self._write(values, deadline, together=kind in (Kind.STORAGE, Kind.BOY_HYBRID))

    async def _write(self, values: dict[str, float], deadline: Deadline, *, together: bool) -> None:
        raws = {name: round(value) for name, value in values.items()}
        if together and not self._one_by_one:
            try:
                await self.panel.board.write_row("control", tuple(raws), tuple(raws.values()), deadline)
            except Rejected as error:
                if error.code != _ILLEGAL_ADDRESS:
                    raise
                self._one_by_one = True
            else:
                return
        for name, raw in raws.items():
            await self.panel.board.write(f"control.{name}", raw, deadline)


@dataclass(slots=True)
class WindowWay:
    """44039 and 44041: the highest and the lowest share of the rated power, of the whole cluster.

    Only firmware that forgets them may be told again and again: on older one they wear the memory out.
    """

    panel: Panel
    owner: str = ""

    async def send(self, target: Target, by: str, deadline: Deadline) -> None:
        if self.owner not in ("", by):
            raise Rejected(f"{self.panel.name}: {self.owner} commands the battery")
        await self._refuse_where_it_is_stored(deadline)
        self.owner = by
        rated = await self.panel.rated_power(deadline)
        await self._put(_share(target.high, rated), _share(target.low, rated), deadline)

    async def release(self, by: str, deadline: Deadline) -> None:
        if self.owner in ("", by):
            await self._refuse_where_it_is_stored(deadline)
            await self._put(_FULL, -_FULL, deadline)
            self.owner = ""

    async def _put(self, upper: int, lower: int, deadline: Deadline) -> None:
        await self.panel.board.write_row("settings", _WINDOW, (upper, lower), deadline)

    async def _refuse_where_it_is_stored(self, deadline: Deadline) -> None:
        firmware = await self.panel.board.read_text("control.firmware", deadline)
        device_type = await self.panel.tell("device_type", deadline)
        if device_type in (9356, 9358, 9359):
            return
        if device_type in range(9473, 9477) and _version(firmware) >= (3, 40):
            return
        raise Rejected(
            f"{self.panel.name}: with firmware {firmware} the window is stored, and wears the memory"
        )


def _share(watts: float, rated: float) -> int:
    return round(max(-1.0, min(1.0, watts / rated)) * _FULL)


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".")[:2] if part.isdecimal())
