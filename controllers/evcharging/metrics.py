"""What the regulation of chargers tells on `/metrics`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from prometheus_client.core import GaugeMetricFamily, Metric

from controllers.evcharging.regulator import Regulator
from controllers.evcharging.terms import EvMode

_DEVICE: Final = ("device",)

_FIGURES: Final[tuple[tuple[str, str, Callable[[Regulator], float | None]], ...]] = (
    (
        "desired_amperes",
        "What the vehicle shall be offered; 0 when it shall not be charged, absent when the owner decides.",
        lambda regulator: regulator.shown.desired_a,
    ),
    (
        "excess_watts",
        "What PV gives beyond all loads but the vehicle, at the latest reading.",
        lambda regulator: regulator.shown.excess_w,
    ),
    (
        "session_joules",
        "What the vehicle that is plugged in, or was last, has been given.",
        lambda regulator: regulator.memory.session.energy_j,
    ),
    (
        "session_cap_joules",
        "The most that a vehicle is given; absent without a cap.",
        lambda regulator: regulator.terms.session_j,
    ),
    (
        "import_cap_amperes",
        "The most that the house may take from the grid on a phase while a vehicle charges.",
        lambda regulator: regulator.terms.import_cap_a,
    ),
    (
        "owner_limit_amperes",
        "The owner's own limit, which is never exceeded.",
        lambda regulator: regulator.memory.owner_a,
    ),
    (
        "changes_left",
        "Changes of the charger that are left within 24 hours for what starts or raises.",
        lambda regulator: float(max(0, regulator.changes_left)),
    ),
    (
        "disobeyed",
        "How many commands the charger has not carried out, one after the other.",
        lambda regulator: float(regulator.memory.failures),
    ),
    (
        "reading_age_seconds",
        "How old the latest reading of the house is; absent until one came.",
        lambda regulator: _age(regulator, regulator.shown.house_at),
    ),
    (
        "look_age_seconds",
        "How long ago the charger was looked at; absent until it was.",
        lambda regulator: _age(regulator, regulator.shown.looked_at),
    ),
    (
        "vehicle",
        "Whether a vehicle is there; absent while the charger does not answer.",
        lambda regulator: None if regulator.shown.state is None else float(regulator.shown.state.vehicle),
    ),
)


def charging_metrics(regulators: Sequence[Regulator], prefix: str) -> Iterator[Metric]:
    """Yield what is told of each charger."""
    for name, text, figure in _FIGURES:
        family = GaugeMetricFamily(f"{prefix}_ev_{name}", text, labels=_DEVICE)
        for regulator in regulators:
            value = figure(regulator)
            if value is not None:
                family.add_metric([regulator.name], value)
        yield family
    modes = GaugeMetricFamily(f"{prefix}_ev_mode", "Which mode is in force.", labels=("device", "mode"))
    reasons = GaugeMetricFamily(
        f"{prefix}_ev_reason",
        "Why the vehicle is not charged, or not more; none when it is.",
        labels=("device", "reason"),
    )
    back = GaugeMetricFamily(
        f"{prefix}_ev_stands_back",
        "Whether nothing is written until a person says how to go on, by the reason.",
        labels=("device", "reason"),
    )
    for regulator in regulators:
        for mode in EvMode:
            modes.add_metric([regulator.name, mode.value], float(regulator.mode is mode))
        reasons.add_metric([regulator.name, regulator.shown.reason or "none"], 1.0)
        if regulator.memory.stood_back:
            back.add_metric([regulator.name, regulator.memory.stood_back], 1.0)
    yield from (modes, reasons, back)


def _age(regulator: Regulator, moment: float | None) -> float | None:
    return None if moment is None else max(0.0, regulator.now - moment)
