"""Guards: what is held back, and when it is believed after all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunhelm.devices.guards import FORGOTTEN_S, Bounds, CounterGuard, StepGuard, Witness

LIFETIME = st.floats(min_value=1, max_value=1e12, allow_nan=False)


def feed(values: list[float]) -> list[float]:
    guard = CounterGuard()
    return [value for value in values if guard.allow("grid_export", value)]


def test_a_zero_after_waking_does_not_reach_prometheus() -> None:  # T28
    assert feed([0, 0, 5000, 5001]) == [5000, 5001]


def test_a_counter_that_drops_for_two_reads_is_held_out() -> None:  # T29
    assert feed([5000, 4000, 4001, 5002]) == [5000, 5002]


def test_a_counter_that_stays_lower_is_a_new_device_after_three_reads() -> None:
    assert feed([5000, 10, 10, 12, 13]) == [5000, 12, 13]


def test_a_fall_to_zero_is_believed_only_after_ten_reads() -> None:
    assert feed([5000, *[0] * 9, 5001]) == [5000, 5001]
    assert feed([5000, *[0] * 10, 1]) == [5000, 0, 1]
    assert feed([5000, *[0] * 5, 3, 3]) == [5000, 3, 3]


def test_a_new_device_that_really_stands_at_zero_is_believed_after_three_reads() -> None:
    assert feed([0, 0, 0, 0, 1]) == [0, 0, 1]


def test_a_falling_candidate_starts_over() -> None:
    assert feed([5000, 300, 200, 100, 100, 100]) == [5000, 100]


@given(st.lists(LIFETIME, min_size=1).map(sorted), st.data())
def test_short_dips_never_show_and_never_hide_what_follows(values: list[float], data: st.DataObject) -> None:
    disturbed: list[float] = []
    for value in values:
        disturbed += [value, *data.draw(st.lists(st.just(value / 2), max_size=2))]
    shown = feed(disturbed)
    assert shown == values
    assert shown == sorted(shown)


@pytest.mark.parametrize("unit", [1.0, 3.6e6])
def test_a_counter_that_is_far_too_high_for_a_read_does_not_reach_prometheus(unit: float) -> None:
    guard, most = CounterGuard(), 100.0 * unit
    told = [5000.0, 5001.0, 71_537.0, 5002.0, 5102.0, 5202.5, 5103.0]
    shown = [each for each in told if guard.allow("grid_export", each * unit, most=most)]
    assert shown == [5000.0, 5001.0, 5002.0, 5102.0, 5103.0]


def test_what_was_counted_while_nobody_looked_is_believed_after_three_reads() -> None:
    guard = CounterGuard()
    told = [5000.0, 5600.0, 5600.0, 5601.0, 5602.0]
    assert [each for each in told if guard.allow("grid_export", each, most=100.0)] == [5000.0, 5601.0, 5602.0]


def test_bounds_include_their_ends_and_may_be_open() -> None:
    assert Bounds(0, 10).allow(0)
    assert Bounds(0, 10).allow(10)
    assert not Bounds(0, 10).allow(10.5)
    assert Bounds(None, 10).allow(-1e9)
    assert Bounds().allow(1e300)


def test_a_block_whose_serial_number_changes_is_refused() -> None:  # T30
    witness = Witness()
    assert witness.allow("serial", (1, 2))
    assert not witness.allow("serial", (1, 3))
    assert witness.allow("serial", (1, 2))
    assert not witness.allow("serial", (1, 3))


def test_a_new_serial_number_is_believed_after_three_reads() -> None:
    witness = Witness()
    witness.allow("serial", (1,))
    assert [witness.allow("serial", (2,)) for _ in range(4)] == [False, False, True, True]
    assert not witness.allow("serial", (1,))


STEPS = {"charge": 10.0, "first_cell": 0.3, "second_cell": 0.3}
BLOCK = {"charge": 60.0, "first_cell": 3.3, "second_cell": 3.31}
OTHER = {"charge": 30.0, "first_cell": 2.9, "second_cell": 2.9}


def steps(*blocks: dict[str, float], every: float = 15.0) -> list[list[str]]:
    """The names of what jumped, block by block, after the first one."""
    guard = StepGuard()
    assert guard.jumps("pack", BLOCK, STEPS, 0.0) == {}
    return [sorted(guard.jumps("pack", block, STEPS, every * n)) for n, block in enumerate(blocks, 1)]


def test_a_value_may_move_as_far_as_its_limit() -> None:
    assert steps({"charge": 50.0, "first_cell": 3.0, "second_cell": 3.61}, BLOCK) == [[], []]


def test_one_value_that_jumps_is_believed_when_the_next_read_confirms_it() -> None:
    jumped = BLOCK | {"charge": 100.0}
    assert steps(jumped, jumped | {"charge": 99.0}, jumped) == [["charge"], [], []]
    assert steps(jumped, BLOCK, jumped, BLOCK | {"charge": 20.0}, BLOCK) == [
        ["charge"],
        [],
        ["charge"],
        ["charge"],
        [],
    ]


def test_a_block_in_which_two_values_jump_counts_for_nothing() -> None:
    two = BLOCK | {"charge": 30.0, "first_cell": 2.9}
    assert steps(two, two, BLOCK, two) == [["charge", "first_cell"]] * 2 + [[], ["charge", "first_cell"]]
    # what stood beside the two is not remembered either
    moved = two | {"second_cell": 3.6}
    assert steps(moved, BLOCK | {"second_cell": 3.0}) == [["charge", "first_cell"], ["second_cell"]]


def test_what_is_five_minutes_old_is_not_compared_with() -> None:
    assert steps(OTHER, every=FORGOTTEN_S - 1.0) == [sorted(STEPS)]
    assert steps(OTHER, every=FORGOTTEN_S) == [[]]
    assert steps(*[OTHER] * 4, every=100.0) == [sorted(STEPS), sorted(STEPS), [], []]


def test_a_value_that_was_not_there_before_is_compared_from_now_on() -> None:
    guard = StepGuard()
    guard.jumps("pack", {"charge": 60.0}, STEPS, 0.0)
    assert guard.jumps("pack", BLOCK, STEPS, 1.0) == {}
    assert guard.jumps("pack", {"first_cell": 4.0}, STEPS, 2.0) == {"first_cell": 3.3}
    assert guard.jumps("another", OTHER, STEPS, 2.0) == {}


@given(
    st.lists(
        st.fixed_dictionaries({name: st.floats(-100, 100, allow_nan=False) for name in STEPS}),
        min_size=1,
        max_size=20,
    ),
    st.sampled_from([1.0, 15.0, 60.0]),
)
def test_what_is_shown_never_moved_further_than_it_can_without_being_seen_twice(
    blocks: list[dict[str, float]], every: float
) -> None:
    guard = StepGuard()
    shown: dict[str, tuple[float, float]] = {}
    doubted: dict[str, float] = {}
    for n, block in enumerate(blocks):
        now = every * n
        jumped = guard.jumps("pack", block, STEPS, now)
        if len(jumped) > 1:
            continue
        for name, value in block.items():
            if name in jumped:
                doubted[name] = value
                continue
            if name in shown and now - shown[name][1] < FORGOTTEN_S:
                near = [one for one in (shown[name][0], doubted.get(name)) if one is not None]
                assert min(abs(value - one) for one in near) <= STEPS[name] + 1e-9
            shown[name] = (value, now)
            doubted.pop(name, None)


@pytest.mark.parametrize("limit", [0.3, 1.6, 5.0])
def test_a_limit_is_met_to_the_last_digit(limit: float) -> None:
    for tenths in range(1000):
        guard = StepGuard()
        guard.jumps("pack", {"value": tenths / 10}, {"value": limit}, 0.0)
        after = round(tenths / 10 + limit, 3)
        assert guard.jumps("pack", {"value": after}, {"value": limit}, 1.0) == {}
        assert guard.jumps("pack", {"value": after + limit + 0.001}, {"value": limit}, 2.0)
