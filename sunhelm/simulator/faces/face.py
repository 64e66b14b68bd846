"""What a simulated Modbus device is to the wire."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from enum import StrEnum
from typing import Protocol


class Table(StrEnum):
    """The register tables: function 3 reads holding, function 4 input registers.

    GivEnergy's function 0x16 tells what a meter is.
    """

    HOLDING = "holding"
    INPUT = "input"
    METER = "meter"


class ModbusException(Exception):
    """The device answers with an exception instead of data; `code` is Modbus' own number."""

    def __init__(self, code: int) -> None:
        super().__init__(f"Modbus exception {code}")
        self.code = code


class Face(Protocol):
    """One system's registers. Knows the plant, knows no frames."""

    def read(self, unit: int, table: Table, address: int, count: int) -> Sequence[int]:
        """Return exactly `count` words, each 0 to 65535; raises ModbusException."""

    def write(self, unit: int, address: int, words: Sequence[int]) -> None:
        """Take words for holding registers; raises ModbusException."""

    def identification(self, unit: int) -> Mapping[int, str] | None:
        """Return the objects of function 2B/0E by their number; None when it is not offered."""

    def counters(self, unit: int, table: Table) -> Container[int]:
        """Return the addresses of the words of lifetime counters, which a waking device may show as 0."""

    def update(self) -> None:
        """Do what the device does by itself once a step: watchdogs, regulation."""
