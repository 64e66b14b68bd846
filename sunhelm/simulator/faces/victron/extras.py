"""The services that fewer houses have: plausible neighbours, most of them at rest.

The multi, the inverter and the AC system look at the same plant as the services that every house has, so
that their figures move. The AC load is the part of the loads beside the inverter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from sunhelm.simulator.faces.image import KWH, Image
from sunhelm.simulator.faces.victron.telemetry import View, inverter_state


def multi(image: Image, view: View) -> None:
    """A Multi RS: the inverter and the charger in one."""
    now, energy = view.now, view.plant.energy
    _ac(image, view, 4500)
    image.word(4520, 1)
    image.word(4524, view.plant.house.phases)
    image.word(4526, now.battery.voltage_v, 100)
    image.word(4527, -now.battery.current_a, 10)
    image.word(4528, now.battery.temperature_c, 10)
    image.word(4529, now.battery.soc, 1000)
    image.word(4530, inverter_state(view))
    roof = len(view.plant.house.ac_strings)
    strings = now.strings[roof:]
    total = sum(energy.strings[roof:])
    begun = sum(view.plant.today.begin.strings[roof:])
    day = (total - begun, begun - sum(view.plant.yesterday.begin.strings[roof:]))
    peaks = (view.plant.today.peak_strings_w[roof:], view.plant.yesterday.peak_strings_w[roof:])
    working = 2 if now.charger.input_w > 0.0 else 0
    image.word(4540, now.charger.input_w)
    image.word(4541, total, 10 / KWH)
    image.word(4543, working)
    image.word(4544, strings[0].voltage_v if strings else 0.0, 10)
    image.pair(4546, energy.input_to_output, 100 / KWH)
    image.pair(4548, energy.input_to_inverter, 100 / KWH)
    image.pair(4558, energy.inverter_to_input, 100 / KWH)
    image.pair(4562, energy.inverter_to_output, 100 / KWH)
    image.pair(4572, total, 100 / KWH)
    for index in range(2):
        image.word(4574 + 2 * index, day[index], 10 / KWH)
        image.word(4575 + 2 * index, sum(peaks[index]))
        image.word(4578 + 4 * index, day[index], 10 / KWH)
        image.word(4586 + 4 * index, sum(peaks[index]))
    for index, string in enumerate(strings[:4]):
        image.word(4594 + index, string.voltage_v, 10)
        image.word(4598 + index, string.power_w)
        image.word(4605 + index, working)
        image.word(4630 + index, 1)
    image.pair(4603, total, 1 / KWH)


def acsystem(image: Image, view: View) -> None:
    """The system above several Multi RS."""
    image.word(4900, inverter_state(view))
    _ac(image, view, 4901)
    image.word(4925, 10)
    image.word(4942, 25.0, 10)


def inverter(image: Image, view: View) -> None:
    """A small Phoenix inverter that feeds an outbuilding: a twentieth of the loads on the output."""
    now = view.now
    voltage, power = now.grid.voltage_by_phase[0], sum(now.load.on_output) / 20.0
    image.word(3100, power / voltage, 10)
    image.word(3101, voltage, 10)
    image.word(3102, power, 0.1)
    image.word(3105, now.battery.voltage_v, 100)
    image.word(3106, -power / now.battery.voltage_v, 10)
    image.word(3125, 0x0125)
    image.word(3127, 0xA2F2)
    image.word(3128, 9)
    image.pair(3130, view.plant.energy.inverter_to_output / 20.0, 100 / KWH)


def charger(image: Image, view: View) -> None:
    """A Skylla charger that keeps a starter battery full."""
    image.words(2307, 13.52, gain=100)
    image.word(2308, 0.8, 10)
    image.word(2309, view.now.weather.air, 10)
    image.word(2314, 0.1, 10)
    image.word(2315, 14)
    image.word(2318, 5)


def acload(image: Image, view: View) -> None:
    """A meter on the loads beside the inverter; it has counted a third of all that the house used."""
    now = view.now
    powers, voltages = now.load.on_input, now.grid.voltage_by_phase
    energies = view.plant.house.spread(view.plant.energy.load / 3.0)
    image.words(3900, *powers)
    image.text(3903, 7, view.serial("load meter"))
    for phase in range(view.plant.house.phases):
        image.word(3910 + 2 * phase, voltages[phase], 10)
        image.word(3911 + 2 * phase, powers[phase] / voltages[phase], 10)
    image.pairs(3916, *energies, gain=100 / KWH)
    image.word(3922, now.grid.frequency_hz, 100)
    image.pairs(3924, *powers)
    image.words(3930, 1.0, 1.0, 1.0, 1.0, gain=1000)


def evcharger(image: Image, view: View) -> None:
    """An EV charging station without a car."""
    image.word(3800, 0xC024)
    image.pair(3802, 0x0001_3300)
    image.text(3804, 6, view.serial("ev charger"))
    image.text(3810, 4, "AC22NS")
    image.pair(3836, 1_840.25, 100)


def heatpump(image: Image, _: View) -> None:
    """A heat pump for warm water, resting at its target."""
    image.word(5500, 0xB0F1)
    image.pair(5504, 912.4, 100)
    image.word(5506, 49.5, 10)
    image.word(5507, 50.0, 10)
    image.word(5501, 0)


def tank(image: Image, _: View) -> None:
    """A rainwater tank of 300 litres."""
    image.word(3000, 0xA162)
    image.pair(3001, 0.3, 10_000)
    image.word(3003, 1)
    image.word(3004, 62.5, 10)
    image.pair(3005, 0.1875, 10_000)


def meteo(image: Image, view: View) -> None:
    """A weather sensor on the roof."""
    weather = view.now.weather
    image.word(3600, weather.light.level, 10)
    image.word(3601, 3.4, 10)
    image.word(3602, max(string.cell_c for string in view.now.strings), 10)
    image.word(3603, weather.air, 10)


def temperature(image: Image, view: View) -> None:
    """A Ruuvi tag outdoors."""
    image.word(3300, 0xC029)
    image.word(3301, 1.0, 100)
    image.word(3303, 4)
    image.word(3304, view.now.weather.air, 100)
    image.word(3306, 71.0, 10)
    image.word(3307, 2.98, 100)
    image.word(3308, 1_013)


def pulsemeter(image: Image, _: View) -> None:
    """A water meter."""
    image.pairs(3400, 482, 482_113)


def digitalinput(image: Image, _: View) -> None:
    """A closed door."""
    image.pair(3420, 17)
    image.words(3422, 3, 0, 2)


def gps(image: Image, view: View) -> None:
    """A receiver on the roof."""
    place = view.plant.house.location
    image.pairs(2800, place.latitude, place.longitude, gain=10_000_000)
    image.words(2806, 1, 9)
    image.pair(2808, 4.2, 10)


def genset(image: Image, view: View) -> None:
    """A generator in standby."""
    image.word(3212, 0xB040)
    image.word(3218, 412.0 * 36.0)
    image.word(3219, view.now.weather.air, 10)
    image.word(3222, 12.71, 100)


def dc_neighbour(first: int) -> Callable[[Image, View], None]:
    """Return what fills a DC meter, source or load whose voltage stands at `first`; it is idle."""

    def fill(image: Image, view: View) -> None:
        image.word(first, view.now.battery.voltage_v, 100)
        image.word(first + 3, view.now.weather.air, 10)
        image.pair(first + 4, 55.5, 100)

    return fill


def dcdc(image: Image, view: View) -> None:
    """A DC-DC converter that is off."""
    image.word(4800, 0xA3C9)
    image.word(4804, 13.2, 100)
    image.word(4806, view.now.weather.air, 10)
    image.word(4809, view.now.battery.voltage_v, 100)


def motordrive(image: Image, view: View) -> None:
    """A motor that stands still."""
    image.word(2049, view.now.weather.air, 10)
    image.word(2050, view.now.battery.voltage_v, 100)
    image.word(2053, view.now.weather.air, 10)


def _ac(image: Image, view: View, first: int) -> None:
    """Fill the twenty registers of AC input and output that multi and acsystem have alike."""
    now = view.now
    voltages = now.grid.voltage_by_phase[: view.plant.house.phases]
    for base, powers in ((first, now.inverter.input_by_phase), (first + 10, now.load.on_output)):
        image.words(base, *voltages, gain=10)
        for phase, voltage in enumerate(voltages):
            image.word(base + 3 + phase, powers[phase] / voltage, 10)
        image.words(base + 6, *powers, gain=0.1)
        image.word(base + 9, now.grid.frequency_hz, 100)


EXTRAS: Final[Mapping[str, Callable[[Image, View], None]]] = MappingProxyType(
    {
        "multi": multi,
        "acsystem": acsystem,
        "inverter": inverter,
        "charger": charger,
        "acload": acload,
        "evcharger": evcharger,
        "heatpump": heatpump,
        "tank": tank,
        "meteo": meteo,
        "temperature": temperature,
        "pulsemeter": pulsemeter,
        "digitalinput": digitalinput,
        "gps": gps,
        "genset": genset,
        "alternator": dc_neighbour(4100),
        "fuelcell": dc_neighbour(4000),
        "dcsource": dc_neighbour(4200),
        "dcload": dc_neighbour(4300),
        "dcsystem": dc_neighbour(4400),
        "dcdc": dcdc,
        "motordrive": motordrive,
    }
)
"""What fills the registers of each of these services; one that is missing reads 0 throughout."""
