"""Where the members of an answer sit: under `data`, or beside it; it differs from one path to the next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sunhelm.devices.errors import Malformed
from sunhelm.devices.families.shapes import mapping, number

Json = Mapping[str, object]


def part_with(body: Json, *members: str) -> Json:
    """Return the object that has these members, or most of them: the root, or what is under `data`."""
    return max(body, mapping(body.get("data")), key=lambda part: sum(name in part for name in members))


def require(body: Json, where: str, *members: str) -> Json:
    """Return the object that has one of these members at least. Raises Malformed where none has."""
    part = part_with(body, *members)
    if not any(name in part for name in members):
        raise missing(body, where, " or ".join(members[:3]))
    return part


def records(body: Json, where: str) -> Sequence[Json]:
    """Return the objects of a list that comes in pages. Raises Malformed where there is no list."""
    data = body.get("data")
    for told in (mapping(data).get("records"), data, body.get("records")):
        if isinstance(told, list):
            return objects(told)
    raise missing(body, where, "list of records")


def objects(told: object) -> Sequence[Json]:
    """Return the objects of a list; what is none is passed over."""
    return [member for member in told if isinstance(member, dict)] if isinstance(told, list) else []


def missing(body: Json, where: str, what: str) -> Malformed:
    """Return the error of an answer without what it should have; a code that it bears is told."""
    code = number(body.get("code"))
    told = "" if code is None else f"; the answer bears the code {code:g}"
    return Malformed(f"{where}: no {what}{told}")
