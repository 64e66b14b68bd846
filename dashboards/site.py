"""The Site dashboard: where the energy of a house comes from and goes to, now and by day."""

from __future__ import annotations

from typing import Final

from grafana_foundation_sdk.builders import bargauge, stat, table, timeseries
from grafana_foundation_sdk.models import dashboard as model

from dashboards.energy import share_today, shares_by_day
from dashboards.panels import (
    BELOW_ZERO,
    COLOURS,
    DAYS,
    DEVICE_STATES,
    LINE,
    NO_RULES,
    Frame,
    Series,
    Steps,
    bars,
    board_of,
    chart,
    filled,
    listing,
    number,
    of_each_day,
    share,
    stacked,
    states,
    thresholds,
)
from dashboards.queries import (
    age_of_data,
    chosen,
    device_state,
    energy_of_day,
    failing_groups,
    inflow,
    outflow,
    power,
    power_now,
)

_CHARGE_STEPS: Final[Steps] = {None: "red", 0.1: "orange", 0.25: "green"}


def build() -> model.Dashboard:
    """Return the dashboard, ready to be written as JSON."""
    board = board_of(
        "Sunhelm: site",
        "sunhelm-site",
        "Where the energy of a house comes from and goes to: now, over time and by day.",
        grid_meter=True,
    )
    return filled(
        board,
        {
            "Now": (*_power_now(), _charge_now(), share_today("Self-sufficiency", 4), _power(), _battery()),
            "Energy": (_energy_today(), _energy_by_day(), shares_by_day(8)),
            "Grid and PV strings": (_voltage(), _frequency(), _strings()),
            "Devices": (_devices(),),
        },
    )


def _power_now() -> tuple[stat.Panel, ...]:
    def panel(title: str, text: str, empty: str, query: str, steps: Steps) -> stat.Panel:
        return number(Frame(title, text, empty, 4, 5), "watt", [Series(title, query)], steps)

    return (
        panel(
            "PV",
            "Power of all PV of the chosen devices.",
            "No PV power now: asleep, down, or no PV",
            power_now("pv"),
            {None: COLOURS["PV"]},
        ),
        panel(
            "Grid (+ import)",
            "Power at the grid connection: positive when importing.",
            "No grid power now: is a grid meter chosen above?",
            power_now("grid"),
            {None: COLOURS["Grid export"], 0: COLOURS["Grid import"]},
        ),
        panel(
            "Battery (+ discharge)",
            "Power of all batteries of the chosen devices: positive when discharging.",
            "No battery power now",
            power_now("battery"),
            {None: COLOURS["Battery charge"], 0: COLOURS["Battery discharge"]},
        ),
        panel(
            "Load",
            "Power of the loads of the house. PV + grid + battery = load, but for losses.",
            "No load power now: is a grid meter chosen above?",
            power_now("load"),
            {None: COLOURS["Load"]},
        ),
    )


def _charge_now() -> bargauge.Panel:
    return share(
        Frame(
            "State of charge",
            "How full the batteries of each device are.",
            "No device tells a state of charge now",
            4,
            5,
        ),
        [Series("{{device}}", chosen("solar_battery_state_of_charge_ratio"))],
        _CHARGE_STEPS,
    )


def _power() -> timeseries.Panel:
    panel = chart(
        Frame(
            "Power",
            "Above zero where the power comes from, below it what leaves the house or is stored; the line is "
            "what the loads take.",
            "No power in this time: no device was up",
            16,
            10,
        ),
        "watt",
        [
            Series("PV", inflow("pv")),
            Series("Battery discharge", inflow("battery")),
            Series("Grid import", inflow("grid")),
            Series("Battery charge", outflow("battery"), BELOW_ZERO),
            Series("Grid export", outflow("grid"), BELOW_ZERO),
            Series("Load", power("load"), LINE),
        ],
    )
    return stacked(panel, opacity=70)


