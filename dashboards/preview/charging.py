"""A vehicle that takes the excess of its house, and what a controller beside its charger tells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from dashboards.preview.history import Sampled, Span
from dashboards.preview.life import Event
from sunhelm.simulator.faces.givenergy_evc import EvcFace
from sunhelm.simulator.modbus_server import ModbusServer
from sunhelm.simulator.site import SimulatedSite

CHARGER: Final = "givenergy_evc"
"""Named after its family."""

_KWH: Final = 3_600_000.0
_MISSING_J: Final = 60 * _KWH
_CAP_J: Final = 30 * _KWH
_LEAST_A, _MOST_A = 6, 32
_START, _STOP = 1, 2
_MODES: Final = ("off", "grid", "solar", "hybrid")


@dataclass(slots=True)
class Charging:
    """Regulates the charger of a simulated house at each scrape; `samples` is what it tells then."""

    samples: list[Sampled] = field(default_factory=list)
    changes: int = 0

    def events(self, span: Span) -> dict[int, Event]:
        """Return what happens at each scrape of the span."""
        return {time: self._event(time) for time in span.scrapes()}

    def _event(self, time: int) -> Event:
        def regulate(house: SimulatedSite) -> None:
            endpoint = house.endpoints[CHARGER]
            assert isinstance(endpoint, ModbusServer)
            assert isinstance(endpoint.face, EvcFace)
            self._regulate(endpoint.face, time)

        return regulate

    def _regulate(self, face: EvcFace, time: int) -> None:
        if not self.samples:
            face.plug_in(_MISSING_J)
        state = face.plant.state
        excess = state.pv_power_w - (state.load.power_w - face.plant.steering.vehicle_w)
        amperes = int(excess / state.grid.voltage_by_phase[0])
        full = face.session_j >= _CAP_J
        control = _START if amperes >= _LEAST_A and not full else _STOP
        limit = float(min(_MOST_A, max(_LEAST_A, amperes)))
        self.changes += (control != face.control) + (control == _START and limit != face.limit_a)
        face.control = control
        if control == _START:
            face.limit_a = limit
        face.update()
        desired = limit if control == _START else 0.0
        reason = "session_cap" if full else "none" if desired else "too_little_sun"
        for name, labels, value in self._told(face, excess, desired, reason):
            told = {"device": CHARGER, **labels}
            self.samples.append((f"sunhelm_controller_ev_{name}", told, float(value), time))

    def _told(
        self, face: EvcFace, excess: float, desired: float, reason: str
    ) -> Iterator[tuple[str, Mapping[str, str], float]]:
        yield "excess_watts", {}, excess
        yield "desired_amperes", {}, desired
        yield "session_joules", {}, face.session_j
        yield "session_cap_joules", {}, _CAP_J
        yield "owner_limit_amperes", {}, _MOST_A
        yield "changes_left", {}, max(0, 300 - self.changes)
        yield "disobeyed", {}, 0
        yield "reading_age_seconds", {}, 2 + self.changes % 20
        yield "look_age_seconds", {}, self.changes % 30
        yield "reason", {"reason": reason}, 1
        yield from (("mode", {"mode": mode}, mode == "solar") for mode in _MODES)
