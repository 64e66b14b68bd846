"""An inverter behind a data adapter: its slaves, and their pages."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import Final

from sunhelm.simulator.faces.face import ModbusException, Table
from sunhelm.simulator.faces.givenergy import telemetry
from sunhelm.simulator.faces.givenergy.controls import Settings
from sunhelm.simulator.faces.givenergy.kinds import HYBRID, Kind
from sunhelm.simulator.faces.image import Image
from sunhelm.simulator.plant import Plant

_INVERTER: Final = 0x11
_PACKS: Final = 0x32
_BMS: Final = 0x31
_STACK: Final = 0x70
_MODULES: Final = 0x50
_HIGH_VOLTAGE: Final = 0xA0
_MIRRORS: Final = (0x30, 0x32)
"""Slaves at which an inverter of a low-voltage battery shows its first page of input registers too."""

_SERIAL: Final = "QA0000T002"
_GRID_CODE: Final = {
    **dict(enumerate((1300, 30, 30, 1840, 2622, 4750, 5200, 125, 50, 1000, 25, 1800, 2730, 4700, 5200), 60)),
    **dict(enumerate((122, 25, 25, 25, 1880, 2580, 4760, 5190, 2622), 75)),
    97: 4320,
    98: 5850,
    108: 6,
    109: 1,
    123: 24,
    144: 2415,
    145: 2300,
}
_PAGES: Final = {
    Table.HOLDING: ((0, 180), (180, 240)),
    Table.INPUT: ((0, 60), (120, 240)),
}
_MORE_PAGES: Final = {
    "ten_slots": (Table.HOLDING, 240, 300),
    "has_extended": (Table.HOLDING, 300, 360),
}


class GivEnergyFace:
    """One inverter of a kind before `plant`.

    What the inverter does not have is refused; a slave that is not there answers zeros, as through most
    adapters.
    """

    def __init__(self, plant: Plant, kind: Kind = HYBRID) -> None:
        self.plant = plant
        self.kind = kind
        self.settings = Settings(plant, kind)
        self._images: dict[tuple[int, Table], Image] = {}
        self._seen: object = None

    def read(self, unit: int, table: Table, address: int, count: int) -> Sequence[int]:
        if unit == _INVERTER and not self._has(table, address, count):
            raise ModbusException(2)
        if unit in _MIRRORS and table is Table.INPUT and address < 60 and not self.kind.high_voltage:
            unit = _INVERTER
        image = self._image(unit, table)
        return [image.get(place, 0) for place in range(address, address + count)]

    def write(self, unit: int, address: int, words: Sequence[int]) -> None:
        del unit
        self.settings.write(address, words[0])
        self._images.clear()

    def identification(self, unit: int) -> Mapping[int, str] | None:
        del unit
        return None

    def counters(self, unit: int, table: Table) -> Container[int]:
        slaves = {_INVERTER: telemetry.COUNTERS, _STACK: range(82, 86)}
        if table is not Table.INPUT:
            return ()
        return slaves.get(unit, (105, 106) if _PACKS <= unit < _PACKS + 6 else ())

    def update(self) -> None:
        self.settings.update()
        self._images.clear()

    def _has(self, table: Table, address: int, count: int) -> bool:
        pages = [*_PAGES.get(table, ())]
        pages += [
            (first, end)
            for name, (of, first, end) in _MORE_PAGES.items()
            if of is table and getattr(self.kind, name)
        ]
        if self.kind.three_phases:
            pages.append((1000, 1125) if table is Table.HOLDING else (1000, 1420))
        return any(first <= address and address + count <= end for first, end in pages)

    def _image(self, unit: int, table: Table) -> Image:
        if self._seen is not self.plant.state:
            self._seen = self.plant.state
            self._images.clear()
        place = (unit, table)
        if place not in self._images:
            image = self._images[place] = Image()
            if table is Table.HOLDING and unit == _INVERTER:
                self._fill_holding(image)
            elif table is Table.INPUT:
                self._fill_input(image, unit)
            elif table is Table.METER and 1 <= unit <= self.kind.meters:
                image.text(60, 2, f"M{unit:03d}")
                image.text(62, 2, "EM41")
                image.words(64, 1, 2, 7, unit, 9600)
        return self._images[place]

    def _fill_holding(self, image: Image) -> None:
        kind = self.kind
        image.update(_GRID_CODE)
        image.word(0, kind.code)
        image.pair(1, 0x00030824)
        image.words(5, kind.rated_w, kind.rated_w, 1)
        image.text(8, 5, "DF2244G001")
        image.text(13, 5, _SERIAL)
        image.words(18, 3022, kind.firmware, 0, kind.firmware, 1)
        image.word(26, kind.rated_w)
        image.words(30, 0x11)
        image.words(33, 7, 140)
        image.words(46, 101, 1)
        image.words(53, 0x0101, 1, kind.capacity_ah)
        if kind.three_phases:
            image.word(1012, 0xA000)
        image.word(206, 1)
        self.settings.show(image)

    def _fill_input(self, image: Image, unit: int) -> None:
        kind, plant = self.kind, self.plant
        if unit == _INVERTER:
            if kind.three_phases:
                telemetry.three_phase(image, plant)
            else:
                telemetry.one_phase(image, plant, kind)
        elif 1 <= unit <= kind.meters:
            telemetry.meter(image, plant, phases=3 if kind.three_phases else 1)
        elif kind.high_voltage and unit == _STACK:
            telemetry.stack(image, plant, kind)
        elif kind.high_voltage and _MODULES <= unit < _MODULES + kind.packs:
            telemetry.module(image, plant, unit - _MODULES)
        elif kind.high_voltage and unit == _HIGH_VOLTAGE:
            image.words(60, 1, 1, kind.packs, 24 * kind.packs, 12 * kind.packs)
        elif not kind.high_voltage and _PACKS <= unit < _PACKS + kind.packs:
            telemetry.pack(image, plant, kind, unit - _PACKS)
        elif not kind.high_voltage and unit == _BMS:
            telemetry.low_voltage_bms(image, plant)
