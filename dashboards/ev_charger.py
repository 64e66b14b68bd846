"""The EV charger dashboard: what the vehicle gets, from where, why not more, and what the regulation does."""

from __future__ import annotations

from typing import Final

from grafana_foundation_sdk.builders import bargauge, stat, table, timeseries
from grafana_foundation_sdk.models import dashboard as model

from dashboards.panels import Frame, Series, board_of, chart, filled, listing, number, share, stacked, stepped
from dashboards.queries import COMMANDED, GRID_METER, chosen

_NO_CHARGER: Final = "No charger is read"
_NOT_REGULATED: Final = "No charger is regulated: the site file has no evcharging"
_KWH: Final = 3_600_000
_PHASE_CURRENT: Final = "solar_ev_charger_phase_current_amperes"


def build() -> model.Dashboard:
    """Return the dashboard, ready to be written as JSON."""
    board = board_of(
        "Sunhelm: EV charger",
        "sunhelm-ev-charger",
        "What the vehicle gets, where that comes from, why not more, and what the regulation does for it.",
        grid_meter=True,
    )
    return filled(
        board,
        {
            "What does the vehicle get?": (*_now(), _energy(), _powers()),
            "Why not more?": (_currents(), _reasons(), _modes()),
            "Is the regulation well?": (_changes(), _ages(), _charger()),
        },
    )


def _regulated(name: str, *matchers: str) -> str:
    return chosen(f"sunhelm_controller_ev_{name}", *matchers, devices=COMMANDED)


def _of_charger(name: str) -> str:
    return f"max by (device) ({chosen(f'solar_ev_charger_{name}')})"


def _now() -> tuple[stat.Panel | bargauge.Panel, ...]:
    session, cap = _regulated("session_joules"), _regulated("session_cap_joules")
    return (
        number(
            Frame("Charging now", "Power into the vehicles.", _NO_CHARGER, 6, 4),
            "watt",
            [Series("{{device}}", _of_charger("power_watts"))],
            {None: "text", 1: "green"},
        ),
        number(
            Frame("Excess", "What PV gives beyond all loads but the vehicle.", _NOT_REGULATED, 6, 4),
            "watt",
            [Series("{{device}}", f"max by (device) ({_regulated('excess_watts')})")],
            {None: "red", 0: "orange", 1400: "green"},
        ),
        number(
            Frame(
                "This vehicle was given",
                "Since it was plugged in, over all pauses; the last one while there is none.",
                _NOT_REGULATED,
                6,
                4,
            ),
            "kwatth",
            [Series("{{device}}", f"max by (device) ({session}) / {_KWH}")],
            {None: "text"},
        ),
        share(
            Frame("Of what it may have", "The share of the session cap.", "No session cap is set", 6, 4),
            [Series("{{device}}", f"max by (device) ({session}) / max by (device) ({cap})")],
            {None: "green", 1: "orange"},
        ),
    )


def _energy() -> timeseries.Panel:
    return chart(
        Frame(
            "Energy of the session",
            "As the charger counts it; it may begin anew with each pause.",
            _NO_CHARGER,
            8,
            9,
        ),
        "kwatth",
        [
            Series("{{device}} charger", f"{_of_charger('session_joules')} / {_KWH}"),
            Series("{{device}} vehicle", f"max by (device) ({_regulated('session_joules')}) / {_KWH}"),
        ],
        line_width=2,
    ).min(0)


def _powers() -> timeseries.Panel:
    grid = f"sum({chosen('solar_grid_power_watts', devices=GRID_METER)})"
    return chart(
        Frame(
            "Vehicle, excess and grid",
            "In solar the vehicle stays below the excess; more than that comes from battery and grid.",
            _NO_CHARGER,
            16,
            9,
        ),
        "watt",
        [
            Series("{{device}}", _of_charger("power_watts"), {"custom.fillOpacity": 30}),
            Series("{{device}} excess", f"max by (device) ({_regulated('excess_watts')})"),
            Series("Grid import", f"clamp_min({grid}, 0)"),
        ],
        line_width=2,
    )


def _currents() -> timeseries.Panel:
    return chart(
        Frame(
            "Offered and drawn",
            "Desired, in force at the charger, and drawn on each phase; never above the owner's own.",
            _NO_CHARGER,
            12,
            9,
        ),
        "amp",
        [
            Series("{{device}} desired", f"max by (device) ({_regulated('desired_amperes')})"),
            Series("{{device}} in force", _of_charger("current_limit_amperes")),
            Series("{{device}} {{phase}}", f"max by (device, phase) ({chosen(_PHASE_CURRENT)})"),
            Series("{{device}} owner", f"max by (device) ({_regulated('owner_limit_amperes')})"),
        ],
    ).min(0)


def _reasons() -> timeseries.Panel:
    return _bands(
        chart(
            Frame(
                "Why not more",
                "The reason that the regulation gives; none while it gives all that there is.",
                _NOT_REGULATED,
                12,
                9,
            ),
            "none",
            [Series("{{device}}: {{reason}}", f"max by (device, reason) ({_regulated('reason')})")],
        )
    )


def _modes() -> timeseries.Panel:
    return _bands(
        chart(
            Frame("Mode", "Which mode is in force.", _NOT_REGULATED, 24, 6),
            "none",
            [Series("{{device}}: {{mode}}", f"max by (device, mode) ({_regulated('mode')})")],
        )
    )


def _bands(panel: timeseries.Panel) -> timeseries.Panel:
    """Draw series of which one is 1 at a time as coloured bands."""
    return stacked(stepped(panel), opacity=60).min(0).decimals(0)


def _changes() -> timeseries.Panel:
    return chart(
        Frame(
            "Changes left within 24 hours",
            "What starts or raises waits for them; what lessens or stops never does.",
            _NOT_REGULATED,
            8,
            8,
        ),
        "short",
        [Series("{{device}}", f"min by (device) ({_regulated('changes_left')})")],
        line_width=2,
    ).min(0)


def _ages() -> timeseries.Panel:
    return chart(
        Frame(
            "Age of what it goes by",
            "Two control periods, a minute as a rule, are the most: older readings stop what they bound.",
            _NOT_REGULATED,
            8,
            8,
        ),
        "s",
        [
            Series("{{device}} house", f"max by (device) ({_regulated('reading_age_seconds')})"),
            Series("{{device}} charger", f"max by (device) ({_regulated('look_age_seconds')})"),
        ],
    ).min(0)


def _charger() -> table.Panel:
    state = chosen("solar_givenergy_evc_charging_state")
    faults = f'label_replace({chosen("solar_givenergy_evc_fault")}, "kind", "fault", "", "")'
    fault = f'label_join({faults}, "state", ": ", "kind", "state")'
    return listing(
        Frame("What the chargers say", "Their state, and their fault.", _NO_CHARGER, 8, 8),
        [
            Series("Now", f"max by (device, state) ({state} == 1 or {fault} == 1)"),
        ],
        labels=("device", "state"),
    )
