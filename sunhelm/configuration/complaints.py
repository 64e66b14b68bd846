"""pydantic's errors in the words of a message: what was found, what is allowed, the nearest guess."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from pydantic_core import ErrorDetails

from sunhelm.configuration.mistakes import did_you_mean, found, listed, with_guess

_QUOTED: Final = re.compile(r"'([^']*)'")

_SCALARS: Final = {
    **dict.fromkeys(("bool_parsing", "bool_type"), "true or false"),
    **dict.fromkeys(("int_type", "int_parsing", "int_parsing_size", "int_from_float"), "a whole number"),
    **dict.fromkeys(("float_type", "float_parsing", "finite_number"), "a number"),
    "string_type": "text; write it in quotes",
    "path_type": "the name of a file",
}
_CONTAINERS: Final = {
    **dict.fromkeys(("model_type", "model_attributes_type", "dict_type", "mapping_type"), "a mapping"),
    **dict.fromkeys(("list_type", "tuple_type", "set_type", "frozen_set_type"), "a list"),
}
_LIMITS: Final = {
    "greater_than": ("gt", "too small; it must be more than"),
    "greater_than_equal": ("ge", "too small; it must be at least"),
    "less_than": ("lt", "too large; it must be less than"),
    "less_than_equal": ("le", "too large; it must be at most"),
    "string_too_short": ("min_length", "too short; the fewest characters are"),
    "string_too_long": ("max_length", "too long; the most characters are"),
    "too_short": ("min_length", "too short; the fewest entries are"),
    "too_long": ("max_length", "too long; the most entries are"),
}


def complaint(details: ErrorDetails, known_keys: Sequence[str]) -> str:
    """Return the sentence for one error. `known_keys` are those allowed where an unknown one stands."""
    kind = details["type"]
    if kind == "value_error":
        return str(details["ctx"]["error"])
    if kind == "missing":
        return "is missing"
    if kind == "extra_forbidden":
        allowed = f"allowed are {', '.join(known_keys)}" if known_keys else "nothing is"
        return f"is not known here; {allowed}.{did_you_mean(details['loc'][-1], known_keys)}"
    return _about_value(kind, details)


def _about_value(kind: str, details: ErrorDetails) -> str:
    value = details["input"]
    if kind in ("literal_error", "enum"):
        return not_among(value, _QUOTED.findall(details["ctx"]["expected"]))
    if kind in _SCALARS:
        return f"{found(value)} is not {_SCALARS[kind]}"
    if kind in _CONTAINERS:
        return f"is {_kind(value)}, not {_CONTAINERS[kind]}"
    if kind in _LIMITS:
        key, words = _LIMITS[kind]
        limit = details["ctx"][key]
        return f"{found(value)} is {words} {f'{limit:g}' if isinstance(limit, float) else limit}"
    message = details["msg"]
    return f"{found(value)}: {message[:1].lower()}{message[1:]}"


def not_among(value: object, allowed: Sequence[str]) -> str:
    """Return the sentence for a value that is not one of a few words."""
    return with_guess(f"{found(value)} is not {listed(allowed)}", value, allowed)


def _kind(value: object) -> str:
    """Return what a value is without showing it: it may be a secret in the wrong place."""
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, str):
        return "text"
    return "a number" if isinstance(value, int | float) else found(value)
