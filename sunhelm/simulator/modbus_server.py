"""A small Modbus server for simulated devices, over TCP with either framing."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from sunhelm.simulator.clock import MACHINE_CLOCK, Clock
from sunhelm.simulator.faces.face import Face
from sunhelm.simulator.faults import Faults
from sunhelm.simulator.faults.faulty import FaultyFace
from sunhelm.simulator.modbus_device import Limits, ModbusDevice, Private
from sunhelm.simulator.modbus_framing import Framing, TcpFraming
from sunhelm.simulator.request_log import RequestLog
from sunhelm.simulator.wire import Connection, OnPort, Port


class ModbusServer(OnPort):
    """Serves one face on one port: requests of all clients one by one, in the order they come.

    `log` tells what was asked, `faults` what goes wrong. With `single` only one client finds a place at a
    time, and a closed connection frees it at once. `private` are functions of the vendor's own.
    """

    _port: Port

    def __init__(
        self,
        face: Face,
        *,
        framing: Framing | None = None,
        limits: Limits | None = None,
        single: bool = False,
        faults: Faults | None = None,
        clock: Clock = MACHINE_CLOCK,
        private: Mapping[int, Private] = MappingProxyType({}),
    ) -> None:
        self.face = face
        self.faults = faults or Faults()
        self.log = RequestLog()
        self._framing = framing or TcpFraming()
        faulty = FaultyFace(face, self.faults)
        guarded = {function: faulty.guarded(answer) for function, answer in private.items()}
        self._device = ModbusDevice(faulty, self.log, limits, guarded)
        self._port = Port(self._serve, faults=self.faults, log=self.log, single=single, clock=clock)

    @property
    def clients(self) -> int:
        """How many clients are connected."""
        return self._port.clients

    def update(self) -> None:
        """Let the device do what it does by itself once a step."""
        self.face.update()

    async def _serve(self, connection: Connection) -> None:
        while True:
            request = await self._framing.receive(connection.reader)
            if connection.hears():
                await connection.send(
                    self._framing.reply(request, self._device.answer(request.unit, request.pdu))
                )
