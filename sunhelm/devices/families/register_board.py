"""The registers of one device, by part and name, read and written one setting at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Final, Literal

from sunhelm.devices.clock import Deadline
from sunhelm.devices.errors import Rejected
from sunhelm.devices.families.base import RegisterFamily, Surroundings, line_to
from sunhelm.devices.families.meaning import bounds_of
from sunhelm.devices.families.parts import Discovery, FoundPart
from sunhelm.devices.families.spec import Part
from sunhelm.devices.guards import Bounds
from sunhelm.devices.links.base import Span
from sunhelm.devices.links.control import ControlLink, open_control_link
from sunhelm.devices.registers import codec
from sunhelm.devices.registers.register import Register, RegisterMap

if TYPE_CHECKING:
    from sunhelm.devices.device_config import DeviceConfig

_GONE: Final = (10, 11)
"""Exceptions of a gateway behind which a part is no more."""


@dataclass(slots=True)
class RegisterBoard:
    """Parts are found when they are first used.

    A part is called by its name, or "name_unit" where the site file gives it several unit ids. `single` is
    the function that writes one register. With `alternatives`, the device is one of the parts.
    """

    link: ControlLink
    config: DeviceConfig
    parts: Sequence[Part]
    map_of: Callable[[Part], RegisterMap]
    single: Literal[6, 16] = 6
    alternatives: bool = False
    _found: dict[str, FoundPart] = field(default_factory=dict)

    def part(self, name: str) -> Part:
        """Return the part of this name, with or without its unit."""
        for part in self.parts:
            if name in (part.name, *(f"{part.name}_{unit}" for unit in self.config.units.get(part.name, ()))):
                return part
        raise KeyError(name)

    def register(self, place: str) -> Register:
        """Return the register at "part.register". Raises KeyError."""
        part, _, name = place.partition(".")
        return self.map_of(self.part(part))[name]

    def bounds(self, place: str) -> Bounds:
        """Return what the register at "part.register" may be, in its base unit. Raises KeyError."""
        return bounds_of(self.register(place), self.config)

    async def locate(self, name: str, deadline: Deadline) -> FoundPart:
        """Return where a part is. Raises Rejected when none, or more than one, answers."""
        if name not in self._found:
            self._found[name] = await self._find(name, deadline)
        return self._found[name]

    async def read(self, place: str, deadline: Deadline) -> int:
        """Return the raw whole number of one register."""
        (raw,) = await self.read_row(place.partition(".")[0], (place.partition(".")[2],), deadline)
        return raw

    async def read_row(self, part: str, names: Sequence[str], deadline: Deadline) -> tuple[int, ...]:
        """Return the raw whole numbers of registers that follow each other, by one request."""
        registers = [self.register(f"{part}.{name}") for name in names]
        words = await self._words(part, registers, deadline)
        raws = []
        for register in registers:
            start = register.address - registers[0].address
            raw = codec.unpack(register.type, words[start : start + register.type.words])
            assert isinstance(raw, int)
            raws.append(raw)
        return tuple(raws)

    async def read_over(self, part: str, names: Sequence[str], deadline: Deadline) -> dict[str, float]:
        """Return the values of registers by one request over all that lies between the first and the last.

        They are in ascending order, and whole numbers; values are in base units, with our sign.
        """
        registers = [self.register(f"{part}.{name}") for name in names]
        first, last = registers[0], registers[-1]
        words = await self._ask(part, first, last, deadline)
        values = {}
        for name, register in zip(names, registers, strict=True):
            start = register.address - first.address
            raw = codec.unpack(register.type, words[start : start + register.type.words])
            assert isinstance(raw, int)
            values[name] = codec.value(register, raw)
        return values

    async def read_value(self, place: str, deadline: Deadline) -> float:
        """Return the value of one register in its base unit, with our sign."""
        return codec.value(self.register(place), await self.read(place, deadline))

    async def read_text(self, place: str, deadline: Deadline) -> str:
        """Return the text of one register."""
        register = self.register(place)
        words = await self._words(place.partition(".")[0], [register], deadline)
        return str(codec.unpack(register.type, words))

    async def write(self, place: str, raw: float, deadline: Deadline) -> None:
        """Write one register: a single word by the function `single`, more by one request of function 16.

        One that is only some bits of its word leaves the others as they are read.
        """
        part, _, name = place.partition(".")
        register = self.register(place)
        if register.type.words == 1 and register.type.bits != 0xFFFF:
            present = await self._words(part, [register], deadline)
            await self._write(part, register, codec.pack(register.type, raw, present), deadline)
            return
        await self.write_row(part, (name,), (raw,), deadline)

    async def write_row(
        self, part: str, names: Sequence[str], raws: Sequence[float], deadline: Deadline
    ) -> None:
        """Write registers that follow each other, by one request."""
        registers = [self.register(f"{part}.{name}") for name in names]
        words = tuple(
            word
            for register, raw in zip(registers, raws, strict=True)
            for word in codec.pack(register.type, raw)
        )
        _check_row(registers)
        await self._write(part, registers[0], words, deadline)

    async def _write(self, part: str, first: Register, words: tuple[int, ...], deadline: Deadline) -> None:
        unit = (await self.locate(part, deadline)).unit
        function = self.single if len(words) == 1 else 16
        try:
            await self.link.write(unit, first.address, words, deadline, function=function)
        except Rejected as error:
            self._forget(part, error)
            raise

    async def _words(self, part: str, registers: Sequence[Register], deadline: Deadline) -> tuple[int, ...]:
        _check_row(registers)
        return await self._ask(part, registers[0], registers[-1], deadline)

    async def _ask(self, part: str, first: Register, last: Register, deadline: Deadline) -> tuple[int, ...]:
        unit = (await self.locate(part, deadline)).unit
        try:
            return await self.link.read(
                Span(unit, first.table, first.address, last.end - first.address), deadline
            )
        except Rejected as error:
            self._forget(part, error)
            raise

    def _forget(self, part: str, error: Rejected) -> None:
        if error.code in _GONE:
            self._found.pop(part, None)

    def _beside(self, part: Part) -> tuple[Part, ...]:
        """Return the part that tells where another one stands; none where the site file does."""
        return tuple(
            each for each in self.parts if each.name == part.beside and part.name not in self.config.units
        )

    async def _find(self, name: str, deadline: Deadline) -> FoundPart:
        part = self.part(name)
        parts = self.parts if self.alternatives else (*self._beside(part), part)
        discovery = Discovery(parts, self.config.units, self.map_of, alternatives=self.alternatives)
        found = await discovery.find(self.link, deadline)
        if self.alternatives and found[0].part.name != part.name:
            raise Rejected(f"{self.config.name}: is {found[0].part.name}, not {part.name}")
        found = tuple(each for each in found if each.part.name == part.name)
        if name != part.name:
            found = tuple(each for each in found if f"{part.name}_{each.unit}" == name)
        if len(found) > 1:
            units = ", ".join(str(each.unit) for each in found)
            raise Rejected(
                f"{self.config.name}: {part.name} answers at units {units}; `units` in the site file "
                "says which"
            )
        if not found:
            raise Rejected(f"{self.config.name}: no {part.name} answers")
        return found[0]


def open_board(family: RegisterFamily, config: DeviceConfig, surroundings: Surroundings) -> RegisterBoard:
    """Return the registers of a device of this family, opened for control; nothing is sent yet."""
    spec = family.spec
    kind, line = line_to(config, spec, surroundings)
    link = open_control_link(kind, line, logger_serial=config.logger_serial, cut_echo=spec.write.cut_echo)
    return RegisterBoard(
        link, config, spec.parts_of(config.model), family.map_of, spec.write.single, spec.alternatives
    )


def _check_row(registers: Sequence[Register]) -> None:
    for one, following in pairwise(registers):
        if one.end != following.address:
            raise ValueError(f"{one.place} and {following.place} do not follow each other")
