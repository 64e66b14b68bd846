"""The face itself: a chain of models, read anywhere and written where a model can be set."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import Final

from sunhelm.simulator.clock import MACHINE_CLOCK, Clock
from sunhelm.simulator.faces.face import ModbusException, Table
from sunhelm.simulator.faces.image import Image
from sunhelm.simulator.faces.sunspec import models
from sunhelm.simulator.faces.sunspec.controls import Controls
from sunhelm.simulator.plant import Plant

_ILLEGAL_ADDRESS: Final = 2
_NO_ANSWER_BEHIND_GATEWAY: Final = 11
_MODEL_LENGTHS: Final = {1: 66, 103: 50, 120: 26, 121: 30, 122: 44, 123: 24, 124: 24, 160: 8, 203: 105}
_MODULE: Final = 20
_COUNTERS: Final[Mapping[int, tuple[range, ...]]] = {
    103: (range(22, 24),),
    122: (range(3, 27),),
    203: (range(36, 52),),
}
"""The words of lifetime counters, by model and place behind the header; model 160 has more."""


class SunSpecFace:
    """One device that looks at `plant`: an inverter for the PV on the AC side, its battery and its meter.

    The chain stands at `base` of the unit id `unit`; other unit ids are those of a gateway without a device.
    """

    def __init__(
        self, plant: Plant, *, base: int = 40_000, unit: int = 1, clock: Clock = MACHINE_CLOCK
    ) -> None:
        self.plant = plant
        self.unit = unit
        self.controls = Controls(plant, clock)
        lengths = _MODEL_LENGTHS | {160: _MODEL_LENGTHS[160] + _MODULE * len(plant.house.ac_strings)}
        self._base = base
        self._places: dict[int, int] = {}
        place = base + 2
        for model, length in lengths.items():
            self._places[model] = place + 2
            place += 2 + length
        self._end = place
        self._lengths = lengths

    def read(self, unit: int, table: Table, address: int, count: int) -> Sequence[int]:
        del table  # only function 3 comes here
        self._addressed(unit)
        image = self._image()
        try:
            return [image[place] for place in range(address, address + count)]
        except KeyError:
            raise ModbusException(_ILLEGAL_ADDRESS) from None

    def write(self, unit: int, address: int, words: Sequence[int]) -> None:
        self._addressed(unit)
        for model, first in self._places.items():
            if first <= address < first + self._lengths[model]:
                self.controls.write(model, address - first, words)
                return
        raise ModbusException(_ILLEGAL_ADDRESS)

    def identification(self, unit: int) -> Mapping[int, str] | None:
        del unit
        return None

    def counters(self, unit: int, table: Table) -> Container[int]:
        del unit, table
        modules = range(8, self._lengths[160], _MODULE)
        places = {**_COUNTERS, 160: tuple(range(module + 12, module + 14) for module in modules)}
        return frozenset(
            self._places[model] + word for model, ranges in places.items() for each in ranges for word in each
        )

    def update(self) -> None:
        self.controls.update()

    def _addressed(self, unit: int) -> None:
        if unit != self.unit:
            raise ModbusException(_NO_ANSWER_BEHIND_GATEWAY)

    def _image(self) -> Image:
        image, plant, places = Image(), self.plant, self._places
        image.text(self._base, 2, "SunS")
        for model, first in places.items():
            image.words(first - 2, model, self._lengths[model])
        image.words(self._end, 0xFFFF, 0)
        models.common(image, places[1])
        models.inverter(image, places[103], plant)
        models.nameplate(image, places[120], plant)
        models.status(image, places[122], plant, limited=self.controls.limited)
        for model, words in self.controls.words.items():
            image.words(places[model], *words)
        models.storage(image, places[124], plant)
        models.mppt(image, places[160], plant)
        models.meter(image, places[203], plant)
        return image
