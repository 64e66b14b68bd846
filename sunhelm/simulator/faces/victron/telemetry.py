"""What the GX shows of the plant in the services that every ESS house has.

Addresses, scales and signs are typed from the official register list, apart from the driver's maps. The
GX's signs: grid + import, battery + charging, AC input + into the inverter. What is not put here reads 0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from sunhelm.simulator.energy import EnergyCounters
from sunhelm.simulator.faces.image import KWH, Image
from sunhelm.simulator.faces.victron.controls import SETTINGS, VEBUS, Controls
from sunhelm.simulator.noise import chance
from sunhelm.simulator.plant import Plant, PlantState
from sunhelm.simulator.steering import Switch

FIRMWARE: Final = 0x0351_0000  # v3.51
IDLE_W: Final = 30.0  # below this the GX calls a battery idle


@dataclass(slots=True)
class View:
    """What the services look at. `forgotten` are the energy counters when the inverter last restarted."""

    plant: Plant
    controls: Controls
    forgotten: EnergyCounters

    @property
    def now(self) -> PlantState:
        """The plant now."""
        return self.plant.state

    @property
    def portal_id(self) -> str:
        """Twelve hexadecimal digits that differ between simulated houses."""
        return f"c0619ab{int(chance(self.plant.seed, 'portal') * 0xFFFFF):05x}"

    def serial(self, name: str) -> str:
        """A serial number for one thing in this house."""
        return f"HQ26{int(chance(self.plant.seed, name) * 0xFFFFFF):07X}"


def system(image: Image, view: View) -> None:
    """Unit 100: the whole picture."""
    now = view.now
    battery, inverter, load, grid = now.battery, now.inverter, now.load, now.grid
    pv = now.pv_inverter.power_by_phase
    image.text(800, 6, view.portal_id)
    image.words(811, *pv)
    image.words(817, *load.by_phase)
    image.words(820, *grid.power_by_phase)
    image.word(826, 1)  # the active input is the grid
    image.quad(830, int(now.time))
    image.pair(834, FIRMWARE)
    image.word(840, battery.voltage_v, 10)
    image.word(841, -battery.current_a, 10)
    image.word(842, -battery.power_w)
    image.word(843, battery.soc, 100)
    image.word(844, battery_state(now))
    image.word(845, battery.consumed_ah, 10)
    image.word(846, battery.time_to_go_s, 0.01)
    image.word(850, now.charger.output_w)
    image.word(851, now.charger.output_w / battery.voltage_v, 10)
    dc_current = -inverter.dc_power_w / battery.voltage_v
    image.word(865, dc_current, 10)
    image.word(866, -inverter.dc_power_w)
    image.pair(868, dc_current, 10)
    image.pair(870, -inverter.dc_power_w)
    image.pairs(872, *load.on_input)
    image.pairs(878, *load.on_output)
    image.pairs(890, *pv)
    image.pairs(902, *load.by_phase)
    image.pairs(908, *grid.power_by_phase)


def vebus(image: Image, view: View) -> None:
    """Unit 227: the battery inverter."""
    now, house = view.now, view.plant.house
    inverter, load, grid = now.inverter, now.load, now.grid
    phases = house.phases
    off = view.plant.steering.switch is Switch.OFF
    voltages = grid.voltage_by_phase[:phases]
    output = (0.0,) * phases if off else voltages
    image.words(3, *voltages, gain=10)
    image.words(6, *_divided(inverter.input_by_phase, voltages), gain=10)
    image.words(9, *(grid.frequency_hz for _ in voltages), gain=100)
    image.words(12, *inverter.input_by_phase, gain=0.1)
    image.words(15, *output, gain=10)
    image.words(18, *_divided(load.on_output, voltages), gain=10)
    image.word(21, 0.0 if off else grid.frequency_hz, 100)
    image.words(23, *load.on_output, gain=0.1)
    image.word(26, now.battery.voltage_v, 100)
    image.word(27, -inverter.dc_power_w / now.battery.voltage_v, 10)
    image.word(28, phases)
    image.word(30, now.battery.soc, 1000)
    image.word(31, inverter_state(view))
    image.words(57, 1, 1)  # charging and discharging are allowed
    image.word(61, now.battery.temperature_c, 10)
    image.word(73, view.plant.recharging)
    flows, then = view.plant.energy, view.forgotten
    image.pair(74, flows.input_to_output - then.input_to_output, 100 / KWH)
    image.pair(76, flows.input_to_inverter - then.input_to_inverter, 100 / KWH)
    image.pair(86, flows.inverter_to_input - then.inverter_to_input, 100 / KWH)
    image.pair(90, flows.inverter_to_output - then.inverter_to_output, 100 / KWH)
    image.word(95, _charge_state(now))
    image.pair(130, house.inverter_rating_w * phases)
    image.pairs(132, *(house.inverter_rating_w for _ in voltages))
    view.controls.show(image, VEBUS)


def battery(image: Image, view: View) -> None:
    """Unit 225: a battery with a CAN-bus management; it keeps no history."""
    now, spec = view.now.battery, view.plant.house.battery
    cell = now.voltage_v / spec.cells
    image.pair(256, -now.power_w)
    image.word(258, -now.power_w)
    image.word(259, now.voltage_v, 100)
    image.word(261, -now.current_a, 10)
    image.word(262, now.temperature_c, 10)
    image.word(265, now.consumed_ah, 10)
    image.word(266, now.soc, 1000)
    image.word(303, now.time_to_go_s, 0.01)
    image.word(304, 98.4, 10)
    image.word(305, 56.8, 10)
    image.word(306, 44.8, 10)
    image.word(307, now.charge_limit_a, 10)
    image.word(308, now.discharge_limit_a, 10)
    image.word(309, spec.charge_ah, 10)
    image.words(318, now.temperature_c - 0.7, now.temperature_c + 0.9, gain=10)
    image.pair(330, now.consumed_ah)
    image.word(1282, 9)  # running
    image.word(1284, 1)
    image.words(1286, 4, 4, 1, spec.cells)
    image.words(1290, cell - 0.006, cell + 0.004, gain=100)
    image.words(1297, now.charge_limit_a > 0.0, now.discharge_limit_a > 0.0)
    image.word(1303, 4)
    for address, name in ((1306, "M2C05"), (1310, "M4C11"), (1314, "M1T1"), (1318, "M3T2")):
        image.text(address, 4, name)
    image.word(1323, 1)


def grid(image: Image, view: View) -> None:
    """Unit 30: the meter at the grid connection."""
    now, energy = view.now.grid, view.plant.energy
    image.words(2600, *now.power_by_phase)
    image.words(2603, *energy.phase_import, gain=100 / KWH)
    image.words(2606, *energy.phase_export, gain=100 / KWH)
    image.text(2609, 7, view.serial("meter"))
    for phase in range(view.plant.house.phases):
        image.word(2616 + 2 * phase, now.voltage_by_phase[phase], 10)
        image.word(2617 + 2 * phase, now.current_by_phase[phase], 10)
        image.word(2645 + phase, now.power_factor_by_phase[phase], 1000)
    image.pairs(2622, *energy.phase_import, gain=100 / KWH)
    image.pairs(2628, *energy.phase_export, gain=100 / KWH)
    image.pair(2634, energy.grid_import, 100 / KWH)
    image.pair(2636, energy.grid_export, 100 / KWH)
    image.pairs(2638, *now.power_by_phase)
    image.word(2644, now.frequency_hz, 100)
    image.word(2648, now.power_factor, 1000)


def pvinverter(image: Image, view: View) -> None:
    """Unit 20: the PV inverter, on the AC input's side."""
    now, house = view.now, view.plant.house
    power, voltages = now.pv_inverter.power_by_phase, now.grid.voltage_by_phase
    energies = house.spread(view.plant.energy.pv_inverter)
    for phase in range(house.phases):
        first = 1027 + 4 * phase
        image.word(first, voltages[phase], 10)
        image.word(first + 1, power[phase] / voltages[phase], 10)
        image.word(first + 2, power[phase])
        image.word(first + 3, energies[phase], 100 / KWH)
    image.text(1039, 7, view.serial("pv inverter"))
    image.pairs(1046, *energies, gain=100 / KWH)
    image.pair(1052, now.pv_inverter.power_w)
    image.pair(1054, house.pv_inverter_rating_w)
    image.pairs(1058, *power)
    image.word(1064, now.grid.frequency_hz, 100)


