"""A GoodWe SEC1000S: a box at the grid point that is asked by commands, and has its habits.

It wants a new connection for each request, shows the inverters' total only every 30 s, shows 0 for it now
and then, and stops answering when telemetry is asked more often than every 5 s until its power is cut. The
frames are built here by hand.
"""

from __future__ import annotations

import asyncio
import struct
from dataclasses import dataclass
from typing import Final

from sunhelm.simulator.clock import MACHINE_CLOCK, Clock
from sunhelm.simulator.faults import CorruptWord, ExceptionReply, Faults, Holes
from sunhelm.simulator.noise import chance
from sunhelm.simulator.plant import Plant
from sunhelm.simulator.request_log import Request, RequestLog, Write
from sunhelm.simulator.wire import Connection, OnPort, Port, Reply

_PREFIX: Final = b"\x04REVO"
_ADDRESS: Final = b"\x01\x01"
_ACCEPTED: Final = 0x06
_REFUSED: Final = 0x15
_CLOCK_SET: Final = 0x03
_ON, _OFF = 1, 2

_CLOCK, _TELEMETRY, _RCR, _DRED, _VALUE, _SET_LIMIT, _GET_LIMIT = 0x05, 0x0B, 0x28, 0x33, 0x40, 0x42, 0x43
_DATA_LENGTH: Final = {
    _CLOCK: 7,
    _TELEMETRY: 0,
    _RCR: 1,
    _DRED: 1,
    _VALUE: 1,
    _SET_LIMIT: 9,
    _GET_LIMIT: 0,
}
_MODE_OF: Final = {_DRED: 1, _RCR: 2, _VALUE: 3}


@dataclass(slots=True)
class Habits:
    """How the box behaves; every one can be switched off.

    `hangs_below_s` is the time between two telemetry requests below which it stops answering; None for
    never. `total_every_s` is how often the inverters' total is renewed. `false_zero_share` is how many of
    the telemetry replies show 0 for it. For `throttle_s` the inverters throttle their panels after the load
    has jumped with the export at its limit, unless the limiter is off for a moment; None for never.
    """

    hangs_below_s: float | None = 5.0
    total_every_s: float = 30.0
    false_zero_share: float = 0.0
    throttle_s: float | None = None


THROTTLED: Final = 0.1
"""The share of their power that the panels give while the inverters behind the box throttle."""

_STEP_W: Final = 1000.0
_CURED_S: Final = 3.0


