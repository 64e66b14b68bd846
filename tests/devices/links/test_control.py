"""Writing: functions 6 and 16, believed only when echoed, sent once, in a control turn."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import pytest

from sunhelm.devices.clock import Deadline
from sunhelm.devices.errors import Busy, Malformed, Rejected, TimedOut, Unreachable
from sunhelm.devices.families.spec import Pacing
from sunhelm.devices.links.base import Span, Table
from sunhelm.devices.links.control import ControlLink, open_control_link
from sunhelm.devices.links.line import Line
from sunhelm.devices.links.turns import Turns


def link_to(device: Any, pacing: Pacing, **more: Any) -> ControlLink:
    told = {name: more.pop(name) for name in ("turns", "clock") if name in more}
    line = Line(device.host, device.port, pacing, single=True, **told)
    return open_control_link(device.framing, line, **more)


async def write(
    link: ControlLink, words: list[int], *, unit: int = 9, address: int = 143, **more: Any
) -> None:
    deadline = Deadline.after(2)
    async with link.turn(deadline):
        await link.write(unit, address, words, deadline, **more)


async def test_one_register_is_written_with_the_bytes_of_the_specification(
    device: Any, quick: Pacing
) -> None:
    await write(link_to(device, quick), [3], unit=0x11, address=1, function=6)
    assert device.seen == [bytes.fromhex("06 0001 0003")]
    assert device.frames[0][-2:] == bytes.fromhex("9A9B" if device.framing == "rtu_over_tcp" else "0003")


async def test_several_registers_are_written_with_the_bytes_of_the_specification(
    device: Any, quick: Pacing
) -> None:
    await write(link_to(device, quick), [0x000A, 0x0102], unit=0x11, address=1)
    assert device.seen == [bytes.fromhex("10 0001 0002 04 000A 0102")]
    assert device.frames[0][-2:] == bytes.fromhex("C6F0" if device.framing == "rtu_over_tcp" else "0102")


@pytest.mark.parametrize(
    ("function", "echo"),
    [
        (6, struct.pack(">BHH", 6, 143, 8)),
        (6, struct.pack(">BHH", 6, 144, 7)),
        (6, struct.pack(">BHH", 16, 143, 1)),
        (16, struct.pack(">BHH", 16, 143, 2)),
        (16, struct.pack(">BHH", 16, 142, 1)),
        (16, struct.pack(">BHH", 6, 143, 7)),
        (16, struct.pack(">BH", 16, 143)),
        (6, struct.pack(">BHHB", 6, 143, 7, 0)),
    ],
    ids=["value", "address", "function", "count", "address 16", "function 6", "short", "long"],
)
async def test_another_echo_is_no_success(tcp_device: Any, quick: Pacing, function: Any, echo: bytes) -> None:
    tcp_device.otherwise = lambda request: request.send(request.frame(echo))
    with pytest.raises(Malformed, match="answer"):
        await write(link_to(tcp_device, quick), [7], function=function)
    assert len(tcp_device.seen) == 1


@pytest.mark.parametrize(
    ("behaviour", "error"),
    [
        (lambda request: request.refuse(2), Rejected),
        (lambda request: request.refuse(5), Busy),
        (lambda request: request.refuse(6), Busy),
        (lambda request: request.close(), Unreachable),
        (lambda request: request.device.until(lambda: False), TimedOut),
    ],
    ids=["refused", "acknowledged", "busy", "hung up", "silent"],
)
async def test_a_write_is_sent_once_whatever_happens(
    device: Any, quick: Pacing, behaviour: Any, error: type[Exception]
) -> None:
    device.otherwise = behaviour
    link = link_to(device, quick)
    with pytest.raises(error, match=r"127\.0\.0\.1") as info:
        await write(link, [7])
    assert info.type is error
    assert len(device.seen) == 1
    assert link.statistics.retries == 0


async def test_a_control_link_reads_back_in_the_same_turn(device: Any, quick: Pacing, word_at: Any) -> None:
    link = link_to(device, quick)
    deadline = Deadline.after(2)
    async with link.turn(deadline):
        await link.write(9, 143, [7], deadline)
        assert await link.read(Span(9, Table.HOLDING, 143, 1), deadline) == (word_at(9, 3, 143),)
    assert device.connections == 1


async def test_writes_keep_the_pause(device: Any, clock: Any) -> None:
    pacing = Pacing(pause="1s", settle="2s")
    link = link_to(device, pacing, clock=clock)
    deadline = Deadline.after(9, clock)
    async with link.turn(deadline):
        await link.write(9, 143, [7], deadline)
        await link.write(9, 144, [8], deadline)
    assert clock.slept == pytest.approx([2, 1])


@pytest.mark.parametrize(
    ("words", "more"),
    [
        ([], {}),
        ([1] * 124, {}),
        ([1, 2], {"function": 6}),
        ([-1], {}),
        ([0x10000], {}),
        ([1], {"address": 65_536}),
        ([1], {"unit": 256}),
    ],
    ids=str,
)
async def test_what_modbus_cannot_write_never_reaches_the_socket(
    device: Any, quick: Pacing, words: list[int], more: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match=r"unit|register|word"):
        await write(link_to(device, quick), words, **more)
    assert device.connections == 0


async def test_no_write_goes_to_all_devices_of_a_serial_line(device: Any, quick: Pacing) -> None:
    if device.framing == "rtu_over_tcp":
        with pytest.raises(ValueError, match="every device on a serial line"):
            await write(link_to(device, quick), [1], unit=0)
        assert device.connections == 0
    else:  # some inverters are unit 0 there
        await write(link_to(device, quick), [1], unit=0)


def test_writing_needs_the_turns_of_a_control_process(tmp_path: Path, quick: Pacing) -> None:
    with pytest.raises(ValueError, match='turns of role "reader"'):
        open_control_link("modbus_tcp", Line("192.0.2.1", 502, quick, single=True, turns=Turns(tmp_path)))
    turns = Turns(tmp_path, role="control")
    open_control_link("modbus_tcp", Line("192.0.2.1", 502, quick, single=True, turns=turns))


def test_a_link_that_cannot_write_registers_is_refused(quick: Pacing) -> None:
    with pytest.raises(ValueError, match="link http cannot write registers"):
        open_control_link("http", Line("192.0.2.1", 80, quick, single=True))
