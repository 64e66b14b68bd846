"""One Izypower account: how one signs in, and what the cloud says at a path."""

from __future__ import annotations

import binascii
import json
from base64 import urlsafe_b64decode
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sunhelm.devices.clock import Clock, Deadline
from sunhelm.devices.errors import AuthFailed, Malformed
from sunhelm.devices.families.accounts import secrets_of
from sunhelm.devices.families.cloud_family import Access
from sunhelm.devices.families.izypower.bodies import Json, records
from sunhelm.devices.families.shapes import mapping, number
from sunhelm.devices.links.answers import Answer
from sunhelm.devices.links.http import Query
from sunhelm.devices.links.sign_in import Credentials, Desk, Grant, Grants

if TYPE_CHECKING:
    from sunhelm.devices.sections import Account

BASE: Final = "https://application.izypowercloud.fr/photo_voltaic"
LOGIN: Final = "/api/login"
STATIONS: Final = "/api/powerStations/page"
TOKEN_HEADER: Final = "x-tts-access-token"  # noqa: S105 - the name of a header
HEADERS: Final = {"app-platform": "izy", "Accept-Language": "en"}
PAGE: Final = 100
"""How many records are asked for at once."""

_MOST_PAGES: Final = 50
_UNKNOWN_LIFE_S: Final = 600.0
_MARGIN_S: Final = 10.0
"""A token is not used any more when it is good for less than this."""

_WRONG: Final = "the e-mail address or the password is wrong"


@dataclass(frozen=True, slots=True)
class Document:
    """An answer: its JSON object, the cloud's own Unix time then, and how far that is ahead of ours."""

    body: Json
    date: float
    skew_s: float
    where: str


@dataclass(frozen=True, slots=True)
class Station:
    """A station of the account. Names may repeat, ids do not."""

    id: str
    record: Json


class Cloud:
    """An account, read through `link`."""

    def __init__(self, access: Access) -> None:
        account = access.account
        self.link = access.link("izypower", account.url or BASE, _sign_in(account, access.clock))

    async def read(self, path: str, deadline: Deadline, *, query: Query | None = None) -> Document:
        """Return what the cloud says at a path. Raises DeviceError."""
        return await self.link.get(path, deadline, _document, query=query)

    async def pages(self, path: str, deadline: Deadline, query: Query) -> list[Json]:
        """Return the records of all pages at a path. Raises DeviceError."""

        async def read(page: Query) -> Json:
            return (await self.read(path, deadline, query=page)).body

        return await all_pages(read, path, query)

    async def stations(self, deadline: Deadline) -> tuple[Station, ...]:
        """Return all stations of the account. Raises DeviceError."""
        told = await self.pages(STATIONS, deadline, {})
        found = {key: Station(key, record) for record in told if (key := id_of(record, "stationsId"))}
        return tuple(found.values())

    async def serials(self, deadline: Deadline) -> Sequence[str]:
        """Return the ids of all stations. Raises DeviceError."""
        return [station.id for station in await self.stations(deadline)]

    async def close(self) -> None:
        """Close all connections; harmless when there are none."""
        await self.link.close()


async def all_pages(read: Callable[[Query], Awaitable[Json]], where: str, query: Query) -> list[Json]:
    """Return the records of all pages of a list; `read` asks for one. Raises DeviceError.

    No source knows how a list says that it goes on: a full page is followed by the next one.
    """
    found: list[Json] = []
    for page in range(1, _MOST_PAGES + 1):
        told = records(await read({**query, "page": page, "limit": PAGE}), where)
        new = [record for record in told if record not in found]
        found += new
        if len(told) < PAGE or not new:
            break
    return found


def id_of(record: Json, member: str) -> str:
    """Return an id, told as a number or as text; an empty one for anything else."""
    told = record.get(member)
    if isinstance(told, int) and not isinstance(told, bool):
        return str(told)
    return told.strip() if isinstance(told, str) else ""


def lasts_s(token: str, now: float) -> float:
    """Return for how many seconds a token can be used: the claim `exp` of a JWT says it.

    One that cannot be read, or whose end has gone by already, is believed for ten minutes: when it is not
    good any more, the cloud says so.
    """
    try:
        coded = token.split(".")[1]
        claims = json.loads(urlsafe_b64decode(coded + "=" * (-len(coded) % 4)))
        end = number(mapping(claims).get("exp"))
    except (IndexError, ValueError, binascii.Error, RecursionError):
        end = None
    if end is None or end - now <= _MARGIN_S:
        return _UNKNOWN_LIFE_S
    return end - now - _MARGIN_S


def _document(answer: Answer) -> Document:
    return Document(answer.json_object(), answer.date, answer.date - answer.came_at, answer.where)


def _sign_in(account: Account, clock: Clock) -> Grants:
    async def ask(desk: Desk, credentials: Credentials, deadline: Deadline) -> Grant:
        answer = await desk.post(LOGIN, deadline, json=dict(credentials), headers=HEADERS)
        if answer.status in (401, 403):
            raise AuthFailed(f"{answer.where}: status {answer.status}, {_WRONG}")
        answer.check()
        token = mapping(answer.json_object().get("data")).get("token")
        if not isinstance(token, str) or not token:
            raise AuthFailed(f"{answer.where}: it gives no token; {_WRONG}")
        if not token.isascii() or not token.isprintable():
            raise Malformed(f"{answer.where}: a token that no header can bear")
        return Grant({**HEADERS, TOKEN_HEADER: token}, lasts_s(token, answer.date))

    return Grants(secrets_of(account, "username", "password"), ask, clock, posts=(LOGIN,))
