"""What goes wrong, in the one shape that every answer of the API has: problem details, RFC 9457."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import Annotated, Final, NoReturn

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from controllers.journal.journal import JournalError
from controllers.people import RefusalReason, Refused
from sunhelm.configuration.annotations import keys_of, models_at
from sunhelm.configuration.complaints import complaint
from sunhelm.configuration.mistakes import found, one_line

PROBLEM_JSON: Final = "application/problem+json"
PREFIX: Final = "/api/v1/"

STATUS: Final = {
    RefusalReason.UNKNOWN_DEVICE: 404,
    RefusalReason.NOT_FOUND: 404,
    RefusalReason.NOT_CONTROLLED: 403,
    RefusalReason.FORBIDDEN: 403,
    RefusalReason.NOT_POSSIBLE: 422,
    RefusalReason.WRONG: 422,
    RefusalReason.CONFLICT: 409,
    RefusalReason.DEVICE: 409,
    RefusalReason.NOT_NOW: 409,
    RefusalReason.NEEDS_CONFIRMATION: 428,
}
"""How each refusal is answered. A device that does not answer is no fault of this server."""

_PLACE: Final = re.compile(r"([a-z0-9_.-]+(?: [0-9]+)?): (.+)")
_MOST_ERRORS: Final = 20
_LONGEST: Final = 2000


class ProblemError(BaseModel):
    """One thing that is wrong: its place, and a sentence with what was found and what is allowed."""

    model_config = ConfigDict(frozen=True)

    place: Annotated[str, Field(examples=["body.with.limit"])]
    message: str


class Problem(BaseModel):
    """Why a request was not carried out. Nothing of it was done."""

    model_config = ConfigDict(frozen=True)

    type: Annotated[str, Field(description="about:blank: the status says it all.")] = "about:blank"
    title: Annotated[str, Field(description="The name of the status.")]
    status: Annotated[int, Field(ge=400, le=599)]
    code: Annotated[str, Field(description="One word for programs.", examples=["needs_confirmation"])]
    detail: Annotated[str, Field(description="One sentence for people.")]
    errors: Annotated[tuple[ProblemError, ...], Field(description="All that is wrong.")] = ()


class Refusal(Exception):
    """A request is not carried out; `problem` is the answer."""

    def __init__(self, status: int, code: str, detail: str, errors: Sequence[ProblemError] = ()) -> None:
        super().__init__(detail)
        self.problem = Problem(
            title=HTTPStatus(status).phrase,
            status=status,
            code=code,
            detail=one_line(detail)[:_LONGEST],
            errors=tuple(errors[:_MOST_ERRORS]),
        )


def refuse(status: int, code: str, place: str, message: str) -> NoReturn:
    """Refuse a request for one thing that is wrong at one place."""
    error = ProblemError(place=place, message=one_line(message)[:_LONGEST])
    raise Refusal(status, code, f"{place}: {message}", (error,))


def refused_by(error: Refused) -> Refusal:
    """Return how a refusal of the controller is answered."""
    errors = [_placed(text) for text in error.mistakes]
    return Refusal(STATUS[error.reason], error.reason.value, str(error), errors)


def _placed(text: str) -> ProblemError:
    """Return a mistake with the place that its sentence begins with: a parameter, or a device."""
    match = _PLACE.fullmatch(one_line(text)[:_LONGEST])
    place, message = match.groups() if match is not None else ("request", one_line(text)[:_LONGEST])
    return ProblemError(place=place, message=message)


def refused_by_model(error: ValidationError, model: type[BaseModel], root: str) -> Refusal:
    """Return how a request that its model does not accept is answered; `root` is what the model is of."""
    errors = []
    for details in error.errors(include_url=False):
        path = details["loc"]
        around = models_at(model, path[:-1])
        if details["type"] == "json_invalid":
            message = f"is no JSON: {details['ctx']['error']}"
        elif details["type"] == "string_pattern_mismatch" and (allowed := _allowed(around, path[-1])):
            message = f"{found(details['input'])} is not allowed. {allowed}"
        else:
            message = complaint(details, [key for each in around for key in keys_of(each)])
        place = ".".join([root, *map(str, path)])
        errors.append(ProblemError(place=one_line(place)[:_LONGEST], message=one_line(message)[:_LONGEST]))
    first = errors[0]
    return Refusal(400, "malformed", f"{first.place}: {first.message}", errors)


def _allowed(around: Iterable[type[BaseModel]], key: str | int) -> str:
    """Return how the field of this key is described."""
    for each in around:
        for name, field in each.model_fields.items():
            if key == (field.alias or name):
                return field.description or ""
    return ""


def problem_response(problem: Problem) -> web.Response:
    """Return the answer for a problem."""
    return web.Response(
        status=problem.status, text=f"{problem.model_dump_json()}\n", content_type=PROBLEM_JSON
    )


@web.middleware
async def answer_refusals(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer what is refused below `/api/v1/`; the innermost middleware."""
    if not request.path.startswith(PREFIX):
        return await handler(request)
    try:
        return await handler(request)
    except Refusal as refusal:
        problem = refusal.problem
    except Refused as refused:
        problem = refused_by(refused).problem
    except JournalError:
        detail = "The journal takes nothing, and what is not in the journal is not done; try again."
        problem = Refusal(503, "journal", detail).problem
    return problem_response(problem)


@web.middleware
async def shape_problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give what others refuse below `/api/v1/` the same shape, the door too; the outermost middleware."""
    if not request.path.startswith(PREFIX):
        return await handler(request)
    try:
        answer = await handler(request)
    except web.HTTPException as error:
        return _reshaped(error)
    if isinstance(answer, web.Response) and answer.status >= 400 and answer.content_type != PROBLEM_JSON:
        return _reshaped(answer)
    return answer


def _reshaped(answer: web.Response) -> web.Response:
    phrase = HTTPStatus(answer.status).phrase
    detail = (answer.text or phrase).strip()
    response = problem_response(Refusal(answer.status, phrase.lower().replace(" ", "_"), detail).problem)
    for name in (hdrs.WWW_AUTHENTICATE, hdrs.RETRY_AFTER, hdrs.ALLOW):
        if name in answer.headers:
            response.headers[name] = answer.headers[name]
    return response
