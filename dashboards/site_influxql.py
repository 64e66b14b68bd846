"""The Site dashboard for InfluxDB: where the energy of a house comes from and goes to, now and by day."""

from __future__ import annotations

from typing import Final

from grafana_foundation_sdk.builders import bargauge, stat, timeseries
from grafana_foundation_sdk.models import dashboard as model

from dashboards.influxql import (
    InfluxSeries,
    Part,
    Power,
    each,
    each_now,
    energy_of_days,
    influx_board,
    power,
    power_now,
    self_sufficiency_of_days,
)
from dashboards.panels import (
    BELOW_ZERO,
    COLOURS,
    DAYS,
    LINE,
    Frame,
    Steps,
    bars,
    chart,
    filled,
    number,
    of_each_day,
    share,
    stacked,
)

_NOW: Final = "10m"
"""What is older does not hold now: the exporter writes at least every minute, clouds are slower."""

_NO_ENERGY: Final = "No energy: does the exporter write to this InfluxDB?"
_CHARGE_STEPS: Final[Steps] = {None: "red", 0.1: "orange", 0.25: "green"}
_BY_DAY: Final[tuple[tuple[str, Power, Part, bool], ...]] = (
    ("PV", "pv", "all", False),
    ("Battery discharge", "battery", "in", False),
    ("Grid import", "grid", "in", False),
    ("Consumption", "load", "all", True),
    ("Battery charge", "battery", "out", True),
    ("Grid export", "grid", "out", True),
)


def build() -> model.Dashboard:
    """Return the dashboard, ready to be written as JSON."""
    board = influx_board(
        "Sunhelm: site (InfluxDB)",
        "sunhelm-site-influxql",
        "Where the energy of a house comes from and goes to: now, over time and by day, from InfluxDB.",
    )
    return filled(
        board,
        {
            "Now": (*_power_now(), _charge_now(), _power(), _battery()),
            "Energy": (_energy_today(), _energy_by_day(), _self_sufficiency()),
            "Grid and PV strings": (_voltage(), _frequency(), _strings()),
        },
    )


def _power_now() -> tuple[stat.Panel, ...]:
    def panel(frame: Frame, what: Power, steps: Steps) -> stat.Panel:
        return number(frame, "watt", [InfluxSeries(frame.title, power_now(what))], steps).time_from(_NOW)

    no_meter = "No power now: is a grid meter chosen above?"
    return (
        panel(
            Frame("PV", "Power of all PV of the chosen devices.", "No PV power now: asleep, or no PV", 5, 5),
            "pv",
            {None: COLOURS["PV"]},
        ),
        panel(
            Frame(
                "Grid (+ import)", "Power at the grid connection: positive when importing.", no_meter, 5, 5
            ),
            "grid",
            {None: COLOURS["Grid export"], 0: COLOURS["Grid import"]},
        ),
        panel(
            Frame(
                "Battery (+ discharge)",
                "Power of all batteries of the chosen devices: positive when discharging.",
                "No battery power now",
                5,
                5,
            ),
            "battery",
            {None: COLOURS["Battery charge"], 0: COLOURS["Battery discharge"]},
        ),
        panel(
            Frame("Load", "Power of the loads. PV + grid + battery = load, but for losses.", no_meter, 5, 5),
            "load",
            {None: COLOURS["Load"]},
        ),
    )


def _charge_now() -> bargauge.Panel:
    frame = Frame(
        "State of charge",
        "How full the batteries of each device are.",
        "No device tells a state of charge now",
        4,
        5,
    )
    series = [InfluxSeries("$tag_device", each_now("battery_state_of_charge_ratio"))]
    return share(frame, series, _CHARGE_STEPS).time_from(_NOW)


def _power() -> timeseries.Panel:
    frame = Frame(
        "Power",
        "Above zero where the power comes from, below it what leaves the house or is stored; the line is "
        "what the loads take.",
        "No power in this time: does the exporter write to this InfluxDB?",
        16,
        10,
    )
    series = [
        InfluxSeries("PV", power("pv", "in")),
        InfluxSeries("Battery discharge", power("battery", "in")),
        InfluxSeries("Grid import", power("grid", "in")),
        InfluxSeries("Battery charge", power("battery", "out"), BELOW_ZERO),
        InfluxSeries("Grid export", power("grid", "out"), BELOW_ZERO),
        InfluxSeries("Load", power("load"), LINE),
    ]
    return stacked(_minutely(chart(frame, "watt", series)), opacity=70)


def _battery() -> timeseries.Panel:
    frame = Frame("Battery", "State of charge of each device.", "No battery in this time", 8, 10)
    series = [InfluxSeries("$tag_device", each("battery_state_of_charge_ratio"))]
    return _minutely(chart(frame, "percentunit", series)).min(0).max(1).fill_opacity(20)


def _energy_today() -> stat.Panel:
    frame = Frame("Energy today", "kWh since midnight, from the power.", _NO_ENERGY, 24, 4)
    series = [InfluxSeries(name, energy_of_days(what, part)) for name, what, part, _ in _BY_DAY]
    return of_each_day(number(frame, "kwatth", series, {None: "text"}), days=0).decimals(1)


def _energy_by_day() -> timeseries.Panel:
    frame = Frame(
        "Energy by day",
        "Above zero where the energy came from, below it where it went. A bar begins at midnight.",
        _NO_ENERGY,
        16,
        10,
    )
    series = [
        InfluxSeries(name, energy_of_days(what, part), BELOW_ZERO if below else None)
        for name, what, part, below in _BY_DAY
    ]
    return of_each_day(bars(stacked(chart(frame, "kwatth", series), opacity=80)), days=DAYS).decimals(1)


def _self_sufficiency() -> timeseries.Panel:
    frame = Frame(
        "Self-sufficiency by day",
        "The part of the consumption that was not imported.",
        "No consumption: does the grid meter tell the power of the loads?",
        8,
        10,
    )
    series = [InfluxSeries("Self-sufficiency", self_sufficiency_of_days())]
    panel = of_each_day(bars(chart(frame, "percentunit", series)), days=DAYS)
    return panel.min(0).max(1)


def _voltage() -> timeseries.Panel:
    frame = Frame(
        "Grid voltage",
        "Voltage of each phase. Inverters in Europe must switch off above 253 V.",
        "No device tells a grid voltage",
        8,
        8,
    )
    series = [InfluxSeries("$tag_device $tag_phase", each("grid_phase_voltage_volts", "phase"))]
    return _minutely(chart(frame, "volt", series))


def _frequency() -> timeseries.Panel:
    frame = Frame("Grid frequency", "Frequency of the grid.", "No device tells a grid frequency", 8, 8)
    return _minutely(
        chart(frame, "hertz", [InfluxSeries("$tag_device", each("grid_frequency_hertz"))])
    ).decimals(2)


def _strings() -> timeseries.Panel:
    frame = Frame(
        "PV strings",
        "Power of each string or tracker, piled up.",
        "No device tells the power of its strings",
        8,
        8,
    )
    series = [InfluxSeries("$tag_device $tag_string", each("pv_string_power_watts", "string"))]
    return stacked(_minutely(chart(frame, "watt", series)), opacity=60)


def _minutely(panel: timeseries.Panel) -> timeseries.Panel:
    """Ask for no more than the exporter writes by itself, and join what is written less often."""
    return panel.interval("1m").span_nulls(600_000.0)
