from __future__ import annotations

import asyncio
import threading

import bcrypt
import pytest

from sunhelm.service.passwords import PasswordCheck, TooManyAtOnce

CHEAP = bcrypt.hashpw(b"right", bcrypt.gensalt(4)).decode()
COSTLY = CHEAP.replace("$04$", "$06$")


class Counted:
    """bcrypt's check, counted."""

    def __init__(self) -> None:
        self.calls: list[tuple[bytes, bytes]] = []

    def __call__(self, password: bytes, stored: bytes) -> bool:
        self.calls.append((password, stored))
        return bcrypt.checkpw(password, stored)


async def test_a_password_that_passed_is_not_hashed_again() -> None:
    counted = Counted()
    check = PasswordCheck(counted)
    for _ in range(3):
        assert await check.passes({"me": CHEAP}, "me", "right")
    assert len(counted.calls) == 1


async def test_a_wrong_password_is_hashed_each_time_and_never_passes() -> None:
    counted = Counted()
    check = PasswordCheck(counted)
    assert await check.passes({"me": CHEAP}, "me", "right")
    for _ in range(2):
        assert not await check.passes({"me": CHEAP}, "me", "wrong")
        assert not await check.passes({"me": CHEAP}, "me", "")
    assert len(counted.calls) == 5


async def test_an_unknown_user_takes_as_long_as_a_known_one() -> None:
    counted = Counted()
    check = PasswordCheck(counted)
    users = {"me": CHEAP, "you": COSTLY}
    assert await check.passes(users, "me", "right")
    assert not await check.passes(users, "nobody", "right")
    assert counted.calls[-1][1] == COSTLY.encode()


async def test_a_changed_hash_is_asked_again() -> None:
    check = PasswordCheck()
    assert await check.passes({"me": CHEAP}, "me", "right")
    assert not await check.passes({"me": COSTLY}, "me", "right")


async def test_who_asks_at_the_same_time_shares_one_hash() -> None:
    counted = Counted()
    check = PasswordCheck(counted)
    answers = await asyncio.gather(*(check.passes({"me": CHEAP}, "me", "right") for _ in range(20)))
    assert all(answers)
    assert len(counted.calls) <= 2


async def test_no_more_is_remembered_than_a_bound() -> None:
    counted = Counted()
    check = PasswordCheck(counted)
    users = {f"user{number}": CHEAP for number in range(150)}
    for user in users:
        assert await check.passes(users, user, "right")
    assert await check.passes(users, "user149", "right")
    assert len(counted.calls) == 150
    assert await check.passes(users, "user0", "right")
    assert len(counted.calls) == 151


async def test_a_flood_is_turned_away() -> None:
    go_on = threading.Event()

    def slow(password: bytes, stored: bytes) -> bool:
        return go_on.wait(10) and False

    check = PasswordCheck(slow)
    flood = [asyncio.create_task(check.passes({"me": CHEAP}, "me", str(n))) for n in range(64)]
    await asyncio.sleep(0)
    with pytest.raises(TooManyAtOnce):
        await check.passes({"me": CHEAP}, "me", "one more")
    go_on.set()
    assert not any(await asyncio.gather(*flood))


@pytest.mark.parametrize("password", ["\0", "a\0b", "x" * 100, "é" * 60, "\ud800"])
async def test_odd_passwords_are_only_wrong(password: str) -> None:
    assert not await PasswordCheck().passes({"me": CHEAP}, "me", password)


async def test_a_long_password_counts_as_far_as_bcrypt_looks() -> None:
    stored = bcrypt.hashpw(b"x" * 72, bcrypt.gensalt(4)).decode()
    assert await PasswordCheck().passes({"me": stored}, "me", "x" * 80)
