"""The nearest guess that a message about a register map offers."""

from __future__ import annotations

from collections.abc import Iterable

from sunhelm.configuration.mistakes import nearest


def did_you_mean(word: str, allowed: Iterable[str]) -> str:
    """Return '; did you mean "..."?' with the allowed word that is nearest, "" when none is near."""
    near = nearest(word, allowed)
    return f'; did you mean "{near}"?' if near else ""
