"""A GivEnergy EV charger on one phase, with a vehicle that comes and goes. Written down from the facts.

It reports its limit at 36 and its control at 94, and takes them at 91 and 95. Plug and Go (93) counts the
other way round: 0 is on.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import Final

from sunhelm.simulator.faces.face import ModbusException, Table
from sunhelm.simulator.faces.image import KWH, Image
from sunhelm.simulator.plant import Plant

_ILLEGAL_ADDRESS: Final = 2
_LAST: Final = 114
_SERIAL: Final = "EVC2341G012"
_READY, _START, _STOP = 0, 1, 2
_MOST_A: Final = 32
_LEAST_A: Final = 6
_LIMIT, _PLUG_AND_GO, _CONTROL, _CLOCK = 91, 93, 95, 97


class State(IntEnum):
    """Register 0, as far as it is played."""

    IDLE = 1
    CONNECTED = 2
    CHARGING = 4
    END_OF_CHARGING = 6


class EvcFace:
    """The charger in front of a plant; implements `Face`.

    `missing_j` is the energy that the vehicle still takes, None when there is no vehicle. `obeys` switched
    off is the firmware that ignores what is written; with `session_falls` the energy of the session reads 0
    while nothing is charged, and begins anew.
    """

    def __init__(self, plant: Plant, *, missing_j: float | None = 30 * KWH) -> None:
        self.plant = plant
        self.missing_j = missing_j
        self.obeys = True
        self.session_falls = False
        self.began_at = self.ended_at = plant.state.time
        self.limit_a = float(_MOST_A)
        self.plug_and_go = False
        self.control = _STOP
        self.state = State.IDLE
        self.session_j = 0.0
        self.session_s = 0.0
        self.delivered_j = 1234.5 * KWH
        self.clock_ahead_s = 0.0
        self._seen_at = plant.state.time
        self.update()

    @property
    def power_w(self) -> float:
        """What the vehicle draws."""
        if self.state is not State.CHARGING:
            return 0.0
        return min(self.limit_a, _MOST_A) * self.plant.state.grid.voltage_by_phase[0]

    def plug_in(self, missing_j: float) -> None:
        """Let a vehicle come that takes so much energy."""
        self.missing_j = missing_j
        self.session_j = self.session_s = 0.0
        self.update()

    def unplug(self) -> None:
        """Let the vehicle go."""
        self.missing_j = None
        self.control = _STOP
        self.update()

    def update(self) -> None:
        passed = self.plant.state.time - self._seen_at
        self._seen_at = self.plant.state.time
        if self.state is State.CHARGING and self.missing_j is not None:
            energy = min(self.power_w * passed, self.missing_j)
            self.missing_j -= energy
            self.session_j += energy
            self.delivered_j += energy
            self.session_s += passed
        before, self.state = self.state, self._next()
        if self.state is State.CHARGING and before is not State.CHARGING:
            self.began_at = self.plant.state.time
            if self.session_falls:
                self.session_j = 0.0
        elif before is State.CHARGING and self.state is not State.CHARGING:
            self.ended_at = self.plant.state.time
        self.plant.steering.vehicle_w = self.power_w

    def read(self, unit: int, table: Table, address: int, count: int) -> Sequence[int]:
        del unit
        if table is not Table.HOLDING or address + count - 1 > _LAST:
            raise ModbusException(_ILLEGAL_ADDRESS)
        image = self._image()
        return [image.get(place, 0) for place in range(address, address + count)]

    def write(self, unit: int, address: int, words: Sequence[int]) -> None:
        del unit
        if address + len(words) - 1 > _LAST:
            raise ModbusException(_ILLEGAL_ADDRESS)
        if not self.obeys:
            return
        match address, tuple(words):
            case 91, (tenths,):
                self.limit_a = min(max(tenths / 10, _LEAST_A), _MOST_A)
            case 93, (off,):
                self.plug_and_go = off == 0
            case 95, (control,) if control in (_READY, _START, _STOP):
                self.control = control
            case 97, (year, month, day, hour, minute, second):
                told = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
                self.clock_ahead_s = told.timestamp() - self.plant.state.time
        self.update()

    def identification(self, unit: int) -> Mapping[int, str] | None:
        del unit
        return None

    def counters(self, unit: int, table: Table) -> Container[int]:
        del unit, table
        return (29,)

    def _next(self) -> State:
        if self.missing_j is None:
            return State.IDLE
        if self.missing_j <= 0:
            return State.END_OF_CHARGING
        wanted = self.control == _START or (self.plug_and_go and self.control != _STOP)
        return State.CHARGING if wanted else State.CONNECTED

    def _image(self) -> Image:
        image = Image()
        volts = self.plant.state.grid.voltage_by_phase[0]
        image.word(0, self.state)
        image.word(2, self.missing_j is not None)
        image.word(4, 0)
        image.word(6, self.power_w / volts, 10)
        for address in (13, 17):
            image.word(address, self.power_w)
        image.word(29, self.delivered_j / KWH % 6553.6, 10)
        image.word(32, _MOST_A)
        image.word(34, _LEAST_A)
        image.word(36, self.limit_a, 10)
        for place, letter in enumerate(_SERIAL, 38):
            image.word(place, ord(letter))
        counts = self.state is State.CHARGING or not self.session_falls
        image.word(72, self.session_j / KWH if counts else 0.0, 10)
        for first, moment in ((74, self.began_at), (82, self.ended_at)):
            at = datetime.fromtimestamp(moment, UTC)
            image.words(first, at.hour, at.minute, at.second)
        image.word(79, self.session_s % 65536)
        image.word(93, not self.plug_and_go)
        image.word(94, _START if self.state is State.CHARGING else self.control)
        shown = datetime.fromtimestamp(self.plant.state.time, UTC) + timedelta(seconds=self.clock_ahead_s)
        image.words(97, shown.year, shown.month, shown.day, shown.hour, shown.minute, shown.second)
        image.word(109, volts, 10)
        return image
