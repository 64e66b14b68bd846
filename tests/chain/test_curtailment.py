"""Curtailment on real servers: market, exporter, Prometheus, Alertmanager, controller, simulated plant."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

import pytest

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240), pytest.mark.real_time]

PRICE: Final = {
    "negative_price": {
        "match": {"alertname": "FeedInPriceNegative"},
        "device": "roof",
        "action": "limit_export",
        "with": {"limit": "0W"},
        "min_life": "0s",
    }
}
OURS_S: Final = 2.0
"""What the controller may add to what Prometheus and Alertmanager are configured to wait."""
ONE_STEP_W: Final = 60.0
"""The plant steps once a second, and its loads move within it."""


async def test_the_export_stops_with_a_negative_price_and_returns_with_a_positive_one(
    roof: Any, run_chain: Callable[..., Any], eventually_true: Callable[..., Any]
) -> None:
    begins = time.time() + 35.0
    ends = begins + 15.0
    roof.tell_prices((begins, ends))
    capacity_w = roof.box.export_limit_w
    async with run_chain(roof.devices(), PRICE) as chain:
        await eventually_true(lambda: chain.query("solar_tariff_feed_in_price_per_kwh == 0.08"), chain)
        assert time.time() < begins, "the machine is too slow for this test"
        assert roof.export_w > 1_000

        limited = await eventually_true(lambda: roof.box.export_limit_w == 0, chain)
        timing = chain.timing
        took_s = limited - begins
        print(f"limited {took_s:.2f} s after the price turned")
        assert 0 < took_s < timing.scrape_s + timing.evaluation_s + timing.group_wait_s + OURS_S
        await eventually_true(lambda: roof.export_w < ONE_STEP_W, chain)
        await eventually_true(lambda: controlled(chain, "observed", 0.0), chain)

        restored = await eventually_true(lambda: roof.box.export_limit_w == capacity_w, chain)
        print(f"restored {restored - ends:.2f} s after it turned back")
        assert restored > ends
        await eventually_true(lambda: roof.export_w > 1_000, chain)
        await eventually_true(lambda: len(roof.limits) >= 3, chain)
        assert [limit for _, limit in roof.limits] == [capacity_w, 0, capacity_w]


@pytest.mark.parametrize("pulled", [True, False], ids=["Alertmanager is asked", "deliveries only"])
async def test_whatever_is_killed_the_limit_stays_until_the_price_turns(
    roof: Any, run_chain: Callable[..., Any], eventually_true: Callable[..., Any], *, pulled: bool
) -> None:
    """Each of them is away for longer than Alertmanager remembers an alert, and the heartbeat may be late."""
    roof.tell_prices((time.time(), time.time() + 86_400.0))
    capacity_w = roof.box.export_limit_w
    async with run_chain(roof.devices(), PRICE, pulled=pulled) as chain:
        await eventually_true(lambda: roof.box.export_limit_w == 0, chain)
        for name in ("prometheus", "alertmanager"):
            chain.programs[name].kill()
            await eventually_true(lambda: controlled(chain, "fail_safe", 1.0), chain)
            assert await controlled(chain, "claims", 0.0)
            await chain.programs[name].start()
            await eventually_true(lambda: controlled(chain, "fail_safe", 0.0), chain)
            assert await controlled(chain, "claims", 1.0)

        chain.programs["exporter"].kill()
        await eventually_true(lambda: chain.query("absent(solar_tariff_feed_in_price_per_kwh)"), chain)
        beats = await chain.query("vector(time())")
        await eventually_true(lambda: later(chain, beats[0] + chain.timing.heartbeat_late_s), chain)
        assert await controlled(chain, "claims", 1.0)
        assert [limit for _, limit in roof.limits] == [capacity_w, 0]

        roof.tell_prices()
        await chain.programs["exporter"].start()
        await eventually_true(lambda: roof.box.export_limit_w == capacity_w, chain)
        await eventually_true(lambda: len(roof.limits) >= 3, chain)
        assert [limit for _, limit in roof.limits] == [capacity_w, 0, capacity_w]


async def controlled(chain: Any, metric: str, wanted: float) -> bool:
    """Return whether the only series of a metric of the controller has this value."""
    return list((await chain.controllers(metric)).values()) == [wanted]


async def later(chain: Any, moment: float) -> bool:
    """Return whether it is later than that for Prometheus."""
    return bool((await chain.query("vector(time())"))[0] > moment)
