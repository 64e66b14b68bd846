"""What is asked is in the journal, and done once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from controllers.api.problems import Refusal
from controllers.api.requests import Requests, Said
from controllers.journal.journal import Journal, JournalError
from controllers.people import RefusalReason, Refused

SAID = Said(id="my-own-word", visitor="anna", operation="claim", device="roof", text="limit=0W", content="{}")


class Act:
    """Something to do: counts how often, and may fail."""

    def __init__(self, *failures: BaseException) -> None:
        self.times = 0
        self.failures = list(failures)
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def __call__(self) -> str:
        await self.go_on.wait()
        self.times += 1
        if self.failures:
            raise self.failures.pop(0)
        return f'{{"time":{self.times}}}'


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal(tmp_path / "state")
    yield journal
    journal.close()


@pytest.fixture
def requests(journal: Journal) -> Requests:
    return Requests(journal, lambda: 1000.0)


async def test_the_same_word_again_gets_the_same_answer_also_after_a_restart(
    requests: Requests, journal: Journal
) -> None:
    act = Act()
    first = await requests.once(SAID, act)
    again = await requests.once(SAID, act)
    later = await Requests(journal, lambda: 2000.0).once(SAID, act)

    assert first == again == later
    assert (act.times, first.answer) == (1, '{"time":1}')


async def test_without_a_word_everything_is_done(requests: Requests) -> None:
    act, said = Act(), replace(SAID, id=None)
    await requests.once(said, act)
    await requests.once(said, act)

    assert act.times == 2


@pytest.mark.parametrize("change", [{"content": "[]"}, {"visitor": "eve"}, {"operation": "restart"}], ids=str)
async def test_a_word_is_for_one_request_of_one_visitor(requests: Requests, change: dict[str, str]) -> None:
    await requests.once(SAID, Act())
    other = Act()
    with pytest.raises(Refusal) as refused:
        await requests.once(replace(SAID, **change), other)

    assert (refused.value.problem.code, other.times) == ("id_taken", 0)


async def test_what_is_under_way_is_not_begun_again(requests: Requests) -> None:
    act = Act()
    act.go_on.clear()
    first = asyncio.create_task(requests.once(SAID, act))
    await asyncio.sleep(0)
    with pytest.raises(Refusal) as refused:
        await requests.once(SAID, act)
    act.go_on.set()

    assert refused.value.problem.code == "under_way"
    assert (await first).answer == '{"time":1}'


async def test_what_was_never_answered_is_not_tried_again(requests: Requests) -> None:
    act = Act(RuntimeError("killed"))
    with pytest.raises(RuntimeError):
        await requests.once(SAID, act)
    with pytest.raises(Refusal) as refused:
        await requests.once(SAID, act)

    assert (refused.value.problem.code, act.times) == ("unanswered", 1)


async def test_what_was_refused_may_be_tried_again(requests: Requests) -> None:
    act = Act(Refused(RefusalReason.NOT_NOW, "The device sleeps."))
    refused = await requests.once(SAID, act)
    again = await requests.once(SAID, act)

    assert refused.problem is not None
    assert (refused.problem.status, refused.problem.code) == (409, "not_now")
    assert again.answer == '{"time":2}'


async def test_what_the_journal_does_not_take_is_not_done(requests: Requests, journal: Journal) -> None:
    journal._database.execute("DROP TABLE requests")
    act = Act()
    with pytest.raises(JournalError):
        await requests.once(SAID, act)

    assert act.times == 0


async def test_who_made_a_claim_is_known(requests: Requests) -> None:
    async def make() -> str:
        return '{"id":"c1"}'

    await requests.once(replace(SAID, operation="make_claim"), make)
    await requests.once(replace(SAID, id=None, operation="release"), make)

    assert requests.askers() == {"c1": "anna"}


async def test_the_journal_tells_who_asked_for_what(requests: Requests) -> None:
    await requests.once(SAID, Act())
    await requests.once(
        replace(SAID, id="another-word", device="shed"), Act(Refused(RefusalReason.WRONG, ""))
    )
    events = requests.history(device=None, before=None, most=10)

    assert {(event.device, event.cause, event.outcome, event.reason) for event in events} == {
        ("roof", "anna", "done", ""),
        ("shed", "anna", "refused", "wrong"),
    }
    assert events[0].what == "claim limit=0W"
    assert [event.device for event in requests.history(device="roof", before=None, most=10)] == ["roof"]
    assert requests.history(device=None, before=1000.0, most=10) == []
