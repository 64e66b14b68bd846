"""Pauses are kept, and what fails is left alone for longer and longer."""

from __future__ import annotations

from itertools import islice
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunhelm.devices.families.spec import Pacing
from sunhelm.devices.links.pacing import Backoff, Pacer, delays


@pytest.mark.parametrize(
    ("since_exchange", "since_connect", "due"),
    [
        (float("inf"), 0.0, 2.0),
        (float("inf"), 1.5, 0.5),
        (float("inf"), 9.0, 0.0),
        (0.0, 9.0, 0.5),
        (0.2, 9.0, 0.3),
        (0.0, 1.9, 0.5),
        (0.0, 0.0, 2.0),
    ],
)
def test_a_request_waits_for_the_longer_of_pause_and_settle_time(
    clock: Any, since_exchange: float, since_connect: float, due: float
) -> None:
    pacer = Pacer(Pacing(pause="500ms", settle="2s"), clock)
    pacer.connected()
    clock.advance(since_connect)
    assert pacer.due_in(since_exchange) == pytest.approx(due)


def test_delays_double_up_to_the_longest() -> None:
    assert list(islice(delays(0.2, 1.0, lambda: 0.0), 5)) == [0.2, 0.4, 0.8, 1.0, 1.0]


@given(st.floats(0, 1))
def test_chance_shortens_a_delay_by_half_at_most(jitter: float) -> None:
    assert 0.5 <= next(delays(1.0, 5.0, lambda: jitter)) <= 1.0


def test_one_failure_is_tried_again_at_once_and_several_are_not(clock: Any) -> None:
    backoff = Backoff(clock, first_s=1.0, longest_s=3.0, jitter=lambda: 0.0)
    waits = []
    for _ in range(5):
        backoff.failed()
        waits.append(backoff.remaining())
    assert waits == pytest.approx([0, 1, 2, 3, 3])


def test_the_time_between_attempts_counts(clock: Any) -> None:
    backoff = Backoff(clock, first_s=1.0, longest_s=3.0, jitter=lambda: 0.0)
    backoff.failed()
    backoff.failed()
    clock.advance(0.75)
    assert backoff.remaining() == pytest.approx(0.25)
    clock.advance(15)
    assert backoff.remaining() == 0


def test_an_answer_forgives_all_failures(clock: Any) -> None:
    backoff = Backoff(clock)
    for _ in range(9):
        backoff.failed()
    backoff.succeeded()
    assert (backoff.failures, backoff.remaining()) == (0, 0)
    backoff.failed()
    assert backoff.remaining() == 0
