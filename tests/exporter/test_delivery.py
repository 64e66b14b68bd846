from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.delivery import Failure, Pauses, WriteFailed, deliver, rejected_of


class Picky:
    """Refuses a write that has a bad line, whole; and one of more than `most` lines."""

    def __init__(self, bad: frozenset[str], most: int) -> None:
        self.bad = bad
        self.most = most
        self.kept: list[str] = []
        self.requests = 0

    async def write(self, lines: Sequence[str]) -> None:
        self.requests += 1
        if len(lines) > self.most:
            raise WriteFailed(Failure.TOO_LARGE, "413")
        if self.bad.intersection(lines):
            raise WriteFailed(Failure.REJECTED, "400")
        self.kept += lines

    async def close(self) -> None:
        pass


@given(data=st.data(), count=st.integers(1, 200), most=st.integers(1, 200))
def test_only_the_wrong_points_of_a_batch_are_dropped(data: st.DataObject, count: int, most: int) -> None:
    lines = [f"point {number}" for number in range(count)]
    bad = data.draw(st.frozensets(st.sampled_from(lines), max_size=5))
    client = Picky(bad, most)
    delivered = asyncio.run(deliver(client, lines))
    assert client.kept == [text for text in lines if text not in bad]
    assert delivered.written == count - len(bad)
    assert delivered.dropped.total() == len(bad)
    assert client.requests <= 2 * (count // most + 1) * 2 + 2 * len(bad) * (count.bit_length() + 1)


class Script:
    """Answers one after the other."""

    def __init__(self, *answers: WriteFailed | None) -> None:
        self.answers = list(answers)

    async def write(self, lines: Sequence[str]) -> None:
        if (answer := self.answers.pop(0)) is not None:
            raise answer

    async def close(self) -> None:
        pass


async def test_a_server_that_kept_the_rest_is_not_asked_again() -> None:
    client = Script(WriteFailed(Failure.REJECTED, "partial write", rejected=3))
    delivered = await deliver(client, ["x"] * 10)
    assert (delivered.written, delivered.dropped) == (7, {Failure.REJECTED: 3})


@pytest.mark.parametrize(
    "failure", [failure for failure in Failure if failure not in (Failure.REJECTED, Failure.TOO_LARGE)]
)
async def test_what_is_not_the_points_fault_drops_none(failure: Failure) -> None:
    client = Script(WriteFailed(Failure.REJECTED, "400"), None, WriteFailed(failure, "later"))
    with pytest.raises(WriteFailed, match=f"{failure}: later"):
        await deliver(client, ["x"] * 10)


async def test_one_point_that_is_too_large_is_dropped() -> None:
    delivered = await deliver(Script(WriteFailed(Failure.TOO_LARGE, "413")), ["x"])
    assert (delivered.written, delivered.dropped) == (0, {Failure.TOO_LARGE: 1})


@pytest.mark.parametrize(
    ("message", "rejected"),
    [
        ('partial write: field type conflict: input field "x" is float, already integer dropped=1', 1),
        ("failure writing points to database: partial write: points beyond retention policy dropped=42", 42),
        ("partial write: unable to parse 'a b': missing fields dropped=0", None),
        ("unable to parse 'solar,site=dropped=3': invalid", None),
        ("", None),
    ],
)
def test_how_many_points_a_message_says_were_refused(message: str, rejected: int | None) -> None:
    assert rejected_of(message) == rejected


def test_pauses_double_up_to_a_minute_with_jitter() -> None:
    pauses = Pauses(random.Random(1))
    seconds = [pauses.next(None) for _ in range(12)]
    assert all(
        0.5 * full <= pause <= full for pause, full in zip(seconds, (1, 2, 4, 8, 16, 32), strict=False)
    )
    assert all(30 <= pause <= 60 for pause in seconds[6:])
    pauses.reset()
    assert pauses.next(None) <= 1


@given(asked=st.floats(0, 3600), failures=st.integers(0, 20))
def test_a_pause_is_never_shorter_than_the_server_asked_for(asked: float, failures: int) -> None:
    pauses = Pauses()
    for _ in range(failures):
        pauses.next(None)
    assert asked <= pauses.next(asked) <= asked * 1.1


def test_a_server_cannot_ask_for_more_than_an_hour() -> None:
    assert Pauses().next(1e9) <= 3601
