"""The Control dashboard: what is asked of the devices, what they hold, and what was done about it."""

from __future__ import annotations

from typing import Final

from grafana_foundation_sdk.builders import dashboard, stat, table, timeseries
from grafana_foundation_sdk.models import dashboard as model

from dashboards.panels import (
    DATASOURCE,
    Frame,
    Series,
    Steps,
    bars,
    board_of,
    chart,
    filled,
    listing,
    number,
    stacked,
    states,
    stepped,
)
from dashboards.queries import (
    ask_of_controller,
    changes_of_claims,
    claims_by_policy,
    commanded,
    seconds_different,
    writes_within,
)

_NO_CONTROLLER: Final = "No controller: does Prometheus scrape it?"
_NO_LIMIT: Final = "No device is limited, or none may be"
_RED_FROM_ONE: Final[Steps] = {None: "green", 1: "red"}


def build() -> model.Dashboard:
    """Return the dashboard, ready to be written as JSON."""
    board = board_of(
        "Sunhelm: control",
        "sunhelm-control",
        "What alerts and people ask of the devices, what the devices hold, and what was done about it.",
    )
    board.annotation(
        dashboard.AnnotationQuery()
        .name("Actions")
        .datasource(DATASOURCE)
        .enable(True)
        .icon_color("purple")
        .expr(writes_within("2m"))
        .step("60s")
        .title_format("{{device}} {{state}}")
        .text_format("{{outcome}} {{reason}}")
        .tag_keys("device,state,outcome")
    )
    return filled(
        board,
        {
            "Now": (*_now(), _states()),
            "Asked for and held": (_limits(), _claims()),
            "What was done": (_writes(), _different()),
            "The controller itself": (_budget(), _ages(), _deliveries()),
        },
    )


def _now() -> tuple[stat.Panel, ...]:
    def panel(title: str, text: str, query: str, steps: Steps) -> stat.Panel:
        return number(Frame(title, text, _NO_CONTROLLER, 6, 4), "none", [Series(title, query)], steps)

    return (
        panel(
            "Claims",
            "How many alerts and people ask for something now.",
            claims_by_policy("sum"),
            {None: "text"},
        ),
        panel(
            "Not as desired",
            "States of devices that have differed from what is asked for more than a minute.",
            f"sum({seconds_different()} > bool 60) or 0 * {claims_by_policy('sum')}",
            _RED_FROM_ONE,
        ),
        panel(
            "Fail-safe in force",
            "States of devices for which nobody can say what is asked.",
            f"sum({ask_of_controller('fail_safe')}) or 0 * {claims_by_policy('sum')}",
            _RED_FROM_ONE,
        ),
        panel(
            "Heartbeat late",
            "1 while the heartbeat of Prometheus does not arrive: then limits stay as they are.",
            "max(sunhelm_controller_heartbeat_late)",
            _RED_FROM_ONE,
        ),
    )


def _states() -> table.Panel:
    text = {"custom.cellOptions": {"type": "color-text"}}
    yes = {**text, "mappings": [states({0: ("no", "text"), 1: ("yes", "red")})]}
    watts = {"unit": "watt"}
    seconds = {"unit": "s"}
    return listing(
        Frame(
            "What each device shall hold, and holds",
            "Limits in watts. What nobody asks for and nobody has written is left out.",
            "Nothing is asked for, and nothing is owed",
            24,
            7,
        ),
        [
            Series("Desired", commanded("desired"), watts),
            Series("Written", commanded("written"), watts),
            Series("Observed", commanded("observed"), watts),
            Series("Different for", seconds_different(), seconds),
            Series("Fail-safe", f"max by (device, state) ({ask_of_controller('fail_safe')})", yes),
        ],
        labels=("device", "state"),
    )


def _limits() -> timeseries.Panel:
    return stepped(
        chart(
            Frame(
                "Limits: desired and observed",
                "What the controller asks for, and what it has seen on the device. No limit is no line.",
                _NO_LIMIT,
                16,
                9,
            ),
            "watt",
            [
                Series("{{device}} {{state}} desired", commanded("desired")),
                Series("{{device}} {{state}} observed", commanded("observed")),
            ],
            line_width=2,
        )
    )


def _claims() -> timeseries.Panel:
    panel = chart(
        Frame("Claims", "How many live, by policy; people's have no policy.", _NO_CONTROLLER, 8, 9),
        "none",
        [Series("{{policy}}", claims_by_policy("sum by (policy)"))],
        line_width=2,
    )
    return stepped(panel).decimals(0)


def _writes() -> timeseries.Panel:
    ended = f"sum by (device, state, outcome, reason) ({writes_within('$__rate_interval')})"
    panel = chart(
        Frame(
            "Commands",
            "What became of commands to devices: verified was read back, failed and refused were not done. "
            "Each is seen for some minutes.",
            "Nothing was commanded in this time",
            16,
            8,
        ),
        "none",
        [Series("{{device}} {{state}} {{outcome}} {{reason}}", ended)],
    )
    return bars(stacked(panel, opacity=80)).min(0).decimals(0)


def _different() -> timeseries.Panel:
    return chart(
        Frame("Differs from what is desired", "For how long it has.", "Nothing was asked for", 8, 8),
        "s",
        [Series("{{device}} {{state}}", seconds_different())],
    )


def _budget() -> timeseries.Panel:
    left = f"min by (device) ({ask_of_controller('budget_left')})"
    panel = chart(
        Frame(
            "Changes left within 24 hours",
            "Of settings that survive a power cut. At 0 no new claim begins; what began is still ended.",
            _NO_CONTROLLER,
            8,
            8,
        ),
        "none",
        [Series("{{device}}", left)],
        line_width=2,
    )
    return stepped(panel).min(0)


def _ages() -> timeseries.Panel:
    return chart(
        Frame(
            "Ages",
            "Since heartbeat and list of alerts came, the oldest lease was renewed, the oldest alert waits.",
            _NO_CONTROLLER,
            8,
            8,
        ),
        "s",
        [
            Series("Heartbeat", _oldest("heartbeat")),
            Series("List of alerts", _oldest("alertmanager")),
            Series("Lease", _oldest("lease")),
            Series("Inbox", _oldest("inbox")),
        ],
    )


def _deliveries() -> timeseries.Panel:
    deliveries = "sum by (answer) (increase(sunhelm_controller_deliveries_total[5m]))"
    return chart(
        Frame(
            "Deliveries and changes within five minutes",
            "How webhooks were answered, and how often a number of claims has changed.",
            _NO_CONTROLLER,
            8,
            8,
        ),
        "none",
        [Series("{{answer}}", deliveries), Series("changes of claims", changes_of_claims("5m"))],
    ).decimals(0)


def _oldest(what: str) -> str:
    """Return the largest age of ten minutes: each of them grows and falls all the time."""
    return f"max(max_over_time(sunhelm_controller_{what}_age_seconds[10m]))"
