"""Export curtailed by an envelope, from the alert to the meter and back, through the whole controller."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from controllers.journal.journal import Journal


def test_a_negative_price_stops_the_export_within_the_minutes_of_the_cloud(
    at_home: Callable[..., None], curtailed: Callable[..., Any], journal: Journal
) -> None:
    async def program(home: Any) -> None:
        async with curtailed(home) as house:
            for _ in range(62):  # two minutes, and an hour of a negative price
                await house.hear()
            ended = home.clock.time()
            assert house.cut_at is not None
            delay_s = house.cut_at - house.began
            held = house.exported[round(delay_s) + 150 :]
            assert max(house.exported[:120]) > 500
            assert 0 < delay_s <= 135
            assert max(held) < 100
            for _ in range(8):  # a heartbeat proves the end after more than four minutes
                await house.hear(ended)
            assert home.cloud.inverter.envelopes() == []
            assert home.plant.steering.feed_in_limit_w is None
            assert max(house.exported[-180:]) > 500
            posts = sum(path.startswith("POST /Api") for path in home.cloud.paths)
            assert posts <= 4
            print(f"cut {delay_s:.0f} s after the alert, at most {max(held):.0f} W exported,", end=" ")
            print(f"{posts} envelopes, {len(home.cloud.paths)} requests in an hour")

    at_home(program)
    rows = journal.read("SELECT value, outcome FROM acts WHERE outcome IS NOT NULL ORDER BY rowid")
    assert rows[0] == ('{"limit_watts": 0}', "verified")
    assert {outcome for _, outcome in rows} == {"verified"}
