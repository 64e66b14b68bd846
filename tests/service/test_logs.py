from __future__ import annotations

import asyncio
import io
import json
import logging
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sunhelm.configuration.secrets import SecretVariable
from sunhelm.service.logs import configure_logs, heard

Lines = Callable[[], list[str]]


@pytest.fixture
def configured() -> Iterator[Callable[..., Lines]]:
    """Configure the logs for this test alone; give what reads the lines."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level

    def configure(*arguments: Any) -> Lines:
        stream = io.StringIO()
        configure_logs(*arguments, stream=stream)
        return lambda: stream.getvalue().splitlines()

    yield configure
    structlog.reset_defaults()
    logging.captureWarnings(capture=False)
    root.handlers[:] = handlers
    root.setLevel(level)


def test_a_line_is_an_event_and_its_facts_in_order(configured: Any) -> None:
    lines = configured("info", "logfmt")
    structlog.get_logger("x").warning("group_lost", device="roof", waited_s=3.0, known=True, text=None)
    (line,) = lines()
    assert re.fullmatch(
        r"time=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z level=warning event=group_lost device=roof"
        r" waited_s=3\.0 known=true text=",
        line,
    )


def test_json_has_the_same_facts(configured: Any) -> None:
    lines = configured("info", "json")
    structlog.get_logger("x").info("started", devices=2, secret=SecretVariable("TOKEN"))
    (line,) = lines()
    assert list(json.loads(line)) == ["time", "level", "event", "devices", "secret"]
    assert json.loads(line)["devices"] == 2


@pytest.mark.parametrize(("level", "written"), [("debug", 4), ("info", 3), ("warn", 2), ("error", 1)])
def test_less_important_lines_are_left_out(configured: Any, level: str, written: int) -> None:
    lines = configured(level, "logfmt")
    log = structlog.get_logger("x")
    for method in (log.debug, log.info, log.warning, log.error):
        method("event")
    assert len(lines()) == written
    for number in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR):
        logging.getLogger("library").log(number, "event")
    assert len(lines()) == 2 * written


def test_libraries_speak_through_the_same_lines(configured: Any) -> None:
    lines = configured("info", "logfmt")
    logging.getLogger("library").warning("%s said %d things", "it", 2)
    (line,) = lines()
    assert line.endswith('level=warning event="it said 2 things" logger=library')


def test_libraries_whose_complaints_are_ours_to_make_speak_at_debug_only(configured: Any) -> None:
    lines = configured("info", "logfmt")
    logging.getLogger("pymodbus.logging").error("No response received after 3 retries")
    logging.getLogger("aiohttp.access").info("GET /")
    assert lines() == []
    lines = configured("debug", "logfmt")
    logging.getLogger("pymodbus.logging").error("No response received after 3 retries")
    assert len(lines()) == 1


def test_an_exception_stays_on_its_line(configured: Any) -> None:
    lines = configured("info", "logfmt")
    try:
        int("first\nsecond")
    except ValueError:
        structlog.get_logger("x").exception("failed")
    (line,) = lines()
    assert 'exception="Traceback' in line
    assert "ValueError" in line


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(), st.text(min_size=1, max_size=20))
def test_no_value_can_break_a_line_or_pass_for_another_fact(configured: Any, value: str, key: str) -> None:
    lines = configured("info", "logfmt")
    structlog.get_logger("x").info("event", **{key: value} if key not in RESERVED else {"key": value})
    (line,) = lines()
    bare = re.sub(r'"(?:[^"\\]|\\.)*"', '""', line)
    assert len(bare.split(" ")) == 4
    assert line.isprintable()


RESERVED = {
    "event",
    "time",
    "level",
    "self",
    "exc_info",
    "exception",
    "_record",
    "_from_structlog",
    "stack_info",
}


async def test_who_listens_hears_every_level_of_what_began_there_and_the_log_stays_as_it_is(
    configured: Any,
) -> None:
    lines = configured("warn", "logfmt")
    log = structlog.get_logger("x")
    go_on = asyncio.Event()

    async def work(name: str) -> None:
        await go_on.wait()
        log.debug("asked", device=name)
        log.warning("lost", device=name)

    before = asyncio.create_task(work("other"))
    with heard() as heard_lines:
        task = asyncio.create_task(work("mine"))
        go_on.set()
        await asyncio.gather(before, task)
        logging.getLogger("library").warning("late")
    log.warning("lost", device="later")

    assert [line.partition(" ")[2] for line in heard_lines] == [
        "level=debug event=asked device=mine",
        "level=warning event=lost device=mine",
        "level=warning event=late logger=library",
    ]
    assert len(lines()) == 4
    assert not any("asked" in line for line in lines())


def test_who_listens_sees_no_traceback(configured: Any) -> None:
    lines = configured("info", "logfmt")
    with heard() as heard_lines:
        try:
            int("x")
        except ValueError:
            structlog.get_logger("x").exception("failed")
    assert "Traceback" in lines()[0]
    assert heard_lines[0].endswith("level=error event=failed")


@pytest.mark.parametrize("form", ["logfmt", "json"])
def test_what_looks_like_a_secret_is_masked(configured: Any, form: str) -> None:
    lines = configured("info", form)
    with heard() as heard_lines:
        structlog.get_logger("x").info(
            "x", api_token="hunter2", Password="hunter2", url="https://me:hunter2@cloud.example/a"
        )
    assert not any("hunter2" in line for line in [*lines(), *heard_lines])
    assert "https://***@cloud.example/a" in heard_lines[0]
