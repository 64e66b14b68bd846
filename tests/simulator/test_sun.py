"""The sun against an independent calculation (NREL's SPA through pvlib, refraction removed)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunhelm.simulator.sun import SunPosition, clear_sky, on_plane, position

REFERENCE = [
    (1782042000, 52.1, 5.1, 61.34, 179.32),  # 2026-06-21 11:40 UTC
    (1782018000, 52.1, 5.1, 12.28, 67.48),
    (1797853020, 52.1, 5.1, 14.46, 179.84),  # 2026-12-21 11:37 UTC
    (1774024200, 52.1, 5.1, 11.70, 254.62),  # 2026-03-20 16:30 UTC
    (1768436100, -33.9, 151.2, 62.72, 69.25),  # Sydney in January
    (1788292800, 40.0, -105.2, 55.41, 206.50),  # Boulder in September
    (1782085200, 52.1, 5.1, -14.47, 359.64),  # the night of midsummer
]

places = st.tuples(st.floats(0, 4e9), st.floats(-89, 89), st.floats(-180, 180))


@pytest.mark.parametrize(("time", "latitude", "longitude", "elevation", "azimuth"), REFERENCE)
def test_the_sun_stands_where_an_independent_calculation_puts_it(
    time: int, latitude: float, longitude: float, elevation: float, azimuth: float
) -> None:
    sun = position(time, latitude, longitude)
    assert sun.elevation == pytest.approx(elevation, abs=0.05)
    assert sun.azimuth == pytest.approx(azimuth, abs=0.05)


@pytest.mark.parametrize(("elevation", "global_irradiance"), [(61.34, 900.9), (12.28, 178.3), (11.70, 167.9)])
def test_the_clear_sky_is_that_of_haurwitz(elevation: float, global_irradiance: float) -> None:
    assert clear_sky(SunPosition(elevation, 180.0)).level == pytest.approx(global_irradiance, rel=0.02)


@given(places)
def test_light_is_never_negative_nor_more_than_space_sends(place: tuple[float, float, float]) -> None:
    sun = position(*place)
    light = clear_sky(sun)
    assert 0.0 <= light.beam < 1361.0
    assert 0.0 <= light.diffuse <= 200.0
    assert (light.level > 0.0) == sun.up
    assert 0.0 <= on_plane(light, sun, 35.0, 180.0) < 1500.0


def test_a_south_roof_beats_a_north_roof_at_noon() -> None:
    sun = SunPosition(40.0, 180.0)
    light = clear_sky(sun)
    assert on_plane(light, sun, 35.0, 180.0) > 2 * on_plane(light, sun, 35.0, 0.0)
    assert on_plane(light, sun, 0.0, 123.0) == pytest.approx(light.level)
