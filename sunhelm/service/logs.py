"""Log lines: an event name to search for, then facts, one line each, on standard error.

Who asks how one request went hears the lines of that request, also those that are less important than what
is written.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Final, Literal, TextIO

import structlog
from aiohttp.http_exceptions import HttpProcessingError
from structlog.typing import EventDict, Processor, WrappedLogger

from sunhelm.configuration.mistakes import one_line

Level = Literal["debug", "info", "warn", "error"]
Format = Literal["logfmt", "json"]

LEVELS: Final[dict[Level, int]] = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
}

_QUIET: Final = {"pymodbus": logging.CRITICAL, "aiohttp.access": logging.CRITICAL, "asyncio": logging.ERROR}
"""Libraries whose complaints we make ourselves, with the device's name; they speak at level debug only."""

_SECRET: Final = re.compile(
    r"password|passphrase|secret|token|authorization|cookie|credential", re.IGNORECASE
)
_USERINFO: Final = re.compile(r"(?<=://)[^/?#\s@]+(?=@)")
_MASK: Final = "***"

_TRACEBACKS: Final = frozenset({"exception", "stack", "stack_info"})

_hearing: ContextVar[list[str] | None] = ContextVar("hearing", default=None)

_PLAIN: Final = re.compile(r"[^\s\"=\\]+")
_NOT_A_KEY: Final = re.compile(r"[^A-Za-z0-9_.]")


def configure_logs(level: Level = "info", form: Format = "logfmt", stream: TextIO | None = None) -> None:
    """Send the log lines of this process, ours and the libraries', to `stream` (standard error)."""
    before: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        _add_time,
        structlog.processors.format_exc_info,
        _mask,
        _overhear,
    ]
    handler = logging.StreamHandler(sys.stderr if stream is None else stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[
                structlog.stdlib.add_logger_name,
                structlog.stdlib.PositionalArgumentsFormatter(),
                *before,
            ],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _in_order,
                _as_json if form == "json" else _as_logfmt,
            ],
        )
    )
    root = logging.getLogger()
    for former in root.handlers[:]:
        root.removeHandler(former)
    root.addHandler(handler)
    root.setLevel(LEVELS[level])
    for name, quiet in _QUIET.items():
        logging.getLogger(name).setLevel(logging.NOTSET if level == "debug" else quiet)
    logging.getLogger("aiohttp.server").addFilter(_is_not_about_a_request_that_is_no_http)
    logging.captureWarnings(capture=True)
    structlog.configure(
        processors=[
            _Audible(LEVELS[level]),
            *before,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


@contextmanager
def heard() -> Iterator[list[str]]:
    """Give the list to which every line is added that is logged in this context, in the form logfmt.

    Tasks that are begun in the `with` are heard, those that were under way are not. Tracebacks stay in the
    log: who may ask need not be who may see the inside of the program.
    """
    lines: list[str] = []
    token = _hearing.set(lines)
    try:
        yield lines
    finally:
        _hearing.reset(token)


def _level_of(method: str) -> int:
    """Return the number of a level by its method; `exception` logs an error."""
    return logging.getLevelNamesMapping().get(method.upper(), logging.ERROR)


class _Audible:
    """Drops a line at once that is neither written at this level nor heard by anybody."""

    def __init__(self, level: int) -> None:
        self._level = level

    def __call__(self, logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        del logger
        if _hearing.get() is None and _level_of(method) < self._level:
            raise structlog.DropEvent
        return event


def _overhear(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    if (lines := _hearing.get()) is not None:
        shown = {
            key: value for key, value in event.items() if key not in _TRACEBACKS and not key.startswith("_")
        }
        lines.append(_as_logfmt(logger, method, _in_order(logger, method, shown)))
    return event


def _mask(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Hide what looks like a secret; no line of ours holds one, this is for the day that one does."""
    del logger, method
    for key, value in event.items():
        if _SECRET.search(key):
            event[key] = _MASK
        elif isinstance(value, str):
            event[key] = _USERINFO.sub(_MASK, value)
    return event


def _is_not_about_a_request_that_is_no_http(record: logging.LogRecord) -> bool:
    """Keep out what anybody who reaches the port could fill the log with, a traceback for each request."""
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, HttpProcessingError)


def _add_time(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    del logger, method
    now = datetime.now(tz=UTC).isoformat(timespec="milliseconds")
    event["time"] = now.removesuffix("+00:00") + "Z"
    return event


def _in_order(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    del logger, method
    first = {key: event.pop(key) for key in ("time", "level", "event") if key in event}
    return {**first, **event}


def _as_json(logger: WrappedLogger, method: str, event: EventDict) -> str:
    del logger, method
    return json.dumps(event, default=str)


def _as_logfmt(logger: WrappedLogger, method: str, event: EventDict) -> str:
    del logger, method
    return " ".join(f"{_NOT_A_KEY.sub('_', key)}={_logfmt_value(value)}" for key, value in event.items())


def _logfmt_value(value: object) -> str:
    """Return the value so that it stays on its line and cannot pass for another fact."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    if _PLAIN.fullmatch(text) and text.isprintable():
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{one_line(escaped)}"'
