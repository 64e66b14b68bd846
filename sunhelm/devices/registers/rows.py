"""Rows of a register map as text: read strictly, every mistake with its place."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final, TypeVar

from sunhelm.devices.registers.guess import did_you_mean

REQUIRED: Final = ("address", "type", "name")
COLUMNS: Final = (
    *("address", "type", "scale", "offset", "unit", "access", "storage", "table", "group", "profile"),
    *("name", "quantity", "labels", "absent", "instead_of", "high", "min", "max", "names", "vendor", "note"),
)

Word = TypeVar("Word", bound=str)


@dataclass(slots=True)
class Mistakes:
    """What is wrong in one file, in the order in which it was found."""

    file: str
    _found: list[tuple[int, str]] = field(default_factory=list)

    def add(self, line: int, column: str, rule: str, detail: str) -> None:
        """Note a mistake: the rule that is broken, and what was found and what is allowed."""
        place = f"{self.file}:{line}:{column}" if column else f"{self.file}:{line}"
        self._found.append((line, f"{place}: {rule} - {detail}"))

    def __bool__(self) -> bool:
        return bool(self._found)

    def __iter__(self) -> Iterator[str]:
        """Yield the mistakes in the order of the lines."""
        return (text for _, text in sorted(self._found, key=lambda found: found[0]))


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its line in the file, and its cells by column. A column that is not there reads as empty."""

    line: int
    cells: Mapping[str, str]
    mistakes: Mistakes

    def __getitem__(self, column: str) -> str:
        return self.cells.get(column, "")

    def wrong(self, column: str, rule: str, detail: str) -> None:
        """Note a mistake in a cell of this row."""
        self.mistakes.add(self.line, column, rule, detail)

    def one_of(self, column: str, allowed: Collection[Word], default: Word) -> Word:
        """Return the word in a cell, `default` when it is empty or not allowed."""
        text = self[column]
        for word in allowed:
            if text == word:
                return word
        if text:
            given = ", ".join(word for word in allowed if word)
            self.wrong(
                column, f"unknown {column}", f'"{text}" is none of {given}{did_you_mean(text, allowed)}'
            )
        return default

    def number(self, column: str, default: Fraction) -> Fraction:
        """Return the exact number in a cell, `default` when it is empty or no number."""
        text = self[column]
        if not text:
            return default
        try:
            return Fraction(text)
        except (ValueError, ZeroDivisionError):
            self.wrong(column, "not a number", f'"{text}" is none; write 0.1, -10, 1e-7 or 1/3')
            return default

    def entries(self, column: str, form: str) -> Iterator[tuple[str, str]]:
        """Yield key and value of each `key=value` in a cell, parted by semicolons, each key once."""
        seen: set[str] = set()
        for entry in self[column].split(";") if self[column] else ():
            key, equals, value = (part.strip() for part in entry.partition("="))
            if not (key and equals and value):
                self.wrong(column, "not understood", f'"{entry}" is not {form}')
            elif key in seen:
                self.wrong(column, "given twice", f'"{key}" stands twice')
            else:
                seen.add(key)
                yield key, value


def read_rows(content: bytes, mistakes: Mistakes) -> list[Row]:
    """Return the rows of a CSV file in UTF-8; nothing when its header already is wrong."""
    rows: list[Row] = []
    line = 1
    try:
        lines = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
        header = [cell.strip() for cell in next(lines, [])]
        if not _header_is_right(header, mistakes):
            return []
        line = lines.line_num + 1
        for cells in lines:
            if len(cells) == len(header):
                stripped = (cell.strip() for cell in cells)
                rows.append(Row(line, dict(zip(header, stripped, strict=True)), mistakes))
            elif cells:
                detail = f"this row has {len(cells)} cells, the header {len(header)}"
                mistakes.add(line, "", "wrong number of cells", detail)
            line = lines.line_num + 1
    except UnicodeDecodeError as error:
        mistakes.add(content.count(b"\n", 0, error.start) + 1, "", "not UTF-8", str(error))
    except csv.Error as error:
        mistakes.add(line, "", "not CSV", str(error))
    return rows


def _header_is_right(header: Sequence[str], mistakes: Mistakes) -> bool:
    right = True
    for column in dict.fromkeys(header):
        if column not in COLUMNS:
            guess = did_you_mean(column, COLUMNS)
            detail = f'"{column}" is none of {", ".join(COLUMNS)}{guess}'
            mistakes.add(1, column, "unknown column", detail)
            right = False
        elif header.count(column) > 1:
            mistakes.add(
                1, column, "column given twice", f"it stands {header.count(column)} times; once is right"
            )
            right = False
    for column in REQUIRED:
        if column not in header:
            mistakes.add(1, column, "missing column", f"every map has {', '.join(REQUIRED)}")
            right = False
    return right
