"""The Battery dashboard: each pack and module, and the cells in them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from grafana_foundation_sdk.builders import bargauge, stat, table, timeseries
from grafana_foundation_sdk.models import common as look
from grafana_foundation_sdk.models import dashboard as model

from dashboards.panels import (
    Frame,
    Series,
    Steps,
    board_of,
    cell,
    chart,
    filled,
    listing,
    number,
    numbered,
    share,
    stacked,
    stepped,
)
from dashboards.queries import (
    battery_power,
    battery_setpoint,
    battery_strategy,
    cell_off_mean,
    cell_temperature,
    cell_voltage,
    cells_apart,
    chosen,
    of_battery,
    of_each_battery,
    power_now,
)

_NO_BATTERY: Final = "No device tells of single batteries"
_NO_CELL: Final = "No battery tells of its cells"
_CHARGE: Final[Steps] = {None: "red", 0.1: "orange", 0.25: "green"}
_HEALTH: Final[Steps] = {None: "red", 0.7: "orange", 0.85: "green"}
_APART: Final[Steps] = {None: "green", 0.1: "orange", 0.3: "red"}
_HEAT: Final[Steps] = {None: "blue", 5: "green", 45: "orange", 55: "red"}
_NAME: Final = "{{device}} {{battery}}"
SILENT: Final = {
    ("Asked and done", "{{device}} controller"): "nobody commands a battery in the simulated site",
}
"""Why a query brings nothing from the simulated site, by the panel's title and the legend."""


def build() -> model.Dashboard:
    """Return the dashboard, ready to be written as JSON."""
    board = board_of(
        "Sunhelm: batteries and cells",
        "sunhelm-battery",
        "Each pack and module of the batteries, and the cells in them.",
    )
    return filled(
        board,
        {
            "Now": (_power_now(), _count(), _apart_now(), _warmest(), _charge_now(), _health()),
            "What is asked of them": (_asked(), _strategy()),
            "Packs and modules": (_charge(), _power(), _voltage(), _current(), _table()),
            "Cells": (_extremes(), _apart(), _off_mean(), _temperatures(), _cells()),
        },
    )


def _power_now() -> stat.Panel:
    frame = Frame(
        "Power (+ discharge)",
        "Power of all batteries of the chosen devices: positive when discharging.",
        "No battery power now",
        4,
        5,
    )
    return number(frame, "watt", [Series("Power", power_now("battery"))], {None: "green"})


def _count() -> stat.Panel:
    frame = Frame(
        "Batteries",
        "Packs, modules and stacks that tell their state of charge, and batteries that are one.",
        _NO_BATTERY,
        3,
        5,
    )
    query = f"count({of_each_battery('state_of_charge', 'ratio')})"
    return number(frame, "short", [Series("Batteries", query)], {None: "text"})


def _apart_now() -> stat.Panel:
    frame = Frame(
        "Cells apart",
        "How far the highest and the lowest cell of one battery are apart, in the worst of them. Near full "
        "and near empty it grows; between, 0.05 V is good.",
        _NO_CELL,
        3,
        5,
    )
    return number(frame, "volt", [Series("Cells apart", f"max({cells_apart()})")], _APART).decimals(0)


def _warmest() -> stat.Panel:
    frame = Frame(
        "Warmest", "The highest temperature in a battery.", "No battery tells its temperature", 4, 5
    )
    return number(frame, "celsius", [Series("Warmest", f"max({cell_temperature('highest')})")], _HEAT)


def _charge_now() -> bargauge.Panel:
    frame = Frame("State of charge", "How full each battery is.", _NO_BATTERY, 6, 5)
    return share(frame, [Series(_NAME, of_each_battery("state_of_charge", "ratio"))], _CHARGE)


def _health() -> bargauge.Panel:
    frame = Frame(
        "State of health",
        "What each battery still holds of what it held when it was new, by its own word.",
        "No battery tells its state of health",
        4,
        5,
    )
    return share(frame, [Series(_NAME, of_battery("state_of_health", "ratio"))], _HEALTH)


def _charge() -> timeseries.Panel:
    frame = Frame(
        "State of charge over time",
        "Batteries of one system move together; one that does not has its own trouble.",
        _NO_BATTERY,
        12,
        9,
    )
    return (
        chart(frame, "percentunit", [Series(_NAME, of_each_battery("state_of_charge", "ratio"))])
        .min(0)
        .max(1)
    )


def _power() -> timeseries.Panel:
    frame = Frame(
        "Power of each", "Positive when discharging; from volts and amperes where needed.", _NO_BATTERY, 12, 9
    )
    return stacked(chart(frame, "watt", [Series(_NAME, battery_power())]), opacity=60)


