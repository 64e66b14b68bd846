"""The nearest guess that an error message offers."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(word: str, allowed: Iterable[str]) -> str:
    """Return '; did you mean "..."?' with the allowed word that is nearest, "" when none is near."""
    by_lower = {candidate.lower(): candidate for candidate in allowed if candidate}
    matches = get_close_matches(word.lower(), by_lower, 1, 0.6)
    return f'; did you mean "{by_lower[matches[0]]}"?' if matches else ""
