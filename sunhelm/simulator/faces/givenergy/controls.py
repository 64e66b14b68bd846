"""The settings of an inverter, and what they do: slots, rates, reserve, pauses, the clock.

The plant is steered only when what all of this comes to changes, so that other faces may steer it too.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from sunhelm.simulator.faces.face import ModbusException
from sunhelm.simulator.faces.givenergy.kinds import Kind
from sunhelm.simulator.faces.image import Image
from sunhelm.simulator.plant import Plant
from sunhelm.simulator.steering import Mode

_SLOTS: Final = frozenset({31, 32, 44, 45, 56, 57, 94, 95, 96, 110, 116})
_SAFE: Final = frozenset({20, 27, 29, *range(35, 41), 50, 59, 111, 112, 114, 163, 166})
_TEN_SLOTS: Final = frozenset({*range(242, 270), 272, 275, *range(276, 300)})
_EXTENDED: Final = frozenset({311, 313, 314, 317, 318, 319, 320})
_THREE_PHASE: Final = frozenset({1078, 1108, 1109, *range(1110, 1117), *range(1118, 1124)})
_REBOOT: Final = 163
_REBOOTS: Final = 100
_CLOCK: Final = range(35, 41)
_PERCENT_FROM_1: Final = frozenset({313, 314, 1108, 1110})
_HALF_C: Final = 50


@dataclass(frozen=True, slots=True)
class _Steered:
    """What the settings come to."""

    mode: Mode = Mode.SELF_CONSUMPTION
    battery_w: float = 0.0
    charge_limit_w: float | None = None
    discharge_limit_w: float | None = None
    minimum_soc: float = 0.04
    pv_limit_w: float | None = None


class Settings:
    """Holding registers that can be written, and their effect on the plant."""

    def __init__(self, plant: Plant, kind: Kind) -> None:
        self.plant = plant
        self.kind = kind
        self.restarts = 0
        self.clock_offset_s = 0.0
        self.words = {
            20: 0,
            27: 1,
            29: 0,
            50: 100,
            59: 0,
            96: 0,
            110: 4,
            111: 50,
            112: 50,
            114: 4,
            116: 100,
            163: 0,
            166: 1,
            **dict.fromkeys((31, 32, 44, 45), 0),
            56: 1600,
            57: 1900,
            94: 30,
            95: 430,
        }
        if kind.ten_slots:
            targets = {242 + 3 * n: 100 for n in range(10)} | {272 + 3 * n: 4 for n in range(10)}
            self.words |= dict.fromkeys(_TEN_SLOTS, 0) | targets
        if kind.has_extended:
            self.words |= {311: 0, 313: 100, 314: 100, 317: 1, 318: 0, 319: 0, 320: 0}
        if kind.three_phases:
            self.words |= dict.fromkeys(_THREE_PHASE, 0)
            self.words |= {1078: 5, 1108: 100, 1109: 5, 1110: 100, 1111: 100, 1113: 30, 1114: 430}
            for address in _SLOTS:
                del self.words[address]
        self._steered = _Steered()

    def show(self, image: Image) -> None:
        """Put what can be written into page images."""
        image.update({address: word for address, word in self.words.items() if address not in _CLOCK})
        now = self.local_time()
        image.words(35, now.year - 2000, now.month, now.day, now.hour, now.minute, now.second)

    def local_time(self) -> datetime:
        """Return what the inverter's clock shows."""
        zone = self.plant.house.location.zone
        return datetime.fromtimestamp(self.plant.time + self.clock_offset_s, zone)

    def write(self, address: int, word: int) -> None:
        """Take one register. Raises ModbusException for one that cannot be written, or not so."""
        if address == _REBOOT:
            if word != _REBOOTS:
                raise ModbusException(3)
            self.restarts += 1
        elif address in _CLOCK:
            self._set_clock(address, word)
        elif address not in self.words or (address in _PERCENT_FROM_1 and not 1 <= word <= 100):
            raise ModbusException(2)
        else:
            self.words[address] = word
        self.update()

    def update(self) -> None:
        """Steer the plant when what the settings come to has changed, by a write or with time."""
        steered = self._three_phase() if self.kind.three_phases else self._one_phase()
        if steered == self._steered:
            return
        self._steered = steered
        steering = self.plant.steering
        steering.mode, steering.battery_w = steered.mode, steered.battery_w
        steering.charge_limit_w = steered.charge_limit_w
        steering.discharge_limit_w = steered.discharge_limit_w
        steering.minimum_soc = steered.minimum_soc
        steering.pv_limit_w = steered.pv_limit_w

    def _set_clock(self, address: int, word: int) -> None:
        """Move the clock so that this part of it is what was written, as far as a date can be that."""
        now = self.local_time()
        parts = [now.year, now.month, now.day, now.hour, now.minute, now.second]
        parts[address - _CLOCK.start] = word + 2000 * (address == _CLOCK.start)
        try:
            moved = datetime(*parts, tzinfo=now.tzinfo)  # type: ignore[misc,arg-type]  # six numbers
        except ValueError:
            raise ModbusException(3) from None
        self.clock_offset_s += (moved.astimezone(UTC) - now.astimezone(UTC)).total_seconds()

    def _in_slot(self, start: int, end: int) -> bool:
        first, last = self.words.get(start, 0), self.words.get(end, 0)
        if first == last or max(first % 100, last % 100) > 59:
            return False
        now = self.local_time()
        moment = 100 * now.hour + now.minute
        return first <= moment < last if first < last else moment >= first or moment < last

    def _rate(self, address: int) -> float:
        words = self.words
        return min(words[address] / 100.0 * self.kind.capacity_ah * self.kind.voltage, self.kind.battery_w)

    def _one_phase(self) -> _Steered:
        words, soc = self.words, self.plant.battery.soc
        charge, discharge = self._rate(111), self._rate(112)
        if words.get(318, 0) and self._in_slot(319, 320):
            charge = 0.0 if words[318] & 1 else charge
            discharge = 0.0 if words[318] & 2 else discharge
        reserve = max(words[110], words[114]) / 100.0
        target = words[116] / 100.0 if words[20] else 1.0
        limits = (None if words[111] >= _HALF_C and charge else charge, discharge)
        output = None if words[50] >= 100 else words[50] / 100.0 * self.kind.rated_w
        charging = words[96] and (self._in_slot(94, 95) or self._in_slot(31, 32) or self._in_ten("charge"))
        if charging and soc < target:
            return _Steered(Mode.BATTERY, -charge, *limits, minimum_soc=reserve, pv_limit_w=output)
        in_slot = self._in_slot(56, 57) or self._in_slot(44, 45) or self._in_ten("discharge")
        if words[59] and in_slot and not words[27] and soc > reserve:
            return _Steered(Mode.BATTERY, discharge, *limits, minimum_soc=reserve, pv_limit_w=output)
        if words[59] and not in_slot:
            limits = (limits[0], 0.0)
        return _Steered(Mode.SELF_CONSUMPTION, 0.0, *limits, minimum_soc=reserve, pv_limit_w=output)

    def _in_ten(self, what: str) -> bool:
        if not self.kind.ten_slots:
            return False
        first = 246 if what == "charge" else 276
        return any(self._in_slot(first + 3 * n, first + 3 * n + 1) for n in range(8))

    def _three_phase(self) -> _Steered:
        words, soc = self.words, self.plant.battery.soc
        charge = words[1110] / 100.0 * self.kind.battery_w
        discharge = words[1108] / 100.0 * self.kind.battery_w
        reserve = words[1109] / 100.0
        charging = words[1123] and words[1112] and (self._in_slot(1113, 1114) or self._in_slot(1115, 1116))
        if charging and soc < words[1111] / 100.0:
            return _Steered(Mode.BATTERY, -charge, charge, discharge, reserve)
        in_slot = self._in_slot(1118, 1119) or self._in_slot(1120, 1121)
        if words[1122] and in_slot and soc > reserve:
            return _Steered(Mode.BATTERY, discharge, charge, discharge, reserve)
        return _Steered(Mode.SELF_CONSUMPTION, 0.0, charge, discharge, reserve)
