"""How often a day a setting that survives a power cut may be changed: its memory wears out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from controllers.states.curtailment import Purpose
from sunhelm.devices.control import Storage
from sunhelm.devices.sections import CHANGES_A_DAY

DAY_S: Final = 86_400.0

_COST: Final = {Purpose.BEGIN: 2, Purpose.CHANGE: 1}
"""What begins reserves the change of its end."""


@dataclass(frozen=True, slots=True)
class Budget:
    """The changes of one device within the last 24 hours, and the ends that are still owed."""

    used: int
    owed: int = 0
    most: int = CHANGES_A_DAY

    @property
    def left(self) -> int:
        """How many changes remain for what is new."""
        return max(0, self.most - self.used - self.owed)

    def allows(self, purpose: Purpose, storage: Storage, *, reduces: bool = False) -> bool:
        """Return whether this may be written now.

        Only what is new is ever refused: a beginning, or one command in place of another. A change that
        only makes a limit stricter or looser within what is asked already is not (`reduces`), and
        neither is a restore, a repeat or a renewal.
        """
        if storage is Storage.VOLATILE or purpose not in _COST:
            return True
        if purpose is Purpose.CHANGE and reduces:
            return True
        return self.left >= _COST[purpose]
