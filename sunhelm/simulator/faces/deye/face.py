"""The face itself: one inverter, read and written as its communication board treats requests."""

from __future__ import annotations

from collections.abc import Collection, Container, Mapping, Sequence
from typing import Final, Literal

from sunhelm.simulator.clock import MACHINE_CLOCK, Clock
from sunhelm.simulator.faces.deye import single_phase, strings, three_phase
from sunhelm.simulator.faces.deye.layout import HIGH_VOLTAGE, NOT_THERE, SINGLE_PHASE, THREE_PHASE, Layout
from sunhelm.simulator.faces.deye.settings import Settings
from sunhelm.simulator.faces.face import ModbusException, Table
from sunhelm.simulator.faces.image import Image
from sunhelm.simulator.plant import Plant

Kind = Literal["three_phase_lv", "three_phase_hv", "single_phase", "string", "micro"]

_ILLEGAL_ADDRESS: Final = 2
_NO_ANSWER: Final = 11
_LAST: Final = 2000
_REMOTE: Final = range(1100, 1122)
_PACKS: Final = range(10_000, 10_100)
_PLAIN: Final = range(20, 60)
"""What can be written on inverters without a battery."""

_BMS: Final = (*range(210, 223), *range(224, 228), 229, 230, *range(241, 254), *range(255, 259))
_READ_ONLY: Final[Mapping[Kind, Collection[int]]] = {
    "three_phase_lv": _BMS,
    "three_phase_hv": _BMS,
    "single_phase": tuple(range(312, 325)),
}
"""What reads 0 where nothing else is filled in, though settings stand around it."""

_LAYOUTS: Final[Mapping[Kind, Layout]] = {
    "three_phase_lv": THREE_PHASE,
    "three_phase_hv": HIGH_VOLTAGE,
    "single_phase": SINGLE_PHASE,
}


class DeyeFace:
    """One inverter at the unit id `unit` that looks at `plant`.

    `newer` firmware has remote control and the data of battery packs. `firmware` is the main version of a
    three-phase inverter, `rated_power_w` what a single-phase one says of itself. What is set on string and
    micro inverters is taken and does nothing.
    """

    def __init__(
        self,
        plant: Plant,
        *,
        kind: Kind = "three_phase_lv",
        unit: int = 1,
        newer: bool = True,
        firmware: int = 0x1144,
        rated_power_w: float = 8_000.0,
        clock: Clock = MACHINE_CLOCK,
    ) -> None:
        del clock  # nothing here has a time of its own
        self.plant = plant
        self.unit = unit
        self.kind: Kind = kind
        self.settings = Settings(plant, _LAYOUTS[kind]) if kind in _LAYOUTS else None
        self._newer = newer
        self._firmware = firmware
        self._rated_power_w = rated_power_w
        self._written = Image()

    def read(self, unit: int, table: Table, address: int, count: int) -> Sequence[int]:
        del table  # only function 3 comes here
        self._addressed(unit)
        if not self._has(address) or not self._has(address + count - 1):
            raise ModbusException(_ILLEGAL_ADDRESS)
        image = self._image()
        return [image.get(place, self._unused(place)) for place in range(address, address + count)]

    def write(self, unit: int, address: int, words: Sequence[int]) -> None:
        self._addressed(unit)
        if self._is_remote(address) and self._is_remote(address + len(words) - 1):
            self._written.words(address, *words)
        elif self.settings is not None:
            self.settings.write(address, words)
        elif address in _PLAIN and address + len(words) - 1 in _PLAIN:
            self._written.words(address, *words)
        else:
            raise ModbusException(_ILLEGAL_ADDRESS)

    def identification(self, unit: int) -> Mapping[int, str] | None:
        del unit
        return None

    def counters(self, unit: int, table: Table) -> Container[int]:
        del unit, table
        if self.kind == "single_phase":
            return single_phase.COUNTERS
        return three_phase.COUNTERS if self.settings is not None else strings.COUNTERS

    def update(self) -> None:
        if self.settings is not None:
            self.settings.update()

    def _addressed(self, unit: int) -> None:
        if unit != self.unit:
            raise ModbusException(_NO_ANSWER)

    def _is_remote(self, address: int) -> bool:
        return self._newer and address in _REMOTE and self.kind.startswith("three_phase")

    def _has(self, address: int) -> bool:
        if address in _REMOTE:
            return self._is_remote(address)
        if address in _PACKS:
            return self._newer and self.kind.startswith("three_phase")
        return address <= _LAST

    def _unused(self, address: int) -> int:
        """Return what stands where nothing is: settings that are not there read all ones."""
        settings = self.settings
        return NOT_THERE if settings is not None and address in settings.layout.writable else 0

    def _image(self) -> Image:
        image, plant = Image(dict.fromkeys(_READ_ONLY.get(self.kind, ()), 0)), self.plant
        if self.settings is not None:
            self.settings.fill(image)
        match self.kind:
            case "single_phase":
                single_phase.fill(image, plant, self._rated_power_w)
            case "string":
                strings.fill(image, plant, strings.STRING)
            case "micro":
                strings.fill(image, plant, strings.MICRO)
            case "three_phase_lv":
                three_phase.fill(image, plant, three_phase.LOW_VOLTAGE, self._firmware)
            case "three_phase_hv":
                three_phase.fill(image, plant, three_phase.HIGH_VOLTAGE, self._firmware)
        if self._newer and self.kind.startswith("three_phase"):
            three_phase.packs(image, plant)
        image.update(self._written)
        return image