class Sec1000Box(OnPort):
    """The box on its port, before `plant`; implements `Endpoint`.

    `mode` is 0 deactivated, 1 DRED, 2 RCR, 3 value; `export_limit_w` and `total_capacity_w` are what was set
    last, and `phase_flag` 2 for the sum of the phases, 1 for each. The limit acts on the plant in mode 3.
    """

    def __init__(
        self,
        plant: Plant,
        *,
        habits: Habits | None = None,
        faults: Faults | None = None,
        clock: Clock = MACHINE_CLOCK,
    ) -> None:
        self.plant = plant
        self.habits = habits or Habits()
        self.faults = faults or Faults()
        self.log = RequestLog()
        self.mode = 3
        self.total_capacity_w = round(plant.house.peak_w, -3)
        self.export_limit_w = int(self.total_capacity_w)
        self.ct_ratio = 200
        self.phase_flag = 2
        self.clock_set: bytes = b""
        self.hung = False
        self._clock = clock
        self._port = Port(self._serve, faults=self.faults, log=self.log, clock=clock)
        self._asked_at: float | None = None
        self._total_w = 0
        self._total_at: float | None = None
        self._replies = 0
        self._load_w: float | None = None
        self._held = False
        self._throttled_at: float | None = None
        self._off_at: float | None = None

    def update(self) -> None:
        """Let the inverters behind the box throttle, or take full power again."""
        state, steering = self.plant.state, self.plant.steering
        before, self._load_w = self._load_w, state.load.power_w
        held, self._held = self._held, state.feed_in_held
        if self.habits.throttle_s is None:
            return
        off = self.mode == 0
        self._off_at = (self._off_at if self._off_at is not None else state.time) if off else None
        if self._throttled_at is not None:
            cured = self._off_at is not None and state.time - self._off_at >= _CURED_S
            if cured or state.time - self._throttled_at >= self.habits.throttle_s:
                self._throttled_at = None
                steering.pv_throttle = 1.0
        elif held and not off and before is not None and state.load.power_w - before >= _STEP_W:
            self._throttled_at = state.time
            steering.pv_throttle = THROTTLED

    @property
    def throttles(self) -> bool:
        """Whether the inverters behind the box hold their panels back just now."""
        return self._throttled_at is not None

    def cut_power(self) -> None:
        """Switch the box off and on: a hung one answers again."""
        self.hung = False
        self._asked_at = None

    async def _serve(self, connection: Connection) -> None:
        length = int.from_bytes(await connection.reader.readexactly(2))
        body = await connection.reader.readexactly(length)
        if not connection.hears():
            await self._silence(connection)
            return
        if len(body) < 5:
            return
        command, data = body[2], body[3:-2]
        self.log.record(Request(1, command, 0, len(data)))
        if command == _TELEMETRY:
            self._mind_the_pace()
        if self.hung or body[:2] != _ADDRESS or sum(body[:-2]) != int.from_bytes(body[-2:]):
            await self._silence(connection)
            return
        holes = self.faults.strikes(Holes)
        if command not in _DATA_LENGTH or (holes is not None and command in holes.addresses):
            return  # hangs up on what it does not know
        await connection.send(Reply(_frame(command, self._answer(command, data)), _frame(0x7F, b"\x06")))
        await self._silence(connection)

    def _mind_the_pace(self) -> None:
        now, limit = self._clock.monotonic(), self.habits.hangs_below_s
        if limit is not None and self._asked_at is not None and now - self._asked_at < limit - 0.05:
            self.hung = True
        self._asked_at = now

    @staticmethod
    async def _silence(connection: Connection) -> None:
        """Stay on the line until the client hangs up."""
        try:
            while await connection.reader.read(256):
                pass
        except asyncio.IncompleteReadError:
            pass

    def _answer(self, command: int, data: bytes) -> bytes:
        refuse = self.faults.strikes(ExceptionReply)
        reads = command in {_TELEMETRY, _GET_LIMIT}
        wrong_length = len(data) != _DATA_LENGTH[command]
        if wrong_length or (refuse is not None and refuse.on in {"any", "read" if reads else "write"}):
            return bytes([_REFUSED])
        if command == _TELEMETRY:
            return self._telemetry()
        if command == _GET_LIMIT:
            return struct.pack(
                ">Biii", self.mode, int(self.total_capacity_w), self.ct_ratio, self.export_limit_w
            )
        self.log.writes.append(Write(1, command, tuple(data)))
        return bytes([self._obey(command, data)])

    def _obey(self, command: int, data: bytes) -> int:
        if command == _CLOCK:
            self.clock_set = data
            return _CLOCK_SET
        if command == _SET_LIMIT:
            self.total_capacity_w, self.export_limit_w, self.phase_flag = struct.unpack(">iiB", data)
        elif data[0] == _ON:
            self.mode = _MODE_OF[command]
        elif data[0] == _OFF:
            if self.mode == _MODE_OF[command]:
                self.mode = 0
        else:
            return _REFUSED
        in_force = self.mode == _MODE_OF[_VALUE]
        self.plant.steering.feed_in_limit_w = float(max(0, self.export_limit_w)) if in_force else None
        return _ACCEPTED

    def _telemetry(self) -> bytes:
        state = self.plant.state
        self._replies += 1
        if self._total_at is None or state.time - self._total_at >= self.habits.total_every_s:
            self._total_at = state.time
            self._total_w = round(state.pv_inverter.power_w + state.inverter.ac_power_w)
        total = self._total_w
        if chance(self.plant.seed, "false zero", self._replies) < self.habits.false_zero_share:
            total = 0
        exported = [-round(power) for power in state.grid.power_by_phase]
        numbers = [
            *(round(10 * voltage) for voltage in state.grid.voltage_by_phase),
            *(round(100 * abs(current)) for current in state.grid.current_by_phase),
            *exported,
            -round(state.grid.power_w),
            total,
        ]
        corrupt = self.faults.strikes(CorruptWord)
        if corrupt is not None:
            index = self.faults.random.randrange(11) if corrupt.index is None else corrupt.index
            numbers[index % 11] = corrupt.value
        return struct.pack(">11i", *numbers)


def _frame(command: int, data: bytes) -> bytes:
    body = _ADDRESS + bytes([command]) + data
    return _PREFIX + (len(body) + 2).to_bytes(2) + body + sum(body).to_bytes(2)
