"""When to renew what a device lets go by itself: at a third of its time, so that one loss is survived."""

from __future__ import annotations

from typing import Final

from sunhelm.devices.control import Promise, Rung

_PARTS: Final = 3


def renewal_s(promise: Promise) -> float | None:
    """Return how often a command must be repeated, in seconds; None when it stays by itself."""
    if promise.renew_s is not None:
        return promise.renew_s
    if promise.rung is not Rung.TIMER or promise.reverts_s is None:
        return None
    return promise.reverts_s / _PARTS


def is_due(promise: Promise, written_at: float | None, now: float) -> bool:
    """Return whether a command that was last sent at `written_at` wants to be sent again."""
    every = renewal_s(promise)
    return every is not None and (written_at is None or now - written_at >= every)
