"""Words of the wire and the raw values they stand for.

A type is written as one word:

    u16 u32 u64 i16 i32 i64     whole numbers; with `_le` the low word comes first
    u8hi u8lo i8hi i8lo         one half of a word
    u16[11:8] i32[23:0] ...     bits 11 to 8 of a whole number, bit 0 being the lowest
    bits16 bits32 bits64        bit fields; with `_le` the low word comes first
    f32 f64                     IEEE floats; with `_le` the low word comes first
    sunssf                      SunSpec's scale factor: a signed decimal exponent
    hhmm                        a time of day as a decimal number, 1830 for half past six
    datetime2                   seconds since 1970-01-01 00:00 of the device's own local time
    datetime3                   bytes: year since 2000, month, day, hour, minute, second
    datetime6                   the same six numbers, one a word
    datetime6_full              the same with the whole year
    stringN                     Latin-1 text of N words, two characters a word; with `_le` the low byte first
    stringN_wide                Latin-1 text of N words, one character in the low byte of each
    stringN_digits              text of N words in which a byte below 10 is that digit, as in BAAA0010
    ascii5                      the same as string5
    version2                    a version in four bytes: major and minor as decimal digits, build, and its
                                kind (N E A B R S, for 0 to 5): 0x01050A04 is "1.05.10.R"
    hexN                        N words as they are, as hexadecimal digits

Text ends at the first zero, and at the blanks before it; all-ones is no text.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Final

from sunhelm.devices.registers.guess import did_you_mean
from sunhelm.devices.registers.register import Type, TypeKind

Raw = int | float | str | datetime
"""What words stand for before scale and unit; a datetime is naive, in the device's local time."""

_NUMBER_KINDS: Final[dict[str, TypeKind]] = {"u": "uint", "i": "int", "f": "float", "bits": "bits"}

