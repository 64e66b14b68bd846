"""What the journal holds of export limits that are lifted, and of the frames that were sent meanwhile."""

from __future__ import annotations

from typing import NamedTuple

from controllers.journal.journal import Journal, Statement, moment


class Lift(NamedTuple):
    """An export limit that is lifted, and owed. `found` is what has to be put back."""

    device: str
    found: str
    begun_at: float
    task: str


def put_lift(lift: Lift) -> Statement:
    """Return the statement that notes that a limit is about to be lifted."""
    return "INSERT OR REPLACE INTO lifts (device, found, begun_at, task) VALUES (?, ?, ?, ?)", lift


def end_lift(device: str) -> Statement:
    """Return the statement that notes that the limit of a device is proven to be in force again."""
    return "DELETE FROM lifts WHERE device = ?", (device,)


def lifts(journal: Journal) -> dict[str, Lift]:
    """Return what is owed, by device."""
    rows = journal.read("SELECT device, found, begun_at, task FROM lifts")
    return {
        str(device): Lift(str(device), str(found), moment(begun_at), str(task))
        for device, found, begun_at, task in rows
    }


def put_frame(device: str, task: str, frame: str, now: float) -> Statement:
    """Return the statement that notes a frame before it is sent."""
    return "INSERT INTO frames (at, device, task, frame) VALUES (?, ?, ?, ?)", (now, device, task, frame)


def frames(journal: Journal, task: str) -> list[tuple[float, str]]:
    """Return when which frames of a task were sent, in their order."""
    rows = journal.read("SELECT at, frame FROM frames WHERE task = ? ORDER BY rowid", (task,))
    return [(moment(at), str(frame)) for at, frame in rows]
