"""The Devices dashboard: whether what the others show can be believed, and what the devices complain of."""

from __future__ import annotations

from typing import Final

from grafana_foundation_sdk.builders import bargauge, table, timeseries
from grafana_foundation_sdk.models import dashboard as model

from dashboards.panels import (
    DEVICE_STATES,
    Frame,
    Series,
    Steps,
    board_of,
    chart,
    filled,
    listing,
    share,
    stacked,
    states,
    stepped,
)
from dashboards.queries import (
    age_of_group,
    alarms,
    alarms_on,
    counted,
    device_state,
    failures,
    read_duration,
    requests_of_read,
    share_of_time_up,
    time_used,
)

_UP_STEPS: Final[Steps] = {None: "red", 0.9: "orange", 0.99: "green"}
_TIME_STEPS: Final[Steps] = {None: "green", 0.6: "orange", 0.85: "red"}
_NO_DEVICE: Final = "No device is watched: is the exporter in Prometheus?"
_NO_EXPORTER: Final = "Nothing counted: is the exporter's own /metrics scraped, without `target`?"

SILENT: Final = {
    ("Alarms that are on", "On"): "no device of the simulated site shows an alarm",
}
"""Why a query brings nothing from the simulated site, by the panel's title and the legend."""


def build() -> model.Dashboard:
    """Return the dashboard, ready to be written as JSON."""
    board = board_of(
        "Sunhelm: devices",
        "sunhelm-devices",
        "Whether the devices answer, how old their values are, what they complain of, what reading costs.",
    )
    return filled(
        board,
        {
            "Do they answer?": (_states_over_time(), _up(), _failures()),
            "What do they complain of?": (_alarms(), _alarms_over_time()),
            "How old are the values?": (_ages(), _oldest()),
            "What does reading cost?": (_requests(), _durations(), _time_used()),
            "What was not believed?": (_guards(), _links()),
        },
    )


def _states_over_time() -> timeseries.Panel:
    panel = chart(
        Frame(
            "State",
            "Up, down, asleep for want of sun, or without a page from the exporter.",
            _NO_DEVICE,
            16,
            11,
        ),
        "short",
        [Series("{{device}}", device_state())],
        line_width=3,
    )
    return stepped(panel).min(0).max(3).decimals(0).mappings([states(DEVICE_STATES)])


def _up() -> bargauge.Panel:
    return share(
        Frame(
            "Up or asleep in the last 24 hours",
            "The part of the last 24 hours in which a device answered, or slept for want of sun.",
            _NO_DEVICE,
            8,
            11,
        ),
        [Series("{{device}}", share_of_time_up())],
        _UP_STEPS,
    )


def _failures() -> timeseries.Panel:
    panel = chart(
        Frame(
            "Groups that failed",
            "How many groups of a device could not be read, and why. Asleep is as it should be.",
            "No group failed in this time",
            24,
            7,
        ),
        "short",
        [Series("{{device}}: {{reason}}", failures())],
    )
    return stacked(panel, opacity=60).min(0).decimals(0)


def _alarms() -> table.Panel:
    return listing(
        Frame(
            "Alarms that are on",
            "Every alarm, warning and fault that a device shows now, by the name that its maker gives it.",
            "No device shows an alarm",
            12,
            9,
        ),
        [Series("On", alarms_on())],
        labels=("device", "family", "alarm"),
    )


def _alarms_over_time() -> timeseries.Panel:
    panel = chart(
        Frame(
            "Alarms over time",
            "How many alarms each device shows.",
            "No device has alarms by name",
            12,
            9,
        ),
        "short",
        [Series("{{device}}", alarms())],
        line_width=2,
    )
    return panel.min(0).axis_soft_max(1).decimals(0)


def _ages() -> timeseries.Panel:
    return chart(
        Frame(
            "Age by group",
            "How old the values of each group were. Settings are read every few minutes, identities hourly.",
            _NO_DEVICE,
            16,
            8,
        ),
        "s",
        [Series("{{device}} {{group}}", age_of_group())],
    ).min(0)


def _oldest() -> table.Panel:
    return listing(
        Frame(
            "Age now",
            "How old the values of each group are now.",
            _NO_DEVICE,
            8,
            8,
        ),
        [Series("Age", age_of_group(), {"unit": "s"})],
        labels=("device", "group"),
    )


def _requests() -> timeseries.Panel:
    return (
        chart(
            Frame(
                "Requests of a read",
                "How many requests a scrape sent to each device: more in those that renew settings.",
                _NO_DEVICE,
                8,
                11,
            ),
            "short",
            [Series("{{device}}", requests_of_read())],
        )
        .min(0)
        .decimals(0)
    )


def _durations() -> timeseries.Panel:
    return chart(
        Frame(
            "Time of a read",
            "How long reading each device took, waiting for it included.",
            _NO_DEVICE,
            8,
            11,
        ),
        "s",
        [Series("{{device}}", read_duration())],
    ).min(0)


def _time_used() -> bargauge.Panel:
    return share(
        Frame(
            "Time used of the time allowed",
            "The longest read of the last hour, as a part of the time that Prometheus allows. Above 85 % "
            "groups will be missing: raise scrape_timeout, or read less often.",
            _NO_DEVICE,
            8,
            11,
        ),
        [Series("{{device}}", time_used())],
        _TIME_STEPS,
    )


def _guards() -> timeseries.Panel:
    panel = chart(
        Frame(
            "Values held back by the hour",
            "What a guard did not believe: marks for not available, values beyond what is possible, counters "
            "that fell, codes without a name.",
            _NO_EXPORTER,
            12,
            8,
        ),
        "short",
        [Series("{{device}}: {{guard}}", counted("held_values", "guard"))],
    )
    return panel.min(0)


def _links() -> timeseries.Panel:
    panel = chart(
        Frame(
            "Trouble on the links by the hour",
            "Requests that had to be sent again, answers that came too late for their question, connections "
            "that were made.",
            _NO_EXPORTER,
            12,
            8,
        ),
        "short",
        [
            Series("{{device}}: sent again", counted("link_retries")),
            Series("{{device}}: came too late", counted("link_stale_answers")),
            Series("{{device}}: connections", counted("link_connects")),
        ],
    )
    return panel.min(0)
