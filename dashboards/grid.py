"""The Grid dashboard: what goes into the grid, what may, and what holds it back."""

from __future__ import annotations

from typing import Final

from grafana_foundation_sdk.builders import stat, table, timeseries
from grafana_foundation_sdk.models import dashboard as model

from dashboards.panels import (
    COLOURS,
    Frame,
    Series,
    Steps,
    board_of,
    chart,
    filled,
    listing,
    number,
    stacked,
    states,
)
from dashboards.queries import (
    GRID_METER,
    chosen,
    commanded,
    curtailing_alerts,
    export_limit,
    highest_voltage,
    outflow,
    power,
    power_now,
    price,
    reasons_for_no_export,
)

_VOLTAGE_STEPS: Final[Steps] = {None: "green", 248: "orange", 252: "red"}
_PRICE_STEPS: Final[Steps] = {None: "red", 0: "green"}
_NO_LIMIT: Final = "No device tells a limit: none is set, or none can be"
_NO_PRICE: Final = "No feed-in price: is there a device of family tariff?"


def build() -> model.Dashboard:
    """Return the dashboard, ready to be written as JSON."""
    board = board_of(
        "Sunhelm: grid and export limit",
        "sunhelm-grid",
        "What goes into the grid, what may, and why it is no more.",
        grid_meter=True,
    )
    return filled(
        board,
        {
            "Why is my export what it is?": (*_now(), _reasons(), _export()),
            "What may hold it back": (_voltage(), _price(), _alerts()),
            "The grid connection": (_phases(), _frequency(), _energy()),
        },
    )


def _now() -> tuple[stat.Panel, ...]:
    def panel(frame: Frame, unit: str, series: Series, steps: Steps) -> stat.Panel:
        return number(frame, unit, [series], steps)

    return (
        panel(
            Frame(
                "Grid (+ import)", "Power at the grid connection.", "No grid power now: choose a meter", 4, 5
            ),
            "watt",
            Series("Grid", power_now("grid")),
            {None: COLOURS["Grid export"], 0: COLOURS["Grid import"]},
        ),
        panel(
            Frame("PV", "Power of all PV of the chosen devices.", "No PV power now", 4, 5),
            "watt",
            Series("PV", power_now("pv")),
            {None: COLOURS["PV"]},
        ),
        panel(
            Frame(
                "Strictest limit", "The least that any chosen device may export or produce.", _NO_LIMIT, 4, 5
            ),
            "watt",
            Series("Limit", f"min({export_limit()})"),
            {None: "red", 1: "text"},
        ),
        panel(
            Frame(
                "Highest voltage",
                "Of all phases. Inverters in Europe must stop when the mean of ten minutes is above 253 V.",
                "No device tells a grid voltage",
                4,
                5,
            ),
            "volt",
            Series("Voltage", highest_voltage()),
            _VOLTAGE_STEPS,
        ).decimals(1),
        panel(
            Frame("Feed-in price", "What a kWh sent to the grid brings now.", _NO_PRICE, 4, 5),
            "none",
            Series("Price", f"min({price('feed_in')})"),
            _PRICE_STEPS,
        ).decimals(3),
        panel(
            Frame(
                "Alerts that may curtail",
                "Firing ones that the controller listens to.",
                "No Prometheus",
                4,
                5,
            ),
            "none",
            Series("Alerts", f"sum({curtailing_alerts()}) or vector(0)"),
            {None: "text", 1: "orange"},
        ),
    )


def _reasons() -> table.Panel:
    holds = {
        "custom.cellOptions": {"type": "color-text"},
        "mappings": [states({0: ("no", "text"), 1: ("yes", "orange")})],
    }
    return listing(
        Frame(
            "What holds the export down now",
            "Everything that can be the reason. More than one may hold; with none, all that is left over"
            " goes into the grid.",
            "Nothing is known: is a grid meter chosen above?",
            8,
            10,
        ),
        [Series("Holds now", reasons_for_no_export(), holds)],
        labels=("reason",),
    )


def _export() -> timeseries.Panel:
    limit = {"custom.lineWidth": 2, "custom.fillOpacity": 0, "custom.lineInterpolation": "stepAfter"}
    dashed = {**limit, "custom.lineStyle": {"fill": "dash", "dash": [10, 10]}}
    return chart(
        Frame(
            "Export and its limit",
            "What goes into the grid, what the devices say that may, and what the controller asks for. An "
            "export that lies at a line is held by it; one far below is not.",
            "No power in this time: no device was up",
            16,
            10,
        ),
        "watt",
        [
            Series("PV", power("pv"), {"custom.fillOpacity": 10}),
            Series("Grid export", outflow("grid"), {"custom.fillOpacity": 50}),
            Series("Limit {{device}}", export_limit(), limit),
            Series("Asked {{device}} {{state}}", commanded("desired"), dashed),
        ],
    )


def _voltage() -> timeseries.Panel:
    return chart(
        Frame(
            "Grid voltage",
            "Voltage of each phase. Export raises it: near 253 V, less export lowers it.",
            "No device tells a grid voltage",
            8,
            8,
        ),
        "volt",
        [Series("{{device}} {{phase}}", chosen("solar_grid_phase_voltage_volts"))],
    )


def _price() -> timeseries.Panel:
    step = {"custom.lineInterpolation": "stepAfter"}
    return chart(
        Frame("Feed-in price", "What a kWh sent to the grid brings. Below 0 it costs.", _NO_PRICE, 8, 8),
        "none",
        [Series("{{device}} {{currency}}", price("feed_in"), step)],
        line_width=2,
    ).decimals(3)


def _alerts() -> timeseries.Panel:
    panel = chart(
        Frame(
            "Alerts that may curtail",
            "Those that the controller listens to, while they fire.",
            "None fired in this time",
            8,
            8,
        ),
        "none",
        [Series("{{alertname}}", f"sum by (alertname) ({curtailing_alerts()})")],
    )
    return stacked(panel, opacity=60).min(0).decimals(0)


def _phases() -> timeseries.Panel:
    return chart(
        Frame("Phases (+ import)", "Power of each phase at the grid.", "No device tells its phases", 8, 8),
        "watt",
        [Series("{{phase}}", chosen("solar_grid_phase_power_watts", devices=GRID_METER))],
    )


def _frequency() -> timeseries.Panel:
    return chart(
        Frame(
            "Grid frequency", "Above 50.2 Hz inverters give less.", "No device tells a grid frequency", 8, 8
        ),
        "hertz",
        [Series("{{device}}", chosen("solar_grid_frequency_hertz"))],
    ).decimals(2)


def _energy() -> timeseries.Panel:
    return chart(
        Frame(
            "Energy of the hour before",
            "What the grid meter has counted within an hour.",
            "The grid meter counts nothing",
            8,
            8,
        ),
        "kwatth",
        [
            Series("Grid import", _of_an_hour("solar_grid_import_joules_total")),
            Series("Grid export", _of_an_hour("solar_grid_export_joules_total")),
        ],
        line_width=2,
    )


def _of_an_hour(metric: str) -> str:
    return f"sum(increase({chosen(metric, devices=GRID_METER)}[1h])) / 3.6e6"
