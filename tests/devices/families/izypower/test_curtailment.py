"""Injection blocked while the price is negative, from the alert to the meter and back, by the controller."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from controllers.journal.journal import Journal


def test_a_negative_price_blocks_injection_and_both_members_come_back(
    at_home: Callable[..., None], curtailed: Callable[..., Any], journal: Journal
) -> None:
    async def program(home: Any) -> None:
        meter = home.cloud.house
        async with curtailed(home) as house:
            for _ in range(62):  # two minutes, and an hour of a negative price
                await house.hear()
            ended = home.clock.time()
            assert (meter.blocking, meter.threshold) == (True, 0)
            assert house.cut_at is not None
            delay_s = house.cut_at - house.began
            assert max(house.exported[:120]) > 200
            assert max(house.exported[round(delay_s) + 150 :]) < 100
            for _ in range(8):  # a heartbeat proves the end after more than four minutes
                await house.hear(ended)
            assert (meter.blocking, meter.threshold) == (False, -300)
            assert max(house.exported[-180:]) > 200
            assert not meter.faux_pas
            posts = [path for path in home.cloud.paths if path.startswith("POST") and "login" not in path]
            assert len(posts) == 2
            requests = len(home.cloud.paths)
            print(f"cut {delay_s:.0f} s after the alert, 2 orders, {requests} requests in an hour")

    at_home(program)
    rows = journal.read("SELECT value, outcome FROM acts WHERE outcome IS NOT NULL ORDER BY rowid")
    assert rows[0] == ('{"limit_watts": 0}', "verified")
    assert {outcome for _, outcome in rows} == {"verified"}
