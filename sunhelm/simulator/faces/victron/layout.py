"""The shape of the GX's register map: which service stands where, what may be written.

Typed from the official register list of the server (release 1.0.101), apart from the driver's maps.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

Range = tuple[int, int]
"""First and last address."""


@dataclass(frozen=True, slots=True)
class Service:
    """One kind of D-Bus service: gapless spans of registers, what may be written, what is filler."""

    spans: tuple[Range, ...]
    writable: tuple[Range, ...] = ()
    reserved: tuple[Range, ...] = ()


SERVICES: Mapping[str, Service] = MappingProxyType(
    {
        "vebus": Service(
            spans=((3, 147), (200, 247)),
            writable=(
                (22, 22),
                (30, 30),
                (33, 33),
                (37, 41),
                (56, 56),
                (62, 62),
                (65, 68),
                (71, 72),
                (96, 103),
                (105, 109),
                (140, 147),
                (201, 211),
                (213, 222),
                (230, 230),
            ),
            reserved=((122, 129), (138, 139), (212, 212), (223, 229), (235, 239)),
        ),
        "battery": Service(
            spans=((256, 331), (1282, 1343)), writable=((280, 280), (1322, 1322), (1336, 1343))
        ),
        "solarcharger": Service(
            spans=((771, 793), (3700, 3747)),
            writable=((774, 774), (3740, 3747)),
            reserved=((782, 783), (3704, 3707), (3739, 3739)),
        ),
        "system": Service(
            spans=((800, 919), (5400, 5407)),
            writable=((806, 807),),
            reserved=(
                (827, 829),
                (836, 839),
                (847, 849),
                (852, 854),
                (856, 859),
                (861, 864),
                (867, 867),
            ),
        ),
        "pvinverter": Service(
            spans=((1026, 1077),), writable=((1052, 1057), (1070, 1077)), reserved=((1065, 1069),)
        ),
        "motordrive": Service(spans=((2048, 2053),)),
        "charger": Service(
            spans=((2307, 2337),), writable=((2316, 2317), (2330, 2337)), reserved=((2323, 2329),)
        ),
        "grid": Service(spans=((2600, 2657),), writable=((2650, 2657),), reserved=((2649, 2649),)),
        "settings": Service(
            spans=(
                (2700, 2708),
                (2710, 2715),
                (2718, 2723),
                (2900, 2903),
                (4701, 4704),
                (5420, 5430),
                (5700, 5707),
            ),
            writable=(
                (2700, 2708),
                (2710, 2715),
                (2718, 2718),
                (2720, 2723),
                (2900, 2902),
                (4701, 4704),
                (5420, 5430),
                (5700, 5707),
            ),
            reserved=((2719, 2719),),
        ),
        "hub4": Service(spans=((2709, 2709), (2716, 2717), (2724, 2724)), writable=((2716, 2717),)),
        "gps": Service(spans=((2800, 2809),)),
        "tank": Service(spans=((3000, 3017),), writable=((3010, 3017),), reserved=((3008, 3009),)),
        "inverter": Service(
            spans=((3100, 3187),),
            writable=((3126, 3126), (3180, 3187)),
            reserved=(
                (3103, 3104),
                (3107, 3109),
                (3118, 3124),
                (3129, 3129),
                (3139, 3139),
                (3144, 3147),
                (3177, 3179),
            ),
        ),
        "genset": Service(
            spans=((3200, 3257), (5000, 5127)),
            writable=((3223, 3223), (3250, 3257)),
            reserved=((3210, 3211), (3225, 3227), (3229, 3229), (3240, 3249)),
        ),
        "temperature": Service(spans=((3300, 3327),), writable=((3320, 3327),), reserved=((3315, 3319),)),
        "pulsemeter": Service(spans=((3400, 3417),), writable=((3410, 3417),), reserved=((3404, 3409),)),
        "digitalinput": Service(spans=((3420, 3437),), writable=((3430, 3437),), reserved=((3425, 3429),)),
        "generator": Service(spans=((3500, 3512),), writable=((3500, 3500), (3509, 3509), (3512, 3512))),
        "meteo": Service(spans=((3600, 3617),), writable=((3610, 3617),), reserved=((3605, 3609),)),
        "evcharger": Service(
            spans=((3800, 3847),),
            writable=((3814, 3815), (3823, 3823), (3825, 3827), (3840, 3847)),
            reserved=((3801, 3801), (3838, 3839)),
        ),
        "acload": Service(
            spans=((3900, 3947),), writable=((3940, 3947),), reserved=((3923, 3923), (3934, 3939))
        ),
        "fuelcell": Service(spans=((4000, 4011),)),
        "alternator": Service(
            spans=((4100, 4137),), writable=((4119, 4119), (4130, 4137)), reserved=((4122, 4129),)
        ),
        "dcsource": Service(spans=((4200, 4227),), writable=((4220, 4227),), reserved=((4212, 4219),)),
        "dcload": Service(spans=((4300, 4327),), writable=((4320, 4327),), reserved=((4312, 4319),)),
        "dcsystem": Service(spans=((4400, 4427),), writable=((4420, 4427),), reserved=((4414, 4419),)),
        "multi": Service(
            spans=((4500, 4633),),
            writable=((4522, 4523), (4531, 4531), (4609, 4614), (4622, 4629)),
            reserved=((4616, 4619), (4621, 4621)),
        ),
        "pump": Service(spans=((4700, 4700),)),
        "dcdc": Service(
            spans=((4800, 4827),), writable=((4807, 4807), (4820, 4827)), reserved=((4812, 4819),)
        ),
        "acsystem": Service(
            spans=((4900, 4957),),
            writable=((4921, 4924), (4940, 4941), (4950, 4957)),
            reserved=((4926, 4928), (4932, 4939), (4943, 4949)),
        ),
        "dcgenset": Service(
            spans=((5200, 5357),),
            writable=((5204, 5204), (5350, 5357)),
            reserved=((5217, 5217), (5346, 5349)),
        ),
        "heatpump": Service(spans=((5500, 5517),), writable=((5510, 5517),), reserved=((5508, 5509),)),
        "platform": Service(
            spans=((5800, 5819),),
            writable=((5800, 5802), (5810, 5812)),
            reserved=((5803, 5809), (5813, 5819)),
        ),
    }
)
"""Every service of the list by its D-Bus name."""

UNITS: Mapping[str, tuple[int, ...]] = MappingProxyType(
    {
        # the GX itself, by its usual and its old unit id
        "system": (100, 0),
        "settings": (100, 0),
        "hub4": (100, 0),
        "platform": (100, 0),
        "generator": (100, 0),
        "pump": (100, 0),
        # what hangs on its ports
        "vebus": (227,),
        "battery": (225,),
        "solarcharger": (226,),
        "grid": (30,),
        "pvinverter": (20,),
        "multi": (230,),
        # what fewer houses have
        "charger": (223,),
        "inverter": (224,),
        "acsystem": (229,),
        "acload": (31,),
        "evcharger": (40,),
        "heatpump": (41,),
        "tank": (21,),
        "meteo": (22,),
        "temperature": (24,),
        "pulsemeter": (25,),
        "digitalinput": (26,),
        "gps": (27,),
        "genset": (231,),
        "dcgenset": (232,),
        "alternator": (233,),
        "fuelcell": (234,),
        "motordrive": (235,),
        "dcdc": (236,),
        "dcsource": (237,),
        "dcload": (238,),
        "dcsystem": (239,),
    }
)
"""The unit ids at which the simulated GX offers each service; one id may serve several."""

HOUSE: Mapping[str, tuple[int, ...]] = MappingProxyType(
    {
        service: UNITS[service]
        for service in (
            *("system", "settings", "hub4", "platform", "generator", "pump"),
            *("vebus", "battery", "solarcharger", "grid", "pvinverter", "acload"),
        )
    }
)
"""What a usual house has: one inverter, not another one that shows the same plant again."""

RESERVED_WORD: Final = 0xFFFF

_SPANS: Final = sorted((first, last, name) for name, one in SERVICES.items() for first, last in one.spans)
_FIRSTS: Final = [first for first, _, _ in _SPANS]


def span_at(address: int) -> tuple[str, int] | None:
    """Return the service whose span holds this address, and the span's last; None in a hole."""
    index = bisect_right(_FIRSTS, address) - 1
    if index < 0:
        return None
    _, last, name = _SPANS[index]
    return (name, last) if address <= last else None


def within(address: int, ranges: tuple[Range, ...]) -> bool:
    """Return whether the address is in one of the ranges."""
    return any(first <= address <= last for first, last in ranges)
