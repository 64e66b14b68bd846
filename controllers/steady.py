"""Time for leases: Unix time that no change of the machine's clock moves."""

from __future__ import annotations

from sunhelm.devices.clock import Clock


class SteadyTime:
    """Unix time as it was when this was made, running on with the clock that never jumps."""

    def __init__(self, clock: Clock) -> None:
        self._began = clock.time() - clock.monotonic()
        self._clock = clock

    def now(self) -> float:
        """Return the time in seconds."""
        return self._clock.monotonic() + self._began
