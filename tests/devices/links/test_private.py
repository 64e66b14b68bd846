"""Huawei's private function: its frames, byte for byte, files, and the sign-in."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from sunhelm.devices.clock import Deadline
from sunhelm.devices.errors import AuthFailed, Busy, Malformed, Rejected
from sunhelm.devices.families.spec import Pacing
from sunhelm.devices.links.line import Line
from sunhelm.devices.links.private import FileLink, PrivateLink
from sunhelm.devices.links.private_control import HEARTBEAT, Credentials, PrivateControlLink

CHALLENGE = bytes(range(0xA0, 0xB0))
NONCE = bytes(range(0x10, 0x20))
SIGN_IN = bytes.fromhex(
    "41 25 3B 10 11 12 13 14 15 16 17 18 19 1A 1B 1C 1D 1E 1F 09 69 6E 73 74 61 6C 6C 65 72 20 ED 1F CB D8 A7"
    "3A 62 E0 91 43 EF BC 03 FD 63 30 8B 3E 9A 89 3A 69 0F A6 A7 38 70 FA B5 47 66 B6"
)
ACCEPTED = bytes.fromhex(
    "41 25 22 00 20 83 97 74 A0 FD 4B C7 A9 87 90 27 F5 CE 52 12 CF D6 D8 3C 34 E7 03 7D 48 03 7C 24 7F 8E 69"
    "3A B4"
)
"""The worked example: password 00000a, user installer, these two random numbers."""

FACTORY = Credentials("installer", "00000a")


def answer(pdu: bytes) -> Any:
    async def behaviour(request: Any) -> None:
        await request.send(request.frame(pdu))

    return behaviour


def refuse(code: int) -> Any:
    async def behaviour(request: Any) -> None:
        await request.refuse(code)

    return behaviour


def frames_of(crc: Any, content: bytes, size: int = 4) -> list[Any]:
    """What a device answers that sends a file in frames of so many bytes."""
    parts = [content[i : i + size] for i in range(0, len(content), size)]
    return [
        answer(struct.pack(">BBBBIB", 0x41, 0x05, 6, 0x44, len(content), size)),
        *(
            answer(struct.pack(">BBBBH", 0x41, 0x06, 3 + len(part), 0x44, number) + part)
            for number, part in enumerate(parts)
        ),
        answer(b"\x41\x0c\x03\x44" + crc(content)[::-1]),
    ]


def reader(device: Any, quick: Pacing) -> PrivateLink:
    return PrivateLink("modbus_tcp", Line(device.host, device.port, quick, single=False))


async def read_file(link: PrivateLink, parameters: bytes = b"") -> bytes:
    deadline = Deadline.after(2)
    async with link.turn(deadline):
        return await link.read_file(1, 0x44, deadline, parameters)


async def test_a_file_is_read_frame_by_frame_with_the_bytes_of_the_sheet(
    tcp_device: Any, quick: Pacing, crc: Any
) -> None:
    content = bytes(range(10))
    tcp_device.script = frames_of(crc, content)
    link = reader(tcp_device, quick)
    assert await read_file(link, b"\x10\x0c") == content
    assert [pdu.hex(" ") for pdu in tcp_device.seen] == [
        "41 05 03 44 10 0c",
        "41 06 03 44 00 00",
        "41 06 03 44 00 01",
        "41 06 03 44 00 02",
        "41 0c 01 44",
    ]
    assert isinstance(link, FileLink)
    await link.close()


async def test_an_empty_file_is_a_file(tcp_device: Any, quick: Pacing, crc: Any) -> None:
    tcp_device.script = frames_of(crc, b"")
    link = reader(tcp_device, quick)
    assert await read_file(link) == b""
    await link.close()


@pytest.mark.parametrize(
    ("step", "wrong", "message"),
    [
        (0, "41 05 06 45 00 00 00 0A 04", "about file 45"),
        (0, "41 05 03 44 00 00", "beginning"),
        (0, "41 05 06 44 7F FF FF FF 04", "more than any plant"),
        (1, "41 06 03 44 00 00", "not its frame 0"),
        (1, "41 06 07 44 00 05 01 02 03 04", "not its frame 0"),
        (3, "41 06 08 44 00 02 08 09 0A 0B 0C", "announced"),
        (4, "41 0C 03 44 00 00", "checksum"),
    ],
)
async def test_what_is_no_such_file_is_malformed(  # noqa: PLR0917 - its three fixtures
    tcp_device: Any, quick: Pacing, crc: Any, step: int, wrong: str, message: str
) -> None:
    script = frames_of(crc, bytes(range(10)))
    script[step] = answer(bytes.fromhex(wrong))
    tcp_device.script = script
    link = reader(tcp_device, quick)
    with pytest.raises(Malformed, match=message):
        await read_file(link)
    await link.close()


async def test_a_busy_device_is_left_alone(tcp_device: Any, quick: Pacing) -> None:
    """It wants ten seconds: whoever reads comes again, this read does not."""
    tcp_device.script = [refuse(6)]
    link = reader(tcp_device, quick)
    with pytest.raises(Busy):
        await read_file(link)
    assert len(tcp_device.seen) == 1
    await link.close()


async def test_the_list_of_devices_is_asked_for_with_the_bytes_of_the_sheet(
    tcp_device: Any, quick: Pacing
) -> None:
    """Its first answer says that more follows, from object 0x88 on."""
    tcp_device.script = [
        answer(bytes.fromhex("2B 0E 03 03 FF 88 01 87 01 03")),
        answer(bytes.fromhex("2B 0E 03 03 00 00 01 88 03 31 3D 41")),
    ]
    link = reader(tcp_device, quick)
    deadline = Deadline.after(2)
    async with link.turn(deadline):
        objects = await link.read_identification(0, deadline, category=3, first=0x87)
    assert dict(objects) == {0x87: b"\x03", 0x88: b"1=A"}
    assert [pdu.hex(" ") for pdu in tcp_device.seen] == ["2b 0e 03 87", "2b 0e 03 88"]
    await link.close()


# Sign-in


def control(device: Any, quick: Pacing, credentials: Credentials | None = FACTORY) -> PrivateControlLink:
    return PrivateControlLink(
        "modbus_tcp",
        Line(device.host, device.port, quick, single=False),
        credentials=None if credentials is None else lambda: credentials,
        nonce=lambda count: NONCE[:count],
    )


async def write(link: PrivateControlLink, word: int = 1) -> None:
    deadline = Deadline.after(2)
    async with link.turn(deadline):
        await link.write(1, 47_246, (word,), deadline, function=6)


async def echo(request: Any) -> None:
    await request.send(request.frame(request.pdu))


async def test_a_refused_write_signs_in_with_the_bytes_of_the_worked_example(
    tcp_device: Any, quick: Pacing
) -> None:
    tcp_device.script = [refuse(0x80), answer(b"\x41\x24\x11" + CHALLENGE), answer(ACCEPTED), echo, echo]
    link = control(tcp_device, quick)
    await write(link)
    assert [pdu.hex() for pdu in tcp_device.seen] == [
        "06b88e0001",
        "41240100",
        SIGN_IN.hex(),
        "06c34f0001",
        "06b88e0001",
    ]
    assert HEARTBEAT == 0xC34F
    await link.close()


async def test_the_next_write_sends_its_heartbeat_first(tcp_device: Any, quick: Pacing) -> None:
    tcp_device.script = [refuse(0x80), answer(b"\x41\x24\x11" + CHALLENGE), answer(ACCEPTED)]
    tcp_device.otherwise = echo
    link = control(tcp_device, quick)
    await write(link)
    await write(link, 0)
    assert [pdu.hex() for pdu in tcp_device.seen[5:]] == ["06c34f0001", "06b88e0000"]
    await link.close()


async def test_a_new_connection_signs_in_anew(tcp_device: Any, quick: Pacing) -> None:
    signing = [refuse(0x80), answer(b"\x41\x24\x11" + CHALLENGE), answer(ACCEPTED), echo, echo]
    tcp_device.script = [*signing]
    link = control(tcp_device, quick)
    await write(link)
    await link.close()
    tcp_device.script = [refuse(0x80), *signing]  # the heartbeat tells that the sign-in has gone
    await write(link)
    assert [pdu[:2].hex() for pdu in tcp_device.seen[5:]] == ["06c3", "06b8", "4124", "4125", "06c3", "06b8"]
    await link.close()


async def test_a_refused_password_is_not_tried_again(tcp_device: Any, quick: Pacing) -> None:
    tcp_device.script = [
        refuse(0x80),
        answer(b"\x41\x24\x11" + CHALLENGE + b"\0"),
        answer(b"\x41\x25\x02\x01\x00"),
        refuse(0x80),
    ]
    link = control(tcp_device, quick)
    with pytest.raises(AuthFailed, match="refused, status 1"):
        await write(link)
    with pytest.raises(AuthFailed, match="before"):
        await write(link)
    assert len(tcp_device.seen) == 4
    await link.close()


async def test_a_device_that_does_not_know_the_password_is_told_of(
    tcp_device: Any, quick: Pacing, capsys: pytest.CaptureFixture[str]
) -> None:
    stranger = ACCEPTED[:-1] + b"\0"
    tcp_device.script = [refuse(0x80), answer(b"\x41\x24\x11" + CHALLENGE), answer(stranger), echo, echo]
    link = control(tcp_device, quick)
    await write(link)
    said = capsys.readouterr().out
    assert "device_does_not_know_the_password" in said
    assert FACTORY.password not in said
    await link.close()


async def test_without_credentials_a_refusal_stays_one(tcp_device: Any, quick: Pacing) -> None:
    tcp_device.script = [refuse(0x80), refuse(4)]
    link = control(tcp_device, quick, None)
    with pytest.raises(AuthFailed, match="account"):
        await write(link)
    with pytest.raises(Rejected):
        await write(link)
    await link.close()


async def test_what_the_device_refuses_to_whoever_signed_in_is_no_reason_to_sign_in_again(
    tcp_device: Any, quick: Pacing
) -> None:
    tcp_device.script = [
        refuse(2),
        answer(b"\x41\x24\x11" + CHALLENGE),
        answer(ACCEPTED),
        echo,
        refuse(2),
        echo,
        refuse(2),
    ]
    link = control(tcp_device, quick)
    for _ in range(2):
        with pytest.raises(Rejected):
            await write(link)
    assert sum(pdu[:2] == b"\x41\x25" for pdu in tcp_device.seen) == 1
    await link.close()


def test_a_password_is_never_shown() -> None:
    assert FACTORY.password not in repr(FACTORY)
    assert FACTORY.answer(CHALLENGE, NONCE) == SIGN_IN[3:]
    assert FACTORY.proof(NONCE) == ACCEPTED[5:]


async def test_a_link_that_reads_can_neither_write_nor_sign_in(tcp_device: Any, quick: Pacing) -> None:
    link = reader(tcp_device, quick)
    names = {kind.__name__ for kind in link.requests}
    assert names == {
        "ReadHoldingRegistersRequest",
        "ReadInputRegistersRequest",
        "ReadDeviceInformationRequest",
        "FileRequest",
    }
    assert not hasattr(link, "write")
    await link.close()
