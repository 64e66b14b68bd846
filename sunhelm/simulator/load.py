"""What a family uses: standby and fridge, mornings and evenings, kettle, oven, water heater, heat pump.

The day's runs of each appliance are drawn from the seed and the date alone, so any moment can be asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final

from sunhelm.simulator.noise import Noise, chance, smooth
from sunhelm.simulator.steering import ThreePhase
from sunhelm.simulator.weather import Weather

_HOUR: Final = 3600.0
_REACTIVE_SHARE: Final = 0.18


@dataclass(frozen=True, slots=True)
class LoadState:
    """The loads on each phase, in watts and vars.

    `on_output` is behind the battery inverter and survives an outage, `on_input` is beside it.
    """

    on_output: ThreePhase
    on_input: ThreePhase
    reactive: ThreePhase

    @property
    def by_phase(self) -> ThreePhase:
        """All loads of each phase."""
        (a, b, c), (d, e, f) = self.on_output, self.on_input
        return a + d, b + e, c + f

    @property
    def power_w(self) -> float:
        """All loads."""
        return sum(self.on_output) + sum(self.on_input)


@dataclass(frozen=True, slots=True)
class Appliance:
    """Something that is switched on for a while.

    `phase` is 0 to 2, or None for a three-phase appliance. `hours` are the local hours between which a
    run may start; it happens `times` a day at most, each with probability `likely`, for `minutes`.
    """

    name: str
    power_w: float
    phase: int | None
    backed_up: bool
    hours: tuple[float, float]
    minutes: tuple[float, float]
    times: int = 1
    likely: float = 1.0


APPLIANCES: Final = (
    Appliance("kettle in the morning", 2_100, 0, backed_up=True, hours=(6.6, 9.5), minutes=(2, 4), times=3),
    Appliance("kettle", 2_100, 0, backed_up=True, hours=(10, 22), minutes=(2, 4), times=4, likely=0.8),
    Appliance("lunch", 1_500, 1, backed_up=False, hours=(12, 13), minutes=(8, 20), likely=0.7),
    Appliance("hob", 2_600, 1, backed_up=False, hours=(17.3, 18.6), minutes=(20, 40)),
    Appliance("oven", 1_900, 2, backed_up=False, hours=(17.0, 18.5), minutes=(25, 55), likely=0.5),
    Appliance("washing machine", 1_900, 2, backed_up=False, hours=(8, 19), minutes=(15, 25), likely=0.6),
    Appliance("dishwasher", 1_800, 0, backed_up=False, hours=(19, 22), minutes=(12, 20), times=2, likely=0.7),
    Appliance("water heater", 2_000, 1, backed_up=False, hours=(11.2, 13.5), minutes=(45, 90)),
    Appliance("water heater at night", 2_000, 1, backed_up=False, hours=(2, 4), minutes=(20, 50)),
)


@dataclass(frozen=True, slots=True)
class _Run:
    begin: float
    end: float
    power_w: float
    phase: int | None
    backed_up: bool


class Household:
    """The loads of one house. With one phase, everything hangs on L1."""

    def __init__(self, weather: Weather, seed: int, *, phases: int = 3) -> None:
        self._weather = weather
        self._zone = weather.location.zone
        self._seed = seed
        self._phases = phases
        self._hum = tuple(Noise(seed, f"hum of L{phase}", 40.0) for phase in (1, 2, 3))
        self._flicker = Noise(seed, "flicker of the loads", 4.0)
        self._life = Noise(seed, "life in the house", 420.0)
        self._runs_of: Callable[[date], tuple[_Run, ...]] = lru_cache(maxsize=4)(self._plan)

    def at(self, time: float) -> LoadState:
        """Return the loads at Unix time `time`."""
        now = datetime.fromtimestamp(time, self._zone)
        hour = now.hour + now.minute / 60.0 + now.second / 3600.0
        life = 80.0 + 260.0 * _bump(hour, 6.5, 9.0) + 420.0 * _bump(hour, 16.5, 23.5)
        life *= 0.4 + 1.2 * self._life.at(time)
        output = [
            75.0 + 30.0 * self._hum[0].at(time) + 40.0 * self._flicker.at(time) + 0.5 * life,
            55.0 + 20.0 * self._hum[1].at(time) + 0.3 * life,
            40.0 + 15.0 * self._hum[2].at(time) + 0.2 * life,
        ]
        beside = [0.0, 0.0, 0.0]
        today = now.date()
        for day in (today, today - timedelta(days=1)):
            for run in self._runs_of(day):
                if run.begin <= time < run.end:
                    group = output if run.backed_up else beside
                    if run.phase is None:
                        for phase in range(3):
                            group[phase] += run.power_w / 3.0
                    else:
                        group[run.phase] += run.power_w
        if self._phases == 1:
            output, beside = [sum(output), 0.0, 0.0], [sum(beside), 0.0, 0.0]
        reactive = [_REACTIVE_SHARE * (one + two) for one, two in zip(output, beside, strict=True)]
        return LoadState(_three(output), _three(beside), _three(reactive))

    def _plan(self, day: date) -> tuple[_Run, ...]:
        midnight = datetime.combine(day, time(), self._zone).astimezone(UTC).timestamp()
        return (*self._appliances(day, midnight), *self._fridge(midnight), *self._heat_pump(midnight))

    def _appliances(self, day: date, midnight: float) -> Iterator[_Run]:
        for appliance in APPLIANCES:
            for turn in range(appliance.times):
                key = (self._seed, day.isoformat(), appliance.name, turn)
                if chance(*key, "happens") >= appliance.likely:
                    continue
                early, late = appliance.hours
                short, long = appliance.minutes
                begin = midnight + _HOUR * (early + (late - early) * chance(*key, "when"))
                minutes = short + (long - short) * chance(*key, "how long")
                yield _Run(
                    begin, begin + 60.0 * minutes, appliance.power_w, appliance.phase, appliance.backed_up
                )

    def _fridge(self, midnight: float) -> Iterator[_Run]:
        at = midnight + 600.0 * chance(self._seed, midnight, "fridge")
        while at < midnight + 24 * _HOUR:
            yield _Run(at, at + 1_020.0, 85.0, 1, backed_up=True)
            at += 2_700.0 + 300.0 * chance(self._seed, at, "fridge")

    def _heat_pump(self, midnight: float) -> Iterator[_Run]:
        cold = 16.5 - self._weather.air(midnight + 12 * _HOUR)
        share = min(1.0, max(0.04, cold / 22.0))
        at = midnight + 1_800.0 * chance(self._seed, midnight, "heat pump")
        while at < midnight + 24 * _HOUR:
            on = 3_600.0 * share * (0.8 + 0.4 * chance(self._seed, at, "heat pump"))
            yield _Run(at, at + on, 1_650.0, None, backed_up=False)
            at += 3_600.0


def _bump(hour: float, begin: float, end: float) -> float:
    return smooth(begin - 1.0, begin + 0.5, hour) * (1.0 - smooth(end - 1.0, end + 0.5, hour))


def _three(values: list[float]) -> ThreePhase:
    return values[0], values[1], values[2]
