"""A register and a map of registers, as the rest of the house sees them.

`sunhelm.devices.registers.map` makes them from CSV; the columns are described there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final, Literal

from sunhelm.devices.links.base import Table
from sunhelm.devices.quantities import Quantity
from sunhelm.devices.registers.figures import Share
from sunhelm.devices.units import in_whole_numbers

Access = Literal["r", "rw", "w"]
Storage = Literal["", "volatile", "persistent", "unknown"]
Profile = Literal["core", "full"]

NEVER_READ: Final = "-"
"""The group of registers that a block may read over but nobody asks for."""

TypeKind = Literal[
    "uint", "int", "float", "bits", "scale_factor", "hhmm", "string", "hex", "version", "datetime"
]


@dataclass(frozen=True, slots=True)
class Type:
    """How words become a raw value.

    `kind` is the interpretation and `words` the number of words; `low_word_first` turns their order.
    A whole number has `width` bits from bit `low_bit` of its words on: u8hi is 8 bits from bit 8.
    Text has two characters a word, the first in the high byte unless `low_byte_first`, or one a word
    in its low byte when it is `wide`. With `digits`, bytes below 10 are digits and not characters.
    """

    name: str
    kind: TypeKind
    words: int
    low_word_first: bool = False
    low_byte_first: bool = False
    wide: bool = False
    digits: bool = False
    low_bit: int = 0
    width: int = 0

    @property
    def is_text(self) -> bool:
        """Whether a raw value is a str."""
        return self.kind in {"string", "hex", "version"}

    @property
    def is_whole(self) -> bool:
        """Whether a raw value is an int."""
        return self.kind in {"uint", "int", "bits", "scale_factor", "hhmm"}

    @property
    def bits(self) -> int:
        """The bits that the value takes of its words, as a mask; all of them unless it is a part of them."""
        width = self.width or 16 * self.words
        return ((1 << width) - 1) << self.low_bit


@dataclass(frozen=True, slots=True, eq=False)
class Register:
    """One value of a device: where it stands, what its words mean, what it is called by us.

    A register is equal to itself only.

    `address` is that of the first word, relative to the base of the part it belongs to.
    `scale` and `offset` turn the raw value into the vendor's unit (raw x scale + offset), `factor` and
    `shift` that into the base unit of `quantity`; all exact. `scale_register` names a register of the
    same map that holds a decimal exponent.
    `absent` are raw values that mean "not available"; `minimum` and `maximum` bound the value in the
    vendor's unit, unless they are a share of the device's own figure.
    `instead_of` names a better register of the same map: this one is read only where the device refuses
    that one. `high` names the register of the same map that holds the word above this one's.
    `names` are those of an enumeration's values or of a bit field's bits.
    `quantity` is None for a register that is only read for others (a scale factor, a serial's half).
    Its kind is "state" for an enumeration or a bit field with names, and "info" for text. `code` is then
    the quantity of the number itself, for an enumeration or any bit field.
    `labels` are fixed label values; those of the part are added to them.

    `place` is where it stands and what it is called, for HELP: "holding 590 battery_1_power".
    `multiplier`, `addend` and `divisor` are whole: base value = (raw x multiplier + addend) / divisor.
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
    code: Quantity | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    absent: frozenset[int] = frozenset()
    instead_of: str = ""
    high: str = ""
    minimum: float | Share | None = None
    maximum: float | Share | None = None
    names: Mapping[int, str] = field(default_factory=dict)
    vendor: str = ""
    note: str = ""

    place: str = field(init=False)
    multiplier: int = field(init=False)
    addend: int = field(init=False)
    divisor: int = field(init=False)

    def __post_init__(self) -> None:
        slope = self.scale * self.factor
        start = self.offset * self.factor + self.shift
        multiplier, addend, divisor = in_whole_numbers(slope, start)
        object.__setattr__(self, "place", f"{self.table} {self.address} {self.name}")
        object.__setattr__(self, "multiplier", multiplier)
        object.__setattr__(self, "addend", addend)
        object.__setattr__(self, "divisor", divisor)

    @property
    def end(self) -> int:
        """The first address after the register."""
        return self.address + self.type.words

    @property
    def needs(self) -> tuple[str, ...]:
        """The registers without which the value cannot be told: the exponent and the high word, if any."""
        return tuple(filter(None, (self.scale_register, self.high)))


@dataclass(frozen=True, slots=True)
class RegisterMap:
    """The registers of one part of a device, in order of their addresses, and where they come from."""

    name: str
    registers: tuple[Register, ...]
    _by_name: Mapping[str, Register] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_name", {register.name: register for register in self.registers})

    def __getitem__(self, name: str) -> Register:
        return self._by_name[name]
