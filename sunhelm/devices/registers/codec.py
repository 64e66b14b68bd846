"""Words to samples, and values back to words.

    words --unpack--> raw --value--> base unit --samples--> Sample, or Held with the reason
    words <--pack---  raw <--raw_of- base unit

All arithmetic is on whole numbers, with one rounding at the end: 5230 x 0.01 is 52.3, not the float
beside it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from fractions import Fraction
from math import isfinite
from types import MappingProxyType
from typing import Final

from sunhelm.devices.quantities import Quantity
from sunhelm.devices.reading import Guard, Held, Sample
from sunhelm.devices.registers.register import Register
from sunhelm.devices.registers.words import Raw, limits, pack, parse_type, unpack

__all__ = [
    "LARGEST_EXPONENT",
    "Decoder",
    "Raw",
    "exponent_of",
    "limits",
    "pack",
    "parse_type",
    "plain_value",
    "raw_of",
    "samples",
    "unpack",
    "value",
]

LARGEST_EXPONENT: Final = 10
"""SunSpec allows scale factors from -10 to 10; anything beyond is a corrupt word."""

_NO_LABELS: Final[Mapping[str, str]] = MappingProxyType({})


class _Absent(Exception):
    """The device has no value here; the text says how it tells. Never leaves this module."""


def value(register: Register, raw: Raw, exponent: int = 0, *, zone: tzinfo = UTC) -> float:
    """Return the value in the base unit of the register's quantity: the nearest float to the exact one.

    `exponent` is that of the register's scale register. A datetime becomes Unix time as told by a clock
    in `zone`. Raises ValueError for NaN and for a time of day that is none, OverflowError for a value
    beyond all floats, TypeError for text.
    """
    if isinstance(raw, int):
        if register.type.kind == "hhmm":
            return _seconds_of_day(raw)
        numerator, denominator = raw, 1
    elif isinstance(raw, float):
        numerator, denominator = raw.as_integer_ratio()
    elif isinstance(raw, datetime):
        return raw.replace(tzinfo=zone).timestamp()
    else:
        raise TypeError(f"{register.name} is text and has no number")
    addend = register.addend * denominator
    denominator *= register.divisor
    if exponent > 0:
        numerator *= 10**exponent
    elif exponent < 0:
        addend *= 10**-exponent
        denominator *= 10**-exponent
    return (numerator * register.multiplier + addend) / denominator


def raw_of(register: Register, value: float, exponent: int = 0) -> int | float:
    """Return the raw value nearest to `value`, which is in the base unit; the inverse of `value`.

    Halves go to the even neighbour. Raises ValueError when the type cannot hold it, when it is one of
    the raw values that mean "not available", and for types that hold no number.
    """
    if not isfinite(value):
        raise ValueError(f"{register.name}: {value} is no number")
    if register.type.kind == "hhmm":
        return _clock_number(register, value)
    exact = (Fraction(value) - register.shift) / register.factor - register.offset
    exact /= register.scale * Fraction(10) ** exponent
    if register.type.kind == "float":
        raw: int | float = _nearest_float(register, exact)
    else:
        raw = round(exact)
        low, high = limits(register.type)
        if not low <= raw <= high:
            raise ValueError(
                f"{register.name}: {value:g} would be {raw} on the wire, where {register.type.name} holds "
                f"{low} to {high}"
            )
    if raw in register.absent:
        raise ValueError(
            f'{register.name}: {value:g} would be {raw} on the wire, which means "not available"'
        )
    return raw


def exponent_of(register: Register, words: Sequence[int]) -> int | None:
    """Return the decimal exponent that a scale register holds; None when it says that there is none."""
    raw = unpack(register.type, words)
    if not isinstance(raw, int) or raw in register.absent or abs(raw) > LARGEST_EXPONENT:
        return None
    return raw


def plain_value(
    register: Register, words: Sequence[int], *, exponent: int = 0, zone: tzinfo = UTC
) -> float | str | None:
    """Return what one register says by itself: a number in its base unit, a code, or text.

    None when the device has no value there.
    """
    try:
        raw = _present(register, words, exponent)
        return raw if isinstance(raw, str) else _finite(register, raw, exponent, zone)
    except _Absent:
        return None


def samples(
    register: Register,
    words: Sequence[int],
    labels: Mapping[str, str] = _NO_LABELS,
    *,
    exponent: int = 0,
    zone: tzinfo = UTC,
    group: str = "",
) -> Iterator[Sample | Held]:
    """Yield the samples that the words of one register are; see `Decoder`, which does it again and again."""
    yield from Decoder(register, labels, zone=zone, group=group)(words, exponent)


class Decoder:
    """Makes samples of the words of one register, whose labels and group do not change.

    A number is one sample. An enumeration is one 0/1 sample for each state it names and its code, a bit
    field one for each bit it names and its code; text is an info sample, or none when it is empty. What
    means "not available" is a Held; a code without a name has both its samples and a Held.

    `labels` are those of the part; with the register's own they must give every label of the quantity.
    `zone` is that of the device's clock. `group` is the name of the register's group as the samples
    shall bear it, when that is not the register's own.
    """

    def __init__(
        self,
        register: Register,
        labels: Mapping[str, str] = _NO_LABELS,
        *,
        zone: tzinfo = UTC,
        group: str = "",
    ) -> None:
        self._register = register
        self._quantity = register.quantity or register.code
        self._zone = zone
        self._group = group or register.group
        known = {**labels, **register.labels}
        self._labels = _known_values(self._quantity, known)
        self._code_labels = _known_values(register.code, known)
        self._has_states = self._quantity is not None and self._quantity.kind == "state"

    def __call__(self, words: Sequence[int], exponent: int = 0) -> list[Sample | Held]:
        """Return what these words are; `exponent` is that of the register's scale register."""
        register, quantity, group = self._register, self._quantity, self._group
        if quantity is None:
            return []
        try:
            raw = _present(register, words, exponent)
            number = 1.0 if isinstance(raw, str) else _finite(register, raw, exponent, self._zone)
        except _Absent as absent:
            return [Held(Guard.SENTINEL, group, register.place, str(absent))]
        if isinstance(raw, str):
            return [Sample(quantity, number, (*self._labels, raw), register.place, group)] if raw else []
        if not self._has_states or not isinstance(raw, int):
            return [Sample(quantity, number, self._labels, register.place, group)]
        found: list[Sample | Held] = [
            Sample(quantity, on, (*self._labels, state), register.place, group)
            for state, on in _states(register, raw).items()
        ]
        if register.type.kind != "bits" and raw not in register.names:
            found.append(Held(Guard.UNKNOWN_CODE, group, register.place, f"{raw} has no name"))
        if register.code is not None:
            found.append(Sample(register.code, number, self._code_labels, register.place, group))
        return found


