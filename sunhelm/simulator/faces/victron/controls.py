"""The handles of the GX: settings and overrides as their registers show them, and what they do to the plant.

Twins (a 16-bit and a 32-bit register of one setting) share one value. The external control of mode 3
falls asleep when its setpoints are not repeated.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType
from typing import Final

from sunhelm.simulator.clock import Clock
from sunhelm.simulator.faces.face import ModbusException
from sunhelm.simulator.faces.image import Image, rounded
from sunhelm.simulator.plant import Plant
from sunhelm.simulator.steering import Mode, Switch

_REFUSED: Final = 10  # what the server answers when D-Bus refuses a value
_RESET_S: Final = 8.0


class EssMode(IntEnum):
    """Register 2902: who regulates."""

    PHASE_COMPENSATION = 1
    EACH_PHASE = 2
    EXTERNAL = 3


class BatteryLife(IntEnum):
    """Register 2900: the states that matter here."""

    RESTART = 1
    SELF_CONSUMPTION = 2
    ABOVE_85 = 3
    FULL = 4
    BELOW_LIMIT = 5
    KEEP_CHARGED = 9
    OFF = 10
    OFF_LOW_SOC = 11
    OFF_RECHARGE = 12


@dataclass(frozen=True, slots=True)
class Control:
    """One writable register, or pair of registers, of a setting.

    `scale` is the setting's value of one count. Values beyond `low` and `high` are refused, or clipped to
    them with `clips`.
    """

    setting: str
    words: int = 1
    scale: int = 1
    low: int = -(2**31)
    high: int = 2**31 - 1
    clips: bool = False


SETTINGS: Mapping[int, Control] = MappingProxyType(
    {
        2700: Control("grid_setpoint"),
        2701: Control("max_charge_percent", low=0, high=100),
        2702: Control("max_discharge_percent", low=0, high=100),
        2703: Control("grid_setpoint", scale=100),
        2704: Control("discharge_cap", scale=10, low=-1, clips=True),
        2705: Control("charge_current", low=-1),
        2706: Control("feed_in_limit", scale=100, low=-1, clips=True),
        2707: Control("dc_feed_in", low=0, high=1),
        2708: Control("prevent_feedback", low=0, high=1),
        2716: Control("override", words=2),
        2720: Control("discharge_cap", words=2, low=-1),
        2722: Control("feed_in_limit", words=2, low=-1),
        2900: Control("battery_life", low=0, high=12),
        2901: Control("minimum_soc", low=0, high=1000),
        2902: Control("ess_mode", low=1, high=3),
    }
)
"""Registers of settings and hub4, by address."""

VEBUS: Mapping[int, Control] = MappingProxyType(
    {
        33: Control("switch", low=1, high=4),
        37: Control("setpoint_l1"),
        38: Control("disable_charge", low=0, high=1),
        39: Control("disable_feed_in", low=0, high=1),
        40: Control("setpoint_l2"),
        41: Control("setpoint_l3"),
        96: Control("setpoint_l1", words=2),
        98: Control("setpoint_l2", words=2),
        100: Control("setpoint_l3", words=2),
    }
)
"""Registers of vebus, by address."""

_RESETS: Final = frozenset({62, 105})
_PHASES: Final = ("setpoint_l1", "setpoint_l2", "setpoint_l3")
_FED: Final = frozenset({*_PHASES, "disable_charge", "disable_feed_in"})
_SWITCHES: Final = {1: Switch.CHARGER_ONLY, 2: Switch.INVERTER_ONLY, 3: Switch.ON, 4: Switch.OFF}


class Controls:
    """The settings of one GX and their effect on the plant.

    The plant is touched only when something is written or a timer runs out, so that other faces may steer
    the same plant. `watchdog_s` is how long the external control lives on one setpoint.
    """

    def __init__(self, plant: Plant, clock: Clock, *, watchdog_s: float = 10.0) -> None:
        self.watchdog_s = watchdog_s
        self.values: dict[str, int] = {
            "grid_setpoint": 0,
            "max_charge_percent": 100,
            "max_discharge_percent": 100,
            "discharge_cap": -1,
            "charge_current": -1,
            "feed_in_limit": -1,
            "dc_feed_in": 1,
            "prevent_feedback": 0,
            "override": 0,
            "battery_life": BatteryLife.OFF,
            "minimum_soc": 100,
            "ess_mode": EssMode.PHASE_COMPENSATION,
            "switch": 3,
            "disable_charge": 0,
            "disable_feed_in": 0,
            **dict.fromkeys(_PHASES, 0),
        }
        self.battery_life_limit = 100  # register 2903, 0.1 %
        self.resets = 0
        self._plant = plant
        self._clock = clock
        self._fed_at = -math.inf
        self._reset_at = -math.inf
        self._acting = (False, False)

    @property
    def mode(self) -> int:
        """Register 2902."""
        return self.values["ess_mode"]

    @property
    def external(self) -> bool:
        """Whether an outside controller is in charge and still alive."""
        return self.mode == EssMode.EXTERNAL and self._clock.monotonic() - self._fed_at < self.watchdog_s

    @property
    def resetting(self) -> bool:
        """Whether the inverter has been reset and is not back yet."""
        return self._clock.monotonic() - self._reset_at < _RESET_S

    @property
    def limits_feed_in(self) -> bool:
        """Whether the GX holds the feed-in at a limit."""
        return self.mode != EssMode.EXTERNAL and self.values["feed_in_limit"] >= 0

    def show(self, image: Image, controls: Mapping[int, Control]) -> None:
        """Put the registers of these controls into an image."""
        for address, control in controls.items():
            value = self.values[control.setting] / control.scale
            if control.words == 1:
                image.word(address, value)
            else:
                image.pair(address, value)

    def write(self, controls: Mapping[int, Control], address: int, words: tuple[int, ...]) -> None:
        """Take whole registers, the first at `address`. Raises ModbusException when a value is refused.

        What stands before a refused value stays written.
        """
        try:
            for control, number in _values(controls, address, words):
                self._set(control, number)
        finally:
            self._apply()

    def reset(self) -> None:
        """Restart the inverter: it is away for some seconds and forgets its counters."""
        self._reset_at = self._clock.monotonic()
        self.resets += 1
        self._apply()

    def update(self) -> None:
        """Do what the GX does once a second."""
        if self.mode != EssMode.EXTERNAL:
            # The GX's own loop writes what it wants of each phase over whatever stood there.
            for name, power in zip(_PHASES, self._plant.state.inverter.input_by_phase, strict=True):
                self.values[name] = rounded(power)
            self.values["disable_charge"] = self.values["disable_feed_in"] = 0
        self.values["battery_life"] = self._battery_life()
        if self._acting != (self.external, self.resetting) or self.values["charge_current"] >= 0:
            self._apply()

    def _set(self, control: Control, number: int) -> None:
        value = number * control.scale
        if control.clips:
            value = min(control.high, max(control.low, value))
        if not control.low <= value <= control.high:
            raise ModbusException(_REFUSED)
        if control.setting == "battery_life":
            value = _started(value)
        self.values[control.setting] = value
        if control.setting in _FED or (control.setting == "ess_mode" and value == EssMode.EXTERNAL):
            self._fed_at = self._clock.monotonic()

    def _battery_life(self) -> int:
        """Return the state of ESS, which moves by itself within what was chosen."""
        state, soc = self.values["battery_life"], self._plant.state.battery.soc
        if state == BatteryLife.KEEP_CHARGED:
            return state
        low = soc < self._minimum_soc()
        if state >= BatteryLife.OFF:
            if self._plant.recharging:
                return BatteryLife.OFF_RECHARGE
            return BatteryLife.OFF_LOW_SOC if low else BatteryLife.OFF
        if low:
            return BatteryLife.BELOW_LIMIT
        if soc > 0.995:
            return BatteryLife.FULL
        return BatteryLife.ABOVE_85 if soc > 0.85 else BatteryLife.SELF_CONSUMPTION

    def _minimum_soc(self) -> float:
        limit = self.values["minimum_soc"]
        if self.values["battery_life"] < BatteryLife.KEEP_CHARGED:
            limit = max(limit, min(800, self.battery_life_limit))
        return limit / 1000.0

    def _apply(self) -> None:
        """Tell the plant what all of this comes to."""
        values, steering = self.values, self._plant.steering
        gx = self.mode != EssMode.EXTERNAL
        alive = self.external
        self._acting = (alive, self.resetting)
        if gx:
            steering.mode = Mode.SELF_CONSUMPTION
        else:
            steering.mode = Mode.AC_INPUT if alive else Mode.IDLE
        steering.switch = Switch.OFF if self.resetting else _SWITCHES[values["switch"]]
        steering.phase_compensation = self.mode == EssMode.PHASE_COMPENSATION
        steering.grid_setpoint_w = float(values["override"] or values["grid_setpoint"])
        steering.ac_input_w = (
            float(values["setpoint_l1"]),
            float(values["setpoint_l2"]),
            float(values["setpoint_l3"]),
        )
        steering.charge_allowed = not (alive and values["disable_charge"])
        steering.discharge_allowed = not (alive and values["disable_feed_in"])
        steering.discharge_limit_w = self._discharge_limit() if gx else None
        steering.charge_limit_w = _limit(values["charge_current"], self._plant.state.battery.voltage_v)
        steering.feed_in_limit_w = _limit(values["feed_in_limit"]) if gx else None
        steering.dc_pv_feed_in = bool(values["dc_feed_in"])
        steering.ac_pv_feed_in = not (gx and values["prevent_feedback"])
        steering.minimum_soc = self._minimum_soc()
        steering.keep_charged = gx and values["battery_life"] == BatteryLife.KEEP_CHARGED

    def _discharge_limit(self) -> float | None:
        if self.values["max_discharge_percent"] < 50:
            return 0.0
        return _limit(self.values["discharge_cap"])


def is_reset(address: int) -> bool:
    """Return whether writing this register of vebus restarts the inverter."""
    return address in _RESETS


def control_at(controls: Mapping[int, Control], address: int) -> int | None:
    """Return the first address of the control that this address belongs to, None when it is no control's."""
    for first in (address, address - 1):
        control = controls.get(first)
        if control is not None and address < first + control.words:
            return first
    return None


def _values(
    controls: Mapping[int, Control], address: int, words: tuple[int, ...]
) -> Iterator[tuple[Control, int]]:
    index = 0
    while index < len(words):
        control = controls[address + index]
        number = 0
        for word in words[index : index + control.words]:
            number = number << 16 | word
        bits = 16 * control.words
        yield control, number - (1 << bits) if number >> (bits - 1) else number
        index += control.words


def _started(state: int) -> int:
    """Return the state that the GX begins in when `state` is written: on, kept charged, or off."""
    if state == BatteryLife.KEEP_CHARGED:
        return BatteryLife.KEEP_CHARGED
    return BatteryLife.OFF if state >= BatteryLife.OFF else BatteryLife.RESTART


def _limit(value: int, factor: float = 1.0) -> float | None:
    return None if value < 0 else value * factor