def _battery() -> timeseries.Panel:
    return (
        chart(
            Frame(
                "Battery",
                "State of charge of each device on the left, power of all on the right.",
                "No battery in this time",
                8,
                10,
            ),
            "percentunit",
            [
                Series("State of charge {{device}}", chosen("solar_battery_state_of_charge_ratio")),
                Series(
                    "Power",
                    power("battery"),
                    {
                        "unit": "watt",
                        "min": None,
                        "max": None,
                        "custom.axisPlacement": "right",
                        "custom.fillOpacity": 0,
                        "color": {"mode": "fixed", "fixedColor": "text"},
                    },
                ),
            ],
        )
        .min(0)
        .max(1)
        .fill_opacity(20)
    )


def _energy_today() -> stat.Panel:
    panel = number(
        Frame(
            "Energy today",
            "kWh since midnight, counted by the devices; from the power where a device has no counter.",
            NO_RULES,
            24,
            4,
        ),
        "kwatth",
        [
            Series("PV", energy_of_day("pv_production")),
            Series("Consumption", energy_of_day("load_consumption")),
            Series("Grid import", energy_of_day("grid_import")),
            Series("Grid export", energy_of_day("grid_export")),
            Series("Battery charge", energy_of_day("battery_charge")),
            Series("Battery discharge", energy_of_day("battery_discharge")),
        ],
        {None: "text"},
        now=False,
    )
    return of_each_day(panel, days=0).decimals(1)


def _energy_by_day() -> timeseries.Panel:
    panel = chart(
        Frame(
            "Energy by day",
            "Above zero where the energy came from, below it where it went. A bar begins at midnight.",
            NO_RULES,
            16,
            10,
        ),
        "kwatth",
        [
            Series("PV", energy_of_day("pv_production")),
            Series("Battery discharge", energy_of_day("battery_discharge")),
            Series("Grid import", energy_of_day("grid_import")),
            Series("Consumption", energy_of_day("load_consumption"), BELOW_ZERO),
            Series("Battery charge", energy_of_day("battery_charge"), BELOW_ZERO),
            Series("Grid export", energy_of_day("grid_export"), BELOW_ZERO),
        ],
    )
    return of_each_day(bars(stacked(panel, opacity=80)), days=DAYS).decimals(1)


def _voltage() -> timeseries.Panel:
    return chart(
        Frame(
            "Grid voltage",
            "Voltage of each phase. Inverters in Europe must switch off above 253 V.",
            "No device tells a grid voltage",
            8,
            8,
        ),
        "volt",
        [Series("{{device}} {{phase}}", chosen("solar_grid_phase_voltage_volts"))],
    )


def _frequency() -> timeseries.Panel:
    return chart(
        Frame("Grid frequency", "Frequency of the grid.", "No device tells a grid frequency", 8, 8),
        "hertz",
        [Series("{{device}}", chosen("solar_grid_frequency_hertz"))],
    ).decimals(2)


def _strings() -> timeseries.Panel:
    panel = chart(
        Frame(
            "PV strings",
            "Power of each string or tracker, piled up.",
            "No device tells the power of its strings",
            8,
            8,
        ),
        "watt",
        [Series("{{device}} {{string}}", chosen("solar_pv_string_power_watts"))],
    )
    return stacked(panel, opacity=60)


def _devices() -> table.Panel:
    """Return the table that shows whether what stands above can be believed."""
    coloured = {"custom.cellOptions": {"type": "color-text"}, "mappings": [states(DEVICE_STATES)]}
    failing = {
        "custom.cellOptions": {"type": "color-text"},
        "thresholds": thresholds({None: "text", 1: "red"}).build(),
    }
    return listing(
        Frame(
            "State of the devices",
            "Asleep is as it should be: no sun. The oldest data is of the group that is read least often.",
            "No device is watched: is the exporter in Prometheus?",
            24,
            6,
        ),
        [
            Series("State", device_state(), coloured),
            Series("Failing groups", failing_groups(), failing),
            Series("Newest data", age_of_data("newest"), {"unit": "s"}),
            Series("Oldest data", age_of_data("oldest"), {"unit": "s"}),
        ],
        labels=("device", "family"),
    )
