"""Huawei SUN2000: what the maps cannot say."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from sunhelm.devices.families.base import RegisterFamily, Surroundings, line_to
from sunhelm.devices.families.huawei.quantities import LINE_VOLTAGE, OFFERS
from sunhelm.devices.families.huawei.source import HuaweiSource
from sunhelm.devices.families.register_source import Identity, RegisterSource, Values
from sunhelm.devices.links.base import RegisterLink
from sunhelm.devices.links.private import PrivateLink
from sunhelm.devices.quantities import CATALOGUE, Quantity
from sunhelm.devices.reading import Sample

if TYPE_CHECKING:
    from sunhelm.devices.device_config import DeviceConfig
    from sunhelm.devices.families.source import Source

_MOST_STRINGS: Final = 24
_SINGLE_PHASE: Final = re.compile(r"-L[A-Z]?\d")
"""In the names of single-phase models: SUN2000-6KTL-L1, SUN2000-8K-LC0."""

_Registers = Mapping[str, float | str]


class Family(RegisterFamily):
    """Registers are data beside this file; files and the device list have modules of their own."""

    @property
    def offers(self) -> Mapping[str, Sequence[Quantity]]:
        offers = {group: [*quantities] for group, quantities in super().offers.items()}
        for group, quantities in OFFERS.items():
            offers.setdefault(group, []).extend(quantities)
        return offers

    def open(self, config: DeviceConfig, surroundings: Surroundings) -> Source:
        kind, line = line_to(config, self.spec, surroundings)
        assert kind in ("modbus_tcp", "rtu_over_tcp")
        return self.source(config, surroundings, PrivateLink(kind, line))

    def source(self, config: DeviceConfig, surroundings: Surroundings, link: RegisterLink) -> RegisterSource:
        own = None if config.map is None else self.own_map(config.map)
        first = self.spec.parts[0]
        return HuaweiSource(
            self,
            config,
            link,
            map_of=lambda part: self.map_of(part) if own is None or part is not first else own,
            zone=surroundings.zone,
            clock=surroundings.clock,
        )

    def identity(self, config: DeviceConfig, values: Values) -> Identity:
        """Return what the inverter says of itself, else the logger or the older inverter."""
        told = super().identity(config, values)
        if told.serial or "inverter" in values:
            return told
        for part in ("inverter_v2", "logger"):
            serial = values.get(part, {}).get("serial")
            if isinstance(serial, str):
                return replace(told, serial=serial)
        return told

    def derive(self, samples: Sequence[Sample], values: Values) -> Iterable[Sample]:
        """Yield strings, phases, the clock, the meter's export without its sign, and load and grid."""
        read = {sample.group for sample in samples}
        inverter = values.get("inverter", {})
        if "inverter_live" in read:
            yield from _strings(inverter)
            yield from _phases(inverter)
        if "inverter_settings" in read and "emma" not in values:
            yield from _clock(inverter)
        meter = values.get("meter", {})
        if "meter_energy" in read:
            yield from _sample("grid_export", meter, "export", "meter_energy", turn=abs)
        yield from _totals(values, read)


def _strings(inverter: _Registers) -> Iterator[Sample]:
    """Yield the power of each string: the inverter tells its voltage and current."""
    for number in range(1, _MOST_STRINGS + 1):
        volts, amperes = (inverter.get(f"string_{number}_{what}") for what in ("voltage", "current"))
        if isinstance(volts, float) and isinstance(amperes, float):
            source = f"string_{number}_voltage x string_{number}_current"
            quantity = CATALOGUE["pv_string_power"]
            yield Sample(quantity, volts * amperes, (str(number),), source, "inverter_live")


def _phases(inverter: _Registers) -> Iterator[Sample]:
    """Yield voltage and current of each phase; a single-phase inverter tells its own in other registers."""
    if is_single_phase(str(inverter.get("model", ""))):
        yield from _phase(inverter, "voltage", "line_l1_l2_voltage", "L1")
        yield from _phase(inverter, "current", "l1_current", "L1")
        return
    for phase in ("L1", "L2", "L3"):
        yield from _phase(inverter, "voltage", f"{phase.lower()}_voltage", phase)
        yield from _phase(inverter, "current", f"{phase.lower()}_current", phase)
    for name, line in (("l1_l2", "L1-L2"), ("l2_l3", "L2-L3"), ("l3_l1", "L3-L1")):
        volts = inverter.get(f"line_{name}_voltage")
        if isinstance(volts, float):
            yield Sample(LINE_VOLTAGE, volts, (line,), f"line_{name}_voltage", "inverter_live")


def is_single_phase(model: str) -> bool:
    """Whether a model of this name has one phase."""
    return _SINGLE_PHASE.search(model) is not None


def _phase(inverter: _Registers, what: str, name: str, phase: str) -> Iterator[Sample]:
    value = inverter.get(name)
    if isinstance(value, float):
        yield Sample(CATALOGUE[f"inverter_phase_{what}"], value, (phase,), name, "inverter_live")


def _clock(inverter: _Registers) -> Iterator[Sample]:
    """Yield the clock as Unix time: it counts the seconds of a local time that the device tells, too."""
    local, zone = inverter.get("clock"), inverter.get("time_zone")
    summer = inverter.get("daylight_saving_time", 0.0)
    if isinstance(local, float) and isinstance(zone, float) and isinstance(summer, float):
        at = local - zone - 3600.0 * summer
        yield Sample(CATALOGUE["device_clock"], at, (), "clock - time_zone", "inverter_settings")


def _totals(values: Values, read: set[str]) -> Iterator[Sample]:
    """Yield load, and behind an EMMA the grid: from who meters it."""
    inverter, meter, emma = (values.get(name, {}) for name in ("inverter", "meter", "emma"))
    dongle = values.get("dongle", {})
    if "emma_live" in read:
        yield from _sample("load_power", emma, "load_power", "emma_live")
        if "power" not in meter:
            yield from _sample("grid_power", emma, "built_in_power", "emma_live")
    elif "dongle_live" in read and "load_power" in dongle:
        yield from _sample("load_power", dongle, "load_power", "dongle_live")
    elif {"inverter_live", "meter_live"} <= read:
        out, drawn = inverter.get("active_power"), meter.get("power")
        if isinstance(out, float) and isinstance(drawn, float):
            yield Sample(CATALOGUE["load_power"], out + drawn, (), "active_power + power", "meter_live")
    if "emma_energy" in read:
        yield from _sample("load_consumption", emma, "consumption", "emma_energy")
        if "import" not in meter:
            yield from _sample("grid_import", emma, "import", "emma_energy")
            yield from _sample("grid_export", emma, "export", "emma_energy")


def _sample(
    quantity: str, registers: _Registers, name: str, group: str, *, turn: Callable[[float], float] = float
) -> Iterator[Sample]:
    value = registers.get(name)
    if isinstance(value, float):
        yield Sample(CATALOGUE[quantity], turn(value), (), name, group)
