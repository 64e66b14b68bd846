from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunhelm.simulator.faults import (
    FAULTS,
    CorruptWord,
    Delay,
    Drop,
    Duplicate,
    ExceptionReply,
    Faults,
    HalfOpen,
    Holes,
    Late,
    NightSleep,
    OneClient,
    Refuse,
    Timetable,
    Trickle,
    Truncate,
    WakingZeros,
    WrongTransaction,
    random_episodes,
)
from sunhelm.simulator.modbus_framing import RtuFraming, crc16
from sunhelm.simulator.modbus_server import ModbusServer

READ_1 = "0001 0000 0006 01 03 0001 0001"
REPLY_1 = "0001000000050103020001"
READ_2 = "0002 0000 0006 01 03 0002 0001"
REPLY_2 = "0002000000050103020002"


def spaced(text: str) -> str:
    return bytes.fromhex(text).hex(" ", 1)


@pytest.fixture
async def server(registers: Any, manual_clock: Any) -> AsyncIterator[ModbusServer]:
    registers.counter_addresses = frozenset({10, 11})
    server = ModbusServer(registers, clock=manual_clock)
    await server.open("127.0.0.1", 0)
    yield server
    await server.close()


async def test_a_dropped_reply_never_comes_and_the_next_does(server: ModbusServer, connect: Any) -> None:
    client = await connect(server.port)
    with server.faults.during(Drop()):
        await client.send(READ_1)
        assert await client.is_silent()
    assert await client.ask(READ_2) == REPLY_2


async def test_a_delayed_reply_comes_after_its_time(
    server: ModbusServer, connect: Any, manual_clock: Any
) -> None:
    client = await connect(server.port)
    server.faults.start(Delay(seconds=30.0))
    await client.send(READ_1)
    await manual_clock.someone_sleeps()
    manual_clock.advance(29.0)
    assert await client.is_silent()
    manual_clock.advance(1.5)
    assert await client.receive(11) == spaced(REPLY_1)


async def test_a_late_reply_comes_in_front_of_the_next(server: ModbusServer, connect: Any) -> None:
    client = await connect(server.port)
    server.faults.start(Late())
    await client.send(READ_1)
    assert await client.is_silent()
    server.faults.stop(Late)
    await client.send(READ_2)
    assert await client.receive(22) == spaced(REPLY_1 + REPLY_2)


async def test_a_truncated_reply_is_short_and_may_end_the_connection(
    server: ModbusServer, connect: Any
) -> None:
    client = await connect(server.port)
    server.faults.start(Truncate(keep=4))
    await client.send(READ_1)
    assert await client.receive(4) == spaced(REPLY_1[:8])
    assert await client.is_silent()
    server.faults.start(Truncate(keep=3, close=True))
    await client.send(READ_2)
    assert await client.receive(3) == spaced(REPLY_2[:6])
    assert await client.ended()


async def test_a_wrong_transaction_id_is_another_requests(server: ModbusServer, connect: Any) -> None:
    client = await connect(server.port)
    server.faults.start(WrongTransaction())
    assert await client.ask(READ_1) == "0002" + REPLY_1[4:]


async def test_without_transaction_ids_the_unit_is_another(registers: Any, connect: Any) -> None:
    server = ModbusServer(registers, framing=RtuFraming())
    await server.open("127.0.0.1", 0)
    client = await connect(server.port)
    server.faults.start(WrongTransaction())
    request = bytes.fromhex("010300050001")
    await client.send((request + crc16(request)).hex())
    reply = bytes.fromhex(await client.receive(7))
    assert reply[0] == 2
    assert crc16(reply[:-2]) == reply[-2:]
    await server.close()


async def test_a_duplicate_comes_twice(server: ModbusServer, connect: Any) -> None:
    client = await connect(server.port)
    server.faults.start(Duplicate())
    await client.send(READ_1)
    assert await client.receive(22) == spaced(REPLY_1 + REPLY_1)


async def test_a_trickle_comes_byte_by_byte(server: ModbusServer, connect: Any, manual_clock: Any) -> None:
    client = await connect(server.port)
    server.faults.start(Trickle(seconds=1.0))
    await client.send(READ_1)
    for byte in bytes.fromhex(REPLY_1):
        assert await client.receive(1) == f"{byte:02x}"
        manual_clock.advance(1.0)


