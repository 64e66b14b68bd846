"""Exchanges that owners of real devices posted, and what they decode to."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from sunhelm.devices.clock import Deadline
from sunhelm.devices.families import load_family
from sunhelm.devices.families.base import RegisterFamily
from sunhelm.devices.families.spec import Pacing
from sunhelm.devices.links.base import Span, Table
from sunhelm.devices.links.control import open_control_link
from sunhelm.devices.links.line import Line
from sunhelm.devices.registers import codec
from sunhelm.devices.registers.register import Register
from sunhelm.devices.units import BASE_UNITS

pytestmark = pytest.mark.captures

OURS = {
    "dc_power_1": "string_1_power",
    "dc_power_2": "string_2_power",
    "battery_discharge_power": "battery_discharge_power",
    "battery_charge_power": "battery_charge_power",
    "total_yield": "yield",
    "battery_discharge_energy": "battery_discharge",
}
"""What the recording calls a value, and what we call it."""

EXPECTED = 15
"""How many values the recording states, the two of the SunSpec exchange among them."""


@pytest.fixture(scope="module")
def recordings(captures: Path) -> Sequence[Mapping[str, Any]]:
    return cast(
        "Sequence[Mapping[str, Any]]",
        json.loads((captures / "sma" / "captures.json").read_text(encoding="utf-8"))["captures"],
    )


def registers() -> Mapping[str, Register]:
    family = cast("RegisterFamily", load_family("sma"))
    hybrid = next(part for part in family.spec.parts if part.name == "hybrid")
    return {register.name: register for register in family.map_of(hybrid).registers}


async def test_every_value_of_the_recordings_is_decoded(
    recordings: Sequence[Mapping[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    compared = 0
    known = registers()
    for recording in recordings:
        for exchange in recording["exchanges"]:
            request, reply = (bytes.fromhex(exchange[each]) for each in ("request", "reply"))
            for name, value in exchange["expect"].items():
                if name in OURS:
                    register = known[OURS[name]]
                    assert int.from_bytes(request[8:10]) == register.address
                    assert int.from_bytes(request[10:12]) == register.type.words
                    words = [int.from_bytes(reply[at : at + 2]) for at in range(9, len(reply), 2)]
                    factor = float(BASE_UNITS[register.unit].factor)
                    found = codec.plain_value(register, words)
                    assert found == pytest.approx(value * factor, rel=1e-12), register.place
                    compared += 1
    compared += await acknowledged(recordings)
    with capsys.disabled():
        print(f"\nsma: {compared} of {EXPECTED} recorded values present and equal")
    assert compared == EXPECTED


async def acknowledged(recordings: Sequence[Mapping[str, Any]]) -> int:
    """The write that a device acknowledged and did not carry out: only reading it back tells."""
    (recording,) = [each for each in recordings if "SunSpec write" in each["note"]]
    (write, read) = recording["exchanges"]
    answers = {
        bytes.fromhex(each["request"])[7]: (bytes.fromhex(each["request"]), bytes.fromhex(each["reply"]))
        for each in (write, read)
    }

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readexactly(6)
                body = await reader.readexactly(int.from_bytes(head[4:6]))
                request, reply = answers[body[1]]
                assert body == request[6:]
                writer.write(head[:2] + reply[2:])
                await writer.drain()
        except asyncio.IncompleteReadError:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    link = open_control_link("modbus_tcp", Line("127.0.0.1", port, Pacing(), single=False))
    deadline = Deadline.after(10)
    try:
        async with link.turn(deadline):
            await link.write(0x7E, 0x9DB6, (1,), deadline)
            words = await link.read(Span(0x7E, Table.HOLDING, 0x9DB6, 1), deadline)
    finally:
        await link.close()
        server.close()
        await server.wait_closed()
    assert write["expect"]["ack"] is True
    assert words == (read["expect"]["value"],)
    return 2
