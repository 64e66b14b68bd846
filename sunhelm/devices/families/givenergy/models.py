"""What a GivEnergy device is, by its device type code and its firmware."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

_NAMES: Final[Mapping[int, str]] = MappingProxyType(
    {
        0x21: "Polar",
        0x22: "Hybrid Gen3 Plus",
        0x23: "PV inverter",
        0x30: "AC Coupled",
        0x40: "Three-phase hybrid",
        0x41: "Commercial All-in-One",
        0x50: "EMS",
        0x51: "Commercial EMS",
        0x60: "Three-phase AC",
        0x70: "Gateway",
        0x80: "All-in-One",
        0x81: "Hybrid HV Gen3",
        0x82: "All-in-One hybrid",
        0x83: "Hybrid Gen4",
    }
)
_KINDS: Final[Mapping[int, str]] = MappingProxyType(
    {2: "Hybrid", 3: "AC Coupled", 4: "Three-phase hybrid", 5: "EMS", 6: "Three-phase AC", 7: "Gateway"}
)

_SIX_SIZES: Final = (5000, 4600, 3600, 6000, 7000, 8000)
_RATED: Final[Mapping[int, tuple[int, ...]]] = MappingProxyType(
    {
        0x20: (5000, 4600, 3600),
        **dict.fromkeys((0x21, 0x22, 0x24, 0x25), _SIX_SIZES),
        0x23: (5000, 4600, 3600, 6000),
        0x30: (3000, 3600),
        0x40: (6000, 8000, 10_000, 11_000, 15_000, 20_000, 5000),
        0x41: (30_000, 0, 50_000),
        0x60: (6000, 8000, 10_000, 11_000, 15_000, 20_000),
        0x70: (12_000,),
        0x80: (6000, 3600, 5000),
        0x81: (6000, 8000, 10_000),
        0x82: (6000, 8000, 10_000, 12_000, 11_000),
        0x83: (3600, 4600, 5000, 6000),
    }
)
"""Rated watts on the AC side of the codes that begin so, from 01 on; 0 where none is known."""

_BATTERY_RATED: Final[Mapping[int, int]] = MappingProxyType(
    {
        0x2201: 5400,
        0x3001: 3000,
        0x3002: 3000,
        0x8001: 6000,
        0x8002: 3600,
        0x8003: 5000,
        0x8102: 8000,
        0x8103: 10_000,
        **dict.fromkeys(range(0x8301, 0x8305), 6000),
    }
)
_LOW_VOLTAGE: Final = 51.2
_ALL_IN_ONE_VOLTAGE: Final = 307.0


@dataclass(frozen=True, slots=True)
class Model:
    """One model.

    `rated_power` and `battery_power` are the most watts at the AC side and at the battery, None where no
    source knows. `battery_voltage` is what the battery's capacity is reckoned with, None likewise.
    `generation` is that of a low-voltage hybrid, 0 for anything else.
    """

    code: int
    name: str
    generation: int
    rated_power: float | None
    battery_power: float | None
    battery_voltage: float | None

    @property
    def three_phases(self) -> bool:
        """Whether it has the registers of three-phase inverters."""
        return self.code >> 8 in (*range(0x40, 0x50), *range(0x60, 0x70), 0x82)

    @property
    def is_ems(self) -> bool:
        """Whether it commands inverters instead of being one."""
        return self.code >> 12 == 5

    @property
    def is_gateway(self) -> bool:
        """Whether it stands before All-in-Ones."""
        return self.code >> 12 == 7


def model_of(code: int, firmware: int) -> Model:
    """Return the model of a device type code and the version of the ARM firmware."""
    prefix = code >> 8
    generation = _generation(firmware) if prefix == 0x20 else 0
    name = f"Hybrid Gen{generation}" if generation else _NAMES.get(prefix) or _KINDS.get(code >> 12, "")
    sizes = _RATED.get(prefix, ())
    number = code & 0xFF
    rated = float(sizes[number - 1]) if 0 < number <= len(sizes) else 0.0
    battery = float(_BATTERY_RATED.get(code, 0))
    if prefix == 0x20:
        battery = 2600.0 if generation == 1 else 3600.0
    voltage = _LOW_VOLTAGE if prefix < 0x40 or prefix == 0x83 else None
    if prefix == 0x80:
        voltage = _ALL_IN_ONE_VOLTAGE
    return Model(code, name, generation, rated or None, battery or None, voltage)


def _generation(firmware: int) -> int:
    century = firmware // 100
    if century == 3:
        return 3
    return 2 if century in (8, 9) else 1


def model_told(values: Mapping[str, Mapping[str, float | str]]) -> Model | None:
    """Return the model that page 0 tells, by part and register; None while it was not read."""
    told = values.get("inverter", {})
    code, firmware = told.get("device_type"), told.get("arm_firmware_version")
    if not isinstance(code, float) or not isinstance(firmware, float):
        return None
    return model_of(int(code), int(firmware))
