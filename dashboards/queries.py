"""PromQL of the dashboards: our metrics, filtered by the dashboards' variables.

Every query works whether `site` and `device` come as target labels (from `/sd`) or stand on the
`/metrics` page that all devices share.
"""

from __future__ import annotations

from typing import Final, Literal

Point = Literal["grid", "load"]
Source = Literal["pv", "battery"]
Energy = Literal[
    "pv_production",
    "grid_import",
    "grid_export",
    "battery_charge",
    "battery_discharge",
    "load_consumption",
]

DEVICES = 'device=~"$device", site=~"$site"'
"""The chosen devices: what they have is added up."""

COMMANDED = 'device=~"$device"'
"""The same devices for the controller, which says of no site: it has one."""

GRID_METER = 'device=~"$grid_meter", site=~"$site"'
"""The one device whose view of the grid and the loads counts: a second one sees the same watts."""


def chosen(metric: str, *matchers: str, devices: str = DEVICES) -> str:
    """Return the series of the metric that belong to the chosen devices."""
    return f"{metric}{{{', '.join((devices, *matchers))}}}"


def power(what: Source | Point) -> str:
    """Return the power of the site in watts; positive into the house, for loads out of it."""
    devices = GRID_METER if what in ("grid", "load") else DEVICES
    return f"sum({chosen(f'solar_{what}_power_watts', devices=devices)})"


def power_now(what: Source | Point) -> str:
    """Return the power in whole watts, so that what is left of a sum does not become a femtowatt."""
    return f"round({power(what)})"


def inflow(what: Source | Point) -> str:
    """Return the part of the power that comes into the house: production, import, discharge."""
    return f"clamp_min({power(what)}, 0)"


def outflow(what: Source | Point) -> str:
    """Return the part of the power that leaves the house, as a positive number: export, charge."""
    return f"clamp_min(-{power(what)}, 0)"


def energy_of_day(what: Energy, *, by_device: bool = False) -> str:
    """Return the kWh of the day that begins at the evaluated instant; of all devices, or of each.

    With a step of one day Grafana evaluates at midnight of the dashboard's time zone, so that this is the
    energy of each day, and of today so far. A device without a counter has its power integrated.
    """
    devices = GRID_METER if what.startswith(("grid", "load")) else DEVICES
    counted = chosen(f"device:solar_{what}_kwh:last1d", devices=devices)
    integrated = chosen(f"device:solar_{what}_kwh:integral1m", devices=devices)
    combine = "sum by (device) " if by_device else "sum"
    return f"{combine}(increase({counted}[1d] offset -1d) or sum_over_time({integrated}[1d] offset -1d))"


def share_not(part: Energy, whole: Energy) -> str:
    """Return how much of the day's `whole` was not `part`: 0 to 1."""
    return f"clamp(1 - {energy_of_day(part)} / {energy_of_day(whole)}, 0, 1)"


Money = Literal["grid_import", "grid_export", "load_consumption"]
"""What costs something, or brings something: an empty house without PV pays for all of its consumption."""


def money_of_day(what: Money) -> str:
    """Return what the energy of the day that begins at the evaluated instant costs or brings, by currency."""
    integrated = chosen(f"device:solar_{what}_money:integral1m", devices=GRID_METER)
    return f"sum by (currency) (sum_over_time({integrated}[1d] offset -1d))"


def price(of: Literal["import", "feed_in", "import_ahead", "feed_in_ahead"]) -> str:
    """Return the price of a kWh now, or for each of the next hours, by currency."""
    by = "currency, hours" if of.endswith("ahead") else "device, currency"
    return f"max by ({by}) ({chosen(f'solar_tariff_{of}_price_per_kwh')})"


def money_per_hour() -> str:
    """Return what an hour like this moment costs, by currency; negative when it brings something."""
    bought = f"max by (currency) ({chosen('solar_tariff_import_price_per_kwh')})"
    sold = f"max by (currency) ({chosen('solar_tariff_feed_in_price_per_kwh')})"
    cost, revenue = (
        f"{price} * on () group_left () {power} / 1000"
        for price, power in ((bought, inflow("grid")), (sold, outflow("grid")))
    )
    return f"{cost} - {revenue}"


