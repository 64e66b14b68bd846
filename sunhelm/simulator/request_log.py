"""What a simulated device was asked: for tests, benches and the curious."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final

RECENT: Final = 10_000
"""So many of the last requests are kept."""

HTTP_GET: Final = 0x100
HTTP_OTHER: Final = 0x101
HTTP_SIGN_IN: Final = 0x102
"""What stands for the function of a request over HTTP."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it came; `exception` is the code it was answered with, 0 for none."""

    unit: int
    function: int
    address: int
    count: int
    exception: int = 0


@dataclass(frozen=True, slots=True)
class Write:
    """Words that a client wrote and the device took."""

    unit: int
    address: int
    words: tuple[int, ...]


@dataclass(slots=True)
class RequestLog:
    """Counters that only grow, and the last ten thousand requests and writes.

    `words` are the registers that were asked for; `connections` those that were accepted.
    """

    connections: int = 0
    turned_away: int = 0
    requests: int = 0
    words: int = 0
    exceptions: int = 0
    recent: deque[Request] = field(default_factory=lambda: deque(maxlen=RECENT))
    writes: deque[Write] = field(default_factory=lambda: deque(maxlen=RECENT))

    def record(self, request: Request) -> None:
        """Count one request."""
        self.requests += 1
        self.words += request.count
        self.exceptions += bool(request.exception)
        self.recent.append(request)
