"""One row of a register map becomes a register, but for its quantity: that depends on other rows too."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, get_args

from sunhelm.devices.links.base import Table
from sunhelm.devices.registers.figures import UNITS_OF_FIGURES, Share
from sunhelm.devices.registers.guess import did_you_mean
from sunhelm.devices.registers.register import NEVER_READ, Access, Profile, Register, Storage, Type
from sunhelm.devices.registers.rows import Row
from sunhelm.devices.registers.words import limits, parse_type
from sunhelm.devices.units import BASE_UNITS, Conversion

_NAME: Final = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_NAMED_VALUE: Final = re.compile(r"[a-z0-9]+(_[a-z0-9]+)*")
_ADDRESS: Final = re.compile(r"(=?)([0-9]{1,5}|0x[0-9a-fA-F]{1,4})")
_WHOLE: Final = re.compile(r"-?[0-9]+|0x[0-9a-fA-F]+")
_OWN_LABEL: Final = re.compile(r"([a-z][a-z0-9_]*)\s*:\s*(.*)", re.DOTALL)
_ADDRESSES: Final = 1 << 16
_PHASES: Final = ("L1", "L2", "L3")
_TAKEN_LABELS: Final = frozenset({"device", "site", "family", "group", "job", "instance", "le", "quantile"})
_UNIT_OF_KIND: Final = {"hhmm": "s", "datetime": "timestamp"}


@dataclass(frozen=True, slots=True)
class Draft:
    """A register whose quantity is still to be made.

    `again` says that its words are, on purpose, those of another register too. `label` is the label of
    a state, a bit or a text.
    """

    row: Row
    register: Register
    again: bool
    label: str

    @property
    def base_unit(self) -> str:
        """The base unit of its values."""
        return BASE_UNITS[self.register.unit].base


def drafted(row: Row, enums: Mapping[str, Mapping[int, str]], groups: Collection[str]) -> Draft | None:
    """Return what the row says; None when it does not even say where, what type and which name."""
    name = _name(row)
    address = _ADDRESS.fullmatch(row["address"])
    if address is None:
        detail = f'"{row["address"]}" is none; write 0 to 65535, or =820 for words of another register'
        row.wrong("address", "not an address", detail)
    kind = _type(row)
    if not name or address is None or kind is None:
        return None
    first = int(address[2], 0)
    if first + kind.words > _ADDRESSES:
        row.wrong("address", "beyond the last address", f"{first}+{kind.words} ends after 65535")
    unit = _unit(row, kind)
    conversion = BASE_UNITS[unit]
    scale, scale_register = _scale(row, kind)
    label, names = _names(row, kind, enums)
    register = Register(
        name=name,
        address=first,
        type=kind,
        table=Table(row.one_of("table", [table.value for table in Table], Table.HOLDING.value)),
        scale=scale,
        offset=_offset(row, kind),
        scale_register=scale_register,
        unit=unit,
        factor=conversion.factor,
        shift=conversion.offset,
        access=row.one_of("access", get_args(Access), "r"),
        storage=row.one_of("storage", get_args(Storage), ""),
        group=_group(row, groups),
        profile=row.one_of("profile", get_args(Profile), "core"),
        labels=_labels(row),
        absent=_absent(row, kind),
        instead_of=row["instead_of"],
        high=row["high"],
        minimum=_bound(row, "min", kind, conversion),
        maximum=_bound(row, "max", kind, conversion),
        names=names,
        vendor=row["vendor"],
        note=row["note"],
    )
    _agreement(row, register)
    return Draft(row, register, again=bool(address[1]), label=label)


def _name(row: Row) -> str:
    name = row["name"]
    if _NAME.fullmatch(name):
        return name
    row.wrong("name", "not a name", f'"{name}" is none; lower case words joined by single underscores are')
    return ""


def _type(row: Row) -> Type | None:
    try:
        return parse_type(row["type"])
    except ValueError as error:
        row.wrong("type", "unknown type", str(error))
        return None


def _is_plain_number(row: Row, kind: Type) -> bool:
    """Whether scale and unit make sense for the values of this row."""
    return kind.kind in {"uint", "int", "float"} and not row["names"]


def _unit(row: Row, kind: Type) -> str:
    unit = row["unit"]
    if unit not in BASE_UNITS:
        known = ", ".join(filter(None, BASE_UNITS))
        row.wrong("unit", "unknown unit", f'"{unit}" is none of {known}{did_you_mean(unit, BASE_UNITS)}')
        return ""
    own = _UNIT_OF_KIND.get(kind.kind, "")
    if unit and not _is_plain_number(row, kind) and unit != own:
        what = "a value with names" if row["names"] else kind.name
        row.wrong("unit", "no unit possible", f'{what} has none, found "{unit}"')
    return own or unit


def _scale(row: Row, kind: Type) -> tuple[Fraction, str]:
    text = row["scale"]
    if text and not _is_plain_number(row, kind):
        what = "a value with names" if row["names"] else kind.name
        row.wrong("scale", "no scale possible", f'{what} has none, found "{text}"')
        return Fraction(1), ""
    sign, at, name = text.partition("@")
    if at:
        if sign not in {"", "-"}:
            row.wrong(
                "scale", "not a scale", f'"{text}" is none; write 0.1, @register_name or -@register_name'
            )
            return Fraction(1), ""
        return Fraction(-1 if sign == "-" else 1), name
    scale = row.number("scale", Fraction(1))
    if not scale:
        row.wrong("scale", "not a scale", "0 would make every value 0")
        return Fraction(1), ""
    return scale, ""


def _offset(row: Row, kind: Type) -> Fraction:
    if row["offset"] and not _is_plain_number(row, kind):
        what = "a value with names" if row["names"] else kind.name
        row.wrong("offset", "no offset possible", f'{what} has none, found "{row["offset"]}"')
        return Fraction(0)
    return row.number("offset", Fraction(0))


def _group(row: Row, groups: Collection[str]) -> str:
    group = row["group"] or "live"
    if groups:
        return row.one_of("group", [*groups, NEVER_READ], "live")
    if group != NEVER_READ and not _NAME.fullmatch(group):
        row.wrong(
            "group", "not a group", f'"{group}" is none; write a name such as live, or - for never read'
        )
        return "live"
    return group


def _labels(row: Row) -> dict[str, str]:
    labels: dict[str, str] = {}
    for label, value in row.entries("labels", "LABEL=VALUE"):
        if not _NAME.fullmatch(label):
            row.wrong(
                "labels", "not a label", f'"{label}" is none; lower case words joined by underscores are'
            )
        elif label in _TAKEN_LABELS:
            row.wrong("labels", "label is taken", f'"{label}" has a meaning of its own in the outputs')
        elif label == "phase" and value not in _PHASES:
            guess = did_you_mean(value, _PHASES)
            row.wrong("labels", "unknown phase", f'"{value}" is none of {", ".join(_PHASES)}{guess}')
        else:
            labels[label] = value
    return labels


def _absent(row: Row, kind: Type) -> frozenset[int]:
    """Return the raw values; a hexadecimal one is the words' bits, so that 0x8000 of an i16 is -32768."""
    absent: set[int] = set()
    for text in (entry.strip() for entry in row["absent"].split(";") if row["absent"]):
        if not _WHOLE.fullmatch(text):
            row.wrong("absent", "not a raw value", f'"{text}" is none; write 65535, -1 or 0xFFFF')
        elif kind.kind == "float" and not text.startswith("0x"):
            absent.add(int(text))
        elif not kind.is_whole:
            detail = f'{kind.name} has no raw value such as "{text}"; its own marks are known'
            row.wrong("absent", "no raw value possible", detail)
        else:
            low, high = limits(kind)
            raw = int(text, 0) if text.startswith("0x") else int(text)
            if low < 0 and text.startswith("0x") and high < raw < 1 << kind.width:
                raw -= 1 << kind.width
            if low <= raw <= high:
                absent.add(raw)
            else:
                row.wrong(
                    "absent", "outside the type", f"{text} is not from {low} to {high}, as {kind.name} holds"
                )
    return frozenset(absent)


