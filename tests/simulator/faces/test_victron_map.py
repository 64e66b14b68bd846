"""The GX face against the driver's register maps: two hands typed the same list."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from sunhelm.devices.families import load_family
from sunhelm.devices.families.base import RegisterFamily
from sunhelm.devices.families.spec import Part
from sunhelm.devices.reading import Sample
from sunhelm.devices.registers import codec
from sunhelm.devices.registers.register import Register
from sunhelm.simulator.faces.face import Table
from sunhelm.simulator.faces.victron import VictronFace
from sunhelm.simulator.faces.victron.layout import SERVICES, UNITS, span_at, within
from sunhelm.simulator.house import UTRECHT
from sunhelm.simulator.plant import Plant, PlantState

MOMENTS = ("2026-06-21T13:00", "2026-06-21T07:30", "2026-03-10T19:00")

WRITABLE_BY_THE_SERVER_ALONE = {
    ("pvinverter", 1052): "the list says writable, the device tells its own power",
    ("pvinverter", 1054): "the list says writable, it is the device's rating",
    ("evcharger", 3823): "the list says writable, it is a reading",
    ("platform", 5802): "the list says writable, the sheet read only: the outcome of a restore",
    ("platform", 5812): "as 5802",
}


def family() -> RegisterFamily:
    found = load_family("victron")
    assert isinstance(found, RegisterFamily)
    return found


def registers() -> Iterator[tuple[Part, Register]]:
    for part in family().spec.parts:
        for register in family().map_of(part).registers:
            yield part, register


def test_every_register_of_the_maps_stands_in_the_service_of_the_face() -> None:
    strangers = [
        (part.name, register.address, register.name)
        for part, register in registers()
        if span_at(register.address) is None
        or (span_at(register.address) or ("", 0))[0] != part.name
        or register.end - 1 > (span_at(register.address) or ("", 0))[1]
    ]
    assert strangers == []


def test_the_maps_and_the_face_agree_on_what_may_be_written() -> None:
    differing = {
        (part.name, register.address)
        for part, register in registers()
        if ("w" in register.access) != within(register.address, SERVICES[part.name].writable)
    }
    assert differing == set(WRITABLE_BY_THE_SERVER_ALONE)


def decoded(face: VictronFace) -> dict[tuple[str, int], float]:
    """What the driver's codec makes of the face's words, by service and address."""
    values = {}
    for part, register in registers():
        words = tuple(face.read(UNITS[part.name][0], Table.HOLDING, register.address, register.type.words))
        for sample in codec.samples(register, words, {part.label: "1"} if part.label else {}):
            if isinstance(sample, Sample):
                values[part.name, register.address] = sample.value
    return values


def truths(plant: Plant) -> Iterator[tuple[str, int, float, float]]:
    """Service, address, what the plant knows it to be in base units and our signs, and the resolution."""
    now: PlantState = plant.state
    battery, energy = now.battery, plant.energy
    yield "system", 830, now.time, 0.0
    yield "system", 840, battery.voltage_v, 0.05
    yield "system", 841, battery.current_a, 0.05
    yield "system", 842, battery.power_w, 0.5
    yield "system", 843, battery.soc, 0.005
    yield "system", 850, now.charger.output_w, 0.5
    yield "system", 866, -now.inverter.dc_power_w, 0.5
    yield "battery", 256, battery.power_w, 0.5
    yield "battery", 258, battery.power_w, 0.5
    yield "battery", 259, battery.voltage_v, 0.005
    yield "battery", 261, battery.current_a, 0.05
    yield "battery", 262, battery.temperature_c, 0.05
    yield "battery", 266, battery.soc, 0.0005
    yield "battery", 307, battery.charge_limit_a, 0.05
    yield "battery", 308, battery.discharge_limit_a, 0.05
    yield "battery", 309, 200.0 * 3600.0, 0.0
    yield "grid", 2634, energy.grid_import, 18_000.0
    yield "grid", 2636, energy.grid_export, 18_000.0
    yield "grid", 2644, now.grid.frequency_hz, 0.005
    yield "solarcharger", 792, now.charger.input_w, 0.5
    yield "solarcharger", 790, energy.strings[2], 180_000.0
    yield "pvinverter", 1052, now.pv_inverter.power_w, 0.5
    yield "vebus", 26, battery.voltage_v, 0.005
    for phase in range(3):
        yield "system", 811 + phase, now.pv_inverter.power_by_phase[phase], 0.5
        yield "system", 890 + 2 * phase, now.pv_inverter.power_by_phase[phase], 0.5
        yield "system", 817 + phase, now.load.by_phase[phase], 0.5
        yield "system", 902 + 2 * phase, now.load.by_phase[phase], 0.5
        yield "system", 878 + 2 * phase, now.load.on_output[phase], 0.5
        yield "system", 820 + phase, now.grid.power_by_phase[phase], 0.5
        yield "system", 908 + 2 * phase, now.grid.power_by_phase[phase], 0.5
        yield "vebus", 3 + phase, now.grid.voltage_by_phase[phase], 0.05
        yield "vebus", 12 + phase, now.inverter.input_by_phase[phase], 5.0
        yield "grid", 2638 + 2 * phase, now.grid.power_by_phase[phase], 0.5
        yield "grid", 2616 + 2 * phase, now.grid.voltage_by_phase[phase], 0.05
        yield "grid", 2617 + 2 * phase, now.grid.current_by_phase[phase], 0.05
        yield "grid", 2622 + 2 * phase, energy.phase_import[phase], 18_000.0
        yield "grid", 2628 + 2 * phase, energy.phase_export[phase], 18_000.0
        yield "pvinverter", 1046 + 2 * phase, energy.pv_inverter / 3.0, 18_000.0


@pytest.mark.parametrize("moment", MOMENTS)
def test_the_driver_decodes_what_the_plant_is(moment: str, manual_clock: Any) -> None:
    start = datetime.fromisoformat(moment).replace(tzinfo=UTRECHT.zone).timestamp()
    plant = Plant(seed=3, start=start, soc=0.5)
    face = VictronFace(plant, clock=manual_clock)
    plant.advance(30.0)
    face.update()
    values = decoded(face)
    compared = 0
    for service, address, truth, resolution in truths(plant):
        if (service, address) in values:
            assert values[service, address] == pytest.approx(truth, abs=resolution + 1e-6), (service, address)
            compared += 1
    assert compared == len(list(truths(plant)))
