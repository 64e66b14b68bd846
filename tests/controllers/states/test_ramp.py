"""Limits that are let go little by little."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from controllers.claims.claims import Claim, End
from controllers.claims.demand import fading
from controllers.claims.judgement import after_release
from sunhelm.devices.control import UNLIMITED, Limit, Storage


def ended(claim: Claim, end: End, at: float = 100.0) -> Claim:
    return replace(claim, ended=end, ended_at=at)


@pytest.mark.parametrize(
    ("end", "now", "left"),
    [
        (End.RESOLVED, 100.0, Limit(0)),
        (End.RESOLVED, 129.0, Limit(0)),
        (End.RESOLVED, 130.0, Limit(1000)),
        (End.RELEASED, 399.0, Limit(9000)),
        (End.RESOLVED, 400.0, None),
        (End.SILENCED, 130.0, None),
        (End.EXPIRED, 130.0, None),
    ],
)
def test_a_limit_goes_up_in_ten_steps(
    claim_of: Callable[..., Claim], end: End, now: float, left: Limit | None
) -> None:
    claim = ended(claim_of(release_ramp_s=300.0), end)

    assert fading("export_limit", [claim], 10_000.0, now) == left
    assert fading("production_limit", [claim], 10_000.0, now) is None


def test_without_a_ramp_it_is_gone_at_once(claim_of: Callable[..., Claim]) -> None:
    assert fading("export_limit", [ended(claim_of(), End.RESOLVED)], 10_000.0, 100.0) is None


@pytest.mark.parametrize(("storage", "changes"), [(Storage.VOLATILE, 11), (Storage.PERSISTENT, 1)])
async def test_only_what_wears_out_no_memory_is_let_go_slowly(
    household: Any, storage: Storage, changes: int
) -> None:
    handle = household.device.export
    handle.promise = replace(handle.promise, storage=storage)
    household.restart()
    await household.beat()
    await household.deliver(household.alert("Price"))
    controller = household.controller
    (claim,) = controller.ledger.claims.values()
    slow = replace(claim, order=replace(claim.order, terms=replace(claim.order.terms, release_ramp_s=300.0)))
    await controller.change(lambda ledger: replace(ledger, claims={claim.key: slow}))
    now = controller.time.now()
    await controller.change(lambda ledger: after_release(ledger, claim.key, now))
    handle.writes.clear()
    for _ in range(32):
        await household.step(after_s=10)

    assert handle.value == UNLIMITED
    assert len(handle.writes) in (changes - 1, changes)
    assert handle.writes == [*sorted(handle.writes[:-1]), UNLIMITED]
