"""Which units have not answered within one read, and when it is not worth the time to ask on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from sunhelm.devices.clock import Deadline

_GIVE_UP_AFTER: Final = 2
"""So many blocks of a unit without an answer, and its others are not asked; so many units without one, and
no answer from any other, and nothing more is asked."""

_MOST_REFUSALS: Final = 24
"""So many refusals of a unit and not one word from it in this read, and it is not asked for more: it is in
trouble, and finding out register by register what it still has would take longer than anybody waits."""


@dataclass(slots=True)
class Silence:
    """Who has not answered in this read: one dead unit behind a gateway must not cost the others theirs.

    While nobody has answered, nothing is asked after `by`: the next scrape must not wait for a read that was
    hopeless from the start.
    """

    by: Deadline | None = None
    answered: bool = False
    _blocks: dict[int, int] = field(default_factory=dict)
    _told: set[int] = field(default_factory=set)
    _refusals: dict[int, int] = field(default_factory=dict)

    def heard(self, unit: int, *, words: bool) -> None:
        """Note that a unit has answered, with words or with a refusal."""
        self.answered = True
        self._blocks.pop(unit, None)
        if words:
            self._told.add(unit)
        else:
            self._refusals[unit] = self._refusals.get(unit, 0) + 1

    def has_told(self, unit: int) -> bool:
        """Whether a unit has answered with words, not only with refusals."""
        return unit in self._told

    def refuses(self, unit: int) -> bool:
        """Whether a unit has refused all that it was asked, and that was much."""
        return unit not in self._told and self._refusals.get(unit, 0) >= _MOST_REFUSALS

    def deadline(self, deadline: Deadline) -> Deadline:
        """Return until when an answer is waited for, in a read until `deadline`."""
        return deadline if self.answered or self.by is None else self.by

    def missed(self, unit: int) -> None:
        """Note that a block of a unit came to no answer."""
        self._blocks[unit] = self._blocks.get(unit, 0) + 1

    def is_hopeless(self, unit: int) -> bool:
        """Whether it is not worth the time to ask this unit for more."""
        dead = not self.answered and len(self._blocks) >= _GIVE_UP_AFTER
        return dead or self._blocks.get(unit, 0) >= _GIVE_UP_AFTER
