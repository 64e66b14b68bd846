"""Days of a simulated house as OpenMetrics text, in the shapes of the exporter's own pages.

Two devices share the house. `gx` is a hybrid system that never sleeps; it has no counters for its battery
and the loads. `roof` is a PV inverter that sleeps at night.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal, TextIO

from exporter.metrics import Page, Scrape
from sunhelm.devices.errors import Reason
from sunhelm.devices.quantities import CATALOGUE
from sunhelm.devices.reading import Outcome, Reading, Sample
from sunhelm.simulator.plant import Plant

Mode = Literal["discovered", "shared"]
"""How Prometheus came to the series: a target for each device, or one page for all of them."""

STEP_S: Final = 60
"""Seconds between two scrapes."""

_DARK_W: Final = 5.0
_PHASES: Final = ("L1", "L2", "L3")
_EXPORTER: Final = {"instance": "127.0.0.1:10480", "job": "sunhelm"}
_SCRAPE: Final = Scrape(duration_s=0.2, timeout_s=9.5)
_DEVICES: Final[Mapping[str, dict[str, str]]] = {
    name: {"site": "home", "device": name, "family": family}
    for name, family in (("gx", "victron"), ("roof", "sma"))
}


@dataclass(frozen=True, slots=True)
class Span:
    """The time from `begin` to `end`, in Unix time, both whole minutes."""

    begin: int
    end: int

    @classmethod
    def of_days(cls, days: int, *, end: float) -> Span:
        """Return so many days that end at the last whole minute."""
        last = int(end) // STEP_S * STEP_S
        return cls(last - days * 86_400, last)


def write(span: Span, file: TextIO, *, mode: Mode = "discovered", seed: int = 1) -> None:
    """Write the life of the house as OpenMetrics, family by family."""
    kinds: dict[str, str] = {}
    lines: dict[str, list[str]] = {}
    plant = Plant(seed=seed, start=float(span.begin), step_s=float(STEP_S))
    for time in range(span.begin, span.end + STEP_S, STEP_S):
        for kind, family, series, value in _scrape(plant, mode):
            kinds[family] = kind
            lines.setdefault(family, []).append(f"{series} {value!r} {time}\n")
        plant.advance(STEP_S)
    for family, kind in kinds.items():
        file.write(f"# TYPE {family} {kind}\n")
        file.writelines(lines[family])
    file.write("# EOF\n")


def _scrape(plant: Plant, mode: Mode) -> Iterator[tuple[str, str, str, float]]:
    """Yield type, family, series and value of everything that one scrape brings."""
    page = Page()
    for name, reading in (("gx", _hybrid(plant)), ("roof", _roof(plant))):
        page.add(reading, _SCRAPE, _DEVICES[name])
        if mode == "discovered":
            yield "gauge", "up", _series("up", _DEVICES[name] | _EXPORTER), 1.0
    if mode == "shared":
        yield "gauge", "up", _series("up", _EXPORTER), 1.0
    for family in page.collect():
        for sample in family.samples:
            yield family.type, family.name, _series(sample.name, sample.labels | _EXPORTER), sample.value


def _series(name: str, labels: Mapping[str, str]) -> str:
    pairs = ",".join(f'{label}="{value}"' for label, value in labels.items())
    return f"{name}{{{pairs}}}"


def _hybrid(plant: Plant) -> Reading:
    """Return what a system with battery, solar charger and grid meter tells."""
    state, energy, ac_strings = plant.state, plant.energy, len(plant.house.ac_strings)
    samples = [
        _told("pv_power", sum(string.power_w for string in state.strings[ac_strings:])),
        _told("pv_production", sum(energy.strings[ac_strings:])),
        _told("grid_power", state.grid.power_w),
        _told("grid_import", energy.grid_import),
        _told("grid_export", energy.grid_export),
        _told("grid_frequency", state.grid.frequency_hz),
        _told("battery_power", state.battery.power_w),
        _told("battery_state_of_charge", state.battery.soc),
        _told("load_power", state.load.power_w),
    ]
    for phase, voltage in zip(_PHASES, state.grid.voltage_by_phase, strict=True):
        samples.append(_told("grid_phase_voltage", voltage, phase))
    for number, string in enumerate(state.strings[ac_strings:], start=1):
        samples.append(_told("pv_string_power", string.power_w, str(number)))
    groups = {"live": Outcome(taken_at=state.time), "settings": Outcome(taken_at=state.time // 300 * 300)}
    return Reading("gx", state.time, tuple(samples), groups)


def _roof(plant: Plant) -> Reading:
    """Return what a PV inverter tells: nothing in the dark."""
    state, ac_strings = plant.state, len(plant.house.ac_strings)
    strings = state.strings[:ac_strings]
    power = sum(string.power_w for string in strings)
    if power < _DARK_W:
        return Reading("roof", state.time, (), {"live": Outcome(reason=Reason.ASLEEP)})
    samples = [
        _told("pv_power", power),
        _told("pv_production", sum(plant.energy.strings[:ac_strings])),
        *(_told("pv_string_power", string.power_w, str(n)) for n, string in enumerate(strings, start=1)),
    ]
    return Reading("roof", state.time, tuple(samples), {"live": Outcome(taken_at=state.time)})


def _told(quantity: str, value: float, *labels: str) -> Sample:
    return Sample(CATALOGUE[quantity], value, labels)
