"""A Sunny Home Manager 2.0: the grid connection of the house, at unit id 2, and a limit for all of it."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import Final

from sunhelm.simulator.faces.face import ModbusException, Table
from sunhelm.simulator.faces.image import Image
from sunhelm.simulator.faces.sma import telemetry
from sunhelm.simulator.plant import Plant

_ILLEGAL_ADDRESS, _BAD_VALUE, _WRONG_UNIT = 2, 3, 4
_LIMIT: Final = 40016


class HomeManagerFace:
    """One Home Manager that looks at `plant`; it lets `share` of the peak power of the PV into the grid."""

    def __init__(self, plant: Plant) -> None:
        self.plant = plant
        self.share: float | None = None

    def read(self, unit: int, table: Table, address: int, count: int) -> Sequence[int]:
        del table
        self._addressed(unit)
        image = Image()
        telemetry.meter(image, self.plant, phases=False)
        if address % 2 == 0 or count % 2:
            raise ModbusException(_ILLEGAL_ADDRESS)
        try:
            return [image[place] for place in range(address, address + count)]
        except KeyError:
            raise ModbusException(_ILLEGAL_ADDRESS) from None

    def write(self, unit: int, address: int, words: Sequence[int]) -> None:
        self._addressed(unit)
        if address != _LIMIT:
            raise ModbusException(_ILLEGAL_ADDRESS)
        if len(words) != 1 or words[0] > 100:
            raise ModbusException(_BAD_VALUE)
        self.share = words[0] / 100
        self.plant.steering.feed_in_limit_w = (
            None if words[0] == 100 else self.share * self.plant.house.peak_w
        )

    def identification(self, unit: int) -> Mapping[int, str] | None:
        del unit
        return None

    def counters(self, unit: int, table: Table) -> Container[int]:
        del unit, table
        return range(30581, 30585)

    def update(self) -> None:
        """Nothing: what it was told stays."""

    def _addressed(self, unit: int) -> None:
        if unit != 2:
            raise ModbusException(_WRONG_UNIT)
