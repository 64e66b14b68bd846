"""The six slots as a timetable: whatever is put in and taken out, the rest of the day stays as it was."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunhelm.devices.families.deye.program import SLOTS, NoRoom, Program, Slot, Stretch

DAY = 24 * 60
SLOT = st.builds(Slot, st.integers(0, 12_000), st.integers(0, 100), st.integers(0, 63))
MINUTE = st.integers(0, DAY - 1)
FEW = st.sampled_from([Slot(8000, 20, 0), Slot(8000, 20, 1), Slot(4000, 50, 0)])


@st.composite
def programs(draw: st.DrawFn, slots: st.SearchStrategy[Slot] = SLOT) -> Program:
    starts = sorted(draw(st.lists(MINUTE, min_size=SLOTS, max_size=SLOTS)))
    return Program(
        draw(st.integers(0, 255)),
        draw(st.integers(0, 1)),
        tuple(starts),
        tuple(draw(st.lists(slots, min_size=SLOTS, max_size=SLOTS))),
    )


def whole_day(program: Program) -> list[Slot]:
    return [program.at(minute) for minute in range(0, DAY, 7)] + [
        program.at(start) for start in program.starts
    ]


@given(programs())
def test_the_words_of_a_program_are_the_program(program: Program) -> None:
    assert Program.decoded(program.encoded()) == program


@given(programs())
def test_stretches_are_the_whole_day_and_change_at_their_edges(program: Program) -> None:
    stretches = list(program.stretches())
    assert sum(stretch.minutes for stretch, _ in stretches) == DAY
    for stretch, slot in stretches:
        assert program.at(stretch.first) == slot
        assert program.at((stretch.last - 1) % DAY) == slot
    if len(stretches) > 1:
        for (_, one), (_, following) in zip(stretches, [*stretches[1:], stretches[0]], strict=True):
            assert one != following


@given(programs(FEW), MINUTE, MINUTE, SLOT)
def test_a_stretch_changes_itself_and_nothing_else(
    program: Program, first: int, last: int, slot: Slot
) -> None:
    stretch = Stretch(first, last)
    try:
        changed = program.having(stretch, slot)
    except NoRoom:
        return
    assert len(changed.starts) == len(changed.slots) == SLOTS
    assert list(changed.starts) == sorted(set(changed.starts))
    for minute in range(DAY):
        expected = slot if stretch.has(minute) else program.at(minute)
        assert changed.at(minute) == expected
    assert (changed.days, changed.grid_charge) == (program.days, program.grid_charge)


@given(programs(FEW), SLOT, st.data())
def test_what_is_put_into_one_slot_of_the_owner_comes_out_without_a_trace(
    program: Program, slot: Slot, data: st.DataObject
) -> None:
    inside = data.draw(st.sampled_from([one for one, _ in program.stretches() if one.minutes > 1]))
    after = data.draw(st.integers(1, inside.minutes - 1))
    minutes = data.draw(st.integers(1, inside.minutes - after))
    stretch = Stretch((inside.first + after) % DAY, (inside.first + after + minutes) % DAY)
    try:
        changed = program.having(stretch, slot)
    except NoRoom:
        return
    assert whole_day(changed.without(stretch)) == [
        program.at(minute) for minute in (*range(0, DAY, 7), *changed.without(stretch).starts)
    ]


@given(programs())
def test_there_is_room_where_slots_repeat_what_is_in_force(program: Program) -> None:
    alike = program.everywhere(program.slots[0])
    changed = alike.having(Stretch(60, 120), Slot(1, 2, 3))
    assert len(list(changed.stretches())) == (1 if alike.slots[0] == Slot(1, 2, 3) else 2)


def test_six_different_slots_have_no_room_for_a_seventh() -> None:
    program = Program(255, 0, tuple(range(0, 360, 60)), tuple(Slot(n, n, 0) for n in range(SLOTS)))
    with pytest.raises(NoRoom, match="8 slots would be needed; there are 6"):
        program.having(Stretch(10, 20), Slot(9, 9, 9))
    assert program.having(Stretch(0, 60), Slot(9, 9, 9)).slots[0] == Slot(9, 9, 9)


def test_of_equal_starts_the_last_slot_counts() -> None:
    """The method of one client: all six starts alike, so that the sixth slot rules."""
    program = Program(255, 0, (60,) * SLOTS, tuple(Slot(n, n, 0) for n in range(SLOTS)))
    assert {program.at(minute) for minute in range(DAY)} == {Slot(5, 5, 0)}


def test_starts_that_do_not_ascend_are_no_timetable() -> None:
    program = Program(255, 0, (60, 0, 120, 180, 240, 300), (Slot(0, 0, 0),) * SLOTS)
    with pytest.raises(ValueError, match="do not ascend"):
        program.at(0)


@pytest.mark.parametrize("text", ["", "00", "zz" * 52, "00ff0000" + "0960" * 24])
def test_other_text_is_no_program(text: str) -> None:
    with pytest.raises(ValueError):
        Program.decoded(text)
