from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunhelm.simulator.modbus_device import Limits, ModbusDevice
from sunhelm.simulator.modbus_framing import RtuFraming, crc16
from sunhelm.simulator.modbus_server import ModbusServer
from sunhelm.simulator.request_log import RequestLog, Write


@asynccontextmanager
async def serving(registers: Any, **options: Any) -> AsyncIterator[ModbusServer]:
    server = ModbusServer(registers, **options)
    await server.open("127.0.0.1", 0)
    try:
        yield server
    finally:
        await server.close()


async def test_a_read_is_answered_with_its_transaction_unit_and_words(registers: Any, connect: Any) -> None:
    async with serving(registers) as server:
        client = await connect(server.port)
        assert await client.ask("1234 0000 0006 11 03 0005 0002") == "12340000000711030400050006"
        assert await client.ask("1235 0000 0006 11 04 0005 0001") == "1235000000051104020005"


@pytest.mark.parametrize(
    ("request_frame", "exception"),
    [
        ("0001 0000 0006 01 03 0000 0000", "8303"),  # no register
        ("0001 0000 0006 01 03 0000 007E", "8303"),  # 126
        ("0001 0000 0006 01 03 0060 0010", "8302"),  # past the map
        ("0001 0000 0006 01 03 FFFF 0002", "8302"),  # past the last address
        ("0001 0000 0005 01 03 0000 00", "8303"),  # too short
        ("0001 0000 0006 01 01 0000 0001", "8101"),  # coils
        ("0001 0000 0002 01 14", "9401"),  # file record
        ("0001 0000 0006 01 06 0100 0001", "8602"),  # no such register
        ("0001 0000 0009 01 10 0001 0001 04 0001", "9003"),  # byte count wrong
        ("0001 0000 0007 01 10 0001 0000 00", "9003"),  # nothing to write
        ("0001 0000 0005 01 2B 0E 01 00", "ab01"),  # no identification here
    ],
)
async def test_what_cannot_be_answered_gets_the_exception_of_the_specification(
    registers: Any, connect: Any, request_frame: str, exception: str
) -> None:
    async with serving(registers) as server:
        client = await connect(server.port)
        assert await client.ask(request_frame) == f"00010000000301{exception}"
        assert server.log.exceptions == 1


async def test_writes_change_the_registers_and_are_recorded(registers: Any, connect: Any) -> None:
    async with serving(registers) as server:
        client = await connect(server.port)
        assert await client.ask("0001 0000 0006 01 06 0003 BEEF") == "00010000000601060003beef"
        assert await client.ask("0002 0000 000B 01 10 0007 0002 04 0102 0304") == "000200000006011000070002"
        assert [registers.words[address] for address in (3, 7, 8)] == [0xBEEF, 0x0102, 0x0304]
        assert list(server.log.writes) == [Write(1, 3, (0xBEEF,)), Write(1, 7, (0x0102, 0x0304))]
        assert (server.log.requests, server.log.words, server.log.connections) == (2, 3, 1)


async def test_several_requests_in_one_segment_and_one_over_several(registers: Any, connect: Any) -> None:
    async with serving(registers) as server:
        client = await connect(server.port)
        await client.send("0001 0000 0006 01 03 0001 0001" + "0002 0000 0006 01 03 0002 0001")
        assert await client.receive(22) == "00 01 00 00 00 05 01 03 02 00 01 00 02 00 00 00 05 01 03 02 00 02"
        for byte in bytes.fromhex("0003000000060103000300"):
            await client.send(f"{byte:02x}")
        assert await client.ask("01") == "0003000000050103020003"


async def test_a_frame_of_an_impossible_length_ends_the_connection(registers: Any, connect: Any) -> None:
    async with serving(registers) as server:
        client = await connect(server.port)
        await client.send("0001 0000 FFFF 01 03 0001 0001")
        assert await client.ended()


async def test_limits_of_a_device_are_its_own(registers: Any, connect: Any) -> None:
    limits = Limits(functions={3}, read_words=20)
    async with serving(registers, limits=limits) as server:
        client = await connect(server.port)
        assert await client.ask("0001 0000 0006 01 03 0000 0015") == "000100000003018303"
        assert await client.ask("0001 0000 0006 01 04 0000 0001") == "000100000003018401"


async def test_identification_tells_its_objects(registers: Any, connect: Any) -> None:
    registers.objects = {0: "ACME", 1: "X1", 2: "1.0", 0x88: "z" * 20}
    async with serving(registers) as server:
        client = await connect(server.port)
        basic = await client.ask("0001 0000 0005 01 2B 0E 01 00")
        assert bytes.fromhex(basic[14:]) == bytes.fromhex("2b0e01830000 03".replace(" ", "")) + (
            b"\x00\x04ACME\x01\x02X1\x02\x031.0"
        )
        one = await client.ask("0002 0000 0005 01 2B 0E 04 01")
        assert bytes.fromhex(one[14:]) == bytes.fromhex("2b0e0483000001") + b"\x01\x02X1"
        assert (await client.ask("0003 0000 0005 01 2B 0E 04 07"))[14:] == "ab02"
        assert (await client.ask("0004 0000 0005 01 2B 0E 05 00"))[14:] == "ab03"


