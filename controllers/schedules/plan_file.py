"""Schedules of several days from a text: CSV or JSON of schedules, or what the planner EMHASS writes.

A row of ours has start, end or duration, mode, power, target_soc, written as on the command line. A row of
EMHASS has a timestamp and the power of the battery, positive while it discharges: `P_batt` of its result, or
`date` and `p_batt_forecast` of the list that it publishes. Steps in a row with the same power become one
schedule; steps without power leave the battery to the device.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

from controllers.orders import read
from controllers.people import RefusalReason, Refused
from controllers.schedules.moments import moment
from controllers.schedules.spans import ScheduleParameters
from sunhelm.devices.control import Schedule

MOST_ROWS: Final = 2000

_TIMES: Final = ("timestamp", "date")
_POWERS: Final = ("P_batt", "p_batt_forecast")
_LISTS: Final = ("schedules", "battery_scheduled_power")
_NOTHING_W: Final = 1.0
_MOST_W: Final = 1e9
_LONGEST_STEP_S: Final = 86_400.0

Row = Mapping[str, object]


def schedules_of(text: str, now: float, zone: ZoneInfo) -> list[Schedule]:
    """Return the schedules in a text that are not over yet, by their start. Raises Refused."""
    rows = _rows(text)
    if not rows:
        raise _wrong("there are no rows")
    if len(rows) > MOST_ROWS:
        raise _wrong(f"{len(rows)} rows; {MOST_ROWS} are the most")
    if any(name in rows[0] for name in _POWERS):
        found = [schedule for schedule in _steps(rows, zone) if schedule.end > now]
    else:
        found = list(_written(rows, now, zone))
    found.sort(key=lambda schedule: schedule.start)
    for first, second in pairwise(found):
        if second.start < first.end:
            raise _wrong(f"two of the schedules overlap, from {second.start:.0f} on (Unix time)")
    return found


def _rows(text: str) -> list[Row]:
    stripped = text.lstrip("\ufeff \r\n\t")
    if stripped[:1] in ("{", "["):
        return _json_rows(stripped)
    try:
        reader = csv.DictReader(io.StringIO(stripped), strict=True)
        rows = [{key: value for key, value in row.items() if key and value} for row in reader]
    except csv.Error as error:
        raise _wrong(f"is neither JSON nor CSV: {error}") from None
    return [row for row in rows if row]


def _json_rows(text: str) -> list[Row]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _wrong(f"is no JSON: {error}") from None
    if isinstance(document, dict):
        attributes = document.get("attributes")
        for inside in (document, attributes if isinstance(attributes, dict) else {}):
            for name in _LISTS:
                if name in inside:
                    return _all_mappings(inside[name])
        if all(isinstance(row, dict) for row in document.values()):
            return [{"timestamp": key, **row} for key, row in document.items()]
    return _all_mappings(document)


def _all_mappings(document: object) -> list[Row]:
    if not isinstance(document, list) or not all(isinstance(row, dict) for row in document):
        raise _wrong("a list of schedules is expected")
    return document


def _written(rows: Sequence[Row], now: float, zone: ZoneInfo) -> Iterator[Schedule]:
    mistakes: list[str] = []
    for number, row in enumerate(rows, start=1):
        try:
            yield read(ScheduleParameters, row).schedule(now, zone)
        except Refused as refused:
            mistakes += (f"row {number}: {mistake}" for mistake in refused.mistakes)
        except ValueError as error:
            mistakes.append(f"row {number}: {error}")
    if mistakes:
        raise Refused(RefusalReason.WRONG, "; ".join(mistakes), tuple(mistakes))


def _steps(rows: Sequence[Row], zone: ZoneInfo) -> Iterator[Schedule]:
    steps = [_step(number, row, zone) for number, row in enumerate(rows, start=1)]
    lengths = [later - start for (start, _), (later, _) in pairwise(steps)]
    if not lengths:
        raise _wrong("one step alone does not tell how long it is")
    wrong = [length for length in lengths if not 0 < length <= _LONGEST_STEP_S]
    if wrong:
        raise _wrong(f"a step of {wrong[0]:.0f} s")
    running: Schedule | None = None
    for (start, watts), length in zip(steps, [*lengths, lengths[-1]], strict=True):
        new = _of_power(start, start + length, watts)
        if running is not None and new is not None and _goes_on(running, new):
            new = Schedule(start=running.start, end=new.end, mode=running.mode, watts=running.watts)
        elif running is not None:
            yield running
        running = new
    if running is not None:
        yield running


def _goes_on(first: Schedule, second: Schedule) -> bool:
    return (first.mode, first.watts, first.end) == (second.mode, second.watts, second.start)


def _of_power(start: float, end: float, watts: float) -> Schedule | None:
    if abs(watts) < _NOTHING_W:
        return None
    mode = "force_discharge" if watts > 0 else "force_charge"
    return Schedule(start=start, end=end, mode=mode, watts=float(round(abs(watts))))


def _step(number: int, row: Row, zone: ZoneInfo) -> tuple[float, float]:
    when = next((row[name] for name in _TIMES if name in row), None)
    power = next((row[name] for name in _POWERS if name in row), None)
    try:
        start = moment(when).starts(0.0, zone)
        watts = float(str(power))
    except ValueError as error:
        raise _wrong(f"row {number}: {error}") from None
    if not abs(watts) < _MOST_W:
        raise _wrong(f"row {number}: {power} W")
    return start, watts


def _wrong(text: str) -> Refused:
    return Refused(RefusalReason.WRONG, text)
