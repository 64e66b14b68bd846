"""Clouds: a random sky that a seed repeats, from clear mornings to broken cloud to a grey day."""

from __future__ import annotations

import math
from dataclasses import dataclass

from sunhelm.simulator.noise import Noise, smooth
from sunhelm.simulator.sun import Irradiance, SunPosition


@dataclass(frozen=True, slots=True)
class Sky:
    """How clouds change the light: shares of the clear sky's beam and diffuse, and how much is covered."""

    beam: float
    diffuse: float
    cover: float

    def through(self, clear: Irradiance, sun: SunPosition) -> Irradiance:
        """Return what is left of a clear sky's light."""
        if not sun.up:
            return clear
        beam, diffuse = clear.beam * self.beam, clear.diffuse * self.diffuse
        return Irradiance(beam, diffuse, beam * math.sin(math.radians(sun.elevation)) + diffuse)


class Clouds:
    """A sky over one place: cover drifts over hours, single clouds pass in a minute or two."""

    def __init__(self, seed: int) -> None:
        self._day = Noise(seed, "clouds of the day", 90_000.0)
        self._hours = Noise(seed, "clouds of the hour", 7_200.0)
        self._passing = Noise(seed, "passing clouds", 240.0)
        self._edges = Noise(seed, "ragged edges", 45.0)

    def at(self, time: float) -> Sky:
        """Return the sky at Unix time `time`."""
        cover = min(1.0, max(0.0, 0.9 * self._day.at(time) + 0.5 * self._hours.at(time) - 0.25))
        cloud = 0.7 * self._passing.at(time) + 0.3 * self._edges.at(time)
        shade = 1.0 - smooth(cover - 0.08, cover + 0.08, cloud) if cover > 0.0 else 0.0
        beam = 1.0 - shade * (0.55 + 0.4 * cover)
        return Sky(beam, 1.0 + 0.8 * cover, cover)
