"""The Tariff dashboard: what energy costs now and next, what the days have cost and brought."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from grafana_foundation_sdk.builders import stat, table, timeseries
from grafana_foundation_sdk.models import dashboard as model

from dashboards.energy import share_today, shares_by_day
from dashboards.panels import (
    BELOW_ZERO,
    DAYS,
    LINE,
    Frame,
    Series,
    Steps,
    bars,
    board_of,
    chart,
    filled,
    listing,
    number,
    numbered,
    of_each_day,
    stacked,
    stepped,
    thresholds,
)
from dashboards.queries import (
    chosen,
    energy_of_day,
    money_of_day,
    money_per_hour,
    price,
    until_price_changes,
)

_NO_PRICE: Final = "No price: is there a device of family tariff?"
_NEVER: Final = "It never changes, or nobody tells"
_NO_AHEAD: Final = "Nobody tells prices of the next hours"
_NO_MONEY: Final = "No money yet: a tariff, a grid meter and the recording rules make it"
_PRICE_STEPS: Final[Steps] = {None: "green", 0.2: "text", 0.35: "orange"}
_FEED_IN_STEPS: Final[Steps] = {None: "red", 0: "green"}
_COST_STEPS: Final[Steps] = {None: "green", 0: "orange"}
_PLAIN: Final[Steps] = {None: "text"}
_RED_BELOW_ZERO: Final[Mapping[str, object]] = {
    "custom.cellOptions": {"type": "color-text"},
    "thresholds": thresholds({None: "red", 0: "text"}).build(),
}
_DOTS: Final[Mapping[str, object]] = {
    **LINE,
    "custom.drawStyle": "points",
    "custom.pointSize": 10,
    "color": {"mode": "fixed", "fixedColor": "text"},
}


def build() -> model.Dashboard:
    """Return the dashboard, ready to be written as JSON."""
    board = board_of(
        "Sunhelm: tariff",
        "sunhelm-tariff",
        "What energy costs now and in the next hours, and what the days have cost and brought.",
        grid_meter=True,
    )
    return filled(
        board,
        {
            "Now": (
                *_now(),
                share_today("Self-sufficiency", 4),
                share_today("Self-consumption", 4),
            ),
            "Prices": (_prices(), _ahead()),
            "Money": (_money_today(), _money_by_day(), _paid_by_day()),
            "Energy": (_energy_by_day(), shares_by_day(10)),
        },
    )


def _now() -> tuple[stat.Panel, ...]:
    def panel(frame: Frame, query: str, steps: Steps, unit: str = "none") -> stat.Panel:
        return number(frame, unit, [Series(frame.title, query)], steps)

    cheapest = f"min by (currency) ({chosen('solar_tariff_import_price_per_kwh')})"
    least = f"min by (currency) ({chosen('solar_tariff_feed_in_price_per_kwh')})"
    return (
        panel(
            Frame("Import price", "A kWh from the grid, now.", _NO_PRICE, 4, 5), cheapest, _PRICE_STEPS
        ).decimals(3),
        panel(
            Frame(
                "Feed-in price", "What a kWh sent to the grid brings now; below 0 it costs.", _NO_PRICE, 4, 5
            ),
            least,
            _FEED_IN_STEPS,
        ).decimals(3),
        panel(
            Frame(
                "Cost of an hour like now",
                "What the grid costs in an hour at the power of now; below 0 it brings something.",
                "This needs a price and a grid meter: is one chosen above?",
                4,
                5,
            ),
            money_per_hour(),
            _COST_STEPS,
        ).decimals(3),
        panel(
            Frame("Import price changes in", "The time until the price is another one.", _NEVER, 4, 5),
            until_price_changes("import"),
            _PLAIN,
            "s",
        ),
    )


def _prices() -> timeseries.Panel:
    frame = Frame("Prices", "Of a kWh from the grid, and of one sent there.", _NO_PRICE, 14, 10)
    series = [
        Series("Import {{device}} {{currency}}", price("import")),
        Series("Feed-in {{device}} {{currency}}", price("feed_in")),
    ]
    return stepped(chart(frame, "none", series, line_width=2)).decimals(3)


def _ahead() -> table.Panel:
    frame = Frame(
        "Prices of the next hours",
        "What is known of them, by hours from now. A market tells the next day in the afternoon.",
        _NO_AHEAD,
        10,
        10,
    )
    plain = {"decimals": 3, "noValue": "-"}
    columns = [
        Series("Import", price("import_ahead"), plain),
        Series("Feed-in", price("feed_in_ahead"), {**plain, **_RED_BELOW_ZERO}),
    ]
    return numbered(listing(frame, columns, labels=("hours", "currency")), "hours")


def _money_today() -> stat.Panel:
    frame = Frame(
        "Money today",
        "Cost of the import, revenue of the export, and what both are together. Saved is what the "
        "consumption would have cost without PV and battery, less what it has cost.",
        _NO_MONEY,
        24,
        4,
    )
    cost, revenue, bare = _cost(), _revenue(), money_of_day("load_consumption")
    series = [
        Series("Cost", cost),
        Series("Revenue", revenue),
        Series("Balance", f"{revenue} - {cost}"),
        Series("Saved", f"{bare} - {cost} + {revenue}"),
    ]
    return of_each_day(number(frame, "none", series, _PLAIN, now=False), days=0).decimals(2)


def _money_by_day() -> timeseries.Panel:
    frame = Frame(
        "Money by day",
        "Above zero what the export brought, below it what the import cost. A bar begins at midnight.",
        _NO_MONEY,
        14,
        10,
    )
    red, purple = ({"color": {"mode": "fixed", "fixedColor": colour}} for colour in ("red", "purple"))
    series = [
        Series("Revenue", _revenue(), purple),
        Series("Cost", _cost(), {**BELOW_ZERO, **red}),
        Series("Balance", f"{_revenue()} - {_cost()}", _DOTS),
    ]
    return of_each_day(bars(stacked(chart(frame, "none", series), opacity=80)), days=DAYS).decimals(2)


def _paid_by_day() -> timeseries.Panel:
    frame = Frame(
        "Paid for a kWh",
        "The mean price of what was imported, and of what was exported, by day. It shows how well the "
        "consumption follows the prices.",
        _NO_MONEY,
        10,
        10,
    )

    def mean(money: str, energy: str) -> str:
        return f"{money} / on () group_left () ({energy} > 0.01)"

    series = [
        Series("Import", mean(_cost(), energy_of_day("grid_import"))),
        Series("Export", mean(_revenue(), energy_of_day("grid_export"))),
    ]
    return of_each_day(bars(chart(frame, "none", series)), days=DAYS).decimals(3)


def _energy_by_day() -> timeseries.Panel:
    frame = Frame(
        "Import and export by day",
        "Above zero what was imported, below it what was exported.",
        _NO_MONEY,
        14,
        10,
    )
    series = [
        Series("Grid import", energy_of_day("grid_import")),
        Series("Grid export", energy_of_day("grid_export"), BELOW_ZERO),
    ]
    return of_each_day(bars(stacked(chart(frame, "kwatth", series), opacity=80)), days=DAYS).decimals(1)


def _cost() -> str:
    return money_of_day("grid_import")


def _revenue() -> str:
    return money_of_day("grid_export")
