"""Guards: what is held back, and when it is believed after all."""

from hypothesis import given
from hypothesis import strategies as st

from sunhelm.devices.guards import Bounds, CounterGuard, Witness

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
