"""What people have asked: who, when, what, and how it was answered; and each of it once only.

A request is in the journal before anything is done, under the word that the client has chosen for it. The
same request again, after an answer that was lost, is not done again: it gets the answer of the first one.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from controllers.api.problems import Problem, Refusal, refused_by
from controllers.journal.journal import Journal, JournalError, Statement
from controllers.people import LONGEST_S, EventRecord, Refused

PENDING: Final = ""
DONE: Final = "done"
_KIND: Final = "request"
_LONGEST: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One request. `id` is the client's word for it; None when it has none.

    `text` is what the journal tells of it; two are the same when their `content` is.
    """

    id: str | None
    visitor: str
    operation: str
    device: str
    text: str
    content: str

    @property
    def digest(self) -> str:
        """What is equal only for the same request of the same visitor."""
        whole = json.dumps([self.visitor, self.operation, self.content])
        return hashlib.sha256(whole.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Answered:
    """How a request was answered: `answer` is JSON; or the problem."""

    answer: str = ""
    problem: Problem | None = None


class Requests:
    """The requests in the journal. `now` is the time of the controller."""

    def __init__(self, journal: Journal, now: Callable[[], float]) -> None:
        self._journal = journal
        self._now = now
        self._under_way: set[str] = set()

    async def once(self, said: Said, act: Callable[[], Awaitable[str]]) -> Answered:
        """Do what was asked, or return how it was answered before. Raises Refusal and JournalError."""
        key = said.id or secrets.token_hex(12)
        if key in self._under_way:
            raise Refusal(409, "under_way", f"The request {key} is under way; ask again for its answer.")
        self._under_way.add(key)
        try:
            before = self._before(key, said)
            if before is not None:
                return before
            await self._journal.commit(_put(key, said, self._now()))
            answered = await self._answer(act)
            try:
                await self._journal.commit(_end(key, answered, self._now()))
            except JournalError:
                if answered.problem is not None:
                    raise
                # It is done and kept: whoever asked must not take it for failed.
            return answered
        finally:
            self._under_way.discard(key)

    async def _answer(self, act: Callable[[], Awaitable[str]]) -> Answered:
        try:
            return Answered(await act())
        except Refused as error:
            return Answered(problem=refused_by(error).problem)
        except Refusal as error:
            return Answered(problem=error.problem)

    def _before(self, key: str, said: Said) -> Answered | None:
        rows = self._journal.read(
            "SELECT digest, outcome, answer FROM requests WHERE id = ?",
            (key,),
        )
        for digest, outcome, answer in rows:
            if outcome not in (PENDING, DONE):
                continue
            if digest != said.digest:
                raise Refusal(409, "id_taken", f"body.id: {key} was the word for another request.")
            if outcome == PENDING:
                detail = f"The request {key} was never answered; the journal tells what was done."
                raise Refusal(409, "unanswered", detail)
            return Answered(str(answer))
        return None

    def askers(self) -> dict[str, str]:
        """Return who has made each claim that may still live, by the id of the claim. Raises JournalError."""
        rows = self._journal.read(
            "SELECT json_extract(answer, '$.id'), visitor FROM requests"
            " WHERE at > ? AND operation = 'make_claim' AND outcome = 'done'",
            (self._now() - LONGEST_S,),
        )
        return {str(claim): str(visitor) for claim, visitor in rows}

    def history(self, *, device: str | None, before: float | None, most: int) -> list[EventRecord]:
        """Return what was asked, the newest first. Raises JournalError."""
        rows = self._journal.read(
            "SELECT at, visitor, operation, device, text, outcome FROM requests"
            " WHERE at < ? AND (? IS NULL OR device = ?) ORDER BY at DESC LIMIT ?",
            (1e12 if before is None else before, device, device, most),
        )
        return [
            EventRecord(
                at=float(str(at)),
                kind=_KIND,
                device=str(named),
                what=f"{str(operation).replace('_', ' ')} {text}".strip()[:_LONGEST],
                cause=str(visitor),
                outcome=DONE if outcome == DONE else "unanswered" if outcome == PENDING else "refused",
                reason="" if outcome == DONE else str(outcome),
            )
            for at, visitor, operation, named, text, outcome in rows
        ]


def _put(key: str, said: Said, now: float) -> Statement:
    sql = (
        "INSERT OR REPLACE INTO requests (id, at, visitor, operation, device, text, digest, outcome, answer)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, '')"
    )
    return sql, (
        key,
        now,
        said.visitor,
        said.operation,
        said.device,
        said.text[:_LONGEST],
        said.digest,
        PENDING,
    )


def _end(key: str, answered: Answered, now: float) -> Statement:
    problem = answered.problem
    outcome = DONE if problem is None else problem.code
    answer = answered.answer if problem is None else problem.model_dump_json()
    return "UPDATE requests SET outcome = ?, answer = ?, ended_at = ? WHERE id = ?", (
        outcome,
        answer,
        now,
        key,
    )
