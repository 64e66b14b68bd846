"""The alert that always fires: while it is seen, what is not said can be believed."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """What is known of the watchdog alert.

    `late_s` is how long it may stay away. `seen_at` is when it last arrived, by our own steady time; None
    until it arms itself by arriving. `stamp` is that moment by the clock that stamps alerts: what ended
    before it is known to be over. `lost` says that it resolved, or that Alertmanager no longer lists it.
    """

    late_s: float
    seen_at: float | None = None
    stamp: float = float("-inf")
    lost: bool = False

    @property
    def armed(self) -> bool:
        """Whether it has ever been seen."""
        return self.seen_at is not None

    def seen(self, now: float, stamp: float) -> Heartbeat:
        """Return it after it was seen firing. An older stamp than the last is no news."""
        if self.seen_at is not None and stamp <= self.stamp:
            return self
        return replace(self, seen_at=now, stamp=stamp, lost=False)

    def missed(self) -> Heartbeat:
        """Return it after it resolved or was missing: late at once, if it was ever armed."""
        return replace(self, lost=True) if self.armed else self

    def late(self, now: float) -> bool:
        """Return whether it has stayed away too long; never before it was armed."""
        return self.seen_at is not None and (self.lost or now - self.seen_at >= self.late_s)

    def proves(self, ended_at: float, now: float) -> bool:
        """Return whether what ended at that stamp is over: the sender was alive after it, and still is."""
        return self.armed and not self.late(now) and self.stamp > ended_at