def until_price_changes(of: Literal["import", "feed_in"]) -> str:
    """Return the seconds until the price changes next."""
    return f"min({chosen(f'solar_tariff_{of}_next_change_timestamp_seconds')}) - time()"


def device_state() -> str:
    """Return 1 up, 0 down, 2 asleep, 3 without a page from the exporter; one series a device."""
    by = "max by (device, family)"
    up = chosen("solar_device_up")
    asleep = chosen("solar_group_failure", 'reason="asleep"')
    target = chosen("up", 'family!=""')
    return f"{by} ({up} == 1) or {by} (2 * {asleep}) or {by} ({up}) or {by} (3 + 0 * {target})"


def failing_groups() -> str:
    """Return how many groups of each device could not be read."""
    return f"sum by (device, family) (1 - {chosen('solar_group_success')})"


def age_of_data(which: Literal["newest", "oldest"]) -> str:
    """Return the age in seconds of the newest or the oldest group of each device."""
    extreme = "max" if which == "newest" else "min"
    taken_at = f"{extreme} by (device, family) ({chosen('solar_group_timestamp_seconds')})"
    return f"clamp_min(time() - {taken_at}, 0)"


def export_limit() -> str:
    """Return the watts that each device may export, or produce where it knows no limit of export."""
    limits = f"{chosen('solar_grid_export_limit_watts')} or {chosen('solar_production_limit_watts')}"
    return f"min by (device) ({limits})"


def commanded(which: Literal["desired", "written", "observed"]) -> str:
    """Return the limits that the controller asks for, has written or has seen; no limit is no series."""
    limits = chosen(
        f"sunhelm_controller_{which}", 'state=~"export_limit|production_limit"', devices=COMMANDED
    )
    return f"max by (device, state) ({limits}) < 1e9"


def ask_of_controller(metric: str) -> str:
    """Return what the controller tells of the chosen devices."""
    return chosen(f"sunhelm_controller_{metric}", devices=COMMANDED)


def seconds_different() -> str:
    """Return for how long each state of a device has not been what it shall be."""
    return f"max by (device, state) ({ask_of_controller('differs_seconds')})"


def claims_by_policy(combine: Literal["sum", "sum by (policy)"]) -> str:
    """Return how many claims live."""
    return f"{combine} (sunhelm_controller_claims)"


def changes_of_claims(within: str) -> str:
    """Return how often the number of claims of any policy has changed."""
    return f"sum(changes(sunhelm_controller_claims[{within}]))"


def writes_within(time: str) -> str:
    """Return the commands that have ended within a time, by state and outcome; also the first of a kind."""
    writes = ask_of_controller("writes_total")
    return f"(round(increase({writes}[{time}])) or ({writes} unless {writes} offset {time})) > 0"


def highest_voltage() -> str:
    """Return the voltage of the phase that has most."""
    return f"max({chosen('solar_grid_phase_voltage_volts')})"


def curtailing_alerts() -> str:
    """Return 1 for each alert that fires and that the controller listens to."""
    return chosen("ALERTS", 'alertstate="firing"', 'control="sunhelm"')


def reasons_for_no_export() -> str:
    """Return 1 for each reason that holds now and 0 for each that does not; what is not known is left out.

    An export within 5 % or 100 W of the strictest limit is held by it. A phase of more than 250 V makes
    many inverters give less; so does a frequency above 50.2 Hz.
    """
    export, pv, load = outflow("grid"), power("pv"), power("load")
    limit = f"min({export_limit()})"
    frequency = f"max({chosen('solar_grid_frequency_hertz')})"
    reasons = {
        "A limit holds it": f"{export} >= bool ({limit} * 0.95 - 100)",
        "The sun gives too little": f"{pv} < bool 50",
        "The house takes it": f"{load} >= bool {pv}",
        "The battery takes it": f"{outflow('battery')} > bool 200",
        "The voltage is high": f"{highest_voltage()} > bool 250",
        "The frequency is high": f"{frequency} > bool 50.2",
        "The price is below 0": f"min({price('feed_in')}) < bool 0",
        "An alert curtails": f"(sum({curtailing_alerts()}) or vector(0)) > bool 0",
    }
    return " or ".join(
        f'label_replace({query}, "reason", "{reason}", "", "")' for reason, query in reasons.items()
    )


