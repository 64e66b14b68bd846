"""One write and its proof: nothing counts as done before the device shows it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from controllers.states.leases import renewal_s
from sunhelm.devices.clock import Clock, Deadline
from sunhelm.devices.control import Handle, Proof, Unknown, Value
from sunhelm.devices.errors import DeviceError

EXCHANGE_S: Final = 30.0
"""How long one sequence of requests may take."""

NOT_PROVEN: Final = "not_proven"
"""Why a write has failed that the device took: it does not show it."""

_POLL_S: Final = 1.0


class Result(StrEnum):
    """What became of a write."""

    VERIFIED = "verified"  # read back equal
    EFFECT_SEEN = "effect_seen"  # power moved as told
    ACCEPTED = "accepted"  # the device took it, and nothing can be read
    FAILED = "failed"
    REFUSED = "refused"  # by us, before anything was sent


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a write, and for what reason it failed or was refused."""

    result: Result
    reason: str = ""

    @property
    def done(self) -> bool:
        """Whether the device holds the value, as far as can be known."""
        return self.result in (Result.VERIFIED, Result.EFFECT_SEEN, Result.ACCEPTED)


def is_same(handle: Handle, one: Value, other: Value) -> bool:
    """Whether the device cannot tell the two apart; what is beyond its ends is the same as itself alone.

    An owner may have set on the device itself what nobody may ask of it here.
    """
    try:
        return one == other or handle.equal(one, other)
    except ValueError:
        return False


async def write_and_prove(handle: Handle, value: Value, clock: Clock, *, renewing: bool = False) -> Outcome:
    """Write within the caller's turn, then ask until the device shows the value or its time is up.

    What is only renewed shows already: nobody waits for it to settle, and readers have the device sooner. A
    DeviceError becomes the outcome; the sequence may have been carried out in part.
    """
    try:
        await handle.write(value, Deadline.after(EXCHANGE_S, clock))
    except DeviceError as error:
        return Outcome(Result.FAILED, error.reason.value)
    except ValueError:
        return Outcome(Result.REFUSED, "out_of_range")
    if handle.promise.proof is Proof.NONE:
        return Outcome(Result.ACCEPTED)
    return await _prove(handle, value, clock, settle_s=0.0 if renewing else handle.promise.settle_s)


async def _prove(handle: Handle, value: Value, clock: Clock, *, settle_s: float) -> Outcome:
    """Poll: a first answer may still be the value before."""
    promise = handle.promise
    # A command that must be repeated falls asleep if its proof is waited for longer than that.
    patience_s = min(promise.prove_s, renewal_s(promise) or promise.prove_s)
    deadline = Deadline.after(settle_s + patience_s, clock)
    await clock.sleep(settle_s)
    reason = NOT_PROVEN
    while True:
        try:
            observed = await handle.observe(deadline.within(EXCHANGE_S))
        except DeviceError as error:
            reason = error.reason.value
        else:
            if isinstance(observed, Unknown):
                unreadable = promise.proof is Proof.EFFECT
                if unreadable:
                    return Outcome(Result.ACCEPTED)
                reason = "unreadable"
            elif is_same(handle, value, observed):
                effect = promise.proof is Proof.EFFECT
                return Outcome(Result.EFFECT_SEEN if effect else Result.VERIFIED)
            else:
                reason = NOT_PROVEN
        if deadline.remaining() <= _POLL_S:
            return Outcome(Result.FAILED, reason)
        await clock.sleep(_POLL_S)