def _bound(row: Row, column: str, kind: Type, conversion: Conversion) -> float | Share | None:
    text = row[column]
    if not text:
        return None
    if not _is_plain_number(row, kind):
        what = "a value with names" if row["names"] else kind.name
        row.wrong(column, "no bound possible", f'{what} has none, found "{text}"')
        return None
    if share := Share.parse(text):
        allowed = UNITS_OF_FIGURES[share.figure]
        if conversion.base not in allowed:
            found = conversion.base or "no unit"
            row.wrong(
                column, "wrong unit", f"{share.figure} bounds {' or '.join(allowed)}, this is in {found}"
            )
            return None
        return share
    try:
        return float(Fraction(text))
    except (ValueError, ZeroDivisionError):
        forms = "write a number, rated_power or capacity, or as -rated_power or capacity*1.3"
        guess = did_you_mean(text, UNITS_OF_FIGURES)
        row.wrong(column, "not a bound", f'"{text}" is none; {forms}{guess}')
        return None


def _names(row: Row, kind: Type, enums: Mapping[str, Mapping[int, str]]) -> tuple[str, dict[int, str]]:
    """Return the label and the names of values or bits."""
    label = "alarm" if kind.kind == "bits" else row["name"] if kind.is_text else "state"
    text = row["names"]
    if not text:
        return label, {}
    if kind.kind not in {"uint", "int", "bits"}:
        row.wrong("names", "no names possible", f"{kind.name} has neither values nor bits to name")
        return label, {}
    if own := _OWN_LABEL.fullmatch(text):
        label, text = own[1], own[2]
        if label in _TAKEN_LABELS:
            row.wrong("names", "label is taken", f'"{label}" has a meaning of its own in the outputs')
    if text.startswith("@"):
        given = enums.get(text[1:])
        if given is None:
            known = f"the family has {', '.join(enums) or 'none'}"
            row.wrong("names", "unknown enum", f'"{text}" is none; {known}{did_you_mean(text[1:], enums)}')
        return label, _checked_names(row, kind, dict(given or {}))
    written = {}
    for key, name in Row(row.line, {"names": text}, row.mistakes).entries("names", "NUMBER=name"):
        if _WHOLE.fullmatch(key):
            written[int(key, 0) if key.startswith("0x") else int(key)] = name
        else:
            row.wrong("names", "not a number", f'"{key}" is none; write 3=charging or 0x100=charging')
    return label, _checked_names(row, kind, written)


def _checked_names(row: Row, kind: Type, names: dict[int, str]) -> dict[int, str]:
    low, high = (0, kind.width - 1) if kind.kind == "bits" else limits(kind)
    for number, name in names.items():
        if not low <= number <= high:
            row.wrong("names", "outside the type", f"{number}={name}: {number} is not from {low} to {high}")
        if not _NAMED_VALUE.fullmatch(name):
            detail = f'"{name}" is none; lower case words joined by single underscores are'
            row.wrong("names", "not a name", detail)
    return names


def _agreement(row: Row, register: Register) -> None:
    """Note cells that are right by themselves but not together."""
    low, high = register.minimum, register.maximum
    if isinstance(low, float) and isinstance(high, float) and low > high:
        row.wrong("min", "min above max", f"{low:g} is more than {high:g}")
    if register.storage and register.access == "r":
        row.wrong("storage", "never written", f'access is r, so storage "{register.storage}" means nothing')