def _present(register: Register, words: Sequence[int], exponent: int) -> Raw:
    """Return the raw value, unless the device says that it has none."""
    try:
        raw = unpack(register.type, words)
    except ValueError as error:
        if len(words) != register.type.words:
            raise
        raise _Absent(str(error)) from error
    if raw in register.absent:
        raise _Absent(f"{raw} means not available")
    if isinstance(raw, str) and not raw.isprintable():
        raise _Absent(f"{raw!r} is no text")
    if abs(exponent) > LARGEST_EXPONENT:
        raise _Absent(f"its scale factor {exponent} is not from -{LARGEST_EXPONENT} to {LARGEST_EXPONENT}")
    return raw


def _finite(register: Register, raw: Raw, exponent: int, zone: tzinfo) -> float:
    try:
        return value(register, raw, exponent, zone=zone)
    except (ValueError, OverflowError) as error:  # no time of day; NaN and infinity, or beyond all floats
        raise _Absent(f"{raw} is not available: {error}") from error


def _states(register: Register, raw: int) -> dict[str, float]:
    """Return 1 or 0 for each name; several codes or bits may share one."""
    states = dict.fromkeys(register.names.values(), 0.0)
    if register.type.kind == "bits":
        states.update((name, 1.0) for bit, name in register.names.items() if raw >> bit & 1)
    elif raw in register.names:
        states[register.names[raw]] = 1.0
    return states


def _known_values(quantity: Quantity | None, labels: Mapping[str, str]) -> tuple[str, ...]:
    """Return the label values in the order of the quantity, without the state, bit or text that is last."""
    if quantity is None:
        return ()
    names = quantity.labels[:-1] if quantity.kind in {"state", "info"} else quantity.labels
    return tuple(labels[name] for name in names)


def _seconds_of_day(raw: int) -> float:
    """Return the seconds since midnight of a decimal HHMM; 2400 is the end of the day."""
    hours, minutes = divmod(raw, 100)
    if minutes > 59 or raw > 2400:
        raise ValueError(f"{raw:04} is no time of day")
    return 3600.0 * hours + 60.0 * minutes


def _clock_number(register: Register, value: float) -> int:
    minutes = round(Fraction(value) / 60)
    if not 0 <= minutes <= 24 * 60:
        raise ValueError(f"{register.name}: {value:g} s is no time of day; 0 to 86400 are")
    hours, minutes = divmod(minutes, 60)
    return 100 * hours + minutes


def _nearest_float(register: Register, exact: Fraction) -> float:
    form = ">f" if register.type.words == 2 else ">d"
    try:
        nearest: float = struct.unpack(form, struct.pack(form, float(exact)))[0]
    except OverflowError as error:
        raise ValueError(f"{register.name}: the value is too large for {register.type.name}") from error
    return nearest
