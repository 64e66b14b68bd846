"""Alertmanager's own list of alerts: the truth, of which a delivery is only the wake-up."""

from __future__ import annotations

from typing import Final
from urllib.parse import SplitResult

import aiohttp

from controllers.intake.alerts import Alert, BadAlerts, parse_listing

TIMEOUT_S: Final = 10.0
_MOST_BYTES: Final = 32 * 1024 * 1024
_QUERY: Final = {"active": "true", "silenced": "true", "inhibited": "true", "unprocessed": "true"}


class NotListed(Exception):
    """Alertmanager did not say which alerts it has; the text says why."""


class Alertmanager:
    """One Alertmanager, asked over HTTP; no redirect is followed."""

    def __init__(self, url: SplitResult) -> None:
        self._address = f"{url.geturl().rstrip('/')}/api/v2/alerts"
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_S))

    async def alerts(self, seen_at: float) -> list[Alert]:
        """Return all its alerts, also those that are silenced or inhibited. Raises NotListed."""
        try:
            async with self._session.get(self._address, params=_QUERY, allow_redirects=False) as answer:
                if answer.status != 200:
                    raise NotListed(f"it answers {answer.status}")
                body = await answer.content.read(_MOST_BYTES)
                while not answer.content.at_eof():
                    if len(body) >= _MOST_BYTES:
                        raise NotListed(f"its list is longer than {_MOST_BYTES} bytes")
                    body += await answer.content.read(_MOST_BYTES)
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise NotListed(str(error) or type(error).__name__) from error
        try:
            return parse_listing(body, seen_at=seen_at)
        except BadAlerts as error:
            raise NotListed(f"its list cannot be read: {error}") from error

    async def close(self) -> None:
        """Close the connection."""
        await self._session.close()
