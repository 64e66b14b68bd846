"""What is remembered of a charger: from look to look, and by the journal from process to process."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

from controllers.evcharging.session import Session
from sunhelm.devices.charging import Order

HOUR_S: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Sight:
    """What one reading of the house left for the vehicle, in amperes a phase; None where it does not tell.

    `excess_a` is what PV gives beyond all other loads, `import_a` what was taken from the grid, and `room_a`
    what the import cap leaves the vehicle.
    """

    at: float
    excess_a: float | None = None
    import_a: float | None = None
    room_a: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What is remembered of one charger. Times are steady time in seconds.

    `owner_a` and `owner_order` are what its owner has without us. `ours_a` are the limits that may be there
    by our hand, and `asked_a` is the one that was sent and not seen yet; `order` is what we told it last,
    None when nothing of ours holds, and `order_seen` whether it has shown that. `failures` counts what it has
    not done, one after the other. `foreign` and `forgotten` are the times within the last hour at which
    others, or nobody, took back what we had written. `held` says that somebody has stopped the vehicle that
    we had started. `sights` are the latest readings of the house, without a gap; `begun_at` is when this
    process began to look for them.
    """

    owner_a: float | None = None
    owner_order: Order | None = None
    ours_a: tuple[float, ...] = ()
    asked_a: float | None = None
    order: Order | None = None
    order_seen: bool = False
    changed_at: float | None = None
    failures: int = 0
    failed_at: float | None = None
    foreign: tuple[float, ...] = ()
    forgotten: tuple[float, ...] = ()
    stood_back: str = ""
    held: bool = False
    claimed: bool = False
    seen_at: float | None = None
    session: Session = field(default_factory=Session)
    sights: tuple[Sight, ...] = ()
    begun_at: float = 0.0

    @property
    def holds(self) -> bool:
        """Whether anything of ours may be on the charger."""
        return bool(self.ours_a) or self.order is not None

    def within_an_hour(self, now: float) -> Memory:
        """Return it with the changes by others of the last hour only."""
        return replace(
            self,
            foreign=tuple(at for at in self.foreign if now - at < HOUR_S),
            forgotten=tuple(at for at in self.forgotten if now - at < HOUR_S),
        )

    def let_go(self) -> Memory:
        """Return it without anything of ours on the charger."""
        return replace(self, ours_a=(), asked_a=None, order=None, order_seen=False)

    def forgiven(self) -> Memory:
        """Return it as a person wants it who has just said how to go on."""
        return replace(self, foreign=(), forgotten=(), stood_back="", held=False, failures=0, failed_at=None)
