"""The Modbus link against a device on a real socket, with both framings."""

from __future__ import annotations

import asyncio
import itertools
import struct
import time
from typing import Any

import pytest
from pymodbus.pdu.register_message import WriteSingleRegisterRequest

from sunhelm.devices.clock import Deadline
from sunhelm.devices.errors import Busy, Malformed, Reason, Rejected, TimedOut, Unreachable
from sunhelm.devices.families.spec import Pacing
from sunhelm.devices.links import Line, open_link
from sunhelm.devices.links.base import Span, Table
from sunhelm.devices.links.frames import Question
from sunhelm.devices.links.modbus import ModbusLink

pytestmark = pytest.mark.real_time

SPAN = Span(3, Table.HOLDING, 500, 4)


def link_to(device: Any, pacing: Pacing, *, single: bool = False, **more: Any) -> ModbusLink:
    told = {name: more.pop(name) for name in ("turns", "clock") if name in more}
    line = Line(device.host, device.port, pacing, single=single, **told)
    link = open_link(device.framing, line, **more)
    assert isinstance(link, ModbusLink)
    return link


async def read(link: ModbusLink, span: Span = SPAN, within: float = 2.0) -> tuple[int, ...]:
    deadline = Deadline.after(within)
    async with link.turn(deadline):
        return await link.read(span, deadline)


def truth(word_at: Any, span: Span = SPAN) -> tuple[int, ...]:
    function = 3 if span.table is Table.HOLDING else 4
    return tuple(word_at(span.unit, function, span.address + i) for i in range(span.count))


@pytest.mark.parametrize("table", [Table.HOLDING, Table.INPUT])
@pytest.mark.parametrize("count", [1, 2, 124, 125])
async def test_words_come_in_the_order_of_the_wire(
    device: Any, quick: Pacing, word_at: Any, table: Table, count: int
) -> None:
    span = Span(7, table, 65_535 - 125, count)
    link = link_to(device, quick)
    assert await read(link, span) == truth(word_at, span)
    await link.close()


async def test_the_request_has_the_bytes_of_the_specification(device: Any, quick: Pacing) -> None:
    link = link_to(device, quick)
    await read(link, Span(0x11, Table.HOLDING, 0x6B, 3))
    await link.close()
    if device.framing == "rtu_over_tcp":
        assert device.frames == [bytes.fromhex("11 03 006B 0003 7687")]
    else:
        assert device.frames[0][2:] == bytes.fromhex("0000 0006 11 03 006B 0003")


async def test_the_words_of_the_specifications_example_are_read(device: Any, quick: Pacing) -> None:
    device.script = [lambda request: request.send(request.frame(bytes.fromhex("03 06 022B 0000 0064")))]
    link = link_to(device, quick)
    assert await read(link, Span(1, Table.HOLDING, 107, 3)) == (555, 0, 100)
    await link.close()


@pytest.mark.parametrize("code", [1, 2, 3, 4, 7, 8, 10, 11, 0x80, 255])
async def test_a_refusal_has_its_code_and_keeps_the_connection(
    device: Any, quick: Pacing, word_at: Any, code: int
) -> None:
    device.script = [lambda request: request.refuse(code)]
    link = link_to(device, quick)
    with pytest.raises(
        Rejected, match=f"127.0.0.1:{device.port}: unit 3 holding 500.4: exception {code}"
    ) as info:
        await read(link)
    assert info.value.code == code
    assert await read(link) == truth(word_at)
    assert (device.connections, len(device.seen)) == (1, 2)
    await link.close()


@pytest.mark.parametrize("code", [5, 6])
async def test_a_busy_device_is_asked_again(
    device: Any, quick: Pacing, word_at: Any, clock: Any, code: int
) -> None:  # T16
    device.script = [lambda request: request.refuse(code)] * 3
    link = link_to(device, quick, clock=clock)
    deadline = Deadline.after(10, clock)
    async with link.turn(deadline):
        assert await link.read(SPAN, deadline) == truth(word_at)
    assert len(clock.slept) == 3
    assert link.statistics.retries == 3
    assert device.connections == 1
    await link.close()


