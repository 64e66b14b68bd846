"""The Together dashboard: several inverters added up, what each adds, and how they compare."""

from __future__ import annotations

from typing import Final

from grafana_foundation_sdk.builders import bargauge, stat, table, timeseries
from grafana_foundation_sdk.models import dashboard as model

from dashboards.panels import (
    COLOURS,
    DAYS,
    DEVICE_STATES,
    NO_RULES,
    Frame,
    Series,
    Steps,
    bars,
    board_of,
    cell,
    chart,
    filled,
    listing,
    number,
    of_each_day,
    share,
    stacked,
    states,
)
from dashboards.queries import (
    chosen,
    device_state,
    energy_of_day,
    of_rated_power,
    own_pv_of_rated_power,
    power_now,
    share_of_inverter,
    value_of_inverter,
)

_NO_PV: Final = "No device tells PV power now: asleep, down, or no PV"
_NO_OUTPUT: Final = "No inverter tells its output"
_NO_RATED: Final = "No inverter tells its rated power"
_NO_BATTERY: Final = "No device tells the power of a battery"
_PV: Final = "solar_pv_power_watts"
_AC: Final = "solar_inverter_power_watts"
_RATED: Final = "solar_rated_power_watts"
_EQUAL: Final[Steps] = {None: "blue"}
_LOADED: Final[Steps] = {None: "green", 0.9: "orange", 1.02: "red"}


def build() -> model.Dashboard:
    """Return the dashboard, ready to be written as JSON."""
    board = board_of(
        "Sunhelm: several inverters",
        "sunhelm-together",
        "Several inverters added up, what each of them adds, and how they compare. Choose devices that "
        "do not see the same PV twice.",
    )
    return filled(
        board,
        {
            "All together": (*_now(), _pv_shares(), _loads(), _table()),
            "Over time": (_pv(), _output(), _battery(), _charge()),
            "Side by side": (_used(), _energy_by_day(), _energy_each_day()),
        },
    )


def _now() -> tuple[stat.Panel, ...]:
    def panel(frame: Frame, query: str, colour: str) -> stat.Panel:
        return number(frame, "watt", [Series(frame.title, query)], {None: colour})

    output = Frame(
        "AC output",
        "What leaves all of their AC sides; on a hybrid with what the battery gives.",
        _NO_OUTPUT,
        6,
        4,
    )
    battery = Frame(
        "Battery (+ discharge)",
        "All batteries of the chosen devices: positive when discharging.",
        _NO_BATTERY,
        6,
        4,
    )
    return (
        panel(Frame("PV", "All PV of the chosen devices.", _NO_PV, 6, 4), power_now("pv"), COLOURS["PV"]),
        panel(output, f"round(sum({chosen(_AC)}))", COLOURS["Load"]),
        panel(battery, power_now("battery"), COLOURS["Battery discharge"]),
        panel(
            Frame("Rated", "What all of them can give.", _NO_RATED, 6, 4), f"sum({chosen(_RATED)})", "text"
        ),
    )


def _pv_shares() -> bargauge.Panel:
    frame = Frame("What each adds to the PV", "Its part of the sum of all.", _NO_PV, 6, 8)
    return share(frame, [Series("{{device}}", share_of_inverter(_PV))], _EQUAL)


def _loads() -> bargauge.Panel:
    frame = Frame("Used of the rated power", "AC output of each, of what it can give.", _NO_RATED, 6, 8)
    return share(frame, [Series("{{device}}", of_rated_power(_AC))], _LOADED)


def _table() -> table.Panel:
    coloured = {"custom.cellOptions": {"type": "color-text"}, "mappings": [states(DEVICE_STATES)]}
    state = f"max by (device) ({device_state()}) and on (device) {value_of_inverter(_PV)}"
    return listing(
        Frame("Each of them now", "Those that have PV.", _NO_PV, 12, 8),
        [
            Series("State", state, coloured),
            Series("PV", value_of_inverter(_PV), cell("watt")),
            Series("AC output", value_of_inverter(_AC), cell("watt")),
            Series("Rated", value_of_inverter(_RATED), cell("watt")),
            Series("Hottest", value_of_inverter("solar_inverter_temperature_celsius"), cell("celsius")),
        ],
        labels=("device",),
    )


def _pv() -> timeseries.Panel:
    frame = Frame("PV", "PV power of each, piled up.", _NO_PV, 12, 9)
    return stacked(chart(frame, "watt", [Series("{{device}}", value_of_inverter(_PV))]), opacity=60)


def _output() -> timeseries.Panel:
    frame = Frame("AC output", "What leaves the AC side of each, piled up.", _NO_OUTPUT, 12, 9)
    return stacked(chart(frame, "watt", [Series("{{device}}", value_of_inverter(_AC))]), opacity=60)


def _battery() -> timeseries.Panel:
    frame = Frame(
        "Battery (+ discharge)",
        "Power of the batteries of each. One that charges while another discharges wastes both.",
        _NO_BATTERY,
        12,
        9,
    )
    return chart(frame, "watt", [Series("{{device}}", value_of_inverter("solar_battery_power_watts"))])


def _charge() -> timeseries.Panel:
    frame = Frame("State of charge", "Of each device.", "No device tells a state of charge", 12, 9)
    query = value_of_inverter("solar_battery_state_of_charge_ratio")
    return chart(frame, "percentunit", [Series("{{device}}", query)]).min(0).max(1)


def _used() -> timeseries.Panel:
    frame = Frame(
        "PV for each watt that is rated",
        "So that large and small ones compare: equal roofs have equal lines. Batteries have none.",
        "This needs PV and rated power of the same device",
        12,
        9,
    )
    return chart(frame, "percentunit", [Series("{{device}}", own_pv_of_rated_power())])


def _energy_by_day() -> timeseries.Panel:
    frame = Frame("PV energy by day", "Of each, piled up. A bar begins at midnight.", NO_RULES, 12, 9)
    series = [Series("{{device}}", energy_of_day("pv_production", by_device=True))]
    panel = of_each_day(bars(stacked(chart(frame, "kwatth", series), opacity=80)), days=DAYS)
    return panel.min(0).decimals(1)


def _energy_each_day() -> stat.Panel:
    frame = Frame("PV energy today", "Of each of them, since midnight.", NO_RULES, 24, 4)
    series = [Series("{{device}}", energy_of_day("pv_production", by_device=True))]
    return of_each_day(number(frame, "kwatth", series, {None: COLOURS["PV"]}, now=False), days=0).decimals(1)
