"""Every fault on every simulated family: the right reason, never a wrong value, in time, and back at once."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import pytest

from sunhelm.devices.errors import Reason
from sunhelm.simulator.families import FAMILIES
from sunhelm.simulator.faults import (
    FAULTS,
    CorruptWord,
    Delay,
    Drop,
    Duplicate,
    ExceptionReply,
    Fault,
    HalfOpen,
    Holes,
    Late,
    NightSleep,
    OneClient,
    Refuse,
    Trickle,
    Truncate,
    WakingZeros,
    WrongTransaction,
)

VARIANTS = [
    *(name for name in FAMILIES if not FAMILIES[name].cloud),
    "redback",
    "sessy",
    "izypower",
    "sunspec rtu_over_tcp",
]
"""Every family that can be played, and one more behind a gateway that passes RTU frames on."""

MIDNIGHT = 1_750_284_000.0  # 19 June 2025 at Berlin
CREDENTIALS_REST_S = 300.0
"""So long what looks like a refusal of them may keep us from trying them again."""

FINE = frozenset[Reason | None]({None})
MUTE = frozenset[Reason | None]({Reason.TIMEOUT, Reason.UNREACHABLE})
GONE = frozenset[Reason | None]({Reason.UNREACHABLE})
WRONG = frozenset[Reason | None]({Reason.MALFORMED, Reason.UNREACHABLE})
BUSY = frozenset[Reason | None]({Reason.BUSY})
REFUSED = frozenset[Reason | None]({Reason.REJECTED})
SLOW = FINE | MUTE

Reasons = Collection[Reason | None]


@dataclass(frozen=True)
class Case:
    """A fault, what may become of the groups while it is on, and why.

    `unlike` are the families where something else becomes of them.
    """

    name: str
    fault: Fault
    reasons: Reasons
    why: str
    unlike: tuple[tuple[str, Reasons, str], ...] = ()

    def expected(self, family: str) -> Reasons:
        return next((reasons for name, reasons, _ in self.unlike if name == family), self.reasons)


STATUS = ("sec1000s", BUSY, "the box knows one refusal, a status byte alone, and it means that it is busy")
HANGS_UP = ("sec1000s", REFUSED, "hanging up before the head of a reply is how the box refuses a command")
PASSED_OVER = ("givenergy", MUTE, "an answer to another client is no answer to us, and none comes")
NO_CODES = ("givenergy", REFUSED, "the adapter refuses without saying why")
WHOLE_PAGES = ("givenergy", FINE | REFUSED, "a page is refused whole")
ONE_REQUEST = ("sec1000s", FINE, "its one or two requests take longer, but not too long")

STALE = ("deye_solarman", MUTE, "it bears another sequence number, as a late answer does: nothing comes")
NOBODY = ("deye_solarman", GONE, "the logger tells in its own words that the inverter does not answer it")

RESTS = "a new connection has to rest for a second: time may run out before all was asked"


def _rests(reasons: Reasons) -> tuple[str, Reasons, str]:
    return "huawei", {*reasons, Reason.TIMEOUT}, RESTS


EXCEPTIONS: dict[int, Reasons] = {
    code: BUSY if code in (5, 6) else REFUSED for code in (1, 2, 3, 4, 5, 6, 7, 8, 10, 11)
}

CASES = (
    Case("drop", Drop(), MUTE, "nothing comes: time-outs, and then no more is asked of the silent"),
    Case("delay_short", Delay(seconds=0.05), FINE, "slow, but within the time"),
    Case("delay_long", Delay(seconds=2.0), SLOW, "what fits into the time comes", (ONE_REQUEST,)),
    Case("late", Late(), MUTE, "the answer comes when nobody waits, and must not be taken for the next one"),
    Case("truncate", Truncate(), MUTE, "the rest never comes"),
    Case("truncate_data", Truncate(keep=10), MUTE, "the rest never comes"),
    Case(
        "truncate_close",
        Truncate(close=True),
        GONE,
        "the connection breaks in the answer",
        (HANGS_UP, _rests(GONE)),
    ),
    Case(
        "wrong_transaction",
        WrongTransaction(),
        WRONG,
        "an answer to somebody else's request",
        (STALE, PASSED_OVER, _rests(WRONG)),
    ),
    Case("duplicate", Duplicate(), FINE, "the second one is thrown away with its connection"),
    Case("trickle", Trickle(), MUTE, "a byte each 0.2 s takes longer than a request may"),
    Case(
        "trickle_fast", Trickle(seconds=0.01, size=3), SLOW, "what fits into the time comes", (ONE_REQUEST,)
    ),
    *(
        Case(
            f"exception_{code}",
            ExceptionReply(code=code),
            reasons,
            "a refusal, or busy",
            (STATUS, NO_CODES, _rests(reasons), *((NOBODY,) if code in (1, 11) else ())),
        )
        for code, reasons in EXCEPTIONS.items()
    ),
    Case("exception_writes", ExceptionReply(code=4, on="write"), FINE, "nothing is ever written"),
    Case(
        "holes",
        Holes(addresses=frozenset({842, 40085, 32088, 0x43})),
        FINE,
        "only the register that is not there is missing: it is found by bisecting",
        (("sec1000s", FINE | REFUSED, "the box hangs up on a command that it does not know"), WHOLE_PAGES),
    ),
    Case("corrupt_word", CorruptWord(), FINE | WRONG, "the frame is right; what the guards see is held back"),
    Case("waking_zeros", WakingZeros(reads=2), FINE, "counters that read 0 are held back, all else is shown"),
    Case("half_open", HalfOpen(), MUTE, "the connection is made, and nothing is heard"),
    Case("refuse", Refuse(), GONE, "refused connections"),
    Case("night_refused", NightSleep(elevation=90.0), GONE, "gone by day is not asleep"),
    Case("night_silent", NightSleep(elevation=90.0, how="silent"), MUTE, "gone by day is not asleep"),
    Case("one_client_closed", OneClient(), FINE, "we are the one client"),
    Case("one_client_silent", OneClient(how="silent"), FINE, "we are the one client"),
)

ALIKE = {f"exception_{code}" for code in (3, 4, 5, 7, 8, 11)}
FROM_THE_START = [case for case in CASES if case.name not in ALIKE]

NOT_ON: dict[tuple[str, str], str] = {
    ("sec1000s", "waking_zeros"): "the box has no lifetime counters",
    ("sec1000s", "exception_writes"): "as on every family, nothing is ever written",
}
"""What changes nothing on a face, and why; it is tried all the same."""


def test_every_kind_of_fault_has_a_case() -> None:
    assert {type(case.fault).name for case in CASES} == set(FAULTS)


def test_what_changes_nothing_is_expected_to_go_well() -> None:
    for family, name in NOT_ON:
        case = next(case for case in CASES if case.name == name)
        assert case.expected(family) == FINE


async def _live_through(bench: Any, case: Case, family: str) -> None:
    """Have the fault on for some scrapes, and hold what came against what is expected."""
    with bench.faults.during(case.fault):
        for _ in range(3):
            reading = await bench.scrape()
            reasons = {outcome.reason for outcome in reading.groups.values()}
            assert reasons <= set(case.expected(family)), case.why
            if None not in case.expected(family):
                assert not reading.up
                assert all(sample.source == "our requests" for sample in reading.samples)
            if set(case.expected(family)) == {None}:
                assert reading.up
            await bench.pass_time(15.0)


async def _is_well_again(bench: Any, *, hours: bool = False) -> None:
    """Live values come with the first scrape, and soon all that the device has."""
    reading = await bench.scrape()
    assert reading.up
    live = {group.name for group in bench.device.source.groups() if not group.period_s} & {*reading.groups}
    assert live
    assert not {name for name in live if not reading.groups[name].ok}
    for wait_s in (*[20.0] * 8, *([*[3700.0] * 4, *[20.0] * 4] if hours else [])):
        await bench.pass_time(wait_s)
        reading = await bench.scrape()
    assert all(outcome.ok for outcome in reading.groups.values())
    shown = {(sample.quantity.metric, sample.labels) for sample in reading.samples}
    true = {key for samples in (await bench.truth()).values() for key in samples}
    assert true <= shown | bench.lies  # what was shown too high is held back until it is believed


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@pytest.mark.parametrize("variant", VARIANTS)
def test_a_fault_passes_over_a_device_that_was_well(
    variant: str, case: Case, open_bench: Any, virtually: Any
) -> None:  # T20
    async def program() -> None:
        async with open_bench(variant, step_s=5.0) as bench:
            for _ in range(2):
                assert all(outcome.ok for outcome in (await bench.scrape()).groups.values())
                await bench.pass_time(15.0)
            await _live_through(bench, case, variant.partition(" ")[0])
            await _is_well_again(bench, hours=isinstance(case.fault, CorruptWord | Holes))

    virtually(program())


@pytest.mark.parametrize("case", FROM_THE_START, ids=lambda case: case.name)
@pytest.mark.parametrize("variant", VARIANTS)
def test_a_fault_that_is_there_from_the_start_passes_too(
    variant: str, case: Case, open_bench: Any, virtually: Any
) -> None:
    async def program() -> None:
        async with open_bench(variant, step_s=5.0) as bench:
            with bench.faults.during(case.fault):
                for _ in range(2):
                    reading = await bench.scrape()
                    if None not in case.expected(variant.partition(" ")[0]):
                        assert not reading.up
                    await bench.pass_time(15.0)
            if any(outcome.reason is Reason.AUTH_FAILED for outcome in reading.groups.values()):
                await bench.pass_time(CREDENTIALS_REST_S)
            await _is_well_again(bench, hours=isinstance(case.fault, CorruptWord | Holes))

    virtually(program())


@pytest.mark.parametrize("how", ["refused", "silent"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_a_night_is_sleep_only_for_those_that_sleep(
    variant: str, how: Any, open_bench: Any, virtually: Any
) -> None:  # T21
    async def program() -> None:
        async with open_bench(variant, start=MIDNIGHT) as bench:
            assert (await bench.scrape()).up
            bench.faults.start(NightSleep(how=how))
            await bench.pass_time(15.0)
            reading = await bench.scrape()
            reasons = {outcome.reason for outcome in reading.groups.values()}
            assert reasons <= ({Reason.ASLEEP} if bench.device.family.spec.sleeps else MUTE)
            bench.faults.clear()
            await bench.pass_time(15.0)
            assert (await bench.scrape()).up

    virtually(program())
