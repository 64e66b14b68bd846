"""Replies of the SEC1000 as samples, with our signs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sunhelm.devices.families.sec1000s.messages import LimitState, Mode, Telemetry
from sunhelm.devices.quantities import CATALOGUE, Quantity
from sunhelm.devices.reading import Guard, Held, Sample

_PHASES: Final = ("L1", "L2", "L3")
_NOT_EXPORTING_W: Final = 10.0
"""A limit this little above the owner's minimum counts as export switched off."""

_HELD_POLLS: Final = 2
"""For so many polls a sudden zero of the inverters is not believed; a true one at dusk is shown then."""

_EXPLAINED: Final = 0.5
"""A zero is believed at once when the grid power fell by this share of what the inverters made before."""

CONTROL_MODE: Final = Quantity("sec1000s_control_mode", "", "state", "What limits the export.", ("state",))
CONTROL_MODE_CODE: Final = Quantity(
    "sec1000s_control_mode_code", "", "gauge", "What limits the export, as the number on the wire."
)
EXPORT_LIMIT: Final = Quantity(
    "sec1000s_export_limit", "watts", "gauge", "Export limit that is set, whether it is in force or not."
)
EXPORT_ENABLED: Final = Quantity(
    "sec1000s_export_enabled", "", "gauge", "Whether the limit is above the owner's minimum (1) or not (0)."
)
TOTAL_CAPACITY: Final = Quantity(
    "sec1000s_total_capacity", "watts", "gauge", "Installed power that the box reckons with."
)
CT_RATIO: Final = Quantity(
    "sec1000s_ct_ratio_code", "", "gauge", "Ratio of the current transformers, as the number on the wire."
)
FEEDBACK: Final = Quantity(
    "sec1000s_feedback",
    "",
    "state",
    "How the last request of each kind ended.",
    ("operation", "result"),
)
FEEDBACK_CODE: Final = Quantity(
    "sec1000s_feedback_code", "", "gauge", "How the last request of each kind ended, as bits.", ("operation",)
)

OFFERS: Final[Mapping[str, Sequence[Quantity]]] = {
    "telemetry": [
        *(CATALOGUE[f"grid_phase_{what}"] for what in ("voltage", "current", "power")),
        *(CATALOGUE[name] for name in ("grid_power", "inverter_power", "load_power")),
    ],
    "limit": [
        *(CONTROL_MODE, CONTROL_MODE_CODE, TOTAL_CAPACITY, CT_RATIO, EXPORT_LIMIT, EXPORT_ENABLED),
        CATALOGUE["grid_export_limit"],
    ],
    "our requests": [FEEDBACK, FEEDBACK_CODE],
}
"""All that the box brings, by group; the last are about our requests and there whether it answers or not."""


@dataclass(slots=True)
class ZeroGuard:
    """Hold back the sudden zero that the inverters' total shows now and then for one reply.

    It is believed at once when the meter moved with it, and after two polls in any case.
    """

    _last: Telemetry | None = None
    _polls: int = 0

    def allow(self, now: Telemetry) -> bool:
        """Whether the inverters' total may be shown; remembers it."""
        last = self._last
        if now.inverter_power or last is None or self._polls >= _HELD_POLLS:
            return self._believe(now)
        fell = last.grid_power - now.grid_power
        if fell >= _EXPLAINED * last.inverter_power:
            return self._believe(now)
        self._polls += 1
        return False

    def _believe(self, now: Telemetry) -> bool:
        self._last = now if now.inverter_power else None
        self._polls = 0
        return True


def telemetry_samples(now: Telemetry, *, zero: ZeroGuard) -> Iterator[Sample | Held]:
    """Yield what a telemetry reply says, with our signs, and the load that follows from it."""

    def sample(quantity: str, value: float, field: str, *labels: str) -> Sample:
        return Sample(CATALOGUE[quantity], value, labels, f"command 0x0b {field}", "telemetry")

    for index, phase in enumerate(_PHASES):
        number = index + 1
        yield sample("grid_phase_voltage", now.voltages[index] / 10, f"v{number}", phase)
        yield sample("grid_phase_current", now.currents[index] / 100, f"i{number}", phase)
        yield sample("grid_phase_power", float(-now.powers[index]), f"p{number}", phase)
    yield sample("grid_power", float(-now.grid_power), "meters_power")
    if not zero.allow(now):
        text = "0 while the grid power did not fall with it"
        yield Held(Guard.ZERO, "telemetry", "command 0x0b inverters_power", text)
        return
    yield sample("inverter_power", float(now.inverter_power), "inverters_power")
    load = float(now.inverter_power - now.grid_power)
    yield sample("load_power", load, "inverters_power - meters_power")


def limit_samples(state: LimitState, *, minimum: float) -> Iterator[Sample | Held]:
    """Yield what a limit reply says; `minimum` in watts is the limit that the owner calls no export."""

    def sample(quantity: Quantity, value: float, field: str, *labels: str) -> Sample:
        return Sample(quantity, value, labels, f"command 0x43 {field}", "limit")

    for mode in Mode:
        yield sample(CONTROL_MODE, float(state.mode == mode), "control_mode", mode.name.lower())
    yield sample(CONTROL_MODE_CODE, float(state.mode), "control_mode")
    if not isinstance(state.mode, Mode):
        yield Held(Guard.UNKNOWN_CODE, "limit", "command 0x43 control_mode", f"{state.mode} has no name")
    yield sample(TOTAL_CAPACITY, float(state.total_capacity), "total_capacity")
    yield sample(CT_RATIO, float(state.ct_ratio), "ct_ratio")
    yield sample(EXPORT_LIMIT, float(state.export_limit), "export_limit")
    enabled = state.mode == Mode.DEACTIVATED or state.export_limit - minimum >= _NOT_EXPORTING_W
    yield sample(EXPORT_ENABLED, float(enabled), "export_limit")
    if state.mode == Mode.VALUE and state.export_limit >= 0:  # what a negative one does is contradicted
        yield sample(CATALOGUE["grid_export_limit"], float(state.export_limit), "export_limit")
