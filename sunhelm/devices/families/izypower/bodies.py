"""Where the members of an answer sit: under `data`, or beside it; it differs from one path to the next."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from sunhelm.devices.errors import Malformed
from sunhelm.devices.families.shapes import mapping, number, objects

Json = Mapping[str, object]

_NAME: Final = re.compile(r"[A-Za-z_]{1,30}[0-9]{0,2}")
"""What can be the name of a member and no serial number, address or date."""

_MOST_NAMES: Final = 20


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


def missing(body: Json, where: str, what: str) -> Malformed:
    """Return the error of an answer without what it should have; what it has instead is told by name."""
    code = number(body.get("code"))
    told = "" if code is None else f" and the code {code:g}"
    names = [name for part in (body, mapping(body.get("data"))) for name in part if _NAME.fullmatch(name)]
    there = ", ".join(dict.fromkeys(names[:_MOST_NAMES])) or "nothing"
    return Malformed(f"{where}: no {what}; it has {there}{told}")
