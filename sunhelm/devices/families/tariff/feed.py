"""The prices of one market, asked for when they run out and kept while they last."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import structlog

from sunhelm.devices.clock import Deadline
from sunhelm.devices.errors import DeviceError, Malformed
from sunhelm.devices.families.base import Surroundings
from sunhelm.devices.families.tariff.markets import Numbers, ask
from sunhelm.devices.families.timeline import Timeline
from sunhelm.devices.links.http import HttpLink
from sunhelm.devices.markets import Market

_AHEAD_S: Final = 12 * 3600.0
"""Tomorrow's prices are asked for when those that are known last no longer than this."""

_FAILED_S: Final = 60.0
"""How soon a market is asked again that gave no answer."""

_RUN_OUT_S: Final = 10.0
"""How soon it is asked again when it has not told the present price."""

_ANEW_S: Final = 6 * 3600.0
"""Prices that are known are asked for again after this: they may have been corrected."""

_log: structlog.stdlib.BoundLogger = structlog.get_logger()


@dataclass(slots=True, eq=False)
class Feed:
    """What one market says; several directions may share one."""

    device: str
    market: Market
    link: HttpLink
    surroundings: Surroundings
    _numbers: Numbers = field(default_factory=dict)
    _asked_at: float = float("-inf")
    _failure: DeviceError | None = None

    async def renew(self, deadline: Deadline) -> None:
        """Ask the market, if that is due. Nothing is raised: what is known stays known."""
        now = self.surroundings.clock.time()
        if not self._is_due(now):
            return
        self._asked_at = now
        try:
            async with self.link.turn(deadline):
                self._numbers = await ask(self.market, self.link, now, self.surroundings.zone, deadline)
        except DeviceError as error:
            if self._failure is None or self._failure.reason != error.reason:
                _log.warning(
                    "prices_not_renewed",
                    device=self.device,
                    market=self.market.market,
                    reason=error.reason.value,
                    detail=str(error),
                )
            self._failure = error
        else:
            if self._failure is not None:
                _log.info("prices_renewed", device=self.device, market=self.market.market)
            self._failure = None

    def prices(self, direction: str, market: Market) -> Timeline:
        """Return the prices of a direction, as `market` makes them the owner's.

        Raises DeviceError when the price that is in force now is not known: a forecast is none.
        """
        now = self.surroundings.clock.time()
        numbers = self._numbers.get(direction, Timeline())
        period = numbers.at(now)
        if period is None or period.forecast:
            if self._failure is not None:
                raise self._failure
            raise Malformed(f"{self.market.market}: tells no price of {direction} for now")
        return Timeline(tuple(each._replace(value=market.price(each.value)) for each in numbers.periods))

    def _is_due(self, now: float) -> bool:
        since = now - self._asked_at
        left_s = min((each.known_until(now) - now for each in self._numbers.values()), default=0.0)
        if left_s <= 0:
            every_s = _RUN_OUT_S if self._failure is None else _FAILED_S
        elif self._failure is not None:
            every_s = _FAILED_S
        else:
            every_s = _ANEW_S if left_s > _AHEAD_S else self.market.again_s
        return since >= every_s or since < 0  # the clock was set back