def _asked() -> timeseries.Panel:
    frame = Frame(
        "Asked and done",
        "The power of the batteries of a device (+ discharge), what it was told, and what the controller "
        "wants.",
        "No device tells the power of its batteries",
        12,
        9,
    )
    dashed: Mapping[str, object] = {"custom.lineStyle": {"fill": "dash", "dash": [6, 6]}}
    return chart(
        frame,
        "watt",
        [
            Series("{{device}}", f"max by (device) ({chosen('solar_battery_power_watts')})"),
            Series("{{device}} setpoint", battery_setpoint("device"), dashed),
            Series("{{device}} controller", battery_setpoint("controller"), dashed),
        ],
    )


def _strategy() -> timeseries.Panel:
    frame = Frame(
        "How they are run",
        "The strategy or mode, in the words of the vendor.",
        "No device tells how its battery is run",
        12,
        9,
    )
    panel = chart(frame, "short", [Series("{{device}}: {{state}}", battery_strategy())], line_width=3)
    return stepped(panel).axis_placement(look.AxisPlacement.HIDDEN)


def _voltage() -> timeseries.Panel:
    frame = Frame("Voltage", "Voltage of each battery.", "No battery tells its voltage", 12, 8)
    return chart(frame, "volt", [Series(_NAME, of_each_battery("voltage", "volts"))])


def _current() -> timeseries.Panel:
    frame = Frame(
        "Current (+ discharge)",
        "Current of each battery, and what it allows now, below zero for charging.",
        "No battery tells its current",
        12,
        8,
    )
    allowed: Mapping[str, object] = {"custom.lineStyle": {"fill": "dash", "dash": [6, 6]}}
    return chart(
        frame,
        "amp",
        [
            Series(_NAME, of_battery("current", "amperes")),
            Series(f"{_NAME} allowed", of_battery("discharge_current_limit", "amperes"), allowed),
            Series(
                f"{_NAME} allowed to charge", f"-{of_battery('charge_current_limit', 'amperes')}", allowed
            ),
        ],
    )


def _table() -> table.Panel:
    frame = Frame("Batteries now", "Each pack, module and stack.", _NO_BATTERY, 24, 8)
    kwh = f"{of_battery('capacity', 'joules')} / 3.6e6"
    coulombs = of_battery("charge_capacity", "coulombs")
    estimated = f"{coulombs} * {of_battery('voltage', 'volts')} / 3.6e6"
    return listing(
        frame,
        [
            Series(
                "State of charge", of_each_battery("state_of_charge", "ratio"), cell("percentunit", width=125)
            ),
            Series("State of health", of_battery("state_of_health", "ratio"), cell("percentunit", width=125)),
            Series("Power", battery_power(), cell("watt", width=125)),
            Series("Holds", f"{kwh} or {estimated}", cell("kwatth", width=125)),
            Series("Cycles", of_battery("cycles"), cell("short", decimals=0, width=125)),
            Series("Cells apart", cells_apart(), cell("volt", decimals=0, width=125)),
            Series("Warmest", cell_temperature("highest"), cell("celsius", width=125)),
        ],
        labels=("device", "battery"),
    )


def _extremes() -> timeseries.Panel:
    frame = Frame("Highest and lowest cell", "Voltage of these cells of each battery.", _NO_CELL, 12, 9)
    return chart(
        frame,
        "volt",
        [
            Series(f"{_NAME} highest", cell_voltage("highest")),
            Series(f"{_NAME} lowest", cell_voltage("lowest")),
        ],
    ).decimals(3)


def _apart() -> timeseries.Panel:
    frame = Frame(
        "How far the cells are apart",
        "The highest less the lowest cell. What grows over months is a cell that ages faster.",
        _NO_CELL,
        12,
        9,
    )
    return chart(frame, "volt", [Series(_NAME, cells_apart())]).min(0)


def _off_mean() -> timeseries.Panel:
    frame = Frame(
        "Cells far from the mean",
        "The cells that are farthest above and below the mean of their battery.",
        _NO_CELL,
        12,
        9,
    )
    name = f"{_NAME} cell {{{{cell}}}}"
    return chart(
        frame,
        "volt",
        [Series(name, f"topk(3, {cell_off_mean()}) or bottomk(3, {cell_off_mean()})")],
    )


def _temperatures() -> timeseries.Panel:
    frame = Frame(
        "Temperature of the cells",
        "The warmest and the coldest of each battery; below 0 degrees it must not be charged.",
        "No battery tells its temperature",
        12,
        9,
    )
    return chart(
        frame,
        "celsius",
        [
            Series(f"{_NAME} warmest", cell_temperature("highest")),
            Series(f"{_NAME} coldest", cell_temperature("lowest")),
        ],
    )


def _cells() -> table.Panel:
    frame = Frame("Cells now", "Each cell, and how far it is from the mean of its battery.", _NO_CELL, 24, 10)
    volts = f"max by (device, battery, cell) ({chosen('solar_battery_cell_voltage_volts')})"
    panel = listing(
        frame,
        [
            Series("Voltage", volts, {"unit": "volt", "decimals": 3}),
            Series("Off the mean", cell_off_mean(), {"unit": "volt", "decimals": 0}),
        ],
        labels=("device", "battery", "cell"),
    )
    return numbered(panel, "device", "battery", "cell")
