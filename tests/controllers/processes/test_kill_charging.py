"""kill -9 while a charger is told something: the next process knows what the owner had, and ends it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from sunhelm.simulator.faces.givenergy_evc import EvcFace, State
from sunhelm.simulator.modbus_server import ModbusServer
from sunhelm.simulator.site import SimulatedSite

pytestmark = [pytest.mark.timeout(180), pytest.mark.real_time]

KWH: Final = 3_600_000.0
CAPPED: Final = 'sunhelm_controller_ev_reason{device="car",reason="session_cap"} 1.0'
CONTROL: Final = 95
LIMIT_OF_16_A: Final = (91, (160,))
STOP: Final = (CONTROL, (2,))
SITE: Final = {
    "site": {"name": "home", "zone": "Europe/Amsterdam"},
    "devices": {
        "car": {"family": "givenergy_evc", "control": {"enabled": True, "allow": ["ev_mode"]}},
    },
    "evcharging": {
        # Nobody tells how the house is: the limit and the session are kept without.
        "car": {
            "house": {"reading": "http://127.0.0.1:9/api/v1/readings/roof"},
            "mode": "grid",
            "maximum": "16A",
            "session": "1kWh",
        }
    },
}


@dataclass
class Mortal:
    """Takes what is written to the charger, or not, and ends the controller before it has an answer."""

    face: EvcFace
    kill: Callable[[], object]
    takes: bool = False
    at_work: bool = True

    def __call__(self, unit: int, address: int, words: Any) -> None:
        if self.takes or not self.at_work:
            EvcFace.write(self.face, unit, address, words)
        if self.at_work:
            self.kill()


async def test_a_regulation_that_is_killed_in_any_of_its_commands_ends_what_was_begun(
    *, tie: Callable[..., Any], tmp_path: Path
) -> None:
    async with SimulatedSite(faces=["givenergy_evc"]) as simulated:
        server = simulated.endpoints["givenergy_evc"]
        assert isinstance(server, ModbusServer)
        face = server.face
        assert isinstance(face, EvcFace)
        if face.missing_j is None:
            face.plug_in(30 * KWH)
        EvcFace.write(face, 1, CONTROL, (1,))
        assert (face.state, face.limit_a) == (State.CHARGING, 32)

        def written() -> list[tuple[int, tuple[int, ...]]]:
            return [(each.address, each.words) for each in server.log.writes]

        async with tie(tmp_path, SITE, server.port) as (controller, _):
            mortal = Mortal(face, controller.kill)
            face.write = mortal  # type: ignore[method-assign]
            for command, mortal.takes in ((LIMIT_OF_16_A, True), (STOP, False), (STOP, True)):
                controller.start()
                await controller.killed()
                assert written()[-1] == command
                assert holds(face, command) is mortal.takes
                face.session_j = 2 * KWH

            mortal.at_work = False
            before = written()
            controller.start()
            await controller.ready()
            while CAPPED not in (told := await controller.metrics()):
                assert controller.process.poll() is None, controller.log
                await asyncio.sleep(0.01)
            assert 'ev_owner_limit_amperes{device="car"} 32.0' in told
            assert written() == before == [LIMIT_OF_16_A, STOP, STOP]
            assert holds(face, LIMIT_OF_16_A)
            assert holds(face, STOP)


def holds(face: EvcFace, command: tuple[int, tuple[int, ...]]) -> bool:
    """Return whether the charger does what a command says."""
    return face.state is State.CONNECTED if command == STOP else face.limit_a == 16
