"""A whole device of registers at one moment: for a dump that others can test with, and for its settings."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from typing import Final

from sunhelm.devices.clock import Deadline
from sunhelm.devices.families.blocks import BlockReader, Words
from sunhelm.devices.families.parts import FoundPart
from sunhelm.devices.families.source import Setting
from sunhelm.devices.links.base import Table
from sunhelm.devices.registers import codec
from sunhelm.devices.registers.register import Register

_HARMLESS_TEXT: Final = re.compile(r"model|firmware|version|hardware|software|type|vendor|manufacturer")
_OWNERS_NUMBER: Final = re.compile(r"serial|latitude|longitude|altitude|mac_address|password|pin_code")
_LETTER: Final = re.compile(r"[A-Za-z]")
_DIGIT: Final = re.compile(r"[0-9]")


async def dump(
    blocks: BlockReader,
    parts: Sequence[FoundPart],
    landmarks: Mapping[int, Mapping[int, int]],
    deadline: Deadline,
) -> Mapping[str, Mapping[str, Mapping[str, str]]]:
    """Return the words of every readable register: by table, unit id and first address, in hexadecimal.

    Text and numbers that could tell who owns the device are masked, letter by letter. What the device
    refuses is left out. `landmarks` are the holding registers, by unit id, that lead to the parts.
    """
    tables: dict[Table, dict[int, dict[int, int]]] = {}
    if landmarks:
        tables[Table.HOLDING] = {unit: dict(words) for unit, words in landmarks.items()}
    masked: list[tuple[Table, int, int, int]] = []
    async for part, words in _everything(blocks, parts, deadline, _is_read):
        for (table, address), word in words.by_address().items():
            tables.setdefault(table, {}).setdefault(part.unit, {})[address] = word
        for register in part.map.registers:
            own = words.of(register)
            if own is not None and _is_private(register):
                masked += ((table, part.unit, at, word) for (table, at), word in _masked(register, own))
    for table, unit, address, word in masked:  # last, because parts may have words of others beside their own
        tables[table][unit][address] = word
    return {
        table.value: {str(unit): dict(_runs(words)) for unit, words in sorted(units.items())}
        for table, units in tables.items()
    }


async def settings(
    blocks: BlockReader, parts: Sequence[FoundPart], deadline: Deadline
) -> Mapping[str, Setting]:
    """Return every setting that lasts, by "part.register"; set points that live for seconds are none."""
    found: dict[str, Setting] = {}
    async for part, words in _everything(blocks, parts, deadline, _is_setting):
        for register in part.map.registers:
            own = words.of(register)
            if own is not None and _is_setting(register):
                place = f"unit {part.unit} {register.place}"
                raw = " ".join(f"{word:04x}" for word in own)
                found[f"{part.name}.{register.name}"] = Setting(place, raw, _meaning(register, own))
    return found


async def _everything(
    blocks: BlockReader,
    parts: Sequence[FoundPart],
    deadline: Deadline,
    wanted: Callable[[Register], bool],
) -> AsyncIterator[tuple[FoundPart, Words]]:
    for part in parts:
        registers = [register for register in part.map.registers if wanted(register)]
        words = await blocks.read(part, registers, deadline)
        for error in words.errors.values():
            raise error
        yield part, words


def _is_read(register: Register) -> bool:
    return register.access != "w"


def _is_setting(register: Register) -> bool:
    return register.access == "rw" and register.storage != "volatile"


def _is_private(register: Register) -> bool:
    if register.type.is_text:
        return not _HARMLESS_TEXT.search(register.name)
    return bool(_OWNERS_NUMBER.search(register.name))


def _masked(register: Register, words: tuple[int, ...]) -> Iterator[tuple[tuple[Table, int], int]]:
    if register.type.is_text:
        pairs = (chr(word >> 8) + chr(word & 0xFF) for word in words)
        masked = (_DIGIT.sub("0", _LETTER.sub("A", pair)) for pair in pairs)
        new = [ord(pair[0]) << 8 | ord(pair[1]) for pair in masked]
    else:
        new = [0] * len(words)
    for index, word in enumerate(new):
        yield (register.table, register.address + index), word


def _runs(words: Mapping[int, int]) -> Iterator[tuple[str, str]]:
    """Yield neighbouring words as one text with the address of the first."""
    start, run = -1, list[str]()
    for address, word in sorted(words.items()):
        if run and address != start + len(run):
            yield str(start), " ".join(run)
            run = []
        if not run:
            start = address
        run.append(f"{word:04x}")
    if run:
        yield str(start), " ".join(run)


def _meaning(register: Register, words: tuple[int, ...]) -> str:
    """Return what the words say, as a person reads it: in the vendor's unit, or by name."""
    raw = codec.unpack(register.type, words)
    if isinstance(raw, int) and raw in register.absent:
        return "not available"
    if isinstance(raw, int) and raw in register.names and register.type.kind != "bits":
        return register.names[raw]
    if isinstance(raw, int | float) and not register.scale_register and register.type.kind != "bits":
        value = raw * register.scale + register.offset
        return f"{float(value):g} {register.unit}".strip()
    return str(raw)
