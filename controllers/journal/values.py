"""The values of commands as the journal keeps them: JSON of one key that says the kind."""

from __future__ import annotations

from typing import Final, TypeAlias

from sunhelm.devices.control import (
    UNKNOWN,
    UNLIMITED,
    Charge,
    CurrentLimits,
    Discharge,
    Limit,
    Mode,
    Number,
    SelfConsumption,
    SocLimits,
    Unknown,
    Unlimited,
    Value,
)

Json: TypeAlias = "str | float | bool | list[Json] | dict[str, Json] | None"

_Single = Limit | Charge | Discharge | Number

_WORDS: Final[dict[str, Value | Unknown]] = {
    "unknown": UNKNOWN,
    "unlimited": UNLIMITED,
}
_NUMBERS: Final[dict[str, type[_Single]]] = {
    "limit_watts": Limit,
    "charge_watts": Charge,
    "discharge_watts": Discharge,
    "number": Number,
}


def encode(value: Value | Unknown) -> Json:
    """Return the value as JSON."""
    encoded: Json
    match value:
        case SelfConsumption():
            encoded = {"self_consumption": value.native}
        case Unknown() | Unlimited():
            encoded = next(word for word, known in _WORDS.items() if known == value)
        case Limit(number) | Charge(number) | Discharge(number) | Number(number):
            encoded = {next(key for key, kind in _NUMBERS.items() if kind is type(value)): number}
        case CurrentLimits():
            encoded = {"currents": [value.charge, value.discharge]}
        case SocLimits():
            encoded = {"socs": [value.minimum, value.maximum]}
        case Mode():
            encoded = {"mode": value.name}
    return encoded


def decode(written: object) -> Value | Unknown:
    """Return the value that `encode` made this of. Raises ValueError for anything else."""
    value: Value | Unknown | None = None
    match written:
        case str():
            value = _WORDS.get(written)
        case {"self_consumption": str(native)}:
            value = SelfConsumption(native)
        case {"mode": str(name)}:
            value = Mode(name)
        case {"currents": [charge, discharge]}:
            value = CurrentLimits(_number(charge), _number(discharge))
        case {"socs": [minimum, maximum]}:
            value = SocLimits(_number(minimum), _number(maximum))
        case dict() if len(written) == 1:
            ((key, number),) = written.items()
            if key in _NUMBERS and isinstance(number, int | float):
                value = _NUMBERS[key](float(number))
    if value is None:
        raise ValueError(f"{written!r} is no value of a command")
    return value


def decode_value(written: object) -> Value:
    """Return what `decode` does, where the unknown cannot be. Raises ValueError."""
    value = decode(written)
    if isinstance(value, Unknown):
        raise ValueError("unknown is no value to command")  # noqa: TRY004 - the journal is damaged
    return value


def words(value: Value | Unknown | None) -> str:
    """Return the value as log lines and pages say it."""
    text = "nothing"
    match value:
        case Unknown() | Unlimited():
            text = value.value
        case Limit() | Charge() | Discharge():
            text = f"{type(value).__name__.lower()} {value.watts:g}W"
        case SelfConsumption():
            text = f"self_consumption {value.native}".rstrip()
        case CurrentLimits():
            text = f"charge {_bound(value.charge)}A, discharge {_bound(value.discharge)}A"
        case SocLimits():
            text = f"from {_bound(value.minimum)} to {_bound(value.maximum)}"
        case Mode():
            text = value.name
        case Number():
            text = f"{value.value:g}"
    return text


def _number(written: object) -> float | None:
    if written is None or (isinstance(written, int | float) and not isinstance(written, bool)):
        return written
    raise ValueError(f"{written!r} is no number")


def _bound(number: float | None) -> str:
    return "any" if number is None else f"{number:g}"
