"""Where one value of SMA's profile ends and the next begins, and how each says that it is not available.

Typed from the published lists of registers: a line is a run of values without a hole, from the address of its
first.

    u i    32 bits, without and with a sign      e    32 bits, the code of an enumeration
    w h    16 bits, without and with a sign      q    64 bits without a sign
    t s S  text of 2, 8 and 16 words
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

_RUNS: Final = """
30001 uuuu
30051 eeeuu
30193 u
30197 uueuuu
30211 eeeee
30225 ueuuueue
30247 uee
30257 e
30329 e
30393 e
30513 qqqquuuuuuuuuuu
30559 uuuuuuuuuuuuuuuuuuuuuu
30769 iiiiiiiuuuuuuuuuuuiiiiiiiiueeiiieeuu
30843 iuuiuuuieiuiiiuieeeeeuuuuuuuuuuuuiiieeeiieeeeeeeeeeeeuiieiiiiiiiiiiiiiuiuuuuuiiuuuuuuuesssseeeeeeeuu
      uuuuuuuuuu
31091 uuuuuuuuuuuuuuuuuuuuiiiiiii
31159 i
31209 iiiiiii
31247 ii
31253 uuuuuuuuuiiii
31281 iiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiieesueuuqquueieeiiiiiiiiuiiiiiiuuuui
31461 iiuuuuiiuuttuuuuuuii
31535 iii
31791 uiiiiii
31919 i
31983 i
32047 iuuuu
32183 e
32251 u
32257 u
33001 ue
33007 u
33011 uuu
33019 i
33025 uuiiiiuuuuuu
34097 qqqi
34113 i
34121 i
34125 ii
34609 iiuuuuiuiiiiuuiiiiiiiieeueqqe
35377 qqq
40001 ueeeeeehh
40018 eehhweeeuueuuuuuueuueeuuuuu
40071 eueeuuuuuuuuuuuuuuueuuuuuuuuuuuuue
40141 uiiuiei
40157 essseuuuuuuu
40200 eiiieeuueuuueueuuueueueuueiuuuuuuu
40282 iiiiiiii
40304 iiiiiiiii
40328 iiiiiiiii
40352 iiiiiiiii
40376 iiiiiiiii
40400 iiiiiiiii
40424 iuuuuuuuuuuuuuuuuuuuuuueuiiiuueuuuhhweSseuueeeeeuuuuuueuueeeuuuuuuueeuuuuee
40597 uee
40609 ueeuuuueuueSeuuueuuuuuuuuueueeuuuuuueuuuuuuuuuiuuuuuueeuuuieeeeuuuuuuuuuuuuuuuuiuueuuuuuuieeuuuuu
40819 uuuuuu
40833 iiiiiiiiii
40855 uuu
40875 uuu
40895 uuu
40915 uuuu
40937 eee
40957 eee
40977 eee
40997 uii
41007 ii
41015 iuuuueeiiiiiiiiiiiiiiiiueuuuueeiiiiiiiiiiiiiiii
41111 uuuu
41121 euuuuuuuuuuuuuuuuuuuuuu
41169 uuuiiiiiieeeeuuuuuu
41215 iueuieui
41233 Siiehhie
41265 ee
41271 uu
41303 ui
41311 uu
41319 uuuuuuuuuuuiiiiiiii
41363 uuuiiii
43090 u
44001 uuuuuuuuuuuuuuuuuiiiiuuuuuuuuuuuuiiiiiiiiuuuuuuuuuuuuuu
44115 uuuuuuuuuuu
44141 uuuiiiiiiiiiiiiiiiiuuuuuuuuuuuuuuuuuuuuuuuuuuiiiiuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuu
44333 uuuuuuuuuiii
44359 iiiiiiiuuuu
44383 i
44389 uuiiiiiiiiuuuu
44425 ie
44431 uuuui
"""

_WORDS: Final = {"u": 2, "i": 2, "e": 2, "w": 1, "h": 1, "q": 4, "t": 2, "s": 8, "S": 16}
_ABSENT: Final = {
    "u": (0xFFFF, 0xFFFF),
    "i": (0x8000, 0),
    "e": (0x00FF, 0xFFFD),
    "w": (0xFFFF,),
    "h": (0x8000,),
    "q": (0xFFFF,) * 4,
    "t": (0,) * 2,
    "s": (0,) * 8,
    "S": (0,) * 16,
}


def _laid_out(text: str) -> Mapping[int, str]:
    kinds: dict[int, str] = {}
    address = 0
    for part in text.split():
        if part.isdecimal():
            address = int(part)
            continue
        for kind in part:
            kinds[address] = kind
            address += _WORDS[kind]
    return MappingProxyType(kinds)


KINDS: Final = _laid_out(_RUNS)
"""The kind of each value, by the address of its first word."""


def words_of(address: int) -> int:
    """Return how many words the value that begins at `address` has."""
    return _WORDS[KINDS[address]]


def absent(address: int) -> tuple[int, ...]:
    """Return the words by which the value that begins at `address` says that it is not available."""
    return _ABSENT[KINDS[address]]