@pytest.mark.parametrize("code", [1, 2, 3, 4, 5, 6, 7, 8, 10, 11])
async def test_every_exception_code_can_be_answered(server: ModbusServer, connect: Any, code: int) -> None:
    client = await connect(server.port)
    server.faults.start(ExceptionReply(code=code))
    assert await client.ask(READ_1) == f"00010000000301830{code:x}"
    assert await client.ask("0001 0000 0006 01 06 0001 0001") == f"00010000000301860{code:x}"


async def test_an_exception_may_strike_writes_alone(server: ModbusServer, connect: Any) -> None:
    client = await connect(server.port)
    server.faults.start(ExceptionReply(code=10, on="write"))
    assert await client.ask(READ_1) == REPLY_1
    assert await client.ask("0001 0000 0006 01 06 0001 0001") == "00010000000301860a"


async def test_holes_refuse_every_read_that_touches_them(server: ModbusServer, connect: Any) -> None:
    client = await connect(server.port)
    server.faults.start(Holes(addresses=frozenset({5})))
    assert await client.ask("0001 0000 0006 01 03 0004 0003") == "000100000003018302"
    assert await client.ask(READ_1) == REPLY_1


async def test_a_corrupt_word_stands_in_an_otherwise_right_answer(server: ModbusServer, connect: Any) -> None:
    client = await connect(server.port)
    server.faults.start(CorruptWord(index=1, value=0x8000))
    assert await client.ask("0001 0000 0006 01 03 0001 0003") == "000100000009010306000180000003"


async def test_a_half_open_connection_stays_dead(server: ModbusServer, connect: Any) -> None:
    client = await connect(server.port)
    await client.ask(READ_1)
    server.faults.start(HalfOpen())
    await client.send(READ_1)
    assert await client.is_silent()
    newcomer = await connect(server.port)
    await newcomer.send(READ_1)
    assert await newcomer.is_silent()
    server.faults.stop(HalfOpen)
    await client.send(READ_1)
    assert await client.is_silent()
    assert await (await connect(server.port)).ask(READ_1) == REPLY_1
    assert server.log.requests == 2


async def test_refused_connections_are_refused_and_standing_ones_reset(
    server: ModbusServer, connect: Any
) -> None:
    client = await connect(server.port)
    await client.ask(READ_1)
    server.faults.start(Refuse())
    assert await client.ended()
    with pytest.raises(ConnectionRefusedError):
        await connect(server.port)
    server.faults.stop(Refuse)
    assert await (await connect(server.port)).ask(READ_1) == REPLY_1


async def test_a_port_that_flickers_ends_where_the_faults_want_it(server: ModbusServer, connect: Any) -> None:
    for _ in range(3):
        server.faults.start(Refuse())
        server.faults.clear()
    assert await (await connect(server.port)).ask(READ_1) == REPLY_1
    server.faults.start(Refuse())
    server.faults.clear()
    server.faults.start(Refuse())
    with pytest.raises(ConnectionRefusedError):
        await connect(server.port)


async def test_a_device_sleeps_at_night_and_wakes_with_zeros(server: ModbusServer, connect: Any) -> None:
    faults = server.faults
    faults.start(NightSleep(elevation=2.0))
    faults.start(WakingZeros(reads=2))
    faults.zero_reads_left = 0
    faults.see_sun(30.0)
    client = await connect(server.port)
    assert await client.ask("0001 0000 0006 01 03 000A 0001") == "000100000005010302000a"
    faults.see_sun(1.0)
    assert faults.asleep
    assert await client.ended()
    with pytest.raises(ConnectionRefusedError):
        await connect(server.port)
    faults.see_sun(2.5)
    client = await connect(server.port)
    assert await client.ask("0001 0000 0006 01 03 000A 0001") == "0001000000050103020000"
    assert await client.ask("0001 0000 0006 01 03 0009 0003") == "000100000009010306000900000000"
    assert await client.ask("0001 0000 0006 01 03 000A 0001") == "000100000005010302000a"


