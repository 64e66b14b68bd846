"""Register maps: CSV files, one for each part of a device. This is the reference of their columns.

A map is CSV in UTF-8 with a header and one row a register, sorted by address. The columns `address`,
`type` and `name` are needed; any other may be left out, and a cell that is empty means its default.

    address     Of the first word, as it goes over the wire, relative to the base of the part. `=820` says
                that another register has these words too, and that this is meant. Different bits of one
                word (u8hi and u8lo, u16[3:0] and u16[7:4]) need no such mark.
    type        How the words become a value: u16, i32_le, string8, ...; all are listed in
                `sunhelm.devices.registers.words`.
    scale       The vendor's value is raw x scale + offset; 1 by default. Exact: 0.1, -10, 1e-7, 1/3; a
                negative one turns the sign. `@NAME` is a register of this map of type sunssf that holds a
                decimal exponent, `-@NAME` the same with the sign turned.
    offset      See scale; 0 by default.
    unit        The vendor's unit: W, kWh, degC, %, ...; all are listed in `sunhelm.devices.units`. Empty
                for a plain number, and for times and dates, whose types know it.
    access      r (default), rw, or w for what cannot be read.
    storage     What a write does: volatile (lost on a restart), persistent (kept, and often limited in
                number), unknown.
    table       holding (default) or input.
    group       The group that it is read with, live by default: the family's tiers say how often. `-` is
                never asked for; a block may read over it.
    profile     core (default), or full for what is only scraped when the site file says `profile: full`.
    name        Ours, in lower case words joined by underscores, once in the map. It becomes part of the
                metric of a vendor's quantity, so it has no unit (that is added), no abbreviated unit, and
                does not end in count, sum, bucket or total.
    quantity    What it is. NAME is a quantity of the catalogue, `sunhelm.devices.quantities`. Empty is a
                quantity of the vendor with the register's name, `~NAME` one that several registers share
                and tell apart by labels. `!counter` behind either makes that one a counter: a value that
                only ever grows. `-` is no sample: only read for others. So is, when empty, any register
                of type sunssf, of group `-` or of access w.
    labels      Fixed labels, `string=1` or `phase=L1;string=2`. With the part's label they must be those
                of the quantity.
    absent      Raw values that mean "not available", `65535;0x8000`. A hexadecimal one is the bits on the
                wire. NaN, impossible dates and times of day are known without.
    instead_of  A better register of this map. This one is read only where the device refuses that one.
    high        The register of this map, of type u16 and group `-`, that holds the word above this one's, a
                u16 or i16, where the two stand apart. A number that they make and that is beyond min and max
                is not believed, for some devices leave the high word 0: then this word alone counts.
    min, max    Bounds of what is possible, in the vendor's unit, or the device's own figure:
                `rated_power`, `-rated_power`, `capacity*1.3`. What is beyond is left out.
    names       Of an enumeration's values, `0=idle;1=charging`, or of a bit field's bits, `0=fan;3=meter`;
                several numbers may share a name. `@NAME` is one of the family's `enums`. `fault: 0=fan`
                names the label, which is else `state` or, for bits, `alarm`.
    vendor      The vendor's own name, shown in HELP.
    note        For people who read the map.

A vendor's quantity is the metric solar_FAMILY_[PREFIX_]NAME[_UNIT][_total]. An enumeration is a state
set and solar_..._code, a bit field the same or only its code, text is solar_..._info with the text as its
last label, named as the quantity is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources.abc import Traversable
from pathlib import Path

from sunhelm.devices.quantities import CATALOGUE, Quantity
from sunhelm.devices.registers.checks import check_drafts, check_series
from sunhelm.devices.registers.drafts import Draft, drafted
from sunhelm.devices.registers.guess import did_you_mean
from sunhelm.devices.registers.lint import lint
from sunhelm.devices.registers.register import NEVER_READ, Register, RegisterMap
from sunhelm.devices.registers.rows import Mistakes, read_rows
from sunhelm.devices.registers.vendor import Shape, quantities
from sunhelm.devices.units import BASE_UNITS


class MapError(ValueError):
    """A register map is wrong. `mistakes` has them all, in the order of the lines."""

    def __init__(self, mistakes: Sequence[str]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = tuple(mistakes)


def load_map(
    file: Traversable | Path,
    *,
    family: str,
    prefix: str = "",
    part_labels: Sequence[str] = (),
    enums: Mapping[str, Mapping[int, str]] | None = None,
    groups: Collection[str] = (),
) -> RegisterMap:
    """Return the register map of a CSV file; its columns are described at the top of this module.

    `family` and `prefix` begin the names of vendor quantities, `part_labels` their labels. `enums` are
    the names that `@NAME` can stand for. With `groups`, no others are allowed. Raises MapError with every
    mistake at once, each with its place: "battery.csv:12:unit: unknown unit - ...".
    """
    mistakes = Mistakes(file.name)
    try:
        content = file.read_bytes()
    except OSError as error:
        raise MapError([f"{file.name}: cannot be read - {error.strerror}"]) from error
    rows = read_rows(content, mistakes)
    drafts = [made for row in rows if (made := drafted(row, enums or {}, groups))]
    check_drafts(drafts)
    names = _Names(family, prefix, tuple(part_labels))
    drafts = list(names.give(drafts))
    check_series(drafts)
    if mistakes:
        raise MapError(list(mistakes))
    registers = sorted((made.register for made in drafts), key=lambda register: register.address)
    return RegisterMap(file.name.removesuffix(".csv"), tuple(registers))


@dataclass(frozen=True, slots=True)
class _Wish:
    """What the quantity cell asks for: one of the catalogue, or one of the vendor by that name."""

    name: str
    catalogue: bool = False
    counter: bool = False


@dataclass(frozen=True, slots=True)
class _Names:
    """Gives registers their quantities; registers that share one get the same object."""

    family: str
    prefix: str
    part_labels: tuple[str, ...]

    def give(self, drafts: Sequence[Draft]) -> Iterator[Draft]:
        """Yield the drafts in their order, with quantities."""
        wishes = [self._wish(draft) for draft in drafts]
        shared: dict[str, list[tuple[Draft, Shape]]] = defaultdict(list)
        for draft, wish in zip(drafts, wishes, strict=True):
            if wish and not wish.catalogue:
                shared[wish.name].append((draft, self._shape(draft, wish)))
        made = {name: self._vendor(name, users) for name, users in shared.items()}
        for draft, wish in zip(drafts, wishes, strict=True):
            quantity: Quantity | None = None
            code: Quantity | None = None
            if wish and wish.catalogue:
                quantity = self._catalogued(draft, wish.name)
            elif wish:
                quantity, code = made[wish.name]
            yield replace(draft, register=replace(draft.register, quantity=quantity, code=code))

    def _wish(self, draft: Draft) -> _Wish | None:
        row, register = draft.row, draft.register
        text, mark, kind = row["quantity"].partition("!")
        if mark and kind != "counter":
            row.wrong("quantity", "unknown kind", f'"!{kind}" is none; "!counter" is')
        if text == "-" or (not text and _is_only_read_for_others(register)):
            return None
        if register.type.kind == "scale_factor":
            row.wrong(
                "quantity", "no quantity possible", f'a scale factor is read for others, found "{text}"'
            )
            return None
        if mark and (register.names or register.type.kind not in {"uint", "int", "float"}):
            row.wrong(
                "quantity", "cannot be a counter", f"only a plain number can, not {draft.register.type.name}"
            )
        if not text or text.startswith("~"):
            return _Wish(text.removeprefix("~") or register.name, counter=bool(mark))
        if mark:
            row.wrong("quantity", "no kind possible", "the catalogue says whether it is a counter")
        return _Wish(text, catalogue=True)

    def _labels(self, draft: Draft) -> tuple[str, ...]:
        for label in draft.register.labels:
            if label in self.part_labels:
                draft.row.wrong("labels", "label given twice", f'"{label}" is already the label of the part')
        return (
            *self.part_labels,
            *(label for label in draft.register.labels if label not in self.part_labels),
        )

    def _catalogued(self, draft: Draft, name: str) -> Quantity | None:
        row, register = draft.row, draft.register
        quantity = CATALOGUE.get(name)
        if quantity is None:
            guess = did_you_mean(name, CATALOGUE)
            detail = f'"{name}" is not in the catalogue; ~{name} would be one of the vendor{guess}'
            row.wrong("quantity", "unknown quantity", detail)
            return None
        if quantity.kind == "info" or register.names or register.type.is_text or register.type.kind == "bits":
            detail = (
                f'"{name}" of the catalogue is of kind {quantity.kind}, which {register.type.name} cannot be'
            )
            row.wrong("quantity", "not a number", detail if not register.names else f"{detail} with names")
            return None
        if draft.base_unit != quantity.unit:
            fitting = (
                ", ".join(unit for unit, to in BASE_UNITS.items() if to.base == quantity.unit) or "no unit"
            )
            detail = f'{name} is in {quantity.unit or "no unit"}; found "{row["unit"]}", allowed {fitting}'
            row.wrong("unit", "wrong unit", detail)
        labels = self._labels(draft)
        if sorted(labels) != sorted(quantity.labels):
            wanted, found = (", ".join(sorted(names)) or "none" for names in (quantity.labels, labels))
            row.wrong("labels", "labels do not match", f"{name} has {wanted}, found {found}")
        return quantity

    def _shape(self, draft: Draft, wish: _Wish) -> Shape:
        last = wish.name if draft.register.type.is_text else draft.label
        return Shape.of(draft.register, draft.base_unit, self._labels(draft), last, counter=wish.counter)

    def _vendor(
        self, name: str, users: Sequence[tuple[Draft, Shape]]
    ) -> tuple[Quantity | None, Quantity | None]:
        """Make one quantity, and that of its code, for all the registers that share it."""
        first, shape = users[0]
        for draft, other in users[1:]:
            if not other.agrees(shape):
                where = f'"{first.register.name}" of line {first.row.line}'
                detail = f"this is a {other}, but {where} a {shape}"
                draft.row.wrong("quantity", "same metric, other shape", detail)
        if shape.last in shape.labels:
            first.row.wrong("labels", "label given twice", f'"{shape.last}" is also the label of the value')
        words = "_".join(filter(None, (self.prefix, name)))
        quantity, code = quantities(
            f"{self.family}_{words}",
            shape,
            words,
            [draft.register.vendor for draft, _ in users],
            signed=any(draft.register.type.kind in {"int", "float"} for draft, _ in users),
        )
        for made in filter(None, (quantity, code)):
            column = "quantity" if first.row["quantity"].startswith("~") else "name"
            for complaint in lint(made):
                first.row.wrong(column, "no clean name of a metric", complaint)
        return quantity, code


def _is_only_read_for_others(register: Register) -> bool:
    return register.type.kind == "scale_factor" or register.group == NEVER_READ or register.access == "w"
