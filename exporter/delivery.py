"""From the spool to InfluxDB: one batch at a time, again until it is taken, without the points it refuses."""

from __future__ import annotations

import asyncio
import random
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Protocol

import structlog

_FIRST_PAUSE_S: Final = 1.0
_LONGEST_PAUSE_S: Final = 60.0
_LONGEST_RETRY_AFTER_S: Final = 3600.0

_DROPPED: Final = re.compile(r"partial write:.*\bdropped=([1-9][0-9]{0,8})\b", re.DOTALL)

_log = structlog.get_logger(__name__)


class Failure(StrEnum):
    """Why a write failed; the closed set of values of the `reason` label of errors."""

    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    BUSY = "busy"  # 429 or 503
    UNAUTHORIZED = "unauthorized"  # 401, or the token cannot be had
    FORBIDDEN = "forbidden"  # 403
    NOT_FOUND = "not_found"  # 404: the bucket, the organisation, or the address
    REJECTED = "rejected"  # 400 or 422: something in it is wrong
    TOO_LARGE = "too_large"  # 413
    SERVER_ERROR = "server_error"  # any other 5xx
    UNEXPECTED = "unexpected"


class WriteFailed(Exception):
    """InfluxDB did not take all of a write. The text is one line, free of secrets.

    `retry_after_s` is what the server asked for. `rejected` says that it kept all but so many points; None
    when it may have kept none.
    """

    def __init__(
        self,
        failure: Failure,
        detail: str,
        *,
        retry_after_s: float | None = None,
        rejected: int | None = None,
    ) -> None:
        super().__init__(f"{failure}: {detail}")
        self.failure = failure
        self.detail = detail
        self.retry_after_s = retry_after_s
        self.rejected = rejected


def rejected_of(message: str) -> int | None:
    """Return how many points a message says were refused while the rest was kept; None when it does not."""
    match = _DROPPED.search(message)
    return None if match is None else int(match[1])


class Client(Protocol):
    """Writes lines to InfluxDB."""

    async def write(self, lines: Sequence[str]) -> None:
        """Write lines with times in seconds. Raises WriteFailed."""

    async def close(self) -> None:
        """Close the connection."""


@dataclass(slots=True)
class Delivered:
    """What became of the points of one batch. `dropped` counts those that InfluxDB refuses, by reason."""

    written: int = 0
    dropped: Counter[Failure] = field(default_factory=Counter)


async def deliver(client: Client, lines: Sequence[str]) -> Delivered:
    """Write all lines but those that InfluxDB refuses for what they are.

    A refused write is halved until the point that is wrong stands alone; the server is not asked to keep
    a part twice with another value, so that this may be repeated. Raises WriteFailed for all that is not
    the points' own fault: nothing is lost then, all of the batch is to be written again.
    """
    delivered = Delivered()
    parts = [lines]
    while parts:
        part = parts.pop()
        try:
            await client.write(part)
        except WriteFailed as error:
            if error.failure not in (Failure.REJECTED, Failure.TOO_LARGE):
                raise
            if error.rejected is None and len(part) > 1:
                middle = len(part) // 2
                parts += [part[middle:], part[:middle]]
                continue
            rejected = 1 if error.rejected is None else min(error.rejected, len(part))
            delivered.dropped[error.failure] += rejected
            delivered.written += len(part) - rejected
            _log.warning(
                "influxdb_points_refused", points=rejected, reason=error.failure, detail=error.detail
            )
        else:
            delivered.written += len(part)
        await asyncio.sleep(0)
    return delivered


class Pauses:
    """How long to wait before the next attempt: twice as long each time, with jitter, or as told."""

    def __init__(self, jitter: random.Random | None = None) -> None:
        self._jitter = jitter or random.Random()  # noqa: S311 - spreads clients, hides nothing
        self._failures = 0

    def reset(self) -> None:
        """Begin anew: a write has succeeded."""
        self._failures = 0

    def next(self, retry_after_s: float | None) -> float:
        """Return the seconds to wait after one more failure; never less than the server asked for."""
        pause = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2.0 ** min(self._failures, 10))
        self._failures += 1
        if retry_after_s is None:
            return pause * self._jitter.uniform(0.5, 1.0)
        asked = min(retry_after_s, _LONGEST_RETRY_AFTER_S)
        return asked + min(asked, pause) * self._jitter.uniform(0.0, 0.1)
