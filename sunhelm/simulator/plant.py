"""The plant: one house, its sun and its grid, stepped through time.

At every step pv + grid + battery - losses = load. Time moves on a fixed grid of steps, so the same seed,
start and orders bring the same bits however the time was asked for.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import lru_cache
from typing import Any, Final

from sunhelm.simulator.battery import Battery, BatteryState
from sunhelm.simulator.dispatch import Flows, Situation, dispatch
from sunhelm.simulator.energy import Day, EnergyCounters
from sunhelm.simulator.grid import Grid, GridState
from sunhelm.simulator.house import House
from sunhelm.simulator.load import Household, LoadState
from sunhelm.simulator.pv import StringOffer, StringState, offer
from sunhelm.simulator.steering import Mode, Steering, Switch, ThreePhase
from sunhelm.simulator.weather import Conditions, Weather

_WARM_UP_STEP_S: Final = 60.0
_MEMORY: Final = (
    "battery",
    "energy",
    "today",
    "yesterday",
    "_inverter_before",
    "_recharging",
    "_date",
)  # what a plant takes from one step to the next
_RESERVE_GAP: Final = 0.05  # this far below the minimum the battery is brought up again
_SOFT_LANDING_S: Final = 60.0  # discharge fades so that the minimum is met, not passed
_ROUNDING_S: Final = 1e-6


@dataclass(frozen=True, slots=True)
class InverterState:
    """The battery inverter; `ac_by_phase` is positive when it gives, `input_by_phase` into its AC input."""

    ac_by_phase: ThreePhase
    input_by_phase: ThreePhase
    dc_power_w: float
    loss_w: float

    @property
    def ac_power_w(self) -> float:
        """The power of all phases at the AC side, positive when inverting."""
        return sum(self.ac_by_phase)


@dataclass(frozen=True, slots=True)
class PvInverterState:
    """The PV inverter: what leaves its AC side, spread over the phases, and its loss."""

    power_by_phase: ThreePhase
    loss_w: float

    @property
    def power_w(self) -> float:
        """The power at the AC side."""
        return sum(self.power_by_phase)


@dataclass(frozen=True, slots=True)
class ChargerState:
    """The solar charger: PV in, battery side out."""

    input_w: float
    output_w: float
    loss_w: float


@dataclass(frozen=True, slots=True)
class PlantState:
    """Everything at one moment. Powers are in watts with the signs of a source into the house.

    `strings` are those of the PV inverter, then those of the charger.
    """

    time: float
    weather: Conditions
    strings: tuple[StringState, ...]
    pv_inverter: PvInverterState
    charger: ChargerState
    inverter: InverterState
    battery: BatteryState
    load: LoadState
    grid: GridState
    pv_held: bool
    feed_in_held: bool

    @property
    def pv_power_w(self) -> float:
        """The DC power of all strings."""
        return sum(string.power_w for string in self.strings)

    @property
    def losses_w(self) -> float:
        """What the electronics between the strings, the battery and the AC side turn into heat."""
        return self.pv_inverter.loss_w + self.charger.loss_w + self.inverter.loss_w

    @property
    def imbalance_w(self) -> float:
        """What is wrong with the books: pv + grid + battery - losses - load; 0 within rounding."""
        return self.pv_power_w + self.grid.power_w + self.battery.power_w - self.losses_w - self.load.power_w


class Plant:
    """One house that lives on. `steering` is how others move it; `state` is how it is now.

    `start` is Unix time in seconds. The day before it is run through in coarse steps (`warm_up`), once for
    all plants that begin alike, so that the battery and the counters of the day are those of a house that was
    there all morning.
    """

    def __init__(
        self,
        *,
        seed: int = 1,
        start: float,
        house: House | None = None,
        step_s: float = 1.0,
        warm_up: bool = True,
        soc: float = 0.45,
        pace: float = 1.0,
    ) -> None:
        self.seed = seed
        self.pace = pace
        self.house = house or House()
        self.step_s = step_s
        self.steering = Steering()
        self.weather = Weather(self.house.location, seed)
        self.grid = Grid(seed)
        self._household = Household(self.weather, seed, phases=self.house.phases)
        self.battery = Battery(self.house.battery, soc=soc, temperature_c=self.weather.air(start) + 4.0)
        strings = (*self.house.ac_strings, *self.house.dc_strings)
        shares = tuple(string.peak_w / self.house.peak_w for string in strings)
        self.energy = EnergyCounters.of_years(shares, sum(shares[: len(self.house.ac_strings)]))
        self.today = self.yesterday = Day(self.energy.copy(), peak_strings_w=[0.0] * len(strings))
        self._inverter_before: ThreePhase = (0.0, 0.0, 0.0)
        self._recharging = False
        self._date: date | None = None
        self._begin = start
        self._asked_s = 0.0
        self._steps = 0
        if warm_up:
            vars(self).update(deepcopy(_memory_at(start, seed, self.house, soc)))
        self.state = self._step(start, 0.0)

    @property
    def time(self) -> float:
        """Unix time in seconds of `state`."""
        return self.state.time

    @property
    def recharging(self) -> bool:
        """Whether the battery fell far below its minimum and is being brought up again."""
        return self._recharging

    def advance(self, seconds: float) -> int:
        """Move the plant's time on by `seconds`; return how many whole steps that brought.

        What is less than a step waits for the next call, so many small calls are one large one.
        """
        self._asked_s += seconds
        due = math.floor((self._asked_s + _ROUNDING_S) / self.step_s)
        made = due - self._steps
        while self._steps < due:
            self._steps += 1
            self.state = self._step(self._begin + self._steps * self.step_s, self.step_s)
        return made

    def warm_up(self) -> None:
        """Live through the day before, and what there was of this one, in coarse steps."""
        start = self._begin
        local = datetime.fromtimestamp(start, self.house.location.zone)
        since_midnight = local.hour * 3600.0 + local.minute * 60.0 + local.second
        steps = math.ceil((86_400.0 + since_midnight) / _WARM_UP_STEP_S)
        for left in range(steps, 0, -1):
            self._step(start - left * _WARM_UP_STEP_S, _WARM_UP_STEP_S)

    def _step(self, time: float, step_s: float) -> PlantState:
        """Live through the `step_s` seconds that end at `time`; with 0, only look."""
        house, steering = self.house, self.steering
        weather = self.weather.at(time)
        load = self._with_vehicle(self._household.at(time))
        if steering.switch is Switch.OFF:
            load = replace(load, on_output=(0.0, 0.0, 0.0))
        ac_offers = [offer(string, weather) for string in house.ac_strings]
        dc_offers = [offer(string, weather) for string in house.dc_strings]
        charge_limit, discharge_limit = self._battery_limits(step_s or self.step_s)
        flows = dispatch(
            house,
            steering,
            Situation(
                load=load,
                pv_inverter_w=steering.pv_throttle
                * _output(house.pv_inverter.output_for, ac_offers, house.pv_inverter_rating_w),
                charger_w=steering.pv_throttle
                * _output(house.charger.output_for, dc_offers, house.charger_rating_w),
                charge_limit_w=charge_limit,
                discharge_limit_w=discharge_limit,
                inverter_before=self._inverter_before,
                inertia=math.exp(-step_s / house.inverter_lag_s) if step_s else 0.0,
                recharging=self._recharging,
            ),
        )
        self._inverter_before = flows.inverter
        state = self._state(
            time, step_s, weather=weather, load=load, flows=flows, offers=(ac_offers, dc_offers)
        )
        self._count(state, step_s)
        return state

    def _with_vehicle(self, load: LoadState) -> LoadState:
        """Return the loads with what an EV charger draws, as it said at the last step."""
        if not self.steering.vehicle_w:
            return load
        first, second, third = load.on_input
        return replace(load, on_input=(first + self.steering.vehicle_w, second, third))

    def _battery_limits(self, step_s: float) -> tuple[float, float]:
        steering = self.steering
        charge, discharge = self.battery.limits(step_s)
        if steering.charge_limit_w is not None:
            charge = min(charge, steering.charge_limit_w)
        if steering.discharge_limit_w is not None:
            discharge = min(discharge, steering.discharge_limit_w)
        if steering.mode is Mode.SELF_CONSUMPTION:
            above = (self.battery.soc - steering.minimum_soc) * self.house.battery.capacity_j
            discharge = min(discharge, max(0.0, above) / max(step_s, _SOFT_LANDING_S))
            if self.battery.soc < steering.minimum_soc - _RESERVE_GAP:
                self._recharging = True
            elif self.battery.soc >= steering.minimum_soc:
                self._recharging = False
        else:
            self._recharging = False
        return charge, discharge

    def _state(
        self,
        time: float,
        step_s: float,
        *,
        weather: Conditions,
        load: LoadState,
        flows: Flows,
        offers: tuple[list[StringOffer], list[StringOffer]],
    ) -> PlantState:
        house = self.house
        ac_dc = house.pv_inverter.input_for(flows.pv_inverter_w) if flows.pv_inverter_w > 0.0 else 0.0
        charger_in = house.charger.input_for(flows.charger_w) if flows.charger_w > 0.0 else 0.0
        pv_phases = house.spread(flows.pv_inverter_w)
        inputs = _minus(load.on_output, flows.inverter)
        drawn = _minus(_plus(load.on_input, inputs), pv_phases)
        reactive = load.reactive
        ac_by_phase = flows.inverter
        return PlantState(
            time=time,
            weather=weather,
            strings=(*_taken(offers[0], ac_dc), *_taken(offers[1], charger_in)),
            pv_inverter=PvInverterState(pv_phases, ac_dc - flows.pv_inverter_w),
            charger=ChargerState(charger_in, flows.charger_w, charger_in - flows.charger_w),
            inverter=InverterState(
                ac_by_phase, inputs, flows.inverter_dc_w, flows.inverter_dc_w - sum(ac_by_phase)
            ),
            battery=self.battery.step(flows.battery_w, weather.air + 4.0, step_s),
            load=load,
            grid=self.grid.at(time, drawn, reactive),
            pv_held=flows.held,
            feed_in_held=flows.held_by_limit,
        )

    def _count(self, state: PlantState, step_s: float) -> None:
        energy = self.energy
        today = datetime.fromtimestamp(state.time, self.house.location.zone).date()
        if today != self._date:
            self._date = today
            self.yesterday = self.today
            self.today = Day(energy.copy(), peak_strings_w=[0.0] * len(state.strings))
        energy.pv += state.pv_power_w * step_s
        for index, string in enumerate(state.strings):
            energy.strings[index] += string.power_w * step_s
            self.today.peak_strings_w[index] = max(self.today.peak_strings_w[index], string.power_w)
        self.today.peak_pv_w = max(self.today.peak_pv_w, state.pv_power_w)
        energy.pv_inverter += state.pv_inverter.power_w * step_s
        grid, battery = state.grid.power_w, state.battery.power_w
        energy.grid_import += max(0.0, grid) * step_s
        energy.grid_export += max(0.0, -grid) * step_s
        energy.battery_discharge += max(0.0, battery) * step_s
        energy.battery_charge += max(0.0, -battery) * step_s
        energy.load += state.load.power_w * step_s
        energy.losses += state.losses_w * step_s
        for phase in range(3):
            power = state.grid.power_by_phase[phase]
            energy.phase_import[phase] += max(0.0, power) * step_s
            energy.phase_export[phase] += max(0.0, -power) * step_s
            drawn, used = state.inverter.input_by_phase[phase], state.load.on_output[phase]
            through = min(max(0.0, drawn), used)
            energy.input_to_output += through * step_s
            energy.input_to_inverter += max(0.0, drawn - through) * step_s
            energy.inverter_to_input += max(0.0, -drawn) * step_s
            energy.inverter_to_output += (used - through) * step_s


@lru_cache(maxsize=16)
def _memory_at(start: float, seed: int, house: House, soc: float) -> Mapping[str, Any]:
    """Return what a plant remembers that has been warmed up: the same for all that begin alike."""
    plant = Plant(seed=seed, start=start, house=house, soc=soc, warm_up=False)
    plant.warm_up()
    return {name: vars(plant)[name] for name in _MEMORY}


def _output(output_for: Callable[[float], float], offers: list[StringOffer], rating_w: float) -> float:
    """Return what a converter makes of its strings: nothing when they cannot even keep it awake."""
    return min(rating_w, max(0.0, output_for(sum(string.available_w for string in offers))))


def _taken(offers: list[StringOffer], power_w: float) -> list[StringState]:
    available = sum(string.available_w for string in offers)
    share = power_w / available if available > 0.0 else 0.0
    return [string.taken(share) for string in offers]


def _plus(first: ThreePhase, second: ThreePhase) -> ThreePhase:
    return first[0] + second[0], first[1] + second[1], first[2] + second[2]


def _minus(first: ThreePhase, second: ThreePhase) -> ThreePhase:
    return first[0] - second[0], first[1] - second[1], first[2] - second[2]
