"""Members of answers, read leniently: what has another shape than it should is not there."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence


def mapping(value: object) -> Mapping[str, object]:
    """Return an object of JSON; an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def objects(value: object) -> Sequence[Mapping[str, object]]:
    """Return the objects of a list; what is none is passed over."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def member(members: object, key: str, wanted: str) -> Mapping[str, object]:
    """Return the object of a list whose `key` is this; an empty one where there is none."""
    return next((each for each in objects(members) if each.get(key) == wanted), {})


def number(value: object) -> float | None:
    """Return a finite number; None for anything else, true and false too."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        told = float(value)
    except OverflowError:
        return None
    return told if math.isfinite(told) else None


def text(value: object) -> str:
    """Return a text; an empty one for anything else."""
    return value if isinstance(value, str) else ""
