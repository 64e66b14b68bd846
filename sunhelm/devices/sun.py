"""How high the sun stands: enough to tell a device that sleeps from one that is broken."""

from __future__ import annotations

import math
from typing import Final

_J2000: Final = 946_728_000.0
"""Unix time of 2000-01-01 12:00 UTC."""

_DARK_BELOW: Final = 3.0
"""Inverters switch off while the sun is still a little above the horizon, in degrees."""


def sun_elevation(unix_time: float, latitude: float, longitude: float) -> float:
    """Return the height of the sun's centre over the horizon, in degrees, without refraction.

    Low-precision formula of the Astronomical Almanac: within 0.1 degree from 1950 to 2050. `latitude`
    north and `longitude` east are positive, in degrees.
    """
    days = (unix_time - _J2000) / 86_400
    anomaly = math.radians((357.528 + 0.9856003 * days) % 360)
    ecliptic = math.radians(
        (280.460 + 0.9856474 * days + 1.915 * math.sin(anomaly) + 0.020 * math.sin(2 * anomaly)) % 360
    )
    obliquity = math.radians(23.439 - 0.0000004 * days)
    declination = math.asin(math.sin(obliquity) * math.sin(ecliptic))
    ascension = math.atan2(math.cos(obliquity) * math.sin(ecliptic), math.cos(ecliptic))
    sidereal = math.radians((280.46062 + 360.98564737 * days + longitude) % 360)
    hour_angle = sidereal - ascension
    here = math.radians(latitude)
    return math.degrees(
        math.asin(
            math.sin(here) * math.sin(declination)
            + math.cos(here) * math.cos(declination) * math.cos(hour_angle)
        )
    )


def is_dark(unix_time: float, latitude: float, longitude: float) -> bool:
    """Whether the sun is too low for an inverter to work; degrees north and east are positive."""
    return sun_elevation(unix_time, latitude, longitude) < _DARK_BELOW
