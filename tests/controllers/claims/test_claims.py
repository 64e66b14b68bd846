from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controllers.claims.claims import (
    PERSON,
    Claim,
    End,
    Order,
    advance,
    fired,
    not_after,
    released,
    resolved,
    silenced,
)
from controllers.intake.heartbeat import Heartbeat

LATE_S = 300.0
OrderOf = Callable[..., Order]


def beat(at: float) -> Heartbeat:
    """Seen at that time, and never late before."""
    return Heartbeat(LATE_S, at, at)


@pytest.fixture
def claim(order_of: OrderOf) -> Claim:
    """Made at 1000, by an alert that began at 990."""
    return fired(None, order_of(), 990, 1000)


def test_a_firing_alert_makes_a_claim_and_repeats_renew_it(claim: Claim) -> None:
    renewed = fired(claim, claim.order, 990, 1500)

    assert (renewed.live, renewed.made_at, renewed.renewed_at) == (True, 1000, 1500)
    assert advance(renewed, 2099, beat(2000)).live


def test_a_claim_that_nobody_renews_expires(claim: Claim) -> None:
    assert advance(claim, 1599, beat(1590)).live
    assert advance(claim, 1600, beat(1590)).ended is End.EXPIRED


def test_a_resolved_alert_ends_its_claim_once_the_heartbeat_was_seen_later(claim: Claim) -> None:
    told = resolved(claim, 990, 1100, 1110)

    assert advance(told, 1111, beat(1090)).live
    assert advance(told, 1130, beat(1120)).ended is End.RESOLVED


def test_a_resolved_of_a_sender_that_died_expires_instead(claim: Claim) -> None:  # S14
    told = resolved(claim, 990, 1100, 1110)
    silent = Heartbeat(LATE_S).seen(1390, 1090)  # delivered late, stamped before the end

    assert advance(told, 1409, silent).live
    assert advance(told, 1410, silent).ended is End.EXPIRED


def test_repeating_resolved_does_not_put_off_the_end(claim: Claim) -> None:  # W6
    told = resolved(resolved(claim, 990, 1100, 1110), 990, 1100, 1300)

    assert told.told_at == 1110


def test_without_a_heartbeat_to_look_for_resolved_is_believed(claim: Claim) -> None:
    assert advance(resolved(claim, 990, 1100, 1110), 1110, None).ended is End.RESOLVED


def test_min_life_puts_off_only_what_resolves(order_of: OrderOf) -> None:
    claim = fired(None, order_of(min_life_s=600.0), 990, 1000)
    told = resolved(claim, 990, 1100, 1110)

    assert advance(told, 1599, beat(1590)).live
    assert advance(told, 1600, beat(1590)).ended is End.RESOLVED
    assert silenced(claim, 1010).ended is End.SILENCED
    assert released(claim, 1010).ended is End.RELEASED


def test_a_late_heartbeat_expires_a_claim_that_is_still_renewed(claim: Claim) -> None:
    renewed = fired(claim, claim.order, 990, 1300)

    assert advance(renewed, 1301, beat(1001)).ended is End.EXPIRED


def test_a_heartbeat_that_never_came_is_not_late(claim: Claim) -> None:
    assert advance(claim, 1500, Heartbeat(LATE_S)).live


def test_what_expired_ends_only_by_fresh_state_and_a_fresh_heartbeat(claim: Claim) -> None:  # S14
    expired = advance(claim, 1600, beat(1590))

    assert advance(expired, 99_999, beat(99_990)).ended is End.EXPIRED
    assert advance(resolved(expired, 990, 2000, 2001), 2001, beat(1950)).ended is End.EXPIRED
    assert advance(resolved(expired, 990, 2000, 2001), 2020, beat(2010)).ended is End.RESOLVED
    assert advance(fired(expired, claim.order, 990, 2000), 2000, beat(1600)).ended is End.EXPIRED
    assert advance(fired(expired, claim.order, 990, 2000), 2000, beat(1990)).live


