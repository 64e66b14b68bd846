"""What can be set on a SUN2000, and what it does with the plant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from sunhelm.simulator.clock import Clock
from sunhelm.simulator.faces.face import ModbusException
from sunhelm.simulator.faces.huawei.layout import EXPORT_MODES, PERIODS, SETTINGS, Range
from sunhelm.simulator.faces.huawei.periods import Periods, luna_periods
from sunhelm.simulator.faces.huawei.telemetry import BATTERY_W, MAXIMUM_W
from sunhelm.simulator.faces.image import Image
from sunhelm.simulator.plant import Plant
from sunhelm.simulator.steering import Mode

_ILLEGAL_ADDRESS: Final = 2
_ILLEGAL_VALUE: Final = 3
_SHOWN: Final = {0: 0, 1: 3, 2: 4, 3: 2, 4: 5, 5: 6}
"""What register 37006 shows for a base mode of 47086."""

_FORCED: Final = 1
_BY_STATE_OF_CHARGE: Final = 1
_CHARGE, _DISCHARGE = 1, 2


class Controls:
    """Settings by their first address, and the plant that follows them.

    `clock` ends a forced charge. `keeps_order` says whether 47100 goes on showing an order that has ended.
    """

    def __init__(self, plant: Plant, clock: Clock, *, keeps_order: bool = False) -> None:
        self._plant = plant
        self._clock = clock
        self._ends: float | None = None
        self._ended = False
        self.keeps_order = keeps_order
        self.meter_online = True
        self.metered_above = False
        self.values: dict[int, int] = {address: each.value for address, each in SETTINGS.items()}
        self.values[47_082] = round(plant.steering.minimum_soc * 1000)
        self.periods: dict[int, tuple[int, ...]] = {
            address: (0,) * count for address, count in PERIODS.items()
        }
        zone = plant.house.location.zone
        local = datetime.fromtimestamp(plant.time, zone)
        summer = local.dst()
        offset = local.utcoffset()
        assert offset is not None
        assert summer is not None
        self.values[42_900] = int(bool(summer))
        self.values[43_006] = round((offset - summer).total_seconds() / 60)
        self.clock_error_s = 0.0

    @property
    def local_offset_s(self) -> int:
        """How far the device's local time is ahead of UTC."""
        return 60 * self.values[43_006] + 3600 * self.values[42_900]

    @property
    def local_time(self) -> int:
        """The device's clock: seconds since 1970 of its local time."""
        return round(self._plant.time + self.local_offset_s + self.clock_error_s)

    @property
    def mode(self) -> int:
        """What the battery does now, as 37006 shows it."""
        return _FORCED if self._is_forced else _SHOWN[self.values[47_086]]

    @property
    def forced_min(self) -> int:
        """The minutes that are left of a forced charge or discharge, rounded up."""
        if not self._is_forced or self._ends is None:
            return 0
        return max(0, -int(-(self._ends - self._clock.monotonic()) // 60))

    @property
    def is_metered(self) -> bool:
        """Whether somebody meters the grid point: the inverter, or what stands above it."""
        return self.meter_online or self.metered_above

    @property
    def _is_forced(self) -> bool:
        return self.values[47_100] in (_CHARGE, _DISCHARGE) and not self._ended

    def show(self, image: Image) -> None:
        """Put the settings into an image."""
        for address, value in self.values.items():
            (image.pair if SETTINGS[address].words == 2 else image.word)(address, value)
        for address, words in self.periods.items():
            image.words(address, *words)
        image.pair(40_000, self.local_time)
        image.pair(47_244, BATTERY_W)

    def write(self, address: int, words: Sequence[int], limits: Mapping[int, int]) -> None:
        """Take one setting whole; raises ModbusException and takes nothing where it is not right.

        `limits` are those that move with the battery, by the address of the setting.
        """
        if address == 40_000 and len(words) == 2:
            self.clock_error_s = (words[0] << 16 | words[1]) - self._plant.time - self.local_offset_s
        elif address in PERIODS and len(words) == PERIODS[address]:
            if address == 47_255 and not luna_periods(words).sound:
                raise ModbusException(_ILLEGAL_VALUE)
            self.periods[address] = tuple(words)
        elif address in SETTINGS and len(words) == SETTINGS[address].words:
            self._set(address, _number(words), SETTINGS[address], limits.get(address))
        else:
            raise ModbusException(_ILLEGAL_ADDRESS)

    def update(self) -> None:
        """Let the plant follow: once a step, and after every write."""
        if self._ends is not None and self._clock.monotonic() >= self._ends:
            self._end()
        soc = self._plant.battery.soc
        if self._is_forced and self.values[47_246] == _BY_STATE_OF_CHARGE:
            target = self.values[47_101] / 1000
            if soc >= target if self.values[47_100] == _CHARGE else soc <= target:
                self._end()
        self._steer_battery(soc)
        self._steer_export()
        self._steer_output()

    def _set(self, address: int, value: int, allowed: Range, limit: int | None) -> None:
        high = allowed.high if limit is None else min(allowed.high, limit)
        if not allowed.low <= value <= high or (address == 47_415 and value not in EXPORT_MODES):
            raise ModbusException(_ILLEGAL_VALUE)
        self.values[address] = value
        if address == 47_100:
            self._ended = False
            by_time = value and self.values[47_246] != _BY_STATE_OF_CHARGE
            self._ends = self._clock.monotonic() + 60.0 * self.values[47_083] if by_time else None

    def _end(self) -> None:
        self._ends = None
        self._ended = True
        if not self.keeps_order:
            self.values[47_100] = 0

    def _steer_battery(self, soc: float) -> None:
        values, steering = self.values, self._plant.steering
        steering.charge_limit_w = float(values[47_075]) if soc < values[47_081] / 1000 else 0.0
        steering.discharge_limit_w = float(values[47_077])
        steering.minimum_soc = values[47_082] / 1000
        steering.mode, steering.discharge_allowed = Mode.SELF_CONSUMPTION, True
        if self._is_forced:
            steering.mode = Mode.BATTERY
            charges = values[47_100] == _CHARGE
            steering.battery_w = float(-values[47_247] if charges else values[47_249])
        elif values[47_086] == 5:
            self._follow_periods(luna_periods(self.periods[47_255]))

    def _follow_periods(self, periods: Periods) -> None:
        """Charge from the grid in periods of charging; outside of both kinds keep what is there."""
        steering = self._plant.steering
        now = datetime.fromtimestamp(self._plant.time, self._plant.house.location.zone)
        order = periods.at(now.isoweekday() % 7, 60 * now.hour + now.minute)
        if order == "charge" and self.values[47_087] and self._plant.battery.soc < self.values[47_088] / 1000:
            steering.mode = Mode.BATTERY
            steering.battery_w = -float(self.values[47_242])
        else:
            steering.discharge_allowed = order == "discharge"

    def _steer_export(self) -> None:
        mode, steering = self.values[47_415], self._plant.steering
        limit = {
            5: 0.0,
            6: float(max(0, self.values[47_416])),
            7: self.values[47_418] / 1000 * MAXIMUM_W,
        }.get(mode)
        steering.feed_in_limit_w = limit if self.is_metered else None

    def _steer_output(self) -> None:
        limit = min(self.values[40_126], self.values[40_125] / 1000 * MAXIMUM_W)
        steering = self._plant.steering
        if limit >= MAXIMUM_W:
            steering.pv_limit_w = None
            return
        steering.pv_limit_w = limit
        left = max(0.0, limit - self._plant.state.pv_inverter.power_w)
        steering.discharge_limit_w = min(steering.discharge_limit_w or 0.0, left)


def _number(words: Sequence[int]) -> int:
    """Return the whole number in one or two words; negative where its highest bit is set."""
    number = int.from_bytes(b"".join(word.to_bytes(2) for word in words))
    return number - (1 << 16 * len(words)) if words[0] & 0x8000 else number
