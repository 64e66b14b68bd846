"""Which registers a SUN2000 answers, which it lets a client set, and in which range; typed from the sheet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

SPANS: Final = (
    *((30_000, 30_120), (30_206, 30_218), (30_366, 30_369), (30_561, 30_605), (31_000, 31_209)),
    *((32_000, 32_120), (32_172, 32_191), (32_212, 32_231)),
    *((35_000, 35_003), (35_021, 35_044), (35_127, 35_282), (35_300, 35_307)),
    *((37_000, 37_070), (37_100, 37_138), (37_200, 37_202), (37_700, 37_828), (37_920, 37_928)),
    (38_200, 38_463),
    *((40_000, 40_001), (40_037, 40_038), (40_120, 40_199)),
    *((42_000, 42_179), (42_405, 42_406), (42_900, 42_900), (43_006, 43_006), (43_098, 43_098)),
    *((45_052, 45_052), (45_086, 45_086), (47_000, 47_321), (47_415, 47_418), (47_589, 47_605)),
    *((47_674, 47_678), (47_750, 47_755), (47_954, 48_020), (48_089, 48_090)),
)
"""First and last address of what one request may cover."""

METER: Final = range(37_101, 37_139)
"""The words that make the inverter hang up while the meter is offline."""

COUNTERS: Final = frozenset(
    address
    for first, last in (
        *((32_106, 32_109), (32_212, 32_231), (35_000, 35_003), (37_066, 37_069), (37_119, 37_124)),
        *((37_753, 37_756), (37_780, 37_783)),
        *((38_238 + 42 * pack, 38_241 + 42 * pack) for pack in range(6)),
    )
    for address in range(first, last + 1)
)
"""The words of lifetime counters."""

STARTUP: Final = 40_200
SHUTDOWN: Final = 40_201
RESET: Final = 40_205
HEARTBEAT: Final = 49_999
WRITE_ONLY: Final = frozenset({STARTUP, SHUTDOWN, RESET, HEARTBEAT})


@dataclass(frozen=True, slots=True)
class Range:
    """A setting of `words` words: what it may be, and what it is when the device is new."""

    low: int
    high: int
    value: int = 0
    words: int = 1


SETTINGS: Final[Mapping[int, Range]] = {
    40_122: Range(-1000, 1000, 1000),
    40_123: Range(-1000, 1000, 0),
    40_125: Range(0, 1000, 1000),
    40_126: Range(0, 10_000, 10_000, 2),
    42_017: Range(100, 1_000_000, 50_000, 2),
    42_019: Range(0, 86_400, 0, 2),
    42_054: Range(0, 1, 0),
    42_055: Range(5, 30, 15),
    42_900: Range(0, 1, 0),
    43_006: Range(-720, 840, 60),
    47_075: Range(0, 5_000, 5_000, 2),
    47_077: Range(0, 5_000, 5_000, 2),
    47_081: Range(900, 1000, 1000),
    47_082: Range(0, 200, 50),
    47_083: Range(0, 1440, 0),
    47_086: Range(0, 5, 2),
    47_087: Range(0, 1, 0),
    47_088: Range(200, 1000, 500),
    47_100: Range(0, 2, 0),
    47_101: Range(0, 1000, 0),
    47_102: Range(0, 1000, 100),
    47_242: Range(0, 5_000, 2_500, 2),
    47_246: Range(0, 1, 0),
    47_247: Range(0, 5_000, 0, 2),
    47_249: Range(0, 5_000, 0, 2),
    47_299: Range(0, 1, 1),
    47_415: Range(0, 7, 0),
    47_416: Range(-1000, 10_000, 0, 2),
    47_418: Range(0, 1000, 0),
    47_589: Range(0, 5, 0),
    47_590: Range(0, 30_000, 5_000, 2),
    47_954: Range(0, 2, 0),
    47_955: Range(0, 1000, 0),
}
"""Numbers that a client may set, by their first address."""

PERIODS: Final[Mapping[int, int]] = {47_028: 41, 47_200: 41, 47_255: 43, 47_956: 64}
"""Packed periods that a client may set: how many words, by the first address."""

EXPORT_MODES: Final = frozenset({0, 1, 5, 6, 7})


def readable(address: int, count: int) -> bool:
    """Whether one request may read these addresses."""
    return any(first <= address and address + count - 1 <= last for first, last in SPANS)