def test_identification_that_does_not_fit_is_continued(registers: Any) -> None:
    registers.objects = {0: "a" * 100, 1: "b" * 100, 2: "c" * 100}
    device = ModbusDevice(registers, RequestLog())
    first = device.answer(1, bytes.fromhex("2b0e0100"))
    assert first[4:7] == bytes((0xFF, 2, 2))
    rest = device.answer(1, bytes.fromhex("2b0e0102"))
    assert rest[4:7] == bytes((0, 0, 1))
    assert rest.endswith(b"c" * 100)


@given(st.binary(min_size=1, max_size=253))
def test_any_bytes_are_answered_by_the_same_function(pdu: bytes) -> None:
    face = SimpleNamespace(
        read=lambda unit, table, address, count: [0] * count,
        write=lambda unit, address, words: None,
        identification=lambda unit: {0: "x"},
    )
    reply = ModbusDevice(face, RequestLog()).answer(1, pdu)  # type: ignore[arg-type]
    assert reply[0] & 0x7F == pdu[0] & 0x7F
    assert len(reply) <= 253


class TestRtuOverTcp:
    async def test_frames_have_the_checksum_of_the_specification(self, registers: Any, connect: Any) -> None:
        async with serving(registers, framing=RtuFraming()) as server:
            client = await connect(server.port)
            await client.send("01 03 0005 0001 940B")
            assert await client.receive(7) == "01 03 02 00 05 78 47"

    async def test_a_wrong_checksum_gets_no_answer_and_the_next_is_heard(
        self, registers: Any, connect: Any
    ) -> None:
        async with serving(registers, framing=RtuFraming()) as server:
            client = await connect(server.port)
            await client.send("01 03 0005 0001 0000")
            await client.send("01 03 0005 0001 940B")
            assert await client.receive(7) == "01 03 02 00 05 78 47"
            assert server.log.requests == 1

    async def test_writes_and_unknown_functions(self, registers: Any, connect: Any) -> None:
        async with serving(registers, framing=RtuFraming()) as server:
            client = await connect(server.port)
            for text, size, reply in (
                ("01 10 0001 0001 02 0009", 8, "011000010001"),
                ("01 06 0001 0007", 8, "010600010007"),
                ("01 2B 0E 01 00", 5, "01ab01"),
                ("01 41 00 00", 5, "01c101"),
            ):
                frame = bytes.fromhex(text)
                await client.send((frame + crc16(frame)).hex())
                answer = bytes.fromhex(await client.receive(size))
                assert answer == bytes.fromhex(reply) + crc16(bytes.fromhex(reply))

    def test_the_checksum_of_known_frames(self) -> None:
        # from the Modbus over serial line specification and everyday traces
        assert crc16(bytes.fromhex("0207")) == bytes.fromhex("4112")
        assert crc16(b"123456789") == struct.pack("<H", 0x4B37)


class TestOneClient:
    async def test_a_second_client_is_turned_away_while_the_first_is_there(
        self, registers: Any, connect: Any
    ) -> None:
        async with serving(registers, single=True) as server:
            first = await connect(server.port)
            await first.ask("0001 0000 0006 01 03 0001 0001")
            second = await connect(server.port)
            assert await second.ended()
            assert server.log.turned_away == 1
            assert await first.ask("0002 0000 0006 01 03 0001 0001")

    async def test_a_closed_client_makes_room_at_once(self, registers: Any) -> None:
        """A client that opens a connection for every figure is never turned away."""

        def read_one(port: int) -> bytes:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
                client.sendall(bytes.fromhex("000100000006010300010001"))
                return client.recv(64)

        async with serving(registers, single=True) as server:
            for _ in range(50):
                reply = await asyncio.to_thread(read_one, server.port)
                assert reply == bytes.fromhex("0001000000050103020001")
            assert (server.log.connections, server.log.turned_away) == (50, 0)

    async def test_many_clients_are_served_when_there_is_no_limit(self, registers: Any, connect: Any) -> None:
        async with serving(registers) as server:
            clients = [await connect(server.port) for _ in range(5)]
            for client in clients:
                assert await client.ask("0001 0000 0006 01 03 0001 0001")
            assert server.clients == 5


async def test_a_taken_port_is_an_os_error(registers: Any) -> None:
    async with serving(registers) as server:
        other = ModbusServer(registers)
        with pytest.raises(OSError, match="in use"):
            await other.open("127.0.0.1", server.port)


async def test_closing_ends_connections_and_frees_the_port(registers: Any, connect: Any) -> None:
    async with serving(registers) as server:
        client = await connect(server.port)
        await client.ask("0001 0000 0006 01 03 0001 0001")
        port = server.port
    assert await client.ended()
    with pytest.raises(ConnectionRefusedError):
        await connect(port)