async def test_a_device_that_stays_busy_is_left_before_the_deadline(
    device: Any, quick: Pacing, clock: Any
) -> None:
    device.otherwise = lambda request: request.refuse(6)
    link = link_to(device, quick, clock=clock)
    deadline = Deadline.after(5, clock)
    async with link.turn(deadline):
        with pytest.raises(Busy, match="exception 6"):
            await link.read(SPAN, deadline)
    assert not deadline.passed
    assert 5 <= len(device.seen) <= 14
    assert clock.slept == sorted(clock.slept, key=lambda s: s > 0.5) or max(clock.slept) <= 1.0
    await link.close()


def wrong_unit(request: Any) -> bytes:
    return request.frame(request.honest, unit=request.unit + 1)


def wrong_function(request: Any) -> bytes:
    return request.frame(b"\x04" + request.honest[1:])


def exception_of_another_function(request: Any) -> bytes:
    return request.frame(b"\x84\x02")


def a_word_too_few(request: Any) -> bytes:
    return request.frame(struct.pack(">BB3H", 3, 6, 1, 2, 3))


def a_word_too_many(request: Any) -> bytes:
    return request.frame(struct.pack(">BB5H", 3, 10, 1, 2, 3, 4, 5))


def half_a_word_too_few(request: Any) -> bytes:
    return request.frame(b"\x03\x07" + bytes(7))


def byte_count_of_another(request: Any) -> bytes:
    return request.frame(b"\x03\x06" + bytes(8))


def echo_of_the_request(request: Any) -> bytes:
    return request.frame(request.pdu)


MALFORMED = [
    wrong_unit,
    wrong_function,
    exception_of_another_function,
    a_word_too_few,
    a_word_too_many,
    half_a_word_too_few,
    byte_count_of_another,
    echo_of_the_request,
]


@pytest.mark.parametrize("wrong", MALFORMED)
async def test_a_wrong_answer_closes_the_connection_and_is_asked_for_once_more(
    device: Any, quick: Pacing, word_at: Any, wrong: Any
) -> None:
    device.script = [lambda request: request.send(wrong(request))]
    link = link_to(device, quick)
    assert await read(link) == truth(word_at)
    assert (device.connections, link.statistics.retries) == (2, 1)
    await link.close()


@pytest.mark.parametrize("wrong", MALFORMED)
async def test_a_device_that_always_answers_wrongly_is_malformed(
    device: Any, quick: Pacing, wrong: Any
) -> None:
    device.otherwise = lambda request: request.send(wrong(request))
    link = link_to(device, quick)
    started = time.monotonic()
    with pytest.raises(Malformed, match=f"127.0.0.1:{device.port}: answer"):
        await read(link)
    assert time.monotonic() - started < 1.0  # told at once, not by a time-out
    assert len(device.seen) == 2
    await device.until(lambda: device.open == 0)


@pytest.mark.parametrize(
    "header",
    ["{id:04x} 0001 000B 03", "{id:04x} 0000 0002 03", "{id:04x} 0000 00FF 03", "0000 0000 000B 03"],
    ids=["protocol", "short", "long", "no_id"],
)
async def test_a_wrong_header_is_malformed(tcp_device: Any, quick: Pacing, header: str) -> None:
    tcp_device.otherwise = lambda request: request.send(
        bytes.fromhex(header.format(id=request.transaction)) + request.honest
    )
    link = link_to(tcp_device, quick)
    with pytest.raises(Malformed):
        await read(link)


async def test_an_answer_to_a_question_never_asked_is_malformed(tcp_device: Any, quick: Pacing) -> None:
    tcp_device.otherwise = lambda request: request.send(
        request.frame(request.honest, transaction=(request.transaction + 1) & 0xFFFF)
    )
    link = link_to(tcp_device, quick)
    with pytest.raises(Malformed, match="transaction id"):
        await read(link)


async def test_a_wrong_checksum_is_malformed(make_device: Any, quick: Pacing) -> None:
    async with make_device("rtu_over_tcp") as device:
        device.otherwise = lambda request: request.send(request.frame(request.honest)[:-1] + b"\0")
        with pytest.raises(Malformed, match="checksum"):
            await read(link_to(device, quick))


