"""What is known of the states of a device: for metrics and pages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from controllers.states.writing import Outcome
from sunhelm.devices.control import UNKNOWN, Unknown, Value


@dataclass(slots=True)
class Status:
    """What is known of one state of a device."""

    desired: Value | None = None
    written: Value | None = None
    observed: Value | Unknown = UNKNOWN
    observed_at: float | None = None
    differs_since: float | None = None
    stands_back: str = ""
    fail_safe: bool = False


class Observer(Protocol):
    """Who counts what happens."""

    def ended(self, device: str, state: str, outcome: Outcome) -> None:
        """A write has ended."""

    def foreign(self, device: str, state: str) -> None:
        """Somebody else has changed a value that we keep."""
