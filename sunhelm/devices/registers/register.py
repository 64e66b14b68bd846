"""A register and a map of registers, as the rest of the house sees them.

`sunhelm.devices.registers.map` makes them from CSV; the columns are described there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal

from sunhelm.devices.links.base import Table
from sunhelm.devices.quantities import Quantity

Access = Literal["r", "rw", "w"]
Storage = Literal["", "volatile", "persistent", "unknown"]
Profile = Literal["core", "full"]


@dataclass(frozen=True, slots=True)
class Type:
    """How words become a raw value.

    `kind` is the interpretation: uint, int, float, string, bits, datetime, hhmm, scale_factor.
    `words` is the number of words; `low_word_first` turns their order; `byte` picks one half of a word.
    """

    name: str
    kind: Literal["uint", "int", "float", "string", "bits", "hhmm", "datetime", "scale_factor"]
    words: int
    low_word_first: bool = False
    byte: Literal["", "high", "low"] = ""


@dataclass(frozen=True, slots=True)
class Register:
    """One value of a device: where it stands, what its words mean, what it is called by us.

    `address` is that of the first word, relative to the base of the part it belongs to.
    `scale` and `offset` turn the raw value into the vendor's unit (raw x scale + offset), `factor` and
    `shift` that into the base unit of `quantity`; all exact. `scale_register` names a register of the
    same map that holds a decimal exponent.
    `absent` are raw values that mean "not available"; `minimum` and `maximum` bound the value in the
    vendor's unit, a name such as "rated_power" standing for the device's own figure.
    `names` are those of an enumeration's values or of a bit field's bits.
    `quantity` is None for a register that is only read for others (a scale factor, a serial's half).
    `labels` are fixed label values; those of the part are added to them.
    """

    name: str
    address: int
    type: Type
    table: Table = Table.HOLDING
    scale: Fraction = Fraction(1)
    offset: Fraction = Fraction(0)
    scale_register: str = ""
    unit: str = ""
    factor: Fraction = Fraction(1)
    shift: Fraction = Fraction(0)
    access: Access = "r"
    storage: Storage = ""
    group: str = "live"
    profile: Profile = "core"
    quantity: Quantity | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    absent: frozenset[int] = frozenset()
    minimum: float | str | None = None
    maximum: float | str | None = None
    names: Mapping[int, str] = field(default_factory=dict)
    vendor: str = ""
    note: str = ""

    @property
    def end(self) -> int:
        """The first address after the register."""
        return self.address + self.type.words

    @property
    def place(self) -> str:
        """Where it stands and what it is called, for HELP: "holding 590 battery_1_power"."""
        return f"{self.table} {self.address} {self.name}"


@dataclass(frozen=True, slots=True)
class RegisterMap:
    """The registers of one part of a device, in order of their addresses, and where they come from."""

    name: str
    registers: tuple[Register, ...]

    def __getitem__(self, name: str) -> Register:
        for register in self.registers:
            if register.name == name:
                return register
        raise KeyError(name)
