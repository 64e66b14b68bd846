"""The height of the sun."""

from datetime import UTC, datetime

import pytest

from sunhelm.devices.sun import is_dark, sun_elevation


def test_elevation_is_that_of_the_published_example() -> None:
    # NREL's Solar Position Algorithm report, example of 2003-10-17 12:30:30 (UTC-7): 39.872 degrees
    # before refraction.
    moment = datetime(2003, 10, 17, 19, 30, 30, tzinfo=UTC).timestamp()
    assert sun_elevation(moment, 39.742476, -105.1786) == pytest.approx(39.872, abs=0.02)


def test_the_sun_stands_overhead_at_the_equator_at_equinox() -> None:
    assert sun_elevation(datetime(2026, 3, 20, 12, 7, tzinfo=UTC).timestamp(), 0, 0) > 89.5


def test_midnight_is_dark_and_polar_summer_is_not() -> None:
    assert sun_elevation(datetime(2026, 6, 21, 0, 0, tzinfo=UTC).timestamp(), 52, 5) < -10
    assert sun_elevation(datetime(2026, 6, 21, 0, 0, tzinfo=UTC).timestamp(), 78, 15) > 10


def test_it_is_dark_for_an_inverter_while_the_sun_is_still_a_little_above_the_horizon() -> None:
    evening = datetime(2026, 6, 21, 19, 40, tzinfo=UTC).timestamp()
    assert 0 < sun_elevation(evening, 52, 5) < 3
    assert is_dark(evening, 52, 5)
    assert not is_dark(evening - 3600, 52, 5)