_ANY_ALARM: Final = "solar_.+"
"""Every metric of which a label `alarm` names a bit: each family has its own."""


def alarms_on() -> str:
    """Return the alarms, warnings and faults that are on: one series each, by the name of the bit."""
    return f"max by (device, family, alarm) ({_alarm_bits()}) == 1"


def alarms() -> str:
    """Return how many alarms each device shows."""
    return f"sum by (device) ({_alarm_bits()})"


def _alarm_bits() -> str:
    """Select the bits that are alarms. Where an alarm has a state, "ok" is the one that is no alarm."""
    return f'{{__name__=~"{_ANY_ALARM}", {DEVICES}, alarm!="", state!="ok"}}'


def failures() -> str:
    """Return how many groups of each device failed, by reason."""
    return f"sum by (device, reason) ({chosen('solar_group_failure')})"


def age_of_group() -> str:
    """Return the age in seconds of each group."""
    return f"clamp_min(time() - max by (device, group) ({chosen('solar_group_timestamp_seconds')}), 0)"


def share_of_time_up() -> str:
    """Return the part of the last day in which a device answered or slept."""
    up = chosen("solar_device_up")
    asleep = chosen("solar_group_failure", 'reason="asleep"')
    return f"avg_over_time((max by (device) ({up} or {asleep}))[1d:5m])"


def requests_of_read() -> str:
    """Return the requests that a read took."""
    return f"sum by (device) ({chosen('solar_group_requests')})"


def read_duration() -> str:
    """Return the seconds that a read took."""
    return f"max by (device) ({chosen('solar_probe_duration_seconds')})"


def time_used() -> str:
    """Return the longest read of the last hour as a part of what it was allowed."""
    taken = f"max_over_time({chosen('solar_probe_duration_seconds')}[1h])"
    return f"max by (device) ({taken}) / max by (device) ({chosen('solar_probe_timeout_seconds')})"


def counted(what: str, *labels: str) -> str:
    """Return by how much a counter of the exporter grew in an hour, by device and these labels."""
    by = ", ".join(("device", *labels))
    return f"sum by ({by}) (increase({chosen(f'sunhelm_exporter_{what}_total', devices=COMMANDED)}[1h]))"


def string_share_of_best() -> str:
    """Return the power of each string as a part of that of the best string of its device: 0 to 1."""
    strings = f"max by (device, string) ({chosen('solar_pv_string_power_watts')})"
    return f"{strings} / on (device) group_left () (max by (device) ({strings}) > 0)"


def strings_silent() -> str:
    """Return how many strings give less than 5 W while the best of their device gives more than 200 W."""
    strings = f"max by (device, string) ({chosen('solar_pv_string_power_watts')})"
    best = f"max by (device) ({strings}) > 200"
    return f"count(({strings} < 5) and on (device) ({best})) or 0 * count({strings})"


def value_of_inverter(metric: str) -> str:
    """Return one series a device."""
    return f"max by (device) ({chosen(metric)})"


def share_of_inverter(metric: str) -> str:
    """Return what each device adds to the sum of all: 0 to 1."""
    each = f"clamp_min({value_of_inverter(metric)}, 0)"
    return f"{each} / on () group_left () (sum({each}) > 0)"


def of_rated_power(metric: str) -> str:
    """Return the power of each device as a part of its rated power."""
    return f"{value_of_inverter(metric)} / {value_of_inverter('solar_rated_power_watts')}"