_PLAIN: Final = {
    type_.name: type_
    for type_ in (
        *(
            Type(f"{prefix}{bits}{order}", kind, bits // 16, low_word_first=bool(order), width=bits)
            for prefix, kind in _NUMBER_KINDS.items()
            for bits in (16, 32, 64)
            for order in ("", "_le")
            if not (bits == 16 and (order or kind == "float"))
        ),
        Type("u8hi", "uint", 1, low_bit=8, width=8),
        Type("u8lo", "uint", 1, width=8),
        Type("i8hi", "int", 1, low_bit=8, width=8),
        Type("i8lo", "int", 1, width=8),
        Type("sunssf", "scale_factor", 1, width=16),
        Type("hhmm", "hhmm", 1, width=16),
        Type("datetime2", "datetime", 2),
        Type("datetime3", "datetime", 3),
        Type("datetime6", "datetime", 6),
        Type("datetime6_full", "datetime", 6),
        Type("version2", "version", 2),
    )
}
WIDER: Final = {"u16": _PLAIN["u32_le"], "i16": _PLAIN["i32_le"]}
"""What a word is together with the one above it, low word first."""

_TEXT: Final = re.compile(r"(string|ascii|hex)([1-9][0-9]{0,2})(_le|_wide|_digits)?")
_SLICE: Final = re.compile(r"([a-z0-9_]+)\[([0-9]+):([0-9]+)\]")
_LONGEST: Final = 125
_RELEASES: Final = "NEABRS"
_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001  # a device's own clock has no zone


@cache
def parse_type(text: str) -> Type:
    """Return the type of this name. Raises ValueError with the nearest guess."""
    if text in _PLAIN:
        return _PLAIN[text]
    if match := _TEXT.fullmatch(text):
        name, words, form = match[1], int(match[2]), match[3] or ""
        if words <= _LONGEST and not (name == "hex" and form):
            return Type(
                text,
                "hex" if name == "hex" else "string",
                words,
                low_byte_first=form == "_le",
                wide=form == "_wide",
                digits=form == "_digits",
            )
    if match := _SLICE.fullmatch(text):
        whole, high, low = _PLAIN.get(match[1]), int(match[2]), int(match[3])
        if whole and whole.kind in {"uint", "int"} and not whole.low_bit and low <= high < whole.width:
            return Type(
                text, whole.kind, whole.words, whole.low_word_first, low_bit=low, width=high - low + 1
            )
    guess = did_you_mean(text, [*_PLAIN, "string8", "string8_le", "string8_wide", "hex2"])
    raise ValueError(
        f'"{text}" is no type; one of {", ".join(_PLAIN)}, stringN, stringN_le, stringN_wide, '
        f"stringN_digits, hexN (N words, at most {_LONGEST}), or bits of a whole number as in "
        f"u16[11:8]{guess}"
    )


def limits(kind: Type) -> tuple[int, int]:
    """Return the lowest and the highest raw value of a whole number. Raises ValueError for other kinds."""
    if not kind.is_whole:
        raise ValueError(f"{kind.name} is no whole number")
    if kind.kind in {"int", "scale_factor"}:
        return -(1 << (kind.width - 1)), (1 << (kind.width - 1)) - 1
    return 0, (1 << kind.width) - 1


def unpack(kind: Type, words: Sequence[int]) -> Raw:
    """Return the raw value of exactly `kind.words` words, each 0 to 65535.

    `hhmm` stays the decimal number. Raises ValueError when the number of words is wrong, or when they
    are no date.
    """
    if len(words) != kind.words:
        raise ValueError(f"{kind.name} has {kind.words} words, not {len(words)}")
    if kind.width:
        number = words[0] if kind.words == 1 else _joined(kind, words)
        return number if kind.width == 16 and kind.kind == "uint" else _number(kind, number)
    if kind.kind == "datetime":
        return _datetime(kind, words)
    return _text(kind, words)


def pack(kind: Type, raw: Raw, onto: Sequence[int] | None = None) -> tuple[int, ...]:
    """Return the words of a raw value; the inverse of `unpack`.

    A type that is only a part of its words leaves the other bits as they are in `onto`, 0 without it.
    Raises TypeError for a raw value of another kind, ValueError for one that the type cannot hold.
    """
    if kind.kind == "float":
        return _packed_float(kind, raw)
    if kind.is_whole:
        return _packed_whole(kind, raw, onto or (0,) * kind.words)
    if kind.kind == "datetime":
        return _packed_datetime(kind, raw)
    return _packed_text(kind, raw)


def _joined(kind: Type, words: Sequence[int]) -> int:
    number = 0
    for word in reversed(words) if kind.low_word_first else words:
        number = number << 16 | word
    return number


def _split(kind: Type, number: int) -> tuple[int, ...]:
    words = [number >> shift & 0xFFFF for shift in range(0, 16 * kind.words, 16)]
    return tuple(words if kind.low_word_first else reversed(words))


def _number(kind: Type, number: int) -> int | float:
    if kind.kind == "float":
        value: float = struct.unpack(">f" if kind.words == 2 else ">d", number.to_bytes(2 * kind.words))[0]
        return value
    number = number >> kind.low_bit & ((1 << kind.width) - 1)
    if kind.kind in {"int", "scale_factor"} and number >> (kind.width - 1):
        number -= 1 << kind.width
    return number


def _text(kind: Type, words: Sequence[int]) -> str:
    if kind.kind == "version":
        return _version(words)
    if kind.kind == "hex":
        return "".join(f"{word:04x}" for word in words)
    if all(word == 0xFFFF for word in words):
        return ""
    if kind.digits:
        content = struct.pack(f">{len(words)}H", *words)
        return "".join(chr(byte) if byte > 9 else str(byte) for byte in content) if any(content) else ""
    if kind.wide:
        content = bytes(word & 0xFF for word in words)
    else:
        order = "<" if kind.low_byte_first else ">"
        content = struct.pack(f"{order}{len(words)}H", *words)
    return content.split(b"\0", 1)[0].decode("latin-1").rstrip(" ")


def _version(words: Sequence[int]) -> str:
    """Return the version; "" for zeros and for what is no version."""
    major, minor, build, release = struct.pack(">2H", *words)
    if not any(words) or release >= len(_RELEASES) or not f"{major:x}{minor:x}".isdecimal():
        return ""
    return f"{major:x}.{minor:02x}.{build:02}.{_RELEASES[release]}"


def _datetime(kind: Type, words: Sequence[int]) -> datetime:
    if kind.name == "datetime2":
        seconds = _joined(kind, words)
        if seconds in {0, 0xFFFFFFFF}:
            raise ValueError("the clock is not set")
        return _EPOCH + timedelta(seconds=seconds)
    numbers = list(struct.pack(">3H", *words) if kind.words == 3 else words)
    if kind.name != "datetime6_full":
        numbers[0] += 2000
    year, month, day, hour, minute, second = numbers
    try:
        return datetime(year, month, day, hour, minute, second)  # noqa: DTZ001  # a device's own clock
    except ValueError as error:
        written = f"{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}"
        raise ValueError(f"{written} is no date") from error


def _packed_whole(kind: Type, raw: Raw, onto: Sequence[int]) -> tuple[int, ...]:
    low, high = limits(kind)
    if not isinstance(raw, int):
        raise TypeError(f"{raw!r} is no whole number, as {kind.name} holds")
    if not low <= raw <= high:
        raise ValueError(f"{raw} is not from {low} to {high}, as {kind.name} can hold")
    bits = kind.bits
    return _split(kind, (_joined(kind, onto) & ~bits) | ((raw << kind.low_bit) & bits))


def _packed_float(kind: Type, raw: Raw) -> tuple[int, ...]:
    if not isinstance(raw, int | float):
        raise TypeError(f"{raw!r} is no number, as {kind.name} holds")
    try:
        content = struct.pack(">f" if kind.words == 2 else ">d", raw)
    except OverflowError as error:
        raise ValueError(f"{raw!r} is too large for {kind.name}") from error
    return _split(kind, int.from_bytes(content))


def _packed_datetime(kind: Type, raw: Raw) -> tuple[int, ...]:
    if not isinstance(raw, datetime):
        raise TypeError(f"{raw!r} is no datetime, as {kind.name} holds")
    if kind.name == "datetime2":
        seconds = round((raw.replace(tzinfo=UTC) - _EPOCH.replace(tzinfo=UTC)).total_seconds())
        if not 0 < seconds < 0xFFFFFFFF:
            raise ValueError(f"{raw:%Y-%m-%d %H:%M:%S} is outside what {kind.name} can hold")
        return _split(kind, seconds)
    year = raw.year if kind.name == "datetime6_full" else raw.year - 2000
    if not 0 <= year <= (0xFF if kind.words == 3 else 0xFFFF):
        raise ValueError(f"the year {raw.year} is outside what {kind.name} can hold")
    numbers = (year, raw.month, raw.day, raw.hour, raw.minute, raw.second)
    return struct.unpack(">3H", bytes(numbers)) if kind.words == 3 else numbers


def _packed_text(kind: Type, raw: Raw) -> tuple[int, ...]:
    if not isinstance(raw, str):
        raise TypeError(f"{raw!r} is no text, as {kind.name} holds")
    if kind.kind == "version":
        return _packed_version(raw)
    if kind.kind == "hex":
        if not re.fullmatch(f"[0-9a-fA-F]{{{4 * kind.words}}}", raw):
            raise ValueError(f"{raw!r} is not {4 * kind.words} hexadecimal digits, as {kind.name} holds")
        return tuple(int(raw[i : i + 4], 16) for i in range(0, len(raw), 4))
    room = kind.words if kind.wide else 2 * kind.words
    try:
        content = raw.encode("latin-1")
    except UnicodeEncodeError as error:
        raise ValueError(f"{raw!r} has characters that are not Latin-1") from error
    if len(content) > room or b"\0" in content:
        raise ValueError(f"{raw!r} is not text of at most {room} characters without a zero")
    if kind.digits:
        if content and len(content) != room:
            raise ValueError(f"{raw!r} has not the {room} characters of {kind.name}")
        content = bytes(byte - ord("0") if chr(byte).isdecimal() else byte for byte in content)
    content = content.ljust(room, b"\0")
    if kind.wide:
        return tuple(content)
    return struct.unpack(f"{'<' if kind.low_byte_first else '>'}{kind.words}H", content)


def _packed_version(raw: str) -> tuple[int, ...]:
    match = re.fullmatch(rf"([0-9]{{1,2}})\.([0-9]{{2}})\.([0-9]{{2,3}})\.([{_RELEASES}])", raw)
    if not match or int(match[3]) > 0xFF:
        raise ValueError(f'{raw!r} is no version such as "1.05.10.R"')
    content = bytes((int(match[1], 16), int(match[2], 16), int(match[3]), _RELEASES.index(match[4])))
    return struct.unpack(">2H", content)
