"""The server of a SUN2000: one client, deaf for a moment after it connects, and a private function."""

from __future__ import annotations

from typing import Final

from sunhelm.simulator.clock import MACHINE_CLOCK, Clock
from sunhelm.simulator.faces.huawei.face import HuaweiFace
from sunhelm.simulator.faults import Faults
from sunhelm.simulator.modbus_device import ENCAPSULATED, READ_HOLDING, WRITE_MULTIPLE, WRITE_SINGLE, Limits
from sunhelm.simulator.modbus_server import ModbusServer
from sunhelm.simulator.wire import Connection

PRIVATE: Final = 0x41
_DEAF_S: Final = 0.9
"""So long after connecting, requests hang; clients are told to wait for 1 s."""


class HuaweiServer(ModbusServer):
    """Serves one `HuaweiFace` on one port. A sign-in ends with its connection."""

    def __init__(
        self,
        face: HuaweiFace,
        *,
        faults: Faults | None = None,
        clock: Clock = MACHINE_CLOCK,
        single: bool = True,
    ) -> None:
        functions = {READ_HOLDING, WRITE_SINGLE, WRITE_MULTIPLE, ENCAPSULATED, PRIVATE}
        super().__init__(
            face,
            limits=Limits(functions=functions),
            single=single,
            faults=faults,
            clock=clock,
            private={PRIVATE: face.private},
        )
        self._huawei = face
        self._clock = clock

    async def _serve(self, connection: Connection) -> None:
        self._huawei.sign_in.forget()
        connected = self._clock.monotonic()
        while True:
            request = await self._framing.receive(connection.reader)
            if self._clock.monotonic() - connected >= _DEAF_S and connection.hears():
                answer = self._device.answer(request.unit, request.pdu)
                await connection.send(self._framing.reply(request, answer))
