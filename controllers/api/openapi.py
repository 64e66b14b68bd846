"""The description of the API, made of the models that check the requests and the answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from controllers.api.operations import Operation
from controllers.api.problems import PROBLEM_JSON, Problem
from controllers.api.table import OPERATIONS
from controllers.intake.alerts import Delivery
from sunhelm import __version__

VERSION: Final = "3.1.0"
BASE: Final = "/api/v1"
PATH: Final = f"{BASE}/openapi.json"
WEBHOOK: Final = f"{BASE}/webhook"

_Schemas = Mapping[Any, Mapping[str, Any]]

_DESCRIPTION: Final = (
    "Ask the controller what it does, and command devices through it. Amounts in requests are texts with"
    " their unit; those in answers are numbers in base units. Whoever sends a request again sends the same"
    " `id`, and it is done once. Whoever commands something dangerous is first told so (428) and says"
    " `confirmed` then."
)
_READING: Final = (400, 401, 403, 404, 409, 422, 503)
_WRITING: Final = (*_READING, 428)
_WITH_BODY: Final = (408, 413, 415)


def openapi() -> dict[str, Any]:
    """Return the document."""
    models: list[tuple[type[BaseModel], JsonSchemaMode]] = [
        (Problem, "serialization"),
        (Delivery, "validation"),
    ]
    for operation in OPERATIONS:
        models.append((operation.answer, "serialization"))
        if operation.has_body:
            models.append((operation.ask, "validation"))
    known, definitions = models_json_schema(
        list(dict.fromkeys(models)), ref_template="#/components/schemas/{model}"
    )
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(f"{BASE}{operation.path}", {})[operation.method.lower()] = _operation(
            operation, known
        )
    paths[WEBHOOK] = {"post": _webhook(known)}
    paths[PATH] = {"get": _itself()}
    return {
        "openapi": VERSION,
        "info": {"title": "Sunhelm controller", "version": __version__, "description": _DESCRIPTION},
        "servers": [{"url": "/"}],
        "security": [{"basic": []}, {"bearer": []}],
        "paths": paths,
        "components": {
            "schemas": definitions["$defs"],
            "responses": {"Problem": _problem(known)},
            "securitySchemes": {
                "basic": {"type": "http", "scheme": "basic"},
                "bearer": {"type": "http", "scheme": "bearer"},
            },
        },
    }


def _operation(operation: Operation[Any, Any], known: _Schemas) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.title,
        "tags": [operation.path.split("/")[1]],
        "responses": {
            str(operation.status): _answer(operation.status, known[operation.answer, "serialization"]),
            **_problems(_statuses(operation)),
        },
    }
    parameters = list(_parameters(operation))
    if parameters:
        described["parameters"] = parameters
    if operation.has_body:
        described["requestBody"] = _body(known[operation.ask, "validation"])
    return described


def _statuses(operation: Operation[Any, Any]) -> tuple[int, ...]:
    statuses = _WRITING if operation.writes else _READING
    return (*statuses, *_WITH_BODY) if operation.has_body else statuses


def _parameters(operation: Operation[Any, Any]) -> Iterator[dict[str, Any]]:
    schema = operation.place.model_json_schema(mode="validation")
    for name, of_name in schema.get("properties", {}).items():
        in_path = f"{{{name}}}" in operation.path
        yield {
            "name": name,
            "in": "path" if in_path else "query",
            "required": in_path,
            "schema": _without_null(of_name),
        }


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Return what a text in an address can be: it is left out, and never null."""
    if "anyOf" not in schema:
        return schema
    (some,) = (each for each in schema["anyOf"] if each.get("type") != "null")
    about = {key: value for key, value in schema.items() if key in ("title", "description")}
    return {**some, **about}


def _webhook(known: _Schemas) -> dict[str, Any]:
    return {
        "operationId": "webhook",
        "summary": "Deliver alerts, as Alertmanager does: its webhook, version 4",
        "tags": ["alerts"],
        "requestBody": _body(known[Delivery, "validation"]),
        "responses": {
            "200": {
                "description": "The alerts are in the journal; they are acted on afterwards.",
                "content": {"text/plain": {"schema": {"type": "string"}}},
            },
            **_problems((400, 401, 403, *_WITH_BODY, 503)),
        },
    }


def _itself() -> dict[str, Any]:
    described = {"type": "object", "required": ["openapi", "info", "paths"]}
    return {
        "operationId": "openapi",
        "summary": "Tell this description",
        "tags": ["openapi"],
        "responses": {"200": _answer(200, described), **_problems((401, 403))},
    }


def _body(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"required": True, "content": {"application/json": {"schema": schema}}}


def _answer(status: int, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "description": HTTPStatus(status).phrase,
        "content": {"application/json": {"schema": schema}},
    }


def _problem(known: _Schemas) -> dict[str, Any]:
    return {
        "description": "Nothing was done, for the reason given.",
        "content": {PROBLEM_JSON: {"schema": known[Problem, "serialization"]}},
    }


def _problems(statuses: tuple[int, ...]) -> dict[str, Any]:
    return {str(status): {"$ref": "#/components/responses/Problem"} for status in sorted(statuses)}
