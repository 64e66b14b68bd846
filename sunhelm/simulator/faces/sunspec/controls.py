"""What can be set on the device, and its revert timers: models 121, 123 and 124."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sunhelm.simulator.clock import Clock
from sunhelm.simulator.faces.face import ModbusException
from sunhelm.simulator.faces.sunspec.models import INT, UINT, charge_power, discharge_power
from sunhelm.simulator.plant import Plant

_ILLEGAL_ADDRESS: Final = 2
_ILLEGAL_VALUE: Final = 3
_FULL: Final = 10_000
"""100 % with a scale factor of -2."""

_SETTABLE: Final[Mapping[int, frozenset[int]]] = {
    121: frozenset(range(20)),
    123: frozenset(range(21)),
    124: frozenset(range(16)) - {6, 7, 8, 9},
}
_HIGHEST: Final[Mapping[tuple[int, int], int]] = {
    (123, 2): 1,  # Conn
    (123, 3): _FULL,  # WMaxLimPct
    (123, 7): 1,  # WMaxLim_Ena
    (123, 12): 1,  # OutPFSet_Ena
    (123, 19): 3,  # VArPct_Mod
    (123, 20): 1,  # VArPct_Ena
    (124, 3): 0b11,  # StorCtl_Mod
    (124, 5): _FULL,  # MinRsvPct
    (124, 10): _FULL,  # OutWRte
    (124, 11): _FULL,  # InWRte
    (124, 15): 1,  # ChaGriSet
}


@dataclass(frozen=True, slots=True)
class _Revert:
    """A control that ends by itself: `enable` becomes 0 so long after any of its words was written."""

    model: int
    words: frozenset[int]
    enable: int
    seconds: int


_REVERTS: Final = (
    _Revert(123, frozenset({3, 5, 7}), enable=7, seconds=5),
    _Revert(124, frozenset({3, 10, 11, 13}), enable=3, seconds=13),
)


class Controls:
    """Words that a client sets, by model and place behind its header; the plant follows them.

    `clock` runs the revert timers: a limit that is not written again within WMaxLimPct_RvrtTms or
    InOutWRte_RvrtTms ends. A time of 0, or one that was never set, does not end it.
    """

    def __init__(self, plant: Plant, clock: Clock) -> None:
        self._plant = plant
        self._clock = clock
        self._ends: dict[_Revert, float] = {}
        rating, reserve = round(plant.house.pv_inverter_rating_w), round(plant.steering.minimum_soc * _FULL)
        self.words: Mapping[int, list[int]] = {
            121: [
                *(rating, 230, 0, UINT, UINT, rating, INT, INT, INT, INT, UINT, INT, INT, INT, INT),
                *(UINT, UINT, UINT, 50, UINT),
                *(0, 0, 0, INT, 0, INT, INT, INT, INT, 0),
            ],
            123: [
                *(0, 0, 1, _FULL, 0, 0, 0, 0),
                *(1000, 0, 0, 0, 0),
                *(0, 0, 0, 0, 0, 0, 0, 0),
                *(-2 & 0xFFFF, -3 & 0xFFFF, -2 & 0xFFFF),
            ],
            124: [
                *(round(charge_power(plant)), 1000, 1000, 0, UINT, reserve),
                *(0, 0, 0, 0),
                *(_FULL, _FULL, 0, 0, 0, 1),
            ],
        }

    @property
    def limited(self) -> bool:
        """Whether the limit of the PV inverter's power is in force."""
        return self.words[123][7] == 1

    def write(self, model: int, place: int, words: Sequence[int]) -> None:
        """Take words from `place` behind the model's header on; all of them or, with an exception, none."""
        places = range(place, place + len(words))
        if not _SETTABLE.get(model, frozenset()).issuperset(places):
            raise ModbusException(_ILLEGAL_ADDRESS)
        for each, word in zip(places, words, strict=True):
            if word > _HIGHEST.get((model, each), 0xFFFF):
                raise ModbusException(_ILLEGAL_VALUE)
        self.words[model][place : place + len(words)] = words
        for revert in _REVERTS:
            if revert.model == model and not revert.words.isdisjoint(places):
                self._wind(revert)
        self._steer(model)

    def update(self) -> None:
        """End what was not renewed in time."""
        now = self._clock.monotonic()
        for revert in [revert for revert, end in self._ends.items() if end <= now]:
            del self._ends[revert]
            self.words[revert.model][revert.enable] = 0
            self._steer(revert.model)

    def _wind(self, revert: _Revert) -> None:
        words = self.words[revert.model]
        seconds = words[revert.seconds]
        self._ends.pop(revert, None)
        if words[revert.enable] and seconds not in {0, UINT}:
            self._ends[revert] = self._clock.monotonic() + seconds

    def _steer(self, model: int) -> None:
        steering = self._plant.steering
        if model in {121, 123}:
            controls = self.words[123]
            share = controls[3] / _FULL if self.limited else None
            steering.pv_limit_w = None if share is None else share * self.words[121][0]
            if not controls[2]:
                steering.pv_limit_w = 0.0
        else:
            storage = self.words[124]
            mode, discharge, charge = storage[3], storage[10] / _FULL, storage[11] / _FULL
            steering.charge_limit_w = charge * storage[0] if mode & 0b01 else None
            steering.discharge_limit_w = discharge * discharge_power(self._plant) if mode & 0b10 else None
            steering.minimum_soc = storage[5] / _FULL
