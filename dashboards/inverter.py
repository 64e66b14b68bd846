"""The Inverter dashboard: what each string and each module gives, and how the inverter itself is."""

from __future__ import annotations

from typing import Final

from grafana_foundation_sdk.builders import bargauge, stat, table, timeseries
from grafana_foundation_sdk.models import dashboard as model

from dashboards.panels import (
    COLOURS,
    Frame,
    Series,
    Steps,
    board_of,
    cell,
    chart,
    filled,
    listing,
    number,
    share,
    stacked,
)
from dashboards.queries import (
    chosen,
    inverter_losses,
    power_now,
    string_share_of_best,
    strings_silent,
    value_of_inverter,
)

_NO_STRING: Final = "No device tells of its strings now: asleep, or no PV"
_NO_OPTIMIZER: Final = "No inverter here tells of optimizers (Huawei does)"
_HEAT: Final[Steps] = {None: "green", 60: "orange", 75: "red"}
_INSULATION: Final[Steps] = {None: "red", 100_000: "orange", 1_000_000: "green"}
_SILENT: Final[Steps] = {None: "green", 1: "red"}
_SHARE: Final[Steps] = {None: "red", 0.3: "orange", 0.7: "green"}


def build() -> model.Dashboard:
    """Return the dashboard, ready to be written as JSON."""
    board = board_of(
        "Sunhelm: inverter and strings",
        "sunhelm-inverter",
        "What each string and each module gives, and how the inverter itself is.",
    )
    return filled(
        board,
        {
            "Now": (_pv(), _ac(), _silent(), _hottest(), _insulation_now(), _strings_now()),
            "Strings": (_string_power(), _string_voltage(), _string_current(), _string_table()),
            "Inverter": (_output(), _losses(), _temperatures(), _insulation(), _phases(), _bus()),
            "Modules": (_modules(), _module_table()),
        },
    )


def _pv() -> stat.Panel:
    frame = Frame("PV", "Power of all PV of the chosen devices.", "No PV power now: asleep, or no PV", 4, 5)
    return number(frame, "watt", [Series("PV", power_now("pv"))], {None: COLOURS["PV"]})


def _ac() -> stat.Panel:
    frame = Frame(
        "AC output",
        "Power that leaves the inverters' AC side; on a hybrid with what the battery gives.",
        "No inverter tells its output now",
        4,
        5,
    )
    query = f"round(sum({chosen('solar_inverter_power_watts')}))"
    return number(frame, "watt", [Series("AC output", query)], {None: COLOURS["Load"]})


def _silent() -> stat.Panel:
    frame = Frame(
        "Silent strings",
        "Strings that give less than 5 W while the best one of the same device gives more than 200 W.",
        _NO_STRING,
        4,
        5,
    )
    return number(frame, "short", [Series("Silent strings", strings_silent())], _SILENT)


def _hottest() -> stat.Panel:
    frame = Frame(
        "Hottest", "The highest temperature inside an inverter.", "No inverter tells a temperature", 4, 5
    )
    query = f"max({chosen('solar_inverter_temperature_celsius')})"
    return number(frame, "celsius", [Series("Hottest", query)], _HEAT)


def _insulation_now() -> stat.Panel:
    frame = Frame(
        "Insulation",
        "The lowest insulation resistance of a PV side to earth; 1 MOhm and more is sound.",
        "No inverter measures its insulation",
        4,
        5,
    )
    query = f"min({chosen('solar_inverter_insulation_resistance_ohms')})"
    return number(frame, "ohm", [Series("Insulation", query)], _INSULATION)


def _strings_now() -> bargauge.Panel:
    frame = Frame(
        "Strings against the best",
        "Power of each string as a part of that of the best string of the same device. Roofs that look to "
        "several sides differ by the hour.",
        _NO_STRING,
        4,
        5,
    )
    return share(frame, [Series("{{device}} {{string}}", string_share_of_best())], _SHARE)


def _string_power() -> timeseries.Panel:
    frame = Frame("Power of the strings", "Power of each string or tracker, piled up.", _NO_STRING, 8, 9)
    series = [Series("{{device}} {{string}}", chosen("solar_pv_string_power_watts"))]
    return stacked(chart(frame, "watt", series), opacity=60)


def _string_voltage() -> timeseries.Panel:
    frame = Frame(
        "Voltage of the strings",
        "A string that is cut off has none; one that is open has more than its neighbours, and no current.",
        _NO_STRING,
        8,
        9,
    )
    return chart(frame, "volt", [Series("{{device}} {{string}}", chosen("solar_pv_string_voltage_volts"))])


