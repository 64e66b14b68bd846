"""An image of registers in the making: values in, words out."""

from __future__ import annotations

import math
from typing import Final

KWH: Final = 3_600_000.0


def rounded(value: float) -> int:
    """Return the nearest whole number, halves away from zero, as C's round does."""
    return math.floor(value + 0.5) if value >= 0.0 else -math.floor(0.5 - value)


class Image(dict[int, int]):
    """Words by address. A number is multiplied by `gain`, rounded, and wraps where it does not fit."""

    def word(self, address: int, value: float, gain: float = 1) -> None:
        """Put a number into one word, in two's complement."""
        self[address] = rounded(value * gain) & 0xFFFF

    def pair(self, address: int, value: float, gain: float = 1) -> None:
        """Put a number into two words, high word first."""
        self._put(address, rounded(value * gain), 2)

    def quad(self, address: int, value: float, gain: float = 1) -> None:
        """Put a number into four words, high word first."""
        self._put(address, rounded(value * gain), 4)

    def words(self, address: int, *values: float, gain: float = 1) -> None:
        """Put numbers into words that follow each other."""
        for place, value in enumerate(values, address):
            self.word(place, value, gain)

    def pairs(self, address: int, *values: float, gain: float = 1) -> None:
        """Put numbers into pairs of words that follow each other."""
        for index, value in enumerate(values):
            self.pair(address + 2 * index, value, gain)

    def text(self, address: int, count: int, value: str) -> None:
        """Put Latin-1 text into `count` words, two characters a word, cut or padded with zeros."""
        self._put(
            address, int.from_bytes(value.encode("latin-1")[: 2 * count].ljust(2 * count, b"\0")), count
        )

    def _put(self, address: int, number: int, count: int) -> None:
        for index in range(count):
            self[address + index] = number >> 16 * (count - 1 - index) & 0xFFFF