async def test_a_sleeping_device_may_be_silent_instead(server: ModbusServer, connect: Any) -> None:
    server.faults.start(NightSleep(how="silent"))
    server.faults.see_sun(-3.0)
    client = await connect(server.port)
    await client.send(READ_1)
    assert await client.is_silent()


@pytest.mark.parametrize("how", ["closed", "silent"])
async def test_one_client_only_can_be_switched_on(server: ModbusServer, connect: Any, how: Any) -> None:
    first = await connect(server.port)
    await first.ask(READ_1)
    server.faults.start(OneClient(how=how))
    second = await connect(server.port)
    await second.send(READ_1)
    assert await (second.ended() if how == "closed" else second.is_silent())
    first.writer.close()
    assert await (await connect(server.port)).ask(READ_1) == REPLY_1


async def test_zeros_touch_nothing_but_counters(server: ModbusServer, connect: Any) -> None:
    server.faults.start(WakingZeros(reads=1))
    client = await connect(server.port)
    assert await client.ask(READ_1) == REPLY_1
    assert server.faults.zero_reads_left == 1


def test_a_share_strikes_some_requests_and_the_same_for_the_same_seed() -> None:
    def struck(seed: int) -> list[bool]:
        faults = Faults(seed)
        faults.start(Drop(share=0.3))
        return [faults.strikes(Drop) is not None for _ in range(200)]

    assert struck(1) == struck(1) != struck(2)
    assert 30 < sum(struck(1)) < 90


def test_a_share_outside_0_to_1_is_a_mistake() -> None:
    with pytest.raises(ValueError, match=r"share of fault drop: 1\.5 is not from 0 to 1"):
        Drop(share=1.5)


def test_every_fault_has_a_name_of_its_own() -> None:
    assert set(FAULTS) == {
        "corrupt_word",
        "delay",
        "drop",
        "duplicate",
        "exception",
        "half_open",
        "holes",
        "late",
        "night_sleep",
        "one_client",
        "refuse",
        "trickle",
        "truncate",
        "waking_zeros",
        "wrong_transaction",
    }


def test_starting_again_replaces_and_clearing_ends_all() -> None:
    faults = Faults()
    faults.start(Delay(seconds=1.0))
    faults.start(Delay(seconds=2.0))
    faults.start(WakingZeros())
    assert [fault.name for fault in faults.active] == ["delay", "waking_zeros"]
    faults.clear()
    assert faults.active == ()
    assert faults.zero_reads_left == 0


@given(st.integers(0, 2**32))
def test_a_timetable_repeats_and_its_episodes_do_not_overlap(seed: int) -> None:
    episodes = random_episodes(seed, 86_400.0)
    assert episodes == random_episodes(seed, 86_400.0)
    for before, after in pairwise(episodes):
        assert before.begin_s < before.end_s < after.begin_s
    assert all(episode.end_s < 86_400.0 for episode in episodes)


def test_a_day_of_episodes_brings_most_kinds_over_a_few_seeds() -> None:
    kinds = {episode.fault.name for seed in range(4) for episode in random_episodes(seed, 86_400.0)}
    assert kinds >= set(FAULTS) - {"holes", "night_sleep"}


def test_following_a_timetable_switches_faults_on_and_off() -> None:
    faults = Faults()
    timetable = Timetable(random_episodes(7, 86_400.0), faults)
    seen = set()
    for at in range(0, 86_400, 5):
        episode = timetable.follow(at)
        assert faults.active == (() if episode is None else (episode.fault,))
        seen.add(episode)
    assert len(seen) > 20


async def test_after_every_episode_of_two_days_a_new_client_is_served(
    server: ModbusServer, connect: Any
) -> None:
    episodes = random_episodes(11, 2 * 86_400.0)
    for episode in episodes:
        server.faults.start(episode.fault)
        with suppress(OSError, EOFError, TimeoutError):
            client = await connect(server.port)
            await client.send(READ_1)
            async with asyncio.timeout(0.02):
                await client.reader.read(64)
            client.writer.close()
        server.faults.stop(type(episode.fault))
        assert await (await connect(server.port)).ask(READ_2) == REPLY_2
    assert len(episodes) > 100