def solarcharger(image: Image, view: View) -> None:
    """Unit 226: the charger beside the battery; its strings together are its one tracker."""
    now = view.now
    roof = len(view.plant.house.ac_strings)
    strings = now.strings[roof:]
    power, voltage = now.charger.input_w, strings[0].voltage_v if strings else 0.0
    today, yesterday = view.plant.today, view.plant.yesterday
    total = sum(view.plant.energy.strings[roof:])
    begun = sum(today.begin.strings[roof:])
    yields = (total - begun, begun - sum(yesterday.begin.strings[roof:]))
    peaks = (sum(today.peak_strings_w[roof:]), sum(yesterday.peak_strings_w[roof:]))
    held = power < sum(string.available_w for string in strings) - 10.0
    working = 0 if power <= 0.0 else 1 if held else 2
    image.word(771, now.battery.voltage_v, 100)
    image.word(772, now.charger.output_w / now.battery.voltage_v, 10)
    image.word(773, now.battery.temperature_c, 10)
    image.word(775, 0 if power <= 0.0 else _charger_state(now))
    image.word(776, voltage, 100)
    image.word(777, power / voltage if voltage else 0.0, 10)
    for day, (energy, peak) in enumerate(zip(yields, peaks, strict=True)):
        image.word(784 + 2 * day, energy, 10 / KWH)
        image.word(785 + 2 * day, peak)
        image.word(3708 + 4 * day, energy, 10 / KWH)
        image.word(3716 + 4 * day, peak)
    image.word(789, power, 10)
    image.word(790, total, 10 / KWH)
    image.word(791, working)
    image.pair(792, power)
    image.word(3700, voltage, 100)
    image.word(3724, power)
    image.pair(3728, total, 1 / KWH)
    image.word(3730, power)
    image.word(3731, working)
    image.word(3735, 1)


