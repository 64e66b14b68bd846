"""The alert that always fires: while it is seen, what is not said can be believed."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """What is known of the watchdog alert.

    `late_s` is how long it may stay away. `seen_at` is when it last arrived, by our own steady time; None
    until it arms itself by arriving. `stamp` is that moment by the clock that stamps alerts: what ended
    before it is known to be over. `lost` says that it resolved, or that Alertmanager no longer lists it.

    `began_at` and `began_stamp` are the same moments of its first arrival since it was last late: it may
    come back before the rules that it vouches for have had the time to fire again. `echo_s` is how long
    it may still arrive after its sender has died.
    """

    late_s: float
    seen_at: float | None = None
    stamp: float = float("-inf")
    lost: bool = False
    began_at: float = float("-inf")
    began_stamp: float = float("-inf")
    echo_s: float = 0.0

    @property
    def armed(self) -> bool:
        """Whether it has ever been seen."""
        return self.seen_at is not None

    def seen(self, now: float, stamp: float) -> Heartbeat:
        """Return it after it was seen firing. An older stamp than the last is no news."""
        if self.armed and stamp <= self.stamp:
            return self
        if self.armed and not self.late(now):
            return replace(self, seen_at=now, stamp=stamp)
        return replace(self, seen_at=now, stamp=stamp, lost=False, began_at=now, began_stamp=stamp)

    def missed(self) -> Heartbeat:
        """Return it after it resolved or was missing: late at once, if it was ever armed."""
        return replace(self, lost=True) if self.armed else self

    def late(self, now: float) -> bool:
        """Return whether it has stayed away too long; never before it was armed."""
        return self.seen_at is not None and (self.lost or now - self.seen_at >= self.late_s)

    def proves(self, ended_at: float, now: float) -> bool:
        """Return whether what ended at that stamp is over: the sender was alive after it, and still is.

        One that was late meanwhile has to beat for as long again as it may be late.
        """
        if not self.armed or self.late(now):
            return False
        steady = self.began_stamp <= ended_at or now - self.began_at >= self.late_s
        return steady and self.stamp > ended_at + self.echo_s

    @property
    def patience_s(self) -> float:
        """How long after the word that an alert has ended a proof of it may come."""
        return self.late_s + self.echo_s
