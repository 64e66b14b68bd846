"""What a device is told, how long it lasts, and what the house does about it.

Set points lapse: when none comes for the time of 41195, the device does what 41193 says. The limits of the
battery are let go when one of them was not told for a minute. The plant is touched only when something is
written or lapses, so that other faces may steer the same plant.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sunhelm.simulator.clock import Clock
from sunhelm.simulator.faces.face import ModbusException
from sunhelm.simulator.faces.sma.models import BY_COMMUNICATION, FOUR, KEEP_LAST, SIX, WINDOW, Model
from sunhelm.simulator.plant import Plant
from sunhelm.simulator.steering import Mode, Switch

CODE: Final = 123_456_789
"""The Grid Guard code of the simulated installer."""

_REFUSED, _BAD_VALUE = 1, 3
_ACTIVE, _STOP, _START, _FULL_STOP, _RESTART = 802, 381, 1467, 1749, 1146
_DEFAULT, _CHARGE, _DISCHARGE = 2424, 2289, 2290
_LIMITS_LIVE_S: Final = 60.0
_BETWEEN_S: Final = 0.5
_TWINS: Final = {40016: (40023, 100), 40023: (40023, 1)}


class Controls:
    """The commands and settings of one device; `settings` holds what can be read, by address."""

    def __init__(self, plant: Plant, clock: Clock, model: Model) -> None:
        self.settings: dict[int, int] = dict(model.settings)
        self.logged_in = False
        self.restarts = 0
        self.dropped = 0
        self._plant = plant
        self._clock = clock
        self._model = model
        self._told: dict[int, tuple[int, float]] = {}
        self._acting: tuple[object, ...] = ()

    def write(self, values: Mapping[int, int]) -> None:
        """Take values by the address of each; all of them, or none with a ModbusException."""
        for address, value in values.items():
            self._check(address, value)
        now = self._clock.monotonic()
        for address, value in values.items():
            if address == 43090:
                self.logged_in = value == CODE
            elif address == 40077:
                self._restart()
            elif address in self.settings:
                self.settings[address] = value
            elif address == 40149 and now - self._told.get(address, (0, -1e9))[1] < _BETWEEN_S:
                self.dropped += 1
            else:
                place, factor = _TWINS.get(address, (address, 1))
                self._told[place] = value * factor, now
                self._show_twin(place, value * factor)
        self.update(written=True)

    @property
    def obeys(self) -> str:
        """What regulates the battery now: "setpoint", "fallback", "limits", "window" or "" for the device."""
        if self._value(40151) == _ACTIVE and self._model.moves_battery:
            if self._is_fresh(40149):
                return "setpoint"
            return "setpoint" if self._keeps_last else "fallback"
        limits = self._limits
        if limits and all(self._age(address) < _LIMITS_LIVE_S for address in limits):
            return "limits"
        if all(address in self._told and self._is_fresh(address) for address in WINDOW):
            return "window"
        return ""

    @property
    def pv_share(self) -> float | None:
        """The share of its power that the PV may produce; None without a limit."""
        if 40023 not in self._told or self.settings.get(40210) != BY_COMMUNICATION:
            return None
        if self._is_fresh(40023) or self._keeps_last:
            return self._told[40023][0] / 10_000
        return self.settings.get(41197, 10_000) / 10_000

    def update(self, *, written: bool = False) -> None:
        """Do what the device does once a step."""
        acting = (self.obeys, self.pv_share, self._value(40018))
        if written or (self._told and (acting != self._acting or self.obeys == "setpoint")):
            self._acting = acting
            self._apply()

    def _check(self, address: int, value: int) -> None:
        if address == 43090:
            if value not in (0, CODE):
                raise ModbusException(_REFUSED)
            return
        if address in self._model.guarded and not self.logged_in:
            raise ModbusException(_REFUSED)
        if value in (-(2**31), 2**32 - 1, 0xFFFFFD):
            raise ModbusException(_BAD_VALUE)
        if address == 40151 and value not in (_ACTIVE, 803):
            raise ModbusException(_BAD_VALUE)
        if address in (40016, 40023) and abs(value * _TWINS[address][1]) > 10_000:
            raise ModbusException(_BAD_VALUE)

    def _show_twin(self, address: int, value: int) -> None:
        twin = {40023: 41255, 40236: 41259, 40151: 44427}.get(address)
        if twin in self.settings:
            self.settings[twin] = value

    def _restart(self) -> None:
        self.restarts += 1
        self._told.clear()
        self.logged_in = False

    @property
    def _limits(self) -> frozenset[int]:
        """The registers that have to be told once a minute."""
        for whole in (SIX, FOUR):
            if whole <= self._model.commands:
                return whole
        return frozenset({40795, 40799}) & self._model.commands

    @property
    def _keeps_last(self) -> bool:
        mode = self.settings.get(41193)
        return self._model.keeps if mode is None else mode == KEEP_LAST

    def _value(self, address: int) -> int | None:
        told = self._told.get(address)
        return None if told is None else told[0]

    def _age(self, address: int) -> float:
        told = self._told.get(address)
        return float("inf") if told is None else self._clock.monotonic() - told[1]

    def _is_fresh(self, address: int) -> bool:
        return self._age(address) < self.settings.get(41195, self._model.timeout_s)

    def _apply(self) -> None:
        """Tell the plant what all of this comes to."""
        steering, house = self._plant.steering, self._plant.house
        steering.mode = Mode.SELF_CONSUMPTION
        steering.charge_limit_w = steering.discharge_limit_w = None
        rating = house.inverter_rating_w * house.phases
        match self.obeys:
            case "setpoint":
                self._follow(float(self._told[40149][0]))
            case "fallback" if 41215 in self.settings:
                self._follow(float(self.settings[41215]))
            case "limits":
                self._keep_limits()
            case "window":
                upper, lower = (self._told[address][0] / 10_000 * rating for address in sorted(WINDOW))
                steering.discharge_limit_w, steering.charge_limit_w = max(0.0, upper), max(0.0, -lower)
                if upper == lower:
                    steering.mode, steering.battery_w = Mode.BATTERY, upper
        share = self.pv_share
        steering.pv_limit_w = None if share is None else max(0.0, share) * self.settings.get(40915, rating)
        limit = self.settings.get(41217, 0)
        steering.feed_in_limit_w = None if limit == self._model.settings.get(41217, 0) else float(limit)
        steering.switch = Switch.OFF if self._value(40018) in (_STOP, _FULL_STOP) else Switch.ON

    def _follow(self, setpoint: float) -> None:
        if self.settings.get(40210) != BY_COMMUNICATION:
            return
        steering = self._plant.steering
        steering.mode = Mode.BATTERY
        steering.battery_w = setpoint * (self._model.units if self._model.per_unit else 1)
        if self._model.strings:
            steering.battery_w -= self._plant.state.pv_power_w

    def _keep_limits(self) -> None:
        steering = self._plant.steering
        charge, discharge = float(self._told[40795][0]), float(self._told[40799][0])
        steering.charge_limit_w, steering.discharge_limit_w = charge, discharge
        mode = self._value(40236)
        if mode in (_CHARGE, _DISCHARGE):
            steering.mode = Mode.BATTERY
            steering.battery_w = -charge if mode == _CHARGE else discharge
