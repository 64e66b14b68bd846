"""Where the sun stands, and what it would send through a clear sky.

The position is that of the Astronomical Almanac's low-precision formulas: within 0.02 degrees from 1950
to 2050, without refraction. The clear sky is Meinel's beam under Haurwitz' global irradiance.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

_J2000: Final = 946_728_000.0  # Unix time of 2000-01-01 12:00 UTC
_SOLAR_CONSTANT: Final = 1361.0  # W/m2


@dataclass(frozen=True, slots=True)
class SunPosition:
    """Where the sun stands, in degrees: `elevation` above the horizon, `azimuth` from north over east."""

    elevation: float
    azimuth: float

    @property
    def up(self) -> bool:
        """Whether the middle of the sun is above the horizon."""
        return self.elevation > 0.0


@dataclass(frozen=True, slots=True)
class Irradiance:
    """Sunlight in W/m2: `beam` on a surface that faces the sun, `diffuse` and all of it on a level one."""

    beam: float
    diffuse: float
    level: float


DARK: Final = Irradiance(0.0, 0.0, 0.0)


def position(time: float, latitude: float, longitude: float) -> SunPosition:
    """Return the sun at Unix time `time` for a place in degrees, north and east positive."""
    days = (time - _J2000) / 86_400.0
    anomaly = math.radians((357.529 + 0.98560028 * days) % 360.0)
    mean_longitude = 280.459 + 0.98564736 * days
    ecliptic = math.radians(
        (mean_longitude + 1.915 * math.sin(anomaly) + 0.020 * math.sin(2 * anomaly)) % 360.0
    )
    obliquity = math.radians(23.439 - 0.00000036 * days)
    ascension = math.atan2(math.cos(obliquity) * math.sin(ecliptic), math.cos(ecliptic))
    declination = math.asin(math.sin(obliquity) * math.sin(ecliptic))
    sidereal = (18.697374558 + 24.06570982441908 * days) % 24.0 * 15.0
    hour_angle = math.radians(sidereal + longitude) - ascension
    north = math.radians(latitude)
    elevation = math.asin(
        math.sin(north) * math.sin(declination)
        + math.cos(north) * math.cos(declination) * math.cos(hour_angle)
    )
    azimuth = math.atan2(
        -math.sin(hour_angle),
        math.tan(declination) * math.cos(north) - math.sin(north) * math.cos(hour_angle),
    )
    return SunPosition(math.degrees(elevation), math.degrees(azimuth) % 360.0)


def clear_sky(sun: SunPosition) -> Irradiance:
    """Return the irradiance of a cloudless sky at sea level; none when the sun is down."""
    if not sun.up:
        return DARK
    height = math.sin(math.radians(sun.elevation))
    air_mass = 1.0 / (height + 0.50572 * (sun.elevation + 6.07995) ** -1.6364)
    beam = _SOLAR_CONSTANT * 0.7 ** (air_mass**0.678)
    level = 1098.0 * height * math.exp(-0.059 / height)
    diffuse = max(0.05 * level, level - beam * height)
    return Irradiance(beam, diffuse, beam * height + diffuse)


def on_plane(light: Irradiance, sun: SunPosition, tilt: float, azimuth: float) -> float:
    """Return the W/m2 on a plane: `tilt` in degrees from level, `azimuth` where it looks.

    The sky is taken as evenly bright and the ground as reflecting a fifth.
    """
    if not sun.up:
        return 0.0
    height, slope = math.radians(sun.elevation), math.radians(tilt)
    facing = math.sin(height) * math.cos(slope) + math.cos(height) * math.sin(slope) * math.cos(
        math.radians(sun.azimuth - azimuth)
    )
    sky = light.diffuse * (1.0 + math.cos(slope)) / 2.0
    ground = 0.2 * light.level * (1.0 - math.cos(slope)) / 2.0
    return light.beam * max(0.0, facing) + sky + ground
