"""Answers as the faults leave them: JSON with members that are off, renamed, null or wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sunhelm.simulator.faults import CorruptWord, Faults
from sunhelm.simulator.faults.cloud import ClockSkew, NulledField, RenamedField

Change = Callable[[str, object], tuple[str, object]]
"""Returns the name and the value that a member shall have."""


def spoilt(
    content: object,
    faults: Faults,
    shifted: Callable[[float], str],
    *,
    time: str,
    is_measured: Callable[[str], bool] = lambda _: True,
) -> object:
    """Return an answer as the faults leave it.

    `shifted` returns the time of the data off by seconds, which stands in the member `time`. Of numbers, only
    those in members that are measured come out wrong.
    """
    skew, renamed, nulled = faults.on(ClockSkew), faults.on(RenamedField), faults.on(NulledField)
    if skew is not None:
        content = _changed(content, _valued(time, lambda _: shifted(skew.seconds)))
    if nulled is not None:
        content = _changed(content, _valued(nulled.field, lambda _: None))
    if renamed is not None:
        field = renamed.field
        content = _changed(content, lambda name, value: (f"New{name}" if name == field else name, value))
    if (corrupt := faults.strikes(CorruptWord)) is not None:
        content = _corrupted(content, corrupt.value, faults, is_measured)
    return content


def forgetful(content: object, is_counter: Callable[[str], bool]) -> object:
    """Return an answer whose lifetime counters have a 0 where they have a number."""
    return _changed(
        content, lambda name, value: (name, 0 if is_counter(name) and value is not None else value)
    )


def _valued(key: str, value_of: Callable[[object], object]) -> Change:
    return lambda name, value: (name, value_of(value) if name == key else value)


def _changed(content: object, change: Change) -> object:
    """Return JSON with every member of every object changed."""
    if isinstance(content, list):
        return [_changed(member, change) for member in content]
    if isinstance(content, Mapping):
        return dict(change(name, _changed(value, change)) for name, value in content.items())
    return content


def _corrupted(content: object, value: int, faults: Faults, is_measured: Callable[[str], bool]) -> object:
    """Return JSON with one of its numbers replaced."""
    count = 0

    def is_struck(wanted: int) -> Change:
        def change(name: str, old: object) -> tuple[str, object]:
            nonlocal count
            if type(old) not in (int, float) or not is_measured(name):
                return name, old
            count += 1
            return name, value if count - 1 == wanted else old

        return change

    _changed(content, is_struck(-1))
    wanted = faults.random.randrange(count) if count else -1
    count = 0
    return _changed(content, is_struck(wanted))
