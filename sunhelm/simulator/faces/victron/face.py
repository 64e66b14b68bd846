"""The face itself: reads and writes as the GX's server treats them.

The server's habits: functions 3 and 4 read the same; a read may pass only over rows that touch; a hole, a
row that may not be written and a whole unknown address are exception 2; a service that is not at the unit
is exception 10; what a device does not offer reads 0; filler reads 0xFFFF and swallows writes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Container, Mapping, Sequence
from typing import Final

from sunhelm.simulator.clock import MACHINE_CLOCK, Clock
from sunhelm.simulator.faces.face import ModbusException, Table
from sunhelm.simulator.faces.image import Image
from sunhelm.simulator.faces.victron.controls import SETTINGS, VEBUS, Control, Controls, control_at, is_reset
from sunhelm.simulator.faces.victron.extras import EXTRAS
from sunhelm.simulator.faces.victron.layout import RESERVED_WORD, SERVICES, UNITS, span_at, within
from sunhelm.simulator.faces.victron.telemetry import CORE, View
from sunhelm.simulator.plant import Plant, PlantState

_ILLEGAL_ADDRESS: Final = 2
_NO_SUCH_SERVICE: Final = 10
_PV_LIMIT: Final = 1056

_COUNTERS: Final = frozenset(
    address
    for first, last in (
        (74, 93),  # vebus
        (790, 790),  # solarcharger
        (3728, 3729),
        (1046, 1051),  # pvinverter
        (2603, 2608),  # grid
        (2622, 2637),
        (3916, 3921),  # acload
        (4541, 4541),  # multi
        (4546, 4573),
        (4603, 4604),
    )
    for address in range(first, last + 1)
) | {1030, 1034, 1038}

_NAMES: Final = {
    ("vebus", 140): "MultiPlus-II",
    ("grid", 2650): "Grid meter",
    ("pvinverter", 1070): "PV on the roof",
    ("solarcharger", 3740): "SmartSolar",
    ("battery", 1336): "Battery",
    ("settings", 5700): "Simulated house",
}
_STORED: Final = {
    ("vebus", 22): 500,
    ("vebus", 106): 200,
    ("vebus", 107): 23_000,
    ("vebus", 108): 1,
    ("vebus", 109): 1,
    ("battery", 1322): 3,
    ("solarcharger", 774): 1,
    ("settings", 2711): 1,
    ("settings", 2713): 0xFFFF,
    ("settings", 2714): 0xFFFF,
    ("settings", 4703): 50,
    ("settings", 4704): 80,
    ("multi", 4522): 500,
    ("multi", 4531): 3,
    ("multi", 4609): 1,
    ("multi", 4614): 10,
    ("acsystem", 4921): 1,
    ("acsystem", 4940): 500,
    ("inverter", 3126): 2,
    ("charger", 2316): 160,
    ("charger", 2317): 1,
    ("evcharger", 3814): 16,
    ("evcharger", 3825): 6,
    ("alternator", 4119): 4,
    ("dcdc", 4807): 4,
}


class VictronFace:
    """One GX that looks at `plant`.

    `units` says at which unit ids each service stands, by its D-Bus name; a service that is missing there
    is not in this house. `watchdog_s` is how long mode 3 lives on one setpoint, in seconds of `clock`.
    """

    def __init__(
        self,
        plant: Plant,
        *,
        units: Mapping[str, Collection[int]] = UNITS,
        clock: Clock = MACHINE_CLOCK,
        watchdog_s: float = 10.0,
    ) -> None:
        unknown = sorted(set(units) - set(SERVICES))
        if unknown:
            raise ValueError(f"no such services: {', '.join(unknown)}; there are {', '.join(SERVICES)}")
        self.plant = plant
        self.controls = Controls(plant, clock, watchdog_s=watchdog_s)
        self._view = View(plant, self.controls, plant.energy.copy())
        self._view.forgotten.input_to_output = self._view.forgotten.input_to_inverter = 0.0
        self._view.forgotten.inverter_to_input = self._view.forgotten.inverter_to_output = 0.0
        self._services: Mapping[int, set[str]] = defaultdict(set)
        for service, ids in units.items():
            for unit in ids:
                self._services[unit].add(service)
        self._stored: dict[str, Image] = {service: Image() for service in SERVICES}
        for (service, address), word in _STORED.items():
            self._stored[service].word(address, word)
        for (service, address), name in _NAMES.items():
            self._stored[service].text(address, 8, name)
        self._stored["pvinverter"].pair(_PV_LIMIT, plant.house.pv_inverter_rating_w)
        self._images: dict[str, Image] = {}
        self._seen: PlantState | None = None

    def read(self, unit: int, table: Table, address: int, count: int) -> Sequence[int]:
        del table  # functions 3 and 4 read the same
        words: list[int] = []
        while len(words) < count:
            place = address + len(words)
            service, last = self._span(unit, place, first=not words)
            image = self._image(service)
            words += (image[at] for at in range(place, min(last, address + count - 1) + 1))
        return words

    def write(self, unit: int, address: int, words: Sequence[int]) -> None:
        self._images.clear()
        index = 0
        while index < len(words):
            service, _ = self._span(unit, address + index, first=index == 0)
            index += self._write_row(service, address + index, words[index:])

    def identification(self, unit: int) -> Mapping[int, str] | None:
        del unit
        return None

    def counters(self, unit: int, table: Table) -> Container[int]:
        del unit, table
        return _COUNTERS

    def update(self) -> None:
        self.controls.update()
        self._images.clear()

    def _span(self, unit: int, address: int, *, first: bool) -> tuple[str, int]:
        """Return the service of this unit that the address belongs to, and the last address of its span."""
        span = span_at(address)
        if span is None:
            raise ModbusException(_ILLEGAL_ADDRESS)
        service, last = span
        if service not in self._services.get(unit, ()) or (service == "vebus" and self.controls.resetting):
            raise ModbusException(_NO_SUCH_SERVICE if first else _ILLEGAL_ADDRESS)
        return service, last

    def _image(self, service: str) -> Image:
        if self._seen is not self.plant.state:
            self._seen = self.plant.state
            self._images.clear()
        image = self._images.get(service)
        if image is None:
            image = self._images[service] = self._filled(service)
        return image

    def _filled(self, service: str) -> Image:
        layout = SERVICES[service]
        image = Image()
        for first, last in layout.spans:
            image.update(dict.fromkeys(range(first, last + 1), 0))
        for first, last in layout.reserved:
            image.update(dict.fromkeys(range(first, last + 1), RESERVED_WORD))
        image.update(self._stored[service])
        fill = CORE.get(service) or EXTRAS.get(service)
        if fill is not None:
            fill(image, self._view)
        return image

    def _write_row(self, service: str, address: int, words: Sequence[int]) -> int:
        """Write the row at `address`, or what there is of it; return how many words that took."""
        layout = SERVICES[service]
        if within(address, layout.reserved):
            return 1
        if not within(address, layout.writable):
            raise ModbusException(_ILLEGAL_ADDRESS)
        controls = VEBUS if service == "vebus" else SETTINGS
        first = control_at(controls, address) if service in {"vebus", "settings", "hub4"} else None
        if first is not None:
            return self._write_control(service, controls, first, address, words)
        if service == "vebus" and is_reset(address):
            self.controls.reset()
            self._view.forgotten = self.plant.energy.copy()
            return 1
        self._stored[service][address] = words[0]
        if service == "pvinverter" and address in {_PV_LIMIT, _PV_LIMIT + 1}:
            limit = self._stored[service]
            self.plant.steering.pv_limit_w = float(limit[_PV_LIMIT] << 16 | limit[_PV_LIMIT + 1])
        return 1

    def _write_control(
        self, service: str, controls: Mapping[int, Control], first: int, address: int, words: Sequence[int]
    ) -> int:
        """Write a setting; half of a pair is merged with the other half as it stands."""
        size = controls[first].words
        taken = min(first + size - address, len(words))
        present = self._image(service)
        row = [present[place] for place in range(first, first + size)]
        row[address - first : address - first + taken] = words[:taken]
        self.controls.write(controls, first, tuple(row))
        self._images.clear()
        return taken
