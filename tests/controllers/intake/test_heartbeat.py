from __future__ import annotations

from controllers.intake.heartbeat import Heartbeat

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
    beat = Heartbeat(LATE_S).seen(40, 40).seen(100, 100)

    assert beat.proves(99, 101)
    assert not beat.proves(100, 101)
    assert not beat.proves(99, 400)
    assert not Heartbeat(LATE_S).proves(0, 1)


def test_one_that_comes_back_proves_only_once_the_rules_had_time_to_fire_again() -> None:
    lost = Heartbeat(LATE_S).seen(40, 40).missed()
    late = Heartbeat(LATE_S).seen(40, 40)
    for before in (lost, late):
        back = before.seen(1000, 1000)
        assert not back.proves(500, 1010)
        again = back.seen(1290, 1290)
        assert (again.proves(500, 1299), again.proves(500, 1300)) == (False, True)
        assert again.proves(1100, 1295), "what ended since it came back needs no such pause"


def test_where_only_deliveries_tell_it_proves_once_it_cannot_be_an_echo_of_a_dead_sender() -> None:
    beat = Heartbeat(LATE_S, echo_s=240).seen(40, 40).seen(300, 300)

    assert (beat.proves(60, 301), beat.proves(59, 301)) == (False, True)
    assert beat.patience_s == 540
