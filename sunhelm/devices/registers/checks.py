"""What must be true of the registers of a map together, and of the maps of a family."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby

from sunhelm.devices.links.base import Table
from sunhelm.devices.quantities import CATALOGUE, Quantity
from sunhelm.devices.registers.drafts import Draft
from sunhelm.devices.registers.guess import did_you_mean
from sunhelm.devices.registers.register import NEVER_READ, Register, RegisterMap
from sunhelm.devices.registers.words import WIDER
from sunhelm.devices.units import BASE_UNITS


def check_drafts(drafts: Sequence[Draft]) -> None:
    """Note what is wrong between rows: order, names, references and words that two registers claim."""
    by_name: dict[str, Draft] = {}
    for draft in drafts:
        first = by_name.setdefault(draft.register.name, draft)
        if first is not draft:
            detail = f'"{draft.register.name}" already stands in line {first.row.line}'
            draft.row.wrong("name", "name given twice", detail)
    for draft in drafts:
        _check_references(draft, by_name)
    for table in Table:
        own = [draft for draft in drafts if draft.register.table is table]
        _check_order(own)
        _check_overlaps(own)


def _check_references(draft: Draft, by_name: dict[str, Draft]) -> None:
    row, register = draft.row, draft.register
    if register.scale_register:
        scale = by_name.get(register.scale_register)
        factors = [name for name, other in by_name.items() if other.register.type.kind == "scale_factor"]
        if scale is None:
            guess = did_you_mean(register.scale_register, factors)
            row.wrong("scale", "unknown register", f'"@{register.scale_register}" is not in this map{guess}')
        elif scale.register.type.kind != "scale_factor":
            detail = f'"{register.scale_register}" is {scale.register.type.name}; its type must be sunssf'
            row.wrong("scale", "not a scale factor", detail)
    if register.instead_of:
        if register.instead_of not in by_name:
            guess = did_you_mean(register.instead_of, by_name)
            row.wrong("instead_of", "unknown register", f'"{register.instead_of}" is not in this map{guess}')
        elif register.name in _better(register, by_name):
            row.wrong(
                "instead_of", "in a circle", f'"{register.instead_of}" in turn stands in for this register'
            )
    if register.high:
        _check_high_word(draft, by_name)


def _check_high_word(draft: Draft, by_name: Mapping[str, Draft]) -> None:
    row, register = draft.row, draft.register
    if register.high not in by_name:
        guess = did_you_mean(register.high, by_name)
        row.wrong("high", "unknown register", f'"{register.high}" is not in this map{guess}')
        return
    high = by_name[register.high].register
    if (high.type.name, high.group, high.table) != ("u16", NEVER_READ, register.table):
        detail = f'"{register.high}" is {high.type.name} of group {high.group}; u16 of group - is right'
        row.wrong("high", "not a high word", detail)
    if register.type.name not in WIDER or register.scale_register:
        detail = f"{register.type.name} cannot have one; u16 and i16 without a scale register can"
        row.wrong("high", "no high word possible", detail)


def _better(register: Register, by_name: dict[str, Draft]) -> list[str]:
    """Return the registers that this one stands in for, nearest first; each once, also in a circle."""
    names: list[str] = []
    name = register.instead_of
    while name in by_name and name not in names:
        names.append(name)
        name = by_name[name].register.instead_of
    return names


def _check_order(drafts: Sequence[Draft]) -> None:
    highest = -1
    for draft in drafts:
        address = draft.register.address
        if address < highest:
            detail = f"{address} stands after {highest}; rows are sorted by address"
            draft.row.wrong("address", "out of order", detail)
        highest = max(highest, address)


def _check_overlaps(drafts: Sequence[Draft]) -> None:
    """Registers may share a word when they are different bits of it, or when one says so by `=`."""
    claimed: dict[int, list[Draft]] = {}
    for draft in drafts:
        register = draft.register
        rivals: dict[str, Draft] = {}
        for address in range(register.address, register.end):
            for other in claimed.setdefault(address, []):
                if not (draft.again or other.again) and _bits_at(other, address) & _bits_at(draft, address):
                    rivals[other.register.name] = other
            claimed[address].append(draft)
        for rival in rivals.values():
            held = f"{rival.register.address}+{rival.register.type.words}"
            detail = f'"{rival.register.name}" of line {rival.row.line} has {held}; write ='
            detail += f"{register.address} when both are meant"
            draft.row.wrong("address", "words of another register", detail)


def _bits_at(draft: Draft, address: int) -> int:
    """Return the bits of one word that a register takes, as a mask."""
    register = draft.register
    position = address - register.address
    if not register.type.low_word_first:
        position = register.type.words - 1 - position
    return register.type.bits >> 16 * position & 0xFFFF


def check_series(drafts: Sequence[Draft]) -> None:
    """Note registers that would be the same series: never both at once unless one stands in for the other."""
    by_name = {draft.register.name: draft for draft in drafts}
    better = {
        draft.register.name: _better(draft.register, by_name) for draft in drafts if draft.register.instead_of
    }
    users: dict[tuple[str, frozenset[tuple[str, str]]], list[Draft]] = {}
    for draft in drafts:
        name = draft.register.name
        for quantity in _quantities(draft.register):
            same = users.setdefault((quantity.metric, frozenset(draft.register.labels.items())), [])
            for other in same:
                rival = other.register.name
                if rival not in better.get(name, ()) and name not in better.get(rival, ()):
                    detail = f'{quantity.metric} is also "{rival}" of line {other.row.line}; '
                    detail += "other labels, another name or instead_of tell them apart"
                    draft.row.wrong("quantity", "same series twice", detail)
                    break
            same.append(draft)


def _quantities(register: Register) -> Iterator[Quantity]:
    yield from (quantity for quantity in (register.quantity, register.code) if quantity)


def metric_mistakes(maps: Iterable[RegisterMap]) -> list[str]:
    """Return what the maps of one family disagree on: metrics that they make in more than one shape."""
    shapes = sorted(
        {
            (quantity.metric, quantity.kind, quantity.unit, quantity.labels, registers.name)
            for registers in maps
            for register in registers.registers
            for quantity in _quantities(register)
        }
    )
    mistakes = []
    for metric, group in groupby(shapes, key=lambda shape: shape[0]):
        said = {
            f"{kind} in {unit or 'no unit'} with the labels {', '.join(labels) or 'none'}": name
            for _, kind, unit, labels, name in group
        }
        if len(said) > 1:
            places = "; ".join(f"{shape} in {name}" for shape, name in said.items())
            mistakes.append(f"{metric}: one metric, several shapes - {places}; another name tells them apart")
    return mistakes


def sum_mistakes(registers: RegisterMap, quantity: str, terms: Sequence[str]) -> list[str]:
    """Return what is wrong with a total that is the sum of `terms`, names that "-" may precede."""
    total = CATALOGUE.get(quantity)
    if total is None:
        return [f'unknown quantity - "{quantity}" is not in the catalogue{did_you_mean(quantity, CATALOGUE)}']
    by_name = {register.name: register for register in registers.registers}
    mistakes = []
    for term in terms:
        register = by_name.get(term.removeprefix("-"))
        if register is None:
            guess = did_you_mean(term.removeprefix("-"), by_name)
            mistakes.append(f'unknown register - "{term}" of {quantity} is not in {registers.name}{guess}')
        elif (base := BASE_UNITS[register.unit].base) != total.unit:
            mistakes.append(
                f'wrong unit - "{term}" is in {base or "no unit"}, {quantity} in {total.unit or "none"}'
            )
        elif register.names or register.type.is_text:
            mistakes.append(f'not a number - "{term}" of {quantity} cannot be summed')
    return mistakes