def settings(image: Image, view: View) -> None:
    """Unit 100: settings and overrides of ESS."""
    view.controls.show(image, SETTINGS)
    image.word(2709, view.controls.limits_feed_in)
    image.word(2903, view.controls.battery_life_limit)


CORE: Mapping[str, Callable[[Image, View], None]] = MappingProxyType(
    {
        "system": system,
        "vebus": vebus,
        "battery": battery,
        "grid": grid,
        "pvinverter": pvinverter,
        "solarcharger": solarcharger,
        "settings": settings,
        "hub4": settings,
    }
)
"""What fills the registers of each service."""


def battery_state(now: PlantState) -> int:
    """Return 0 idle, 1 charging, 2 discharging."""
    if abs(now.battery.power_w) < IDLE_W:
        return 0
    return 2 if now.battery.power_w > 0.0 else 1


def inverter_state(view: View) -> int:
    """Return the state of the battery inverter as VE.Bus names it."""
    now = view.now
    if view.plant.steering.switch is Switch.OFF:
        return 0
    if view.controls.external:
        return 252
    if now.inverter.ac_power_w > IDLE_W:
        return 9
    return _charger_state(now) if now.inverter.ac_power_w < -IDLE_W else 8


def _charger_state(now: PlantState) -> int:
    """Return 3 bulk, 4 absorption, 5 float."""
    if now.battery.soc > 0.995:
        return 5
    return 4 if now.battery.soc > 0.9 else 3


def _charge_state(now: PlantState) -> int:
    return _charger_state(now) - 2 if now.battery.power_w < 0.0 else 0


def _divided(powers: tuple[float, ...], voltages: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(power / voltage for power, voltage in zip(powers, voltages, strict=False))
