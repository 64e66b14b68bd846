"""Quantities of a vendor: what a register map offers beyond the catalogue."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from sunhelm.devices.quantities import Kind, Quantity
from sunhelm.devices.registers.register import Register

_ACRONYMS: Final = frozenset(
    (
        *("ac", "acdc", "afci", "arm", "bms", "bmu", "can", "cpu", "ct", "dc", "dsp", "eps", "ess", "ev"),
        *("gfci", "gps", "gx", "hv", "id", "iso", "lcd", "led", "lv", "mac", "mcu", "mppt", "pe", "pf"),
        *("pv", "rcd", "rs485", "soc", "soh", "tou", "ups", "usb", "vpp", "vrm"),
    )
)
_DIRECTED: Final = frozenset({"watts", "amperes", "vars", "volt_amperes"})


@dataclass(frozen=True, slots=True)
class Shape:
    """What a register's samples look like, whatever they are called.

    `kind` "code" is a bit field without names. `last` is the label of the state, the bit or the text.
    """

    kind: Literal["gauge", "counter", "state", "info", "code"]
    unit: str
    labels: tuple[str, ...]
    last: str = ""

    @classmethod
    def of(cls, register: Register, unit: str, labels: Sequence[str], last: str, *, counter: bool) -> Shape:
        """Return the shape of a register whose values are in the base unit `unit`."""
        if register.type.is_text:
            return cls("info", "", tuple(labels), last)
        if register.names:
            return cls("state", "", tuple(labels), last)
        if register.type.kind == "bits":
            return cls("code", "", tuple(labels))
        return cls("counter" if counter else "gauge", unit, tuple(labels))

    def __str__(self) -> str:
        unit = f" in {self.unit}" if self.unit else ""
        labels = (*sorted(self.labels), *([self.last] if self.last else []))
        return f"{self.kind}{unit} with {'the labels ' + ', '.join(labels) if labels else 'no labels'}"

    def agrees(self, other: Shape) -> bool:
        """Whether both can be series of one metric; the order of the labels does not matter."""
        return str(self) == str(other)


def quantities(
    name: str, shape: Shape, words: str, vendor_names: Sequence[str], *, signed: bool
) -> tuple[Quantity | None, Quantity | None]:
    """Return the quantity of a vendor and that of its code, each None where the shape has none.

    `name` is the whole name, `words` what HELP calls it, with underscores. `vendor_names` are the vendor's
    own for the registers that share the quantity. `signed` values keep the vendor's sign.
    """
    what = in_words(words)
    named = _named(vendor_names)
    if shape.kind == "info":
        return Quantity(name, "", "info", f"{what}{named}, as text.", (*shape.labels, shape.last)), None
    if shape.kind in {"gauge", "counter"}:
        sign = "sign as the vendor's" if signed and shape.unit in _DIRECTED else ""
        kind: Kind = "counter" if shape.kind == "counter" else "gauge"
        return Quantity(name, shape.unit, kind, f"{what}{named}.", shape.labels, sign), None
    code = Quantity(f"{name}_code", "", "gauge", f"{what}{named}, as a number.", shape.labels)
    if shape.kind == "code":
        return None, code
    text = f"{what}{named}: 1 for what holds now, 0 for all else."
    return Quantity(name, "", "state", text, (*shape.labels, shape.last)), code


def in_words(name: str) -> str:
    """Return a name as a person writes it: "ac_in_l1_voltage" is "AC in L1 voltage"."""
    words = [word.upper() if _is_acronym(word) else word for word in name.split("_")]
    return " ".join([words[0][:1].upper() + words[0][1:], *words[1:]])


def _is_acronym(word: str) -> bool:
    return word in _ACRONYMS or re.fullmatch(r"(l|pv|ac|dc|ct|mppt)[0-9]+", word) is not None


def _named(vendor_names: Sequence[str]) -> str:
    names = [name for name in dict.fromkeys(vendor_names) if name]
    if not names:
        return ""
    more = f" and {len(names) - 1} more" if names[1:] else ""
    return f" (vendor: {names[0]}{more})"