async def test_a_late_answer_to_an_earlier_question_is_passed_over(
    tcp_device: Any, quick: Pacing, word_at: Any
) -> None:  # T12
    async def late_then_right(request: Any) -> None:
        before = (request.transaction - 2) % 0xFFFF + 1
        await request.send(request.frame(b"\x03\x08" + bytes(8), transaction=before))
        await request.answer()

    tcp_device.script = [late_then_right]
    link = link_to(tcp_device, quick)
    assert await read(link) == truth(word_at)
    assert (link.statistics.stale_answers, tcp_device.connections) == (1, 1)
    await link.close()


async def test_transaction_ids_go_on_over_connections(tcp_device: Any, quick: Pacing) -> None:  # T11
    link = link_to(tcp_device, quick, single=True)
    for _ in range(3):
        await read(link)
    ids = [int.from_bytes(frame[:2], "big") for frame in tcp_device.frames]
    assert tcp_device.connections == 3
    assert [(later - earlier) % 0xFFFF for earlier, later in itertools.pairwise(ids)] == [1, 1]


async def test_an_answer_that_drips_in_is_whole_in_the_end(device: Any, quick: Pacing, word_at: Any) -> None:
    async def drip(request: Any) -> None:
        for byte in request.frame(request.honest):
            await request.send(bytes([byte]))
            await asyncio.sleep(0)

    device.script = [drip]
    link = link_to(device, quick)
    assert await read(link) == truth(word_at)
    assert device.connections == 1
    await link.close()


async def test_an_answer_that_breaks_off_is_asked_for_once_more(
    device: Any, quick: Pacing, word_at: Any
) -> None:
    async def break_off(request: Any) -> None:
        await request.send(request.frame(request.honest)[:-3])
        await request.close()

    device.script = [break_off]
    link = link_to(device, quick)
    assert await read(link) == truth(word_at)
    device.otherwise = break_off
    with pytest.raises(Unreachable, match="closed the connection in the middle of an answer"):
        await read(link)
    assert device.connections == 3


async def test_a_connection_closed_while_idle_costs_nothing(device: Any, quick: Pacing, word_at: Any) -> None:
    async def answer_and_close(request: Any) -> None:
        await request.answer()
        await request.close()

    device.script = [answer_and_close]
    link = link_to(device, quick)
    await read(link)
    await device.until(lambda: device.open == 0)
    assert await read(link) == truth(word_at)
    await link.close()


async def test_a_silent_device_times_out_within_the_deadline(device: Any) -> None:  # T41
    async def stay_silent(_request: Any) -> None: ...

    device.otherwise = stay_silent
    link = link_to(device, Pacing(timeout="10s"))
    started = time.monotonic()
    with pytest.raises(TimedOut, match=f"127.0.0.1:{device.port}: no answer within 0.") as info:
        await read(link, within=0.1)
    assert time.monotonic() - started < 0.5
    assert info.value.reason is Reason.TIMEOUT
    assert isinstance(info.value.__cause__, TimeoutError)
    assert len(device.seen) == 1
    await device.until(lambda: device.open == 0)


async def test_a_reply_after_the_time_out_is_never_the_next_answer(
    device: Any, quick: Pacing, word_at: Any
) -> None:  # T11, T12
    late = asyncio.Event()

    async def answer_late(request: Any) -> None:
        await late.wait()
        await request.answer()

    device.script = [answer_late, answer_late]
    link = link_to(device, quick)
    first, second = Span(3, Table.HOLDING, 0, 4), Span(3, Table.HOLDING, 100, 4)
    with pytest.raises(TimedOut):
        await read(link, first)
    late.set()
    assert await read(link, second) == truth(word_at, second)
    await link.close()


