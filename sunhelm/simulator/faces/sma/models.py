"""The devices that can be played, typed from the sheets of their models: who they are and what they take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

KEEP_LAST: Final = 2506
USE_FALLBACK: Final = 2507
BY_COMMUNICATION: Final = 1079

SETPOINT: Final = frozenset({40149, 40151, 40153})
FOUR: Final = frozenset({40236, 40795, 40799, 40801})
SIX: Final = FOUR | {40793, 40797}
PERCENT: Final = frozenset({40016, 40023})
WINDOW: Final = frozenset({44039, 44041})
STOP: Final = frozenset({40018})
REACTIVE: Final = frozenset({40015, 40022, 40024, 40025})
PER_PHASE: Final = frozenset({41175, 41177, 41179, 41181, 41183, 41185})
CONSUMPTION: Final = frozenset({41249, 41251})


@dataclass(frozen=True, slots=True)
class Model:
    """One device.

    `firmware` is what 30059 shows. `commands` are the registers that can only be written, `settings` those
    that can be read as well, with what they hold at first. `guarded` ones want the Grid Guard code. `units`
    are the inverters of a cluster, of which this is the master; a set point is for each of them where it is
    `per_unit`. `moves_battery` says whether the set point of 40149 does anything. `timeout_s` and `keeps`
    are the fallback of a device whose registers do not tell it.
    """

    device_class: int
    device_type: int
    firmware: int
    commands: frozenset[int]
    settings: Mapping[int, int] = field(default_factory=dict)
    guarded: frozenset[int] = frozenset()
    battery: bool = True
    strings: bool = False
    units: int = 1
    per_unit: bool = False
    moves_battery: bool = True
    timeout_s: float = 600.0
    keeps: bool = True


_ISLAND: Final = MappingProxyType(
    {
        40009: 235,
        40045: 120_000,
        40075: 1129,
        40083: 150_000,
        40210: BY_COMMUNICATION,
        40679: 1129,
        40705: 75,
        40707: 60,
        41187: 3053,
        41189: 303,
        41217: 20_000,
    }
)
_FALLBACK: Final = MappingProxyType({41193: USE_FALLBACK, 41195: 600})

SUNNY_ISLAND: Final = Model(
    8007,
    9476,
    0x0340_0304,  # 3.40.03.R
    SETPOINT | FOUR | PERCENT | WINDOW | STOP | REACTIVE | PER_PHASE | CONSUMPTION,
    {**_ISLAND, **_FALLBACK, 44037: 800_000},
    units=3,
)
"""A cluster of three Sunny Island 8.0H-13."""

OLD_ISLAND: Final = Model(8007, 9476, 0x0104_0004, SETPOINT | FOUR | PER_PHASE, _ISLAND, units=1, keeps=True)
"""The same with firmware 1.04.00.R, which shows no fallback."""

STORAGE: Final = Model(
    8007,
    9359,
    0x0405_0104,
    SETPOINT | SIX | PERCENT | WINDOW | STOP | REACTIVE,
    {
        **_FALLBACK,
        40210: BY_COMMUNICATION,
        40915: 6_000,
        41187: 3053,
        41197: 0,
        41215: 0,
        41217: 9_000,
        41259: 2424,
        44035: -368_000,
        44037: 368_000,
    },
    guarded=frozenset({40210, 40915}),
    moves_battery=False,
)
"""A Sunny Boy Storage 6.0."""

HYBRID: Final = Model(
    8009,
    19051,
    0x0301_0904,
    frozenset({40149, 40151, 40795, 40799}) | PERCENT | STOP,
    {**_FALLBACK, 40210: BY_COMMUNICATION, 40915: 10_000, 41197: 10_000, 41217: 15_000, 44427: 803},
    guarded=frozenset({40210, 40915}),
    strings=True,
)
"""A Sunny Tripower 10.0 Smart Energy."""

INVERTER: Final = Model(
    8001,
    9321,
    0x0302_1404,
    PERCENT | STOP | REACTIVE,
    {
        **_FALLBACK,
        40001: 0,
        40210: BY_COMMUNICATION,
        40212: 4_000,
        40214: 100,
        40915: 4_000,
        41187: 3053,
        41197: 10_000,
        41217: 6_000,
        41255: 10_000,
    },
    guarded=frozenset({40210, 40212, 40214, 40915, 41121}),
    battery=False,
    strings=True,
)
"""A Sunny Boy 4.0."""
