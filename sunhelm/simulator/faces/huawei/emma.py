"""An EMMA at unit 0: it meters the grid point, and limits and controls the plant in place of the inverter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sunhelm.simulator.faces.face import ModbusException
from sunhelm.simulator.faces.huawei.controls import Controls
from sunhelm.simulator.faces.huawei.layout import EXPORT_MODES
from sunhelm.simulator.faces.image import Image
from sunhelm.simulator.plant import Plant

_ILLEGAL_ADDRESS, _ILLEGAL_VALUE = 2, 3
_SPANS: Final = (
    *((30_000, 30_064), (30_222, 30_241), (30_302, 30_410), (30_500, 30_557), (30_801, 30_804)),
    *((31_002, 31_004), (31_639, 31_690), (31_895, 31_946), (40_000, 40_119), (41_009, 41_011)),
    *((40_470, 40_490), (41_214, 41_216), (42_600, 42_600)),
)
_KWH: Final = 100 / 3_600_000.0
_PERIODS: Final = 43
_MODES: Final = {2: 2, 4: 4, 5: 5, 6: 0}
"""The mode of the inverter's battery that a mode of the EMMA makes."""


class Emma:
    """One EMMA above the inverter whose `controls` it moves."""

    def __init__(self, plant: Plant, controls: Controls) -> None:
        self._plant = plant
        self._controls = controls
        self.values = {40_000: 2, 40_001: 1, 40_100: 0, 40_101: 0, 40_109: 0, 40_110: 0}
        self.pairs = {40_002: 5_000, 40_107: 0}

    def read(self, address: int, count: int) -> Sequence[int]:
        """Return words; raises ModbusException."""
        if not any(first <= address and address + count - 1 <= last for first, last in _SPANS):
            raise ModbusException(_ILLEGAL_ADDRESS)
        image = self._image()
        return [image.get(place, 0) for place in range(address, address + count)]

    def write(self, address: int, words: Sequence[int]) -> None:
        """Take one setting whole; raises ModbusException."""
        controls = self._controls
        if address == 40_004 and len(words) == _PERIODS:
            controls.periods[47_255] = tuple(words)
        elif address in self.values and len(words) == 1:
            allowed = {40_000: frozenset(_MODES), 40_100: EXPORT_MODES}.get(address)
            if allowed is not None and words[0] not in allowed:
                raise ModbusException(_ILLEGAL_VALUE)
            self.values[address] = words[0]
        elif address in self.pairs and len(words) == 2:
            self.pairs[address] = words[0] << 16 | words[1]
        else:
            raise ModbusException(_ILLEGAL_ADDRESS)
        controls.values[47_086] = _MODES[self.values[40_000]]
        controls.values[47_415] = self.values[40_100]
        controls.values[47_416] = self.pairs[40_107]
        controls.values[47_418] = self.values[40_109]

    def _image(self) -> Image:
        image, state, energy = Image(), self._plant.state, self._plant.energy
        image.text(30_000, 15, "EMMA-A02")
        image.text(30_015, 10, "SIMEMMA00001")
        image.text(30_035, 15, "V100R024C00SPC110")
        image.text(30_222, 20, "EMMA-A02")
        for address, joules in (
            *((30_308, energy.battery_charge), (30_314, energy.battery_discharge), (30_326, energy.load)),
            *((30_332, energy.grid_export), (30_338, energy.grid_import), (30_348, energy.pv)),
        ):
            image.quad(address, joules, _KWH)
        image.pairs(30_354, state.pv_power_w, state.load.power_w, -state.grid.power_w, -state.battery.power_w)
        image.pairs(30_362, 10_000, state.pv_inverter.power_w + state.inverter.ac_power_w)
        image.word(30_368, state.battery.soc * 100.0, 100)
        image.pair(31_003, self._controls.local_time)
        image.pairs(31_639, *state.grid.voltage_by_phase, gain=100)
        image.pairs(31_651, *state.grid.current_by_phase, gain=10)
        image.pair(31_657, state.grid.power_w)
        image.pairs(31_665, *state.grid.power_by_phase)
        for address, value in self.values.items():
            image.word(address, value)
        for address, value in self.pairs.items():
            image.pair(address, value)
        image.words(40_004, *self._controls.periods[47_255])
        return image
