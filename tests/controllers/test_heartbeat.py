from __future__ import annotations

from controllers.heartbeat import Heartbeat

LATE_S = 300.0


def test_it_is_armed_by_its_first_arrival_and_late_only_afterwards() -> None:
    never = Heartbeat(LATE_S)

    assert (never.armed, never.late(1e9), never.missed().late(0)) == (False, False, False)
    assert never.seen(100, 100).armed


def test_it_is_late_when_it_stays_away_and_at_once_when_it_resolves() -> None:
    beat = Heartbeat(LATE_S).seen(100, 100)

    assert [beat.late(399), beat.late(400), beat.missed().late(101)] == [False, True, True]
    assert not beat.missed().seen(200, 200).late(201)


def test_an_old_state_of_it_seen_again_is_no_sign_of_life() -> None:
    beat = Heartbeat(LATE_S).seen(100, 100)

    assert beat.seen(390, 100).late(400)
    assert beat.seen(390, 90).late(400)


def test_it_proves_only_what_ended_before_it_was_seen() -> None:
    beat = Heartbeat(LATE_S).seen(100, 100)

    assert beat.proves(99, 101)
    assert not beat.proves(100, 101)
    assert not beat.proves(99, 400)
    assert not Heartbeat(LATE_S).proves(0, 1)
