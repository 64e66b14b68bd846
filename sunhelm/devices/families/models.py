"""A model of a chain, and what becomes of a part's map and data where the model stands."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Final

from sunhelm.devices.families.spec import Derived, Part, Repeat
from sunhelm.devices.quantities import CATALOGUE
from sunhelm.devices.registers.register import Register, RegisterMap

HEADER: Final = 2
"""The words before a model's own: its id and its length."""


@dataclass(frozen=True, slots=True)
class Model:
    """One model of a chain: its id, the address where that stands, and how many words follow its header."""

    id: int
    base: int
    length: int

    @property
    def end(self) -> int:
        """The first address after the model."""
        return self.base + HEADER + self.length


@dataclass(frozen=True, slots=True)
class Place:
    """How a part's map fits one device.

    `names` are those of the repetitions, `tail` how many of them, the last ones, are something else.
    `turned` are the registers that it tells with the other sign.
    """

    model: Model
    names: tuple[str, ...] = ()
    tail: int = 0
    turned: tuple[str, ...] = ()


def moved(written: RegisterMap, place: Place, repeat: Repeat | None) -> RegisterMap:
    """Return the registers that the model is long enough for, at their addresses in this device.

    Those that repeat have the name of the repetition behind theirs and as the label; those that are turned,
    the other sign.
    """
    model = place.model
    last = model.end - model.base
    present = {register.name for register in written.registers if register.end <= last}

    def registers() -> Iterator[Register]:
        for each in written.registers:
            register = replace(each, scale=-each.scale) if each.name in place.turned else each
            if register.scale_register and register.scale_register not in present:
                continue
            address = model.base + register.address
            if repeat is not None and register.address >= repeat.start:
                for number, name in enumerate(place.names):
                    is_tail = number >= len(place.names) - place.tail
                    yield replace(
                        register,
                        name=f"{register.name}_{name}",
                        address=address + number * repeat.words,
                        labels={**register.labels, repeat.label: name} if register.labels else {},
                        quantity=None if is_tail and _is_catalogued(register) else register.quantity,
                    )
            elif register.name in present:
                yield replace(register, address=address)

    return RegisterMap(written.name, tuple(sorted(registers(), key=lambda register: register.address)))


def _is_catalogued(register: Register) -> bool:
    return register.quantity is not None and register.quantity.name in CATALOGUE


def fitted(part: Part, written: RegisterMap, found: RegisterMap, there: Collection[str]) -> Part:
    """Return the part without what it says of registers that this device lacks.

    Names of registers that repeat become those of all numbered repetitions. `there` are the parts that the
    device has.
    """
    names: dict[str, tuple[str, ...]] = {register.name: (register.name,) for register in found.registers}
    if part.repeat is not None:
        names |= _repeated(written, part.repeat, names)
    return part.model_copy(
        update={
            "derived": tuple(_sums(part.derived, names, there)),
            "witness": tuple(_flat(names.get(name, ()) for name in part.witness)),
            "companions": {
                companion: tuple(_flat(names.get(name, ()) for name in hanging))
                for companion, hanging in part.companions.items()
                if companion in names
            },
        }
    )


def _repeated(written: RegisterMap, repeat: Repeat, found: Collection[str]) -> Mapping[str, tuple[str, ...]]:
    """Return the names of the repetitions by the name in the map."""
    return {
        register.name: tuple(
            name for number in range(1, len(found) + 1) if (name := f"{register.name}_{number}") in found
        )
        for register in written.registers
        if register.address >= repeat.start
    }


def _sums(
    sums: Iterable[Derived], names: Mapping[str, Sequence[str]], there: Collection[str]
) -> Iterator[Derived]:
    """Yield the sums whose every term the device has, and that no other part of it stands before."""
    for derived in sums:
        terms = [
            [f"{'-' * term.startswith('-')}{name}" for name in names.get(term.removeprefix("-"), ())]
            for term in derived.sum
        ]
        if all(terms) and not set(derived.instead_of).intersection(there):
            yield derived.model_copy(update={"sum": tuple(_flat(terms))})


def _flat(lists: Iterable[Iterable[str]]) -> Iterator[str]:
    return chain.from_iterable(lists)