async def test_a_cancelled_read_leaves_no_answer_behind(device: Any, quick: Pacing, word_at: Any) -> None:
    late = asyncio.Event()

    async def answer_late(request: Any) -> None:
        await late.wait()
        await request.answer()

    device.script = [answer_late]
    link = link_to(device, quick)
    first, second = Span(3, Table.HOLDING, 0, 4), Span(3, Table.HOLDING, 100, 4)
    reading = asyncio.create_task(read(link, first))
    await device.until(lambda: len(device.seen) == 1)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    late.set()
    assert await read(link, second) == truth(word_at, second)
    assert device.connections == 2
    await link.close()


async def test_an_answer_that_comes_twice_ends_the_connection(
    device: Any, quick: Pacing, word_at: Any
) -> None:
    device.script = [lambda request: request.send(2 * request.frame(request.honest))]
    link = link_to(device, quick)
    other = Span(3, Table.HOLDING, 900, 4)
    assert await read(link) == truth(word_at)
    assert await read(link, other) == truth(word_at, other)
    assert (device.connections, link.statistics.stale_answers) == (2, 1)
    await link.close()


async def test_bytes_that_nobody_asked_for_end_the_connection(
    device: Any, quick: Pacing, word_at: Any
) -> None:
    go_on = asyncio.Event()

    async def answer_and_chatter(request: Any) -> None:
        await request.answer()
        await go_on.wait()
        await request.send(request.frame(b"\x03\x08" + bytes(8)))

    device.script = [answer_and_chatter]
    link = link_to(device, quick)
    await read(link)
    go_on.set()
    await device.until(lambda: device.open == 0)
    assert await read(link) == truth(word_at)
    assert link.statistics.stale_answers == 1
    await link.close()


async def test_a_closed_port_is_unreachable(make_device: Any, quick: Pacing) -> None:
    async with make_device("modbus_tcp") as device:
        pass
    link = link_to(device, quick)
    with pytest.raises(Unreachable, match=f"127.0.0.1:{device.port}: connection refused") as info:
        await read(link)
    assert info.value.reason is Reason.UNREACHABLE
    assert isinstance(info.value.__cause__, ConnectionRefusedError)


async def test_a_name_that_nobody_knows_is_unreachable(quick: Pacing) -> None:
    link = ModbusLink("modbus_tcp", Line("no such name", 502, quick, single=True))
    with pytest.raises(Unreachable, match="no such name:502: "):
        await read(link)


async def test_a_name_is_resolved(tcp_device: Any, quick: Pacing, word_at: Any) -> None:
    tcp_device.host = "localhost"
    link = link_to(tcp_device, quick)
    assert await read(link) == truth(word_at)
    await link.close()


@pytest.mark.parametrize(("single", "connections"), [(True, 3), (False, 1)])
async def test_a_connection_lasts_for_a_turn_or_for_good(
    device: Any, quick: Pacing, single: bool, connections: int
) -> None:
    link = link_to(device, quick, single=single)
    for _ in range(3):
        deadline = Deadline.after(2)
        async with link.turn(deadline):
            await link.read(SPAN, deadline)
            await link.read(SPAN, deadline)
        if single:
            await device.until(lambda: device.open == 0)
    assert device.connections == connections
    assert link.statistics.connects == connections
    assert link.statistics.requests == 6
    await link.close()
    await link.close()
    await device.until(lambda: device.open == 0)


async def test_readers_that_share_a_link_have_one_request_in_flight(
    device: Any, quick: Pacing, word_at: Any
) -> None:  # T5
    link = link_to(device, quick)
    deadline = Deadline.after(2)
    spans = [Span(1, Table.INPUT, 10 * i, 5) for i in range(20)]
    async with link.turn(deadline):
        answers = await asyncio.gather(*(link.read(span, deadline) for span in spans))
    assert answers == [truth(word_at, span) for span in spans]
    assert (device.connections, device.most_outstanding) == (1, 1)
    await link.close()


@pytest.mark.parametrize(
    "span",
    [
        Span(256, Table.HOLDING, 0, 1),
        Span(-1, Table.HOLDING, 0, 1),
        Span(1, Table.HOLDING, 0, 0),
        Span(1, Table.HOLDING, 0, 126),
        Span(1, Table.HOLDING, 65_535, 2),
        Span(1, Table.HOLDING, -1, 1),
    ],
    ids=str,
)
async def test_what_modbus_cannot_ask_never_reaches_the_socket(
    device: Any, quick: Pacing, span: Span
) -> None:
    with pytest.raises(ValueError, match=r"unit|registers"):
        await read(link_to(device, quick), span)
    assert device.connections == 0


