"""A tariff as a device of the site file."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from sunhelm.devices.clock import Deadline
from sunhelm.devices.device import open_site
from sunhelm.devices.families import load_family
from sunhelm.devices.reading import Reading

SITE = """\
site: {name: home, zone: Europe/Amsterdam}
devices:
  price: {family: tariff, tariff: TARIFF}
"""
BOTH = '{currency: EUR, import: [{from: "07:00", to: "23:00", price: 0.31}, {price: 0.24}], feed_in: -0.02}'
EVENING = datetime(2026, 6, 5, 22, 59, 59, tzinfo=ZoneInfo("Europe/Amsterdam")).timestamp()


@pytest.fixture
def read(tmp_path: Path, clock: Any) -> Any:
    """Return a function that reads a tariff at some moments, one after the other."""

    async def read(tariff: str, *moments: float) -> list[Reading]:
        file = tmp_path / "sunhelm.yml"
        file.write_text(SITE.replace("TARIFF", tariff))
        readings = []
        async with open_site(file, clock=clock) as devices:
            for moment in moments:
                clock.now = moment
                readings.append(await devices["price"].read(Deadline.after(1, clock)))
        return readings

    return read


def values(reading: Reading) -> dict[tuple[str, ...], float]:
    """Return what is told of the present, and of the next change."""
    return {
        (sample.quantity.metric, *sample.labels): sample.value
        for sample in reading.samples
        if "hours" not in sample.quantity.labels
    }


async def test_prices_are_those_of_the_moment_of_the_read(read: Any) -> None:
    before, after = await read(BOTH, EVENING, EVENING + 1)
    assert values(before) == {
        ("solar_tariff_import_price_per_kwh", "EUR"): 0.31,
        ("solar_tariff_import_next_change_timestamp_seconds",): EVENING + 1,
        ("solar_tariff_feed_in_price_per_kwh", "EUR"): -0.02,
    }
    assert values(after) == {
        ("solar_tariff_import_price_per_kwh", "EUR"): 0.24,
        ("solar_tariff_import_next_change_timestamp_seconds",): EVENING + 1 + 8 * 3600,
        ("solar_tariff_feed_in_price_per_kwh", "EUR"): -0.02,
    }
    assert (before.up, before.taken_at, before.held) == (True, EVENING, ())


async def test_a_direction_without_rates_has_no_price(read: Any) -> None:
    (reading,) = await read("{currency: SEK, feed_in: 0}", EVENING)
    assert values(reading) == {("solar_tariff_feed_in_price_per_kwh", "SEK"): 0.0}


async def test_nothing_is_brought_that_is_not_offered(read: Any) -> None:
    changing = BOTH.replace("feed_in: -0.02", 'feed_in: [{to: "12:00", price: 0}, {price: 0.1}]')
    (reading,) = await read(changing, EVENING)
    offered = load_family("tariff").offers
    brought = [(sample.group, sample.quantity) for sample in reading.samples]
    assert set(brought) == {(group, quantity) for group, each in offered.items() for quantity in each}


async def test_a_dump_has_the_table_as_it_was_understood(tmp_path: Path, clock: Any) -> None:
    file = tmp_path / "sunhelm.yml"
    file.write_text(SITE.replace("TARIFF", BOTH))
    async with open_site(file, clock=clock) as devices:
        source = devices["price"].source
        dump: Any = await source.dump(Deadline.after(1, clock))
        assert await source.settings(Deadline.after(1, clock)) == {}
    assert dump["tariff"]["currency"] == "EUR"
    assert [rate["price"] for rate in dump["tariff"]["import"]] == [0.31, 0.24]
    assert (dump["tariff"]["import"][0]["from"], dump["tariff"]["import"][0]["to"]) == (420, 1380)
