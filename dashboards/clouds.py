"""The Clouds dashboard: how the accounts are, and what was asked of the inverters for which time."""

from __future__ import annotations

from typing import Final

from grafana_foundation_sdk.builders import stat, table, timeseries
from grafana_foundation_sdk.models import common as look
from grafana_foundation_sdk.models import dashboard as model

from dashboards.panels import (
    Frame,
    Series,
    board_of,
    cell,
    chart,
    filled,
    listing,
    number,
    numbered,
    states,
    stepped,
)
from dashboards.queries import chosen

_AT: Final = {"unit": "time:YYYY-MM-DD HH:mm"}
_WATTS: Final = {"unit": "watt"}
_PLANNED: Final = cell("watt")
_PRICED: Final = cell("none", decimals=3)
_PRICE: Final = {"unit": "none", "decimals": 3, "custom.axisPlacement": "right"}
_IN_FORCE: Final = {"mappings": [states({0: ("to come", "text"), 1: ("now", "green")})]}
_ID_WIDTH: Final = 320
"""So wide, in pixels, is the name of a schedule: it has to be typed to delete it."""

_REFUSED: Final = 'reason=~"auth_failed|rate_limited"'
_NOTHING: Final = "Nothing is known: no Prometheus answers"
_NO_SCHEDULES: Final = "No schedule runs or is to come, or no device has any of its own"
_NO_PLAN: Final = "No device tells a plan of its own"
_NO_ENVELOPES: Final = "No envelope is in force or to come, or no device takes any"


def build() -> model.Dashboard:
    """Return the dashboard, ready to be written as JSON."""
    board = board_of(
        "Sunhelm: clouds and schedules",
        "sunhelm-clouds",
        "How the accounts are, and which schedules and envelopes the vendors' clouds keep.",
    )
    return filled(
        board,
        {
            "How are the accounts?": (*_now(), _ages(), _refusals(), _lost()),
            "What was asked for which time?": (_schedules(), _envelopes(), _planned(), _planned_hours()),
            "What came of it?": (_modes(), _in_force(), _limits()),
        },
    )


def _now() -> tuple[stat.Panel, ...]:
    refused = f"count({chosen('solar_group_failure', _REFUSED)} == 1) or vector(0)"
    running = f"sum({chosen('solar_redback_any_schedule_active')})"
    bound = f"sum({chosen('solar_redback_any_envelope_active')})"
    ignored = f"sum(1 - {chosen('solar_redback_schedule_obeyed')}) or vector(0)"
    return (
        number(
            Frame(
                "Groups refused", "Groups for want of right credentials, or asked too often.", _NOTHING, 6, 4
            ),
            "none",
            [Series("Refused", refused)],
            {None: "green", 1: "red"},
        ),
        number(
            Frame("Inverters on schedule", "Inverters whose schedule runs now.", _NO_SCHEDULES, 6, 4),
            "none",
            [Series("Running", running)],
            {None: "text", 1: "green"},
        ),
        number(
            Frame("Sites within an envelope", "Sites that an envelope bounds now.", _NO_ENVELOPES, 6, 4),
            "none",
            [Series("Bounded", bound)],
            {None: "text", 1: "orange"},
        ),
        number(
            Frame(
                "Schedules not obeyed",
                "Schedules that run while the inverter does something else.",
                _NOTHING,
                6,
                4,
            ),
            "none",
            [Series("Not obeyed", ignored)],
            {None: "green", 1: "red"},
        ),
    )


def _ages() -> timeseries.Panel:
    newest = f"max by (device) ({chosen('solar_group_timestamp_seconds')})"
    return chart(
        Frame(
            "Age of the newest values",
            "A cloud shows what the inverter last told it: a minute or a few is right, more is an inverter "
            "without a connection.",
            "No values in this time",
            12,
            8,
        ),
        "s",
        [Series("{{device}}", f"time() - {newest}")],
    ).min(0)


def _refusals() -> timeseries.Panel:
    return chart(
        Frame(
            "Refused, and why",
            "auth_failed: the credentials are wrong. rate_limited: the cloud wants fewer requests.",
            "Nothing was refused in this time",
            12,
            8,
        ),
        "short",
        [
            Series(
                "{{device}}: {{reason}}",
                f"sum by (device, reason) ({chosen('solar_group_failure', _REFUSED)})",
            )
        ],
    ).min(0)


def _lost() -> timeseries.Panel:
    return (
        chart(
            Frame(
                "Lost behind the cloud",
                "Devices of a station that the cloud calls offline (micro-inverters are, at night), and "
                "requests that failed while others were answered.",
                "No device tells of others behind its cloud",
                24,
                6,
            ),
            "short",
            [
                Series(
                    "{{device}}: devices offline",
                    f"sum by (device) (1 - {chosen('solar_izypower_unit_online')})",
                ),
                Series(
                    "{{device}}: parts not answered",
                    f"sum by (device) ({chosen('solar_izypower_unread_parts')})",
                ),
            ],
        )
        .min(0)
        .axis_soft_max(1)
        .decimals(0)
    )


