"""What is said to the controller, and what it answers."""

from __future__ import annotations

import asyncio
import json
import os
import uuid
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import quote, urlencode

import aiohttp

from sunhelm.cli.control.connection import Connection

TIMEOUT_S: Final = 60.0
"""The controller may have to wait for its turn on a device before it answers."""

_TRIES: Final = 3
_PAUSE_S: Final = 1.0

Json = dict[str, Any]


class NotReached(Exception):
    """The controller does not answer, or something else does."""


class ControllerRefuses(Exception):
    """The controller does not do it; `status`, `code` and `mistakes` say why."""

    def __init__(self, status: int, code: str, detail: str, mistakes: tuple[str, ...] = ()) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.mistakes = mistakes

    @property
    def wants_confirmation(self) -> bool:
        """Whether the same again with `confirmed` is done."""
        return self.code == "needs_confirmation"


def path_of(*steps: str, **query: object) -> str:
    """Return a path below `/api/v1`; what stands in it is quoted, and a parameter that is None left out."""
    path = "".join(f"/{quote(step, safe='')}" for step in steps)
    given = {key: str(value).lower() for key, value in query.items() if value not in (None, False)}
    return f"{path}?{urlencode(given)}" if given else path


class Client:
    """A conversation with the controller; to be used with `async with`."""

    def __init__(self, connection: Connection, *, pause_s: float = _PAUSE_S) -> None:
        self._connection = connection
        self._pause_s = pause_s
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(ssl=self._connection.context or True)
        self._session = aiohttp.ClientSession(
            connector=connector,
            headers=self._connection.headers,
            timeout=aiohttp.ClientTimeout(total=TIMEOUT_S),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def get(self, path: str) -> Json:
        """Return an answer. Raises NotReached and ControllerRefuses, as all do."""
        return await self._ask("GET", path, None)

    async def delete(self, path: str) -> Json:
        """Delete; deleting again does no harm."""
        return await self._ask("DELETE", path, None)

    async def put(self, path: str, body: Mapping[str, object]) -> Json:
        """Put; what is put again replaces itself."""
        return await self._ask("PUT", path, body)

    async def post(self, path: str, body: Mapping[str, object]) -> Json:
        """Post under a word of its own: what is sent again after a lost answer is not done twice."""
        return await self._ask("POST", path, {**body, "id": str(uuid.uuid4())})

    async def _ask(self, method: str, path: str, body: Mapping[str, object] | None) -> Json:
        for attempt in range(1, _TRIES + 1):
            try:
                return await self._once(method, path, body)
            except (aiohttp.ClientConnectionError, TimeoutError) as error:
                if attempt == _TRIES or isinstance(error, aiohttp.ClientConnectorError):
                    raise NotReached(f"{self._connection.url} does not answer: {_reason(error)}") from error
                await asyncio.sleep(self._pause_s)
        raise AssertionError

    async def _once(self, method: str, path: str, body: Mapping[str, object] | None) -> Json:
        assert self._session is not None
        url = f"{self._connection.url}/api/v1{path}"
        async with self._session.request(method, url, json=body, allow_redirects=False) as answer:
            text = await answer.text(errors="replace")
            status = answer.status
        try:
            told = json.loads(text)
        except ValueError:
            told = None
        if not isinstance(told, dict):
            raise NotReached(f"{self._connection.url} is no controller: it answers {status} and no JSON")
        if status >= 400:
            raise ControllerRefuses(
                status,
                str(told.get("code", "")),
                str(told.get("detail", "")),
                tuple(f"{each['place']}: {each['message']}" for each in told.get("errors", ())),
            )
        return told


def _reason(error: aiohttp.ClientConnectionError | TimeoutError) -> str:
    """Return why nothing answers, without the address: most texts of errors have it once more."""
    if isinstance(error, aiohttp.ClientConnectorError) and not isinstance(error, aiohttp.ClientSSLError):
        number = error.os_error.errno or 0
        from_system = number > 0  # those of a look-up of names are negative
        return os.strerror(number) if from_system else str(error.os_error.strerror or error)
    return str(error) or "no answer in time"
