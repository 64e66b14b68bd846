"""What a device took and does not show is told again, ever more rarely where that wears out its memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from controllers.states.leases import renewal_s
from controllers.states.writing import NOT_PROVEN, Outcome
from sunhelm.devices.control import Promise, Storage, Value

MOST_S: Final = 900.0
"""A device that comes to its senses is told so much later at most."""


@dataclass(slots=True)
class Repeats:
    """How often in a row the last value of each state was taken and not shown."""

    _times: dict[str, tuple[Value, int]] = field(default_factory=dict)

    def noted(self, state: str, value: Value, outcome: Outcome) -> None:
        """Note what became of a write; what was never taken wears nothing out."""
        if outcome.done:
            self.forget(state)
        elif outcome.reason == NOT_PROVEN:
            self._times[state] = (value, self._in_a_row(state, value) + 1)

    def forget(self, state: str) -> None:
        """Let the next write be the first one."""
        self._times.pop(state, None)

    def are_too_soon(self, promise: Promise, value: Value, written_at: float | None, now: float) -> bool:
        """Return whether this was written so lately, and so often in vain, that it has to wait."""
        times = self._in_a_row(promise.key, value)
        wears = promise.storage is not Storage.VOLATILE and renewal_s(promise) is None
        if not times or not wears or written_at is None:
            return False
        return now - written_at < min(2.0 ** min(times, 20), MOST_S)

    def _in_a_row(self, state: str, value: Value) -> int:
        last, times = self._times.get(state, (value, 0))
        return times if last == value else 0