def _string_current() -> timeseries.Panel:
    frame = Frame(
        "Current of the strings",
        "Strings of one roof with one kind of modules have the same current.",
        "No device tells the currents of its strings",
        8,
        9,
    )
    return chart(frame, "amp", [Series("{{device}} {{string}}", chosen("solar_pv_string_current_amperes"))])


def _string_table() -> table.Panel:
    frame = Frame("Strings now", "Each string: what it gives, and how.", _NO_STRING, 24, 7)

    def column(name: str, metric: str, unit: str) -> Series:
        return Series(name, f"max by (device, string) ({chosen(metric)})", cell(unit))

    return listing(
        frame,
        [
            column("Power", "solar_pv_string_power_watts", "watt"),
            column("Voltage", "solar_pv_string_voltage_volts", "volt"),
            column("Current", "solar_pv_string_current_amperes", "amp"),
        ],
        labels=("device", "string"),
    )


def _output() -> timeseries.Panel:
    frame = Frame(
        "PV and AC output",
        "What the strings give, what leaves the AC side, and the rated power. They differ by the losses, and "
        "on a hybrid by the battery.",
        "No inverter tells its power",
        12,
        9,
    )
    return chart(
        frame,
        "watt",
        [
            Series("{{device}} PV", value_of_inverter("solar_pv_power_watts")),
            Series("{{device}} AC", value_of_inverter("solar_inverter_power_watts")),
            Series("{{device}} rated", value_of_inverter("solar_rated_power_watts")),
        ],
    )


def _losses() -> timeseries.Panel:
    frame = Frame(
        "Losses of the inverter",
        "PV and battery power less the AC output, where the PV is its own. Some watts; more when it is hot.",
        "Losses need the power of PV and of the AC output",
        12,
        9,
    )
    return chart(frame, "watt", [Series("{{device}}", inverter_losses())])


def _temperatures() -> timeseries.Panel:
    frame = Frame(
        "Temperatures",
        "Inside the inverter, by sensor. Many give less from 60 to 70 degrees on.",
        "No inverter tells a temperature",
        12,
        8,
    )
    series = [Series("{{device}} {{sensor}}", chosen("solar_inverter_temperature_celsius"))]
    return chart(frame, "celsius", series)


def _insulation() -> timeseries.Panel:
    frame = Frame(
        "Insulation over time",
        "Resistance of the PV side to earth. Dips on wet mornings are water in a connector.",
        "No inverter measures its insulation",
        12,
        8,
    )
    series = [Series("{{device}}", chosen("solar_inverter_insulation_resistance_ohms"))]
    return chart(frame, "ohm", series)


def _phases() -> timeseries.Panel:
    frame = Frame(
        "Voltage at the inverter",
        "Voltage of each phase at the inverter's terminals: that of the grid meter and what the cable takes.",
        "No inverter tells the voltage of its phases",
        12,
        8,
    )
    series = [Series("{{device}} {{phase}}", chosen("solar_inverter_phase_voltage_volts"))]
    return chart(frame, "volt", series)


def _bus() -> timeseries.Panel:
    frame = Frame(
        "Frequency at the inverter",
        "Above 50.2 Hz inverters in Europe give less.",
        "No inverter tells a frequency",
        12,
        8,
    )
    series = [Series("{{device}}", chosen("solar_inverter_frequency_hertz"))]
    return chart(frame, "hertz", series).decimals(2)


def _modules() -> timeseries.Panel:
    frame = Frame(
        "Power of the modules",
        "What each optimizer gives; inverters renew it every five minutes.",
        _NO_OPTIMIZER,
        24,
        9,
    )
    return chart(
        frame, "watt", [Series("{{device}} {{optimizer}}", chosen("solar_huawei_optimizer_power_watts"))]
    )


def _module_table() -> table.Panel:
    frame = Frame(
        "Modules now", "Each optimizer: its string, what it gives, how warm it is.", _NO_OPTIMIZER, 24, 9
    )
    place = f"max by (device, optimizer, string, position) ({chosen('solar_huawei_optimizer_info')})"

    def column(name: str, metric: str, unit: str) -> Series:
        value = f"max by (device, optimizer) ({chosen(metric)})"
        query = f"{place} * on (device, optimizer) group_left () {value}"
        return Series(name, query, cell(unit))

    return listing(
        frame,
        [
            column("Power", "solar_huawei_optimizer_power_watts", "watt"),
            column("Temperature", "solar_huawei_optimizer_temperature_celsius", "celsius"),
        ],
        labels=("device", "optimizer", "string", "position"),
    )
