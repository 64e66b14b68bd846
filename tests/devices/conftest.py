"""What tests of devices share: a clock that only moves when told to."""

from dataclasses import dataclass, field

import pytest


@dataclass(slots=True)
class VirtualClock:
    """A clock for tests: `sleep` returns at once and moves the time on."""

    now: float = 1_780_000_000.0
    slept: list[float] = field(default_factory=list)

    def monotonic(self) -> float:
        return self.now - 1_779_000_000.0

    def time(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += max(0.0, seconds)

    def advance(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()
