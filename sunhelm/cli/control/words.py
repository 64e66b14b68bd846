"""Answers of the controller in words: tables, times and plans; nothing in them moves the cursor."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Final

from sunhelm.cli.control.client import Json
from sunhelm.configuration.mistakes import one_line

RUNGS: Final = {
    "A": "If the controller dies, the device lets go by itself.",
    "B": "If the controller dies, it stays until it is changed or the device restarts.",
    "C": "If the controller dies, the last value stays.",
}


def moment(text: str | None) -> str:
    """Return a time as the clock on the wall here shows it, with its zone; "-" for none."""
    if not text:
        return "-"
    return datetime.fromisoformat(text).astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")


def table(head: Sequence[str], rows: Iterable[Sequence[object]], empty: str) -> str:
    """Return a table with the columns as wide as they must be; `empty` when it has no rows."""
    lines = [[one_line(str(cell)) or "-" for cell in row] for row in rows]
    if not lines:
        return empty
    widths = [max(map(len, column)) for column in zip(head, *lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in [list(head), *lines]
    )


def plan_words(plan: Json) -> Iterator[str]:
    """Yield what a plan says, a line each."""
    name, state = plan["device"], plan["state"]
    if state:
        yield f"{name}: {state} holds {plan['observed'] or 'nothing known'}; asked for: {plan['value']}."
    if plan["desired"] not in ("", plan["value"]):
        yield f"{name}: with all other claims it is asked for {plan['desired']}."
    if plan["writes"]:
        does = "would write" if state else f"{plan['action']}:"
        yield from (f"{name}: {does} {write}" for write in plan["writes"])
    else:
        yield f"{name}: nothing would be written now."
    yield from (f"{name}: {warning}" for warning in plan["warnings"])
    if plan["writes"] and state and not any("controller" in warning for warning in plan["warnings"]):
        yield RUNGS.get(plan["rung"], "")
    if plan["ends_at"]:
        yield f"{name}: until {moment(plan['ends_at'])}."
