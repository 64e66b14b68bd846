"""Where the settings of a hybrid stand, and what they hold when it leaves the installer."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

NOT_THERE: Final = 0xFFFF


@dataclass(frozen=True, slots=True)
class Layout:
    """Addresses of the settings that move the plant, in words; `watts` is what one count of a power is.

    The six slots stand one behind the other from the first address of each kind. `on` are the values of the
    power switch that leave the inverter running, `sell_bit` the flag of a slot that lets the battery sell.
    `shaving` is the word with the switches of peak shaving, in pairs of bits or alone.
    """

    clock: int
    switch: int
    on: frozenset[int]
    charge_current: int
    discharge_current: int
    low_soc: int
    grid_charge_soc: int
    grid_charge_current: int
    grid_charge: int
    energy_pattern: int
    work_mode: int
    sell_power: int
    solar_sell: int
    days: int
    starts: int
    powers: int
    socs: int
    flags: int
    sell_bit: int
    shaving: int
    pairs: bool
    writable: Collection[int]
    watts: int = 1
    stored: Mapping[int, int] = field(default_factory=dict)


_THREE_PHASE_SETTINGS: Final = {
    60: 0x00FF,
    61: NOT_THERE,
    74: 1,
    77: 0,
    78: 0,
    79: 1000,
    80: 1,
    81: 0,
    83: 1,
    98: 1,
    99: 5760,
    100: 5760,
    101: 5520,
    102: 200,
    103: 4500,
    104: 20,
    105: 90,
    106: 0,
    107: 5,
    108: 120,
    109: 150,
    110: NOT_THERE,
    111: 1,
    112: 1,
    113: 25,
    114: 990,
    115: 5,
    116: 20,
    117: 10,
    118: 4600,
    119: 5200,
    120: 4750,
    121: 240,
    122: 0,
    123: 4900,
    124: 20,
    125: 40,
    126: 4900,
    127: 15,
    128: 60,
    129: 0,
    130: 0,
    131: 5200,
    132: 0,
    133: 0,
    134: 5100,
    135: 80,
    136: 5400,
    137: 95,
    138: 1,
    139: 500,
    140: 1,
    141: 1,
    142: 2,
    143: 12_000,
    144: 0,
    145: 1,
    146: 0x00FE,
    147: 0,
    **dict(zip(range(148, 154), (0, 500, 900, 1200, 1700, 2130), strict=True)),
    **dict.fromkeys(range(154, 160), 8000),
    **dict.fromkeys(range(160, 166), 4900),
    **dict.fromkeys(range(166, 172), 20),
    **dict.fromkeys(range(172, 178), 0),
    178: 0x2AAA,
    179: 0,
    180: 60,
    181: 0,
    182: 0,
    183: 0,
    184: 1,
    185: 2650,
    186: 1850,
    187: 5150,
    188: 4750,
    189: 0,
    190: 8000,
    191: 8000,
    192: 1,
    193: 1000,
    209: 0,
    223: 0,
    228: 0,
    231: 1200,
    233: 1200,
    234: 0,
    235: 0,
    237: 0,
    254: 0,
    336: 0,
    340: 12_000,
    341: 0,
    344: 0,
    347: 30,
}

THREE_PHASE: Final = Layout(
    clock=62,
    switch=80,
    on=frozenset({1}),
    charge_current=108,
    discharge_current=109,
    low_soc=117,
    grid_charge_soc=127,
    grid_charge_current=128,
    grid_charge=130,
    energy_pattern=141,
    work_mode=142,
    sell_power=143,
    solar_sell=145,
    days=146,
    starts=148,
    powers=154,
    socs=166,
    flags=172,
    sell_bit=5,
    shaving=178,
    pairs=True,
    writable=range(60, 500),
    stored=_THREE_PHASE_SETTINGS,
)

_IN_VOLTS: Final = (*range(99, 102), 103, 118, 119, 120, 123, 126, 134, 136, *range(160, 166))
_IN_WATTS: Final = (104, 143, *range(154, 160), 190, 191, 340)

HIGH_VOLTAGE: Final = replace(
    THREE_PHASE,
    watts=10,
    stored={
        **_THREE_PHASE_SETTINGS,
        **{address: _THREE_PHASE_SETTINGS[address] // 10 for address in (*_IN_VOLTS, *_IN_WATTS)},
        110: 0,
    },
)
"""Powers in steps of 10 W, battery voltages in steps of 0.1 V."""

SINGLE_PHASE: Final = Layout(
    clock=22,
    switch=43,
    on=frozenset({1}),
    charge_current=210,
    discharge_current=211,
    low_soc=219,
    grid_charge_soc=229,
    grid_charge_current=230,
    grid_charge=232,
    energy_pattern=243,
    work_mode=244,
    sell_power=245,
    solar_sell=247,
    days=248,
    starts=250,
    powers=256,
    socs=268,
    flags=274,
    sell_bit=6,
    shaving=280,
    pairs=False,
    writable=frozenset({*range(20, 54), *range(200, 500)}),
    stored={
        21: 60,
        43: 1,
        53: 8000,
        200: 1,
        201: 5760,
        202: 5760,
        203: 5520,
        204: 200,
        205: 4500,
        206: 20,
        207: 90,
        208: 0,
        209: 5,
        210: 120,
        211: 150,
        213: 1,
        214: 1,
        215: 25,
        216: 990,
        217: 5,
        218: 20,
        219: 10,
        220: 4600,
        221: 5200,
        222: 4750,
        223: 240,
        224: 0,
        225: 4900,
        226: 20,
        227: 40,
        228: 4900,
        229: 15,
        230: 60,
        231: 0,
        232: 0,
        235: 0,
        236: 5100,
        237: 80,
        238: 5400,
        239: 95,
        241: 500,
        242: 1,
        243: 1,
        244: 2,
        245: 8000,
        247: 1,
        248: 0x00FE,
        **dict(zip(range(250, 256), (0, 500, 900, 1200, 1700, 2130), strict=True)),
        **dict.fromkeys(range(256, 262), 8000),
        **dict.fromkeys(range(262, 268), 4900),
        **dict.fromkeys(range(268, 274), 20),
        **dict.fromkeys(range(274, 280), 0),
        280: 0,
        281: 0,
        282: 60,
        285: 0,
        287: 2650,
        288: 1850,
        289: 5150,
        290: 4750,
        291: 0,
        292: 8000,
        293: 8000,
        325: 0,
        326: 0,
    },
)
