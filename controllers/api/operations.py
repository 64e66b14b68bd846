"""One operation of the API: what is asked, what is answered, and how a request becomes the one of it."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, Generic, Protocol, TypeVar

from aiohttp import hdrs, web
from pydantic import BaseModel, ValidationError

from controllers.api.asks import Ask, Once, Place
from controllers.api.bodies import read_json
from controllers.api.problems import problem_response, refused_by_model
from controllers.api.requests import Requests, Said
from controllers.people import People
from sunhelm.configuration.mistakes import one_line
from sunhelm.service.access import VISITOR

PlaceT = TypeVar("PlaceT", bound=Place)
AskT = TypeVar("AskT", bound=Ask)

MOST_BODY_BYTES: Final = 1024 * 1024
MOST_LEVELS: Final = 4

_LONGEST: Final = 60


class NoBody(Ask):
    """Nothing is expected in the body."""


class Backstage(Protocol):
    """What the operations need: the controller as people see it, and what has been asked already."""

    @property
    def people(self) -> People:
        """What people may do now."""

    @property
    def requests(self) -> Requests:
        """What they have asked."""


@dataclass(frozen=True, slots=True)
class Call(Generic[PlaceT, AskT]):
    """One request, checked against the models of its operation."""

    people: People
    requests: Requests
    visitor: str
    place: PlaceT
    ask: AskT


@dataclass(frozen=True, slots=True)
class Operation(Generic[PlaceT, AskT]):
    """One operation. `path` is below `/api/v1`, `status` that of success.

    `writes` is whether it changes anything: it is then in the journal before it is done.
    """

    method: str
    path: str
    title: str
    handle: Callable[[Call[PlaceT, AskT]], Awaitable[BaseModel]]
    place: type[PlaceT]
    ask: type[AskT]
    answer: type[BaseModel]
    status: int = 200
    writes: bool = False

    @property
    def name(self) -> str:
        """The word for it, in the journal too."""
        return self.handle.__name__

    @property
    def has_body(self) -> bool:
        """Whether something is expected in the body."""
        return self.ask is not NoBody

    async def respond(self, request: web.Request, backstage: Backstage) -> web.Response:
        """Carry out a request. Raises Refusal and Refused."""
        place = self._place(request)
        body = b"{}"
        if self.has_body:
            body = await read_json(request, most_bytes=MOST_BODY_BYTES, most_levels=MOST_LEVELS)
        ask = self._ask(body)
        call = Call(backstage.people, backstage.requests, request[VISITOR], place, ask)
        if not self.writes:
            return self._response((await self.handle(call)).model_dump_json())
        given = _given(place, ask)
        said = Said(
            id=ask.id if isinstance(ask, Once) else None,
            visitor=request[VISITOR],
            operation=self.name,
            device=str(given.get("device", "")),
            text=_words(given),
            content=json.dumps(given, sort_keys=True),
        )

        async def act() -> str:
            return (await self.handle(call)).model_dump_json()

        outcome = await backstage.requests.once(said, act)
        if outcome.problem is not None:
            return problem_response(outcome.problem)
        return self._response(outcome.answer)

    def _place(self, request: web.Request) -> PlaceT:
        given: dict[str, Any] = dict(request.match_info)
        for name, value in request.query.items():
            # A name that is given twice is no text any more, so that its model refuses it.
            given[name] = [given[name], value] if name in given else value
        try:
            return self.place.model_validate(given)
        except ValidationError as error:
            raise refused_by_model(error, self.place, "address") from None

    def _ask(self, body: bytes) -> AskT:
        try:
            return self.ask.model_validate_json(body)
        except ValidationError as error:
            raise refused_by_model(error, self.ask, "body") from None

    def _response(self, text: str) -> web.Response:
        return web.Response(
            status=self.status,
            text=f"{text}\n",
            content_type="application/json",
            headers={hdrs.CACHE_CONTROL: "no-store"},
        )


def _given(place: Place, ask: Ask) -> dict[str, Any]:
    """Return what was given, by its names."""
    given = ask.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude={"id"})
    return {**place.model_dump(mode="json", exclude_none=True), **given}


def _words(given: dict[str, Any]) -> str:
    """Return what was given as the journal tells it; the device has a place of its own there."""
    parameters = given.get("with", {})
    told = {key: value for key, value in given.items() if key not in ("device", "with")}
    return " ".join(f"{key}={_short(value)}" for key, value in {**told, **parameters}.items())


def _short(value: object) -> str:
    """Return a value as a line can hold it: a whole file of schedules may be one."""
    text = value if isinstance(value, str) else json.dumps(value)
    return one_line(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}...")