async def test_a_link_sends_nothing_but_reading_requests(device: Any, quick: Pacing) -> None:
    write = Question(WriteSingleRegisterRequest(dev_id=1, address=1, registers=[1]), b"\x06", 5)
    link = link_to(device, quick)
    deadline = Deadline.after(1)
    async with link.turn(deadline):
        with pytest.raises(ValueError, match="WriteSingleRegisterRequest is not one of the requests"):
            await link.ask(write, deadline, about="a write")
    assert device.connections == 0


async def test_a_read_outside_a_turn_is_a_mistake(device: Any, quick: Pacing) -> None:
    with pytest.raises(RuntimeError, match="in a turn"):
        await link_to(device, quick).read(SPAN, Deadline.after(1))
    assert device.connections == 0


async def test_no_time_left_means_no_request(device: Any, quick: Pacing, clock: Any) -> None:
    link = link_to(device, quick, clock=clock)
    async with link.turn(Deadline.after(5, clock)):
        await link.read(SPAN, Deadline.after(5, clock))
        with pytest.raises(TimedOut, match="no time was left"):
            await link.read(SPAN, Deadline.after(0, clock))
        await link.read(SPAN, Deadline.after(5, clock))
    assert (len(device.seen), device.connections) == (2, 1)
    await link.close()


def part(objects: dict[int, bytes], following: int | None = None, *, count: int | None = None) -> bytes:
    more = (0, 0) if following is None else (0xFF, following)
    body = b"".join(bytes([number, len(text)]) + text for number, text in objects.items())
    return bytes([0x2B, 0x0E, 1, 0x83, *more, len(objects) if count is None else count]) + body


async def test_an_identification_is_put_together_from_its_parts(device: Any, quick: Pacing) -> None:
    device.script = [
        lambda request: request.send(request.frame(part({0: b"Vendor", 1: b"Code"}, following=2))),
        lambda request: request.send(request.frame(part({2: b"V1"}))),
    ]
    link = link_to(device, quick)
    deadline = Deadline.after(2)
    async with link.turn(deadline):
        objects = await link.read_identification(5, deadline)
    assert objects == {0: b"Vendor", 1: b"Code", 2: b"V1"}
    assert device.seen == [bytes.fromhex("2B 0E 01 00"), bytes.fromhex("2B 0E 01 02")]
    await link.close()


async def test_an_identification_may_be_refused(device: Any, quick: Pacing) -> None:
    device.script = [lambda request: request.refuse(1)]
    link = link_to(device, quick)
    deadline = Deadline.after(2)
    async with link.turn(deadline):
        with pytest.raises(Rejected, match="unit 5 identification"):
            await link.read_identification(5, deadline)
    await link.close()


@pytest.mark.parametrize(
    "pdu",
    [
        part({0: b"Vendor"}, following=0),
        part({0: b"Vendor"})[:4],
        bytes.fromhex("2B 0E 01 83 00 00 02 00 01 41 00 01 42"),
        part({0: b"Vendor"}, count=0),
    ],
    ids=["no progress", "cut off", "the same object twice", "more than announced"],
)
async def test_an_identification_that_makes_no_sense_is_malformed(
    tcp_device: Any, quick: Pacing, pdu: bytes
) -> None:
    tcp_device.otherwise = lambda request: request.send(request.frame(pdu))
    link = link_to(tcp_device, quick)
    deadline = Deadline.after(2)
    async with link.turn(deadline):
        with pytest.raises(Malformed):
            await link.read_identification(5, deadline)
    await link.close()


def test_a_link_that_knows_no_registers_is_refused(quick: Pacing) -> None:
    with pytest.raises(ValueError, match="link http reads no registers"):
        open_link("http", Line("192.0.2.1", 80, quick, single=True))
