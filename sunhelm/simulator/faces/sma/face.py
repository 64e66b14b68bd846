"""The face itself: reads of whole values, writes of whole values, and the habits of SMA's server.

Functions 3 and 4 read the same. A request that begins or ends inside a value is refused with exception 2, so
is an address that no model has. What this model lacks, and what can only be written, is "not available". Unit
id 1 knows one thing, who is here; another unit id is refused with exception 4.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import Final

from sunhelm.simulator.clock import MACHINE_CLOCK, Clock
from sunhelm.simulator.faces.face import ModbusException, Table
from sunhelm.simulator.faces.image import Image
from sunhelm.simulator.faces.sma import telemetry
from sunhelm.simulator.faces.sma.controls import Controls
from sunhelm.simulator.faces.sma.layout import KINDS, absent, words_of
from sunhelm.simulator.faces.sma.models import SUNNY_ISLAND, Model
from sunhelm.simulator.plant import Plant

_READ_ONLY, _ILLEGAL_ADDRESS, _BAD_VALUE, _WRONG_UNIT = 1, 2, 3, 4
_IDENTITY: Final = 42109
_SUSY_ID: Final = 440
_ALWAYS: Final = frozenset({40077, 43090})
_COUNTERS: Final = (range(30513, 30517), range(30571, 30573), range(30581, 30585), range(30587, 30589))
_COUNTERS_64: Final = (range(30595, 30599), range(31397, 31405))


class SmaFace:
    """One device that looks at `plant`; `unit` is the id that its installer chose."""

    def __init__(
        self, plant: Plant, *, model: Model = SUNNY_ISLAND, unit: int = 3, clock: Clock = MACHINE_CLOCK
    ) -> None:
        self.plant = plant
        self.model = model
        self.unit = unit
        self.controls = Controls(plant, clock, model)

    def read(self, unit: int, table: Table, address: int, count: int) -> Sequence[int]:
        del table  # functions 3 and 4 read the same
        if unit == 1:
            return self._identity(address, count)
        self._addressed(unit)
        image = self._image()
        words: list[int] = []
        place, end = address, address + count
        while place < end:
            if place not in KINDS or place + words_of(place) > end:
                raise ModbusException(_ILLEGAL_ADDRESS)
            length = words_of(place)
            words += (
                [image[each] for each in range(place, place + length)] if place in image else absent(place)
            )
            place += length
        return words

    def write(self, unit: int, address: int, words: Sequence[int]) -> None:
        self._addressed(unit)
        taken = self.model.commands | self.controls.settings.keys() | _ALWAYS
        values: dict[int, int] = {}
        place, end = address, address + len(words)
        while place < end:
            if place not in KINDS:
                raise ModbusException(_ILLEGAL_ADDRESS)
            length = words_of(place)
            if place + length > end:
                raise ModbusException(_BAD_VALUE)
            if place not in taken:
                raise ModbusException(_READ_ONLY if place in self._image() else _ILLEGAL_ADDRESS)
            values[place] = _number(KINDS[place], words[place - address : place - address + length])
            place += length
        self.controls.write(values)

    def identification(self, unit: int) -> Mapping[int, str] | None:
        del unit
        return None

    def counters(self, unit: int, table: Table) -> Container[int]:
        del unit, table
        return frozenset(word for each in (*_COUNTERS, *_COUNTERS_64) for word in each)

    def update(self) -> None:
        self.controls.update()

    def _addressed(self, unit: int) -> None:
        if unit != self.unit:
            raise ModbusException(_WRONG_UNIT)

    def _identity(self, address: int, count: int) -> Sequence[int]:
        if address != _IDENTITY or count != 4:
            raise ModbusException(_ILLEGAL_ADDRESS)
        serial = telemetry.SERIAL + self.model.device_type
        return [serial >> 16, serial & 0xFFFF, _SUSY_ID, self.unit]

    def _image(self) -> Image:
        image, plant, model = Image(), self.plant, self.model
        telemetry.identity(image, model)
        telemetry.status(image, plant, model)
        telemetry.output(image, plant, model)
        telemetry.meter(image, plant, phases=40075 not in model.settings)
        if model.strings:
            telemetry.strings(image, plant)
        if model.battery:
            telemetry.battery(image, plant, model)
            if 40075 in model.settings:
                telemetry.island(image, plant, model)
        for address, value in self.controls.settings.items():
            (image.word if words_of(address) == 1 else image.pair)(address, value)
        image.pair(30835, self.controls.settings[40210])
        if 40001 in self.controls.settings:
            image.pair(40001, plant.state.time)
        return image


def _number(kind: str, words: Sequence[int]) -> int:
    number = 0
    for word in words:
        number = number << 16 | word
    top = 16 * len(words) - 1
    return number - (2 << top) if kind in "hi" and number >> top else number