def own_pv() -> str:
    """Return the PV power of each inverter. That of a battery without strings is of other inverters."""
    pv, strings, battery = (
        value_of_inverter(metric)
        for metric in (
            "solar_pv_power_watts",
            "solar_pv_string_power_watts",
            "solar_battery_state_of_charge_ratio",
        )
    )
    return f"({pv} unless on (device) ({battery} unless on (device) {strings}))"


def own_pv_of_rated_power() -> str:
    """Return the PV power of each inverter as a part of its rated power."""
    return f"{own_pv()} / {value_of_inverter('solar_rated_power_watts')}"


def inverter_losses() -> str:
    """Return what each inverter takes: PV and battery less AC output; a device without a battery has none."""
    pv = own_pv()
    ac, battery = (value_of_inverter(f"solar_{what}_power_watts") for what in ("inverter", "battery"))
    return f"{pv} + ({battery} or 0 * {pv}) - {ac}"


def of_battery(what: str, unit: str = "") -> str:
    """Return a value of each battery: a pack, a module or a stack."""
    metric = "_".join(filter(None, ("solar_battery_unit", what, unit)))
    return f"max by (device, battery) ({chosen(metric)})"


def of_each_battery(what: str, unit: str) -> str:
    """Return a value of each battery; of a device that tells of no single ones, that of all it has."""
    return _or_whole(of_battery(what, unit), what, unit)


def battery_power() -> str:
    """Return the power of each battery; from volts and amperes where it does not tell any."""
    volts, amperes = of_battery("voltage", "volts"), of_battery("current", "amperes")
    return _or_whole(f"({of_battery('power', 'watts')} or {volts} * {amperes})", "power", "watts")


def _or_whole(parts: str, what: str, unit: str) -> str:
    whole = f"max by (device) ({chosen(f'solar_battery_{what}_{unit}')})"
    return f'{parts} or label_replace({whole} unless on (device) {parts}, "battery", "all", "", "")'


def battery_setpoint(of: Literal["device", "controller"]) -> str:
    """Return the watts that a battery is told to give, by its own word or by that of the controller."""
    if of == "device":
        return f"max by (device) ({chosen('solar_sessy_power_setpoint_watts')})"
    desired = chosen("sunhelm_controller_desired", 'state="battery"', devices=COMMANDED)
    return f"max by (device) ({desired})"


def battery_strategy() -> str:
    """Return 1 for how each battery is run, by the vendor's own word."""
    metrics = (
        *("solar_sessy_strategy", "solar_givenergy_mode", "solar_redback_mode"),
        "solar_izypower_battery_mode",
    )
    return " or ".join(f"max by (device, state) ({chosen(metric)}) == 1" for metric in metrics)


def cell_voltage(which: Literal["lowest", "mean", "highest"]) -> str:
    """Return the voltage of a cell of each battery, by its cells or, where it tells none, by itself."""
    cells = chosen("solar_battery_cell_voltage_volts")
    if which == "mean":
        return f"avg by (device, battery) ({cells})"
    function, extreme = ("min", "minimum") if which == "lowest" else ("max", "maximum")
    told = of_battery(f"{extreme}_cell_voltage", "volts")
    return f"{function} by (device, battery) ({cells}) or {told}"


def cells_apart() -> str:
    """Return by how many volts the cells of each battery are apart."""
    return f"({cell_voltage('highest')}) - ({cell_voltage('lowest')})"


def cell_off_mean() -> str:
    """Return by how many volts each cell is above the mean of its battery."""
    cells = f"max by (device, battery, cell) ({chosen('solar_battery_cell_voltage_volts')})"
    return f"{cells} - on (device, battery) group_left () ({cell_voltage('mean')})"


def cell_temperature(which: Literal["lowest", "highest"]) -> str:
    """Return the temperature of the coldest or warmest cell of each battery, or what it tells as its own."""
    cells = chosen("solar_battery_cell_temperature_celsius")
    function, extreme = ("min", "minimum") if which == "lowest" else ("max", "maximum")
    told = of_battery(f"{extreme}_cell_temperature", "celsius")
    return f"{function} by (device, battery) ({cells}) or {told} or {of_battery('temperature', 'celsius')}"
