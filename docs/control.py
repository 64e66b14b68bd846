"""The generated pages about the controller: what can be commanded on which family, and its API."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from typing import Any

from layout import PROOF, RUNG, page, table

from controllers.api.openapi import openapi
from sunhelm.devices.control import Action
from sunhelm.devices.families import FAMILIES, load_family
from sunhelm.devices.families.spec import FamilySpec, Writable

SHOWN = [action for action in Action if action not in (Action.DELETE_SCHEDULE, Action.DELETE_ENVELOPE)]
KEEPS_SCHEDULES = {Action.CHARGE, Action.DISCHARGE, Action.SET_MODE}


def commands_page() -> str:
    """Return the page of all families beside all actions."""
    specs = {name: load_family(name).spec for name in FAMILIES}
    return page(
        "What can be commanded",
        "Each family beside each word of the vocabulary. *native*: the device does it. *kept by us*: the "
        "device cannot, and the controller does it at its time; when the controller dies, it does not "
        "happen. What a single device can do may be less, by its model, firmware and "
        "configuration: `sunhelm capabilities` tells it of yours.",
        table(
            ("Action", *(f"[{name}](families/{name}.md)" for name in specs)),
            (
                (f"`{action}`", *(_word(name, spec, action) for name, spec in specs.items()))
                for action in SHOWN
            ),
        ),
        "## How",
        "Who may ask: a policy (automatic), a policy where the owner allows that action on that device "
        "(opt-in), a person who confirms it (person). The rung says what is left of it when the controller "
        "dies; the proof, how it is known that it was done.",
        *(section for action in SHOWN for section in _how(action, specs)),
    )


def _controls(spec: FamilySpec, action: Action) -> Iterator[tuple[str, Writable]]:
    for key, writable in {**spec.controls, **spec.tasks}.items():
        if action in writable.actions:
            yield key, writable


def _word(name: str, spec: FamilySpec, action: Action) -> str:
    """Return who does it."""
    if action is Action.EV_MODE and find_spec(f"sunhelm.devices.families.{name}.charger") is not None:
        return "[kept by us](../control/evcharging.md)"
    if any(_controls(spec, action)) or (action is Action.SET and _has_settings(spec)):
        return "native"
    able = {each for writable in spec.controls.values() for each in writable.actions}
    if action is Action.CREATE_SCHEDULE and KEEPS_SCHEDULES & able:
        return "kept by us"
    return "no"


def _has_settings(spec: FamilySpec) -> bool:
    """Return whether every writable number of its registers is a setting."""
    return bool(spec.parts and spec.controls)


def _how(action: Action, specs: Mapping[str, FamilySpec]) -> Iterator[str]:
    rows = [
        (
            name,
            f"`{key}`: {writable.title}",
            ", ".join((writable.hazard, *(f"`{value}`: {who}" for value, who in writable.hazards.items()))),
            f"{writable.rung}: {RUNG[writable.rung]}",
            PROOF[writable.proof],
        )
        for name, spec in specs.items()
        for key, writable in _controls(spec, action)
    ]
    if rows:
        yield f"### `{action}`"
        yield table(("Family", "What", "Who may ask", "When the controller dies", "Proof"), rows)


def api_page() -> str:
    """Return the page of the API."""
    document = openapi()
    operations = [
        (method.upper(), path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    schemas = document["components"]["schemas"]
    bodies = {name: schema for name, schema in schemas.items() if name.endswith("Ask")}
    told = ("Answer", "Problem", "ProblemError")
    answers = {name: schema for name, schema in schemas.items() if name.endswith(told)}
    return page(
        "API of the controller",
        f"{document['info']['description']} The whole description is served at `/api/v1/openapi.json`; this "
        "page is made of it. [Commands](../control/commands.md) tells how to use it.",
        "## Operations",
        table(
            ("Operation", "What it does", "Body", "Answer"),
            (
                (f"`{method} {path}`", operation["summary"], _body(operation), _answer(operation))
                for method, path, operation in operations
            ),
        ),
        "A refusal is answered as a [problem](#problem) with the media type `application/problem+json`: 400 "
        "for what the description does not allow, 401 and 403 for who may not, 404 for what there is not, "
        "408, 413 and 415 for a body that does not come, is too long or no JSON, 409 for what does not go "
        "now, 422 for what that device does not take, 428 for what has to be confirmed, 503 when the journal "
        "takes nothing.",
        "## Bodies",
        *(section for name, schema in bodies.items() for section in _schema(name, schema)),
        "## Answers",
        *(section for name, schema in answers.items() for section in _schema(name, schema)),
    )


def _body(operation: Mapping[str, Any]) -> str:
    body = operation.get("requestBody")
    return "" if body is None else _kind(body["content"]["application/json"]["schema"])


def _answer(operation: Mapping[str, Any]) -> str:
    (status,) = (each for each in operation["responses"] if each.startswith("2"))
    content = operation["responses"][status]["content"]
    schema = content.get("application/json", content.get("text/plain"))["schema"]
    return f"{status} {_kind(schema)}"


def _schema(name: str, schema: Mapping[str, Any]) -> Iterator[str]:
    yield f"### {name}"
    yield " ".join(schema.get("description", "").split())
    required = schema.get("required", [])
    yield table(
        ("Field", "Kind", "Meaning"),
        (
            (
                f"`{field}`" + (" (required)" if name.endswith("Ask") and field in required else ""),
                _kind(about),
                about.get("description", ""),
            )
            for field, about in schema["properties"].items()
        ),
    )


def _kind(schema: Mapping[str, Any]) -> str:
    """Return what a value is, in words."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})" if name.endswith(("Ask", "Answer", "Error")) else f"`{name}`"
    if "anyOf" in schema:
        return " or ".join(_kind(each) for each in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_kind(schema['items'])}"
    kind = {"string": "text", "boolean": "true or false", "null": "null", "object": "mapping"}.get(
        schema.get("type", ""), schema.get("type", "anything")
    )
    return "time" if schema.get("format") == "date-time" else kind
