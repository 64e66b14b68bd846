"""Deye inverters: what the maps cannot say."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from sunhelm.devices.families.base import RegisterFamily
from sunhelm.devices.families.register_source import Identity, Values
from sunhelm.devices.quantities import CATALOGUE
from sunhelm.devices.reading import Sample

if TYPE_CHECKING:
    from sunhelm.devices.device_config import DeviceConfig

HYBRIDS: Final = ("three_phase_lv", "three_phase_hv", "single_phase")
"""The parts with a battery, a grid point and a generator port."""

_WITH_PORT_MODE: Final = ("three_phase_lv", "three_phase_hv")
"""The parts that tell what hangs on the generator port; the codes of single-phase units nobody settles."""

_FIRMWARE: Final = (
    ("control_board_firmware_2", "control_board_firmware_main", "control_board_firmware_3"),
    ("control_board_firmware", "control_board_firmware_2", "control_board_firmware_3"),
)
"""The registers whose hexadecimal digits the display shows as the version, by map."""

_PHASES: Final = ("l1", "l2", "l3")
_STRINGS: Final = range(1, 9)
_MAY_BE_MISSING: Final = 3
"""Strings from this one on are not there where their voltage is 0."""

_GENERATOR: Final = 0.0
_MICRO_INVERTER: Final = 2.0

_Registers = Mapping[str, float | str]


class Family(RegisterFamily):
    """Registers, kinds of devices and their units are data beside this file."""

    def identity(self, config: DeviceConfig, values: Values) -> Identity:
        told = super().identity(config, values)
        for part_name, registers in values.items():
            part = next(part for part in self.spec.parts if part.name == part_name)
            kind = registers.get("device_type")
            told = replace(
                told,
                serial=str(registers.get("serial_number") or told.serial),
                model=told.model or self.map_of(part)["device_type"].names.get(_whole(kind), ""),
                firmware=_firmware(registers),
            )
        return told

    def derive(self, samples: Sequence[Sample], values: Values) -> Iterable[Sample]:
        """Yield totals, and what depends on how the device was wired: the grid point, the generator port."""
        if all(sample.group != "live" for sample in samples):
            return
        for part, registers in values.items():
            if part in HYBRIDS:
                yield from _batteries(registers)
                yield from _generator(registers)
                yield from _grid_point(registers)
            else:
                yield from _string_powers(registers)
            yield from _pv(registers, port=part in _WITH_PORT_MODE)


def _whole(value: float | str | None) -> int:
    return int(value) if isinstance(value, float) else -1


def _firmware(registers: _Registers) -> str:
    for names in _FIRMWARE:
        numbers = [registers.get(name) for name in names]
        if all(isinstance(number, float) for number in numbers):
            return "-".join(f"{_whole(number):04x}" for number in numbers)
    return ""


def _number(registers: _Registers, name: str) -> float | None:
    value = registers.get(name)
    return value if isinstance(value, float) else None


def _live(quantity: str, value: float, source: str, *labels: str) -> Sample:
    return Sample(CATALOGUE[quantity], value, labels, source, "live")


def _powers_of_strings(registers: _Registers) -> list[float] | None:
    """Return the power of each string that is there; None when one of them was not told."""
    powers = []
    for string in _STRINGS:
        voltage = _number(registers, f"pv_{string}_voltage")
        power = _number(registers, f"pv_{string}_power")
        current = _number(registers, f"pv_{string}_current")
        if power is None and voltage is not None and current is not None:
            power = voltage * current
        if power is not None:
            powers.append(power)
        elif voltage is None or (string >= _MAY_BE_MISSING and not voltage):
            continue
        else:
            return None
    return powers


def _string_powers(registers: _Registers) -> Iterator[Sample]:
    """Yield what inverters without a register for it take from each string."""
    for string in _STRINGS:
        voltage = _number(registers, f"pv_{string}_voltage")
        current = _number(registers, f"pv_{string}_current")
        if voltage is not None and current is not None:
            yield _live("pv_string_power", voltage * current, "voltage times current", str(string))


def _pv(registers: _Registers, *, port: bool) -> Iterator[Sample]:
    """Yield the power of all PV, that of micro inverters at the generator port among it.

    Without knowing what hangs on the port there is no total.
    """
    if "pv_power" in registers:
        return
    powers = _powers_of_strings(registers)
    if not powers:
        return
    total, source = sum(powers), "the sum of the strings"
    if port:
        mode, power = (_number(registers, f"generator_port_{what}") for what in ("mode", "power"))
        if mode is None or (mode == _MICRO_INVERTER and power is None):
            return
        if mode == _MICRO_INVERTER:
            total, source = total + (power or 0.0), f"{source} and of the generator port"
    yield _live("pv_power", total, source)


def _batteries(registers: _Registers) -> Iterator[Sample]:
    """Yield the power of all batteries, and the state of charge where there is one."""
    first = _number(registers, "battery_1_power")
    second = _number(registers, "battery_2_power")
    has_second = bool(_number(registers, "battery_2_voltage"))
    if first is not None and not (has_second and second is None):
        yield _live("battery_power", first + (second or 0.0), "the sum of the batteries")
    charge = _number(registers, "battery_1_state_of_charge")
    if charge is not None and not has_second:
        yield _live("battery_state_of_charge", charge, "battery_1_state_of_charge")


def _generator(registers: _Registers) -> Iterator[Sample]:
    """Yield the generator, where the port has one and no micro inverter or smart load."""
    if _number(registers, "generator_port_mode") != _GENERATOR:
        return
    power = _number(registers, "generator_port_power")
    if power is not None:
        yield _live("generator_power", power, "generator_port_power")
    for phase in _PHASES:
        for what in ("power", "voltage"):
            value = _number(registers, name := f"generator_port_{phase}_{what}")
            if value is not None:
                yield _live(f"generator_phase_{what}", value, name, phase.upper())


def _grid_point(registers: _Registers) -> Iterator[Sample]:
    """Yield power and currents of the grid point: outside at its meter, else at the inverter.

    Without transformers or a meter outside, all that they would tell is 0; what the inverter reports then is
    its own measurement. Currents come without a sign on real units: it is that of the power.
    """
    outside = any(value for name, value in registers.items() if name.startswith("grid_ct_"))
    total = "grid_ct_power" if outside else "grid_reported_power"
    power = _number(registers, total)
    if power is not None:
        yield _live("grid_power", power, total)
    for phase in _PHASES:
        name = f"grid_ct_{phase}_power"
        if not outside:
            name = next(
                (n for n in (f"grid_reported_{phase}_power", f"grid_inner_{phase}_power") if n in registers),
                name,
            )
        power = _number(registers, name)
        if power is None:
            continue
        yield _live("grid_phase_power", power, name, phase.upper())
        current = _number(registers, (flow := f"grid_{'ct' if outside else 'inner'}_{phase}_current"))
        if current is not None:
            yield _live("grid_phase_current", math.copysign(current, power), flow, phase.upper())
