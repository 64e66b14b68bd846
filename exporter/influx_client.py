"""One write to InfluxDB, by its official client; what can go wrong, as one exception.

This module is imported only when the output is on: the client takes as long to import as the rest of the
exporter.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final, cast

import aiohttp
from influxdb_client.client.influxdb_client_async import InfluxDBClientAsync
from influxdb_client.domain.write_precision import WritePrecision
from influxdb_client.rest import ApiException

from exporter.config import InfluxSection
from exporter.delivery import Failure, WriteFailed, rejected_of
from sunhelm.configuration.mistakes import HIDDEN
from sunhelm.configuration.secrets import SecretUnavailable

_FAILURES: Final = {
    400: Failure.REJECTED,
    401: Failure.UNAUTHORIZED,
    403: Failure.FORBIDDEN,
    404: Failure.NOT_FOUND,
    413: Failure.TOO_LARGE,
    422: Failure.REJECTED,
    429: Failure.BUSY,
    503: Failure.BUSY,
}
_LONGEST_DETAIL: Final = 300


class InfluxClient:
    """Writes lines to one bucket. The token is read again for every write: it may have been changed."""

    def __init__(self, section: InfluxSection) -> None:
        self._section = section
        self._token: str | None = None
        self._client: InfluxDBClientAsync | None = None
        self._tls: ssl.SSLContext | None = None

    async def write(self, lines: Sequence[str]) -> None:
        """Write lines with times in seconds. Raises WriteFailed."""
        client = await self._connected()
        try:
            async with asyncio.timeout(self._section.timeout):
                done = await client.write_api().write(
                    self._section.bucket,
                    self._section.org or "",
                    "\n".join(lines).encode(),
                    cast(WritePrecision, WritePrecision.S),
                )
        except ApiException as error:
            raise self._failed(error) from error
        except TimeoutError as error:
            detail = f"no answer within {self._section.timeout:g} s"
            raise WriteFailed(Failure.TIMEOUT, detail) from error
        except (aiohttp.ClientError, OSError) as error:
            raise WriteFailed(Failure.UNREACHABLE, self._shown(str(error))) from error
        if not done:
            raise WriteFailed(Failure.UNEXPECTED, "the answer is a success that InfluxDB does not know")

    async def close(self) -> None:
        """Close the connection."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()  # type: ignore[no-untyped-call]  # the library gives it no types

    async def _connected(self) -> InfluxDBClientAsync:
        secret = self._section.secret("token")
        try:
            token = None if secret is None else await asyncio.to_thread(secret.reveal)
        except SecretUnavailable as error:
            raise WriteFailed(Failure.UNAUTHORIZED, f"no token: {error}") from error
        if self._client is None or token != self._token:
            await self.close()
            self._token = token
            if self._tls is None:
                self._tls = await asyncio.to_thread(ssl.create_default_context)
            self._client = InfluxDBClientAsync(
                self._section.url.geturl(),
                token or "",
                self._section.org or "",
                timeout=round(self._section.timeout * 1000),
                enable_gzip=True,
                allow_redirects=False,
                ssl_context=self._tls,
            )
        return self._client

    def _failed(self, error: ApiException) -> WriteFailed:
        status = error.status or 0
        failure = _FAILURES.get(status, Failure.SERVER_ERROR if status >= 500 else Failure.UNEXPECTED)
        message = _message(error.body)
        rejected = rejected_of(message) if failure is Failure.REJECTED else None
        return WriteFailed(
            failure,
            self._shown(f"{status} {error.reason}: {message}".rstrip(": ")),
            retry_after_s=_retry_after(error.headers) if failure is Failure.BUSY else None,
            rejected=rejected,
        )

    def _shown(self, text: str) -> str:
        if self._token:
            text = text.replace(self._token, HIDDEN)
        return text if len(text) <= _LONGEST_DETAIL else f"{text[:_LONGEST_DETAIL]}..."


def _message(body: object) -> str:
    text = body.decode(errors="replace") if isinstance(body, bytes) else str(body or "")
    try:
        answer = json.loads(text)
    except ValueError:
        return text
    if isinstance(answer, dict):
        return str(answer.get("message") or answer.get("error") or text)
    return text


def _retry_after(headers: Mapping[str, str] | None) -> float | None:
    """Return how many seconds the server asks to wait: it says a number, or a date."""
    text = (headers or {}).get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, (date.replace(tzinfo=date.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