def test_max_life_releases_and_the_same_episode_makes_no_new_claim(order_of: OrderOf) -> None:
    order = order_of(max_life_s=3600.0)
    claim = fired(fired(None, order, 990, 1000), order, 990, 4500)
    ended = advance(claim, 4600, beat(4590))

    assert ended.ended is End.RELEASED
    assert fired(ended, order, 990, 4700).ended is End.RELEASED
    assert fired(ended, order, 4700, 4710).live


def test_max_life_without_a_heartbeat_expires(order_of: OrderOf) -> None:
    order = order_of(max_life_s=3600.0)
    claim = fired(fired(None, order, 990, 1000), order, 990, 4500)

    assert advance(claim, 4600, beat(4300)).ended is End.EXPIRED


def test_firing_again_does_not_begin_max_life_anew(order_of: OrderOf) -> None:
    order = order_of(max_life_s=3600.0)
    over = advance(resolved(fired(None, order, 990, 1000), 990, 1100, 1110), 1130, beat(1120))
    again = fired(over, order, 990, 4550)

    assert again.live
    assert advance(again, 4600, beat(4590)).ended is End.RELEASED


def test_firing_after_resolved_with_the_same_start_makes_the_claim_again_for_one_lease(  # W3, W5
    claim: Claim,
) -> None:
    over = advance(resolved(claim, 990, 1100, 1110), 1130, beat(1120))
    again = fired(over, claim.order, 990, 1140)

    assert again.live
    assert advance(again, 1739, beat(1730)).live
    assert advance(again, 1740, beat(1730)).ended is End.EXPIRED


def test_resolved_of_an_older_episode_ends_nothing(claim: Claim) -> None:  # W5
    newer = fired(claim, claim.order, 2000, 2010)

    assert resolved(newer, 990, 1100, 2020) == newer


def test_a_silenced_alert_is_no_claim_until_it_fires_unsilenced(claim: Claim) -> None:
    quiet = silenced(claim, 1010)

    assert not quiet.live
    assert fired(quiet, claim.order, 990, 1020).live


def test_releasing_holds_until_the_alert_resolves(claim: Claim) -> None:
    ended = released(claim, 1010)

    assert fired(ended, claim.order, 990, 1020).ended is End.RELEASED
    assert silenced(ended, 1030).ended is End.RELEASED
    assert fired(ended, claim.order, 5000, 5010).live


def test_a_persons_claim_needs_no_heartbeat_and_ends_released(order_of: OrderOf) -> None:
    order = order_of(policy=PERSON, lease_s=3600.0, max_life_s=3600.0)
    claim = fired(None, order, 1000, 1000)
    lost = beat(1000).missed()

    assert advance(claim, 4599, lost).live
    assert advance(claim, 4600, lost).ended is End.RELEASED


def test_a_clock_set_back_lengthens_no_lease(claim: Claim) -> None:
    kept = not_after(claim, 400)

    assert (kept.made_at, kept.renewed_at) == (400, 400)
    assert not_after(released(claim, 900), 400).ended_at == 400
    assert advance(kept, 1000, beat(999)).ended is End.EXPIRED


EVENTS = st.lists(
    st.tuples(st.sampled_from(["fire", "resolve", "beat", "wait"]), st.floats(0, 900)), max_size=30
)


@given(EVENTS)
def test_no_claim_outlives_its_lease_unless_resolving_and_none_its_max_life(
    order_of: OrderOf, events: list[tuple[str, float]]
) -> None:
    order = order_of(max_life_s=3600.0, min_life_s=600.0)
    claim, heartbeat, now = fired(None, order, 0, 0), Heartbeat(LATE_S).seen(0, 0), 0.0
    for event, seconds in events:
        now += seconds
        if event == "fire":
            claim = fired(claim, order, 0, now)
        elif event == "resolve":
            claim = resolved(claim, 0, now, now)
        elif event == "beat":
            heartbeat = heartbeat.seen(now, now)
        claim = advance(claim, now, heartbeat)
        if claim.live:
            assert now - claim.made_at < 3600
            assert now - claim.renewed_at < 600 or claim.resolved_at is not None
            assert not heartbeat.late(now) or claim.resolved_at is not None
