"""What goes over the wire while somebody watches: for a person who asks how one read went.

Nobody watches a usual read, which then costs nothing more than a look. Who watches sees the reads that are
begun in the same context, also by tasks that are begun there; reads that were under way stay hidden.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Traced:
    """One request: what it asked, and what came, or why nothing did. Never holds a secret.

    A device of registers answers `words`, a server `text`, any other `data`.
    """

    request: str
    words: tuple[int, ...] = ()
    error: str = ""
    data: bytes = b""
    text: str = ""

    @property
    def came(self) -> str:
        """What came, in hexadecimal where it is no text, or the error."""
        return (
            self.error or self.text or self.data.hex(" ", 4) or " ".join(f"{word:04x}" for word in self.words)
        )


_watching: ContextVar[list[Traced] | None] = ContextVar("watching", default=None)


@contextmanager
def watched() -> Iterator[list[Traced]]:
    """Give the list to which every request of the reads begun here is added, in their order."""
    seen: list[Traced] = []
    token = _watching.set(seen)
    try:
        yield seen
    finally:
        _watching.reset(token)


def trace(
    request: object,
    words: Sequence[int] = (),
    error: Exception | None = None,
    data: bytes = b"",
    text: str = "",
) -> None:
    """Show one request to whoever watches."""
    if (seen := _watching.get()) is not None:
        seen.append(Traced(str(request), tuple(words), "" if error is None else str(error), data, text))