def _of_schedule(what: str) -> str:
    """Return a number of each schedule, with what is known of it in words."""
    metric, info = chosen(f"solar_redback_schedule_{what}"), chosen("solar_redback_schedule_info")
    told = f"{metric} * on (site, device, schedule) group_left (mode, notes, repeats) {info}"
    return f"max by (device, mode, repeats, notes, schedule) ({told})"


def _of_envelope(what: str) -> str:
    metric, info = chosen(f"solar_redback_envelope_{what}"), chosen("solar_redback_envelope_info")
    return f"max by (device, event, status) ({metric} * on (site, device, event) group_left (status) {info})"


def _schedules() -> table.Panel:
    panel = listing(
        Frame("Schedules", "Running and to come, those of others too.", _NO_SCHEDULES, 24, 6),
        [
            Series("Start", f"1000 * ({_of_schedule('start_timestamp_seconds')})", _AT),
            Series("End", f"1000 * ({_of_schedule('end_timestamp_seconds')})", _AT),
            Series("Power", _of_schedule("power_watts"), _WATTS),
            Series("Runs", _of_schedule("active"), _IN_FORCE),
        ],
        labels=("device", "mode", "repeats", "notes", "schedule"),
    )
    return panel.override_by_name("Schedule", [model.DynamicConfigValue("custom.width", _ID_WIDTH)])


def _envelopes() -> table.Panel:
    return listing(
        Frame("Envelopes", "In force and to come, those of the grid's operator too.", _NO_ENVELOPES, 24, 6),
        [
            Series("Start", f"1000 * ({_of_envelope('start_timestamp_seconds')})", _AT),
            Series("End", f"1000 * ({_of_envelope('end_timestamp_seconds')})", _AT),
            Series("Export", _of_envelope("export_limit_watts"), _WATTS),
            Series("Import", _of_envelope("import_limit_watts"), _WATTS),
            Series("Binds", _of_envelope("active"), _IN_FORCE),
        ],
        labels=("device", "event", "status"),
    )


def _planned() -> timeseries.Panel:
    price = chosen("solar_sessy_energy_price_per_kwh")
    return chart(
        Frame(
            "Plan of the battery, and what it did",
            "What the schedule of the maker asked for (+ discharge), what the battery did, and the price.",
            _NO_PLAN,
            12,
            8,
        ),
        "watt",
        [
            Series("{{device}} plan", f"max by (device) ({chosen('solar_sessy_schedule_power_watts')})"),
            Series(
                "{{device}} did",
                f"max by (device) ({chosen('solar_battery_power_watts')}) and on (device) "
                f"{chosen('solar_sessy_schedule_power_watts')}",
            ),
            Series("{{device}} price in {{currency}}", f"max by (device, currency) ({price})", _PRICE),
        ],
    )


def _planned_hours() -> table.Panel:
    by = "max by (device, hours)"
    panel = listing(
        Frame("Plan of the next hours", "So many hours from now.", _NO_PLAN, 12, 8),
        [
            Series("Power", f"{by} ({chosen('solar_sessy_schedule_ahead_power_watts')})", _PLANNED),
            Series("Price", f"{by} ({chosen('solar_sessy_energy_ahead_price_per_kwh')})", _PRICED),
        ],
        labels=("hours", "device"),
    )
    return numbered(panel, "hours")


def _modes() -> timeseries.Panel:
    panel = chart(
        Frame(
            "Mode of the inverter", "What it does, as it told its cloud.", "No inverter tells a mode", 8, 8
        ),
        "short",
        [Series("{{device}}: {{state}}", f"{chosen('solar_redback_mode')} == 1")],
        line_width=3,
    )
    return stepped(panel).axis_placement(look.AxisPlacement.HIDDEN)


def _in_force() -> timeseries.Panel:
    panel = chart(
        Frame(
            "Calendar of what was in force", "Schedules and envelopes while they ran.", _NO_SCHEDULES, 8, 8
        ),
        "short",
        [
            Series("{{device}}: {{schedule}}", f"{chosen('solar_redback_schedule_active')} == 1"),
            Series("{{device}}: {{event}}", f"2 * ({chosen('solar_redback_envelope_active')} == 1)"),
        ],
        line_width=3,
    )
    return stepped(panel).min(0).max(3).axis_placement(look.AxisPlacement.HIDDEN)


def _limits() -> timeseries.Panel:
    return chart(
        Frame(
            "Export within its envelope",
            "What goes into the grid, and the most that the site and its envelopes let. The inverter follows "
            "within a minute or two.",
            "No device tells a limit",
            8,
            8,
        ),
        "watt",
        [
            Series("{{device}} export", f"clamp_min(-{chosen('solar_grid_power_watts')}, 0)"),
            Series("{{device}} limit", chosen("solar_grid_export_limit_watts")),
        ],
    )
