"""Victron GX devices: what the maps cannot say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from sunhelm.devices.families.base import RegisterFamily
from sunhelm.devices.families.register_source import Identity, Values
from sunhelm.devices.quantities import CATALOGUE
from sunhelm.devices.reading import Sample

if TYPE_CHECKING:
    from sunhelm.devices.device_config import DeviceConfig

_TRACKERS: Final = (1, 2, 3, 4)
_WITH_PV: Final = frozenset({"solarcharger", "multi", "inverter"})
_WITH_AC_INPUT: Final = ("vebus", "multi", "acsystem")
_ACTIVE_SOURCE: Final = "victron_system_active_source_code"
_GRID: Final = 1.0

_Registers = Mapping[str, float | str]


class Family(RegisterFamily):
    """Services, registers and their quirks are data beside this file."""

    def identity(self, config: DeviceConfig, values: Values) -> Identity:
        firmware = values.get("system", {}).get("firmware")
        told = super().identity(config, values)
        return replace(told, firmware=firmware_name(int(firmware))) if isinstance(firmware, float) else told

    def derive(self, samples: Sequence[Sample], values: Values) -> Iterable[Sample]:
        """Yield PV strings with a label of their own, and the grid as the inverter sees it.

        The inverter's AC input stands in for a grid meter only while the grid feeds it.
        """
        read = {sample.group for sample in samples}
        live = {part: registers for part, registers in values.items() if f"{part}_live" in read}
        for part, registers in live.items():
            service, _, unit = part.rpartition("_")
            if service in _WITH_PV:
                yield from _strings(part, unit, registers)
        on_grid = any(s.quantity.name == _ACTIVE_SOURCE and s.value == _GRID for s in samples)
        if on_grid and "grid" not in values:
            for part, registers in live.items():
                if part.rpartition("_")[0] in _WITH_AC_INPUT:
                    yield from _ac_input(part, registers)
                    return


def firmware_name(number: int) -> str:
    """Return the firmware as the GX shows it: 0x0351_0000 is "v3.51", 0x0351_000C "v3.51 beta 12".

    An empty text when there is none.
    """
    release, beta = divmod(number, 1 << 16)
    if not release:
        return ""
    name = f"v{release >> 8:x}.{release & 0xFF:02x}"
    return f"{name} beta {beta}" if beta else name


def _strings(part: str, unit: str, registers: _Registers) -> Iterator[Sample]:
    """Yield the PV inputs of one device: "226", or "226.1" and so on where it has several trackers."""
    group = f"{part}_live"
    several = [n for n in _TRACKERS if f"tracker_{n}_voltage" in registers]
    for n in several:
        for what in ("voltage", "power"):
            yield from _sample(f"pv_string_{what}", registers, f"tracker_{n}_{what}", f"{unit}.{n}", group)
    if not several and registers.get("pv_voltage"):
        yield from _sample("pv_string_voltage", registers, "pv_voltage", unit, group)
        yield from _sample("pv_string_current", registers, "pv_current", unit, group)
        for name in ("pv_power", "pv_power_16bit"):
            yield from _sample("pv_string_power", registers, name, unit, group)


def _ac_input(part: str, registers: _Registers) -> Iterator[Sample]:
    group = f"{part}_live"
    for phase in ("L1", "L2", "L3"):
        name = f"ac_in_{phase.lower()}_voltage"
        yield from _sample("grid_phase_voltage", registers, name, phase, group)
    frequency = registers.get("ac_in_l1_frequency")
    if isinstance(frequency, float):
        yield Sample(CATALOGUE["grid_frequency"], frequency, (), f"{part} ac_in_l1_frequency", group)


def _sample(quantity: str, registers: _Registers, name: str, label: str, group: str) -> Iterator[Sample]:
    value = registers.get(name)
    if isinstance(value, float):
        yield Sample(CATALOGUE[quantity], value, (label,), name, group)
