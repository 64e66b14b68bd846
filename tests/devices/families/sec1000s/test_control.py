"""Commands on a SEC1000, against the simulated box on a real socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

import pytest

from sunhelm.devices.clock import Deadline
from sunhelm.devices.control import (
    UNKNOWN,
    UNLIMITED,
    Action,
    Charge,
    ControlledDevice,
    Hazard,
    Limit,
    Mode,
    Number,
    SelfConsumption,
)
from sunhelm.devices.controlled import NotControllable, control_site, open_controlled
from sunhelm.devices.device_config import DeviceConfig
from sunhelm.devices.errors import Rejected, Unreachable
from sunhelm.devices.families.sec1000s.control import clock_data
from sunhelm.devices.families.sec1000s.feedback import Feedback
from sunhelm.devices.links.control import SET_CLOCK, SET_LIMIT, Sec1000ControlLink
from sunhelm.devices.links.sec1000 import frame
from sunhelm.devices.links.turns import Turns
from sunhelm.devices.sections import Control, ExportRange
from sunhelm.devices.site import Site
from sunhelm.simulator.faces.sec1000 import Sec1000Box
from sunhelm.simulator.faults import Truncate
from sunhelm.simulator.plant import Plant

ZONE = ZoneInfo("Europe/Amsterdam")
NOON = datetime(2026, 6, 21, 12, tzinfo=ZONE).timestamp()

# The worked examples of the protocol.
VALUE_ON, VALUE_OFF = "0006 0101 40 01 0043", "0006 0101 40 02 0044"
DRED_ON, DRED_OFF = "0006 0101 33 01 0036", "0006 0101 33 02 0037"
RCR_ON, RCR_OFF = "0006 0101 28 01 002B", "0006 0101 28 02 002C"
LIMIT_0_KW = "000E 0101 42 00004E20 00000000 02 00B4"
LIMIT_7_KW = "000E 0101 42 00004E20 00001B58 02 0127"
LIMIT_8_29_KW = "000E 0101 42 00004E20 00002062 02 0136"
LIMIT_10_KW = "000E 0101 42 00004E20 00002710 02 00EB"
LIMIT_3_KW_EACH = "000E 0101 42 00002710 00000BB8 01 013F"
LIMIT_2_5_KW_EACH = "000E 0101 42 000036B0 000009C4 01 01F8"

Lost = Literal["request", "reply", "refused", "undecided"]


class TroubledBox(Sec1000Box):
    """The simulated box; `trouble` says what becomes of its commands, by their number from 0 on."""

    def __init__(self, **more: Any) -> None:
        super().__init__(Plant(start=NOON, warm_up=False), **more)
        self.total_capacity_w = 20_000
        self.export_limit_w = 10_000
        self.trouble: dict[int, Lost] = {}
        self.commands = 0

    def _answer(self, command: int, data: bytes) -> bytes:
        self.faults.stop(Truncate)
        if command in {0x0B, 0x43}:
            return super()._answer(command, data)
        trouble = self.trouble.get(self.commands)
        self.commands += 1
        if trouble == "request":
            raise ConnectionAbortedError
        if trouble == "refused":
            return bytes([0x07])
        answer = super()._answer(command, data)
        if trouble == "reply":
            self.faults.start(Truncate(keep=9, close=True))
        return bytes([0x15]) if trouble == "undecided" else answer

    @property
    def sent(self) -> list[str]:
        """The frames of the commands that it carried out."""
        return [frame(write.address, bytes(write.words)).hex() for write in self.log.writes]

    @property
    def state(self) -> tuple[int, int, int, int]:
        return self.mode, self.export_limit_w, int(self.total_capacity_w), self.phase_flag


def frames(*texts: str) -> list[str]:
    return [bytes.fromhex(text).hex() for text in texts]


@pytest.fixture
async def box() -> AsyncIterator[TroubledBox]:
    device = TroubledBox()
    await device.open("127.0.0.1", 0)
    yield device
    await device.close()


def config(port: int, *, enabled: bool = True, phases: str | None = "sum", **more: Any) -> DeviceConfig:
    wanted = {"minimum": "0W", "maximum": "10kW"} | ({"phases": phases} if phases else {})
    return DeviceConfig(
        name="box",
        family="sec1000s",
        link="sec1000",
        host="127.0.0.1",
        port=port,
        control=Control(enabled=enabled),
        export_limit=ExportRange.model_validate(wanted),
        **more,
    )


def opened(box: TroubledBox, clock: Any, **more: Any) -> ControlledDevice:
    return open_controlled(config(box.port, **more), Site(name="house", zone=ZONE), clock=clock)


async def write(device: ControlledDevice, key: str, value: Any, clock: Any, seconds: float = 30) -> None:
    deadline = Deadline.after(seconds, clock)
    async with device.turn(deadline):
        await device.handles[key].write(value, deadline)


async def observe(device: ControlledDevice, key: str, clock: Any) -> Any:
    deadline = Deadline.after(30, clock)
    async with device.turn(deadline):
        return await device.handles[key].observe(deadline)


async def test_a_limit_in_force_is_changed_by_one_frame_and_read_back(box: TroubledBox, clock: Any) -> None:
    device = opened(box, clock)
    assert await observe(device, "export_limit", clock) == Limit(10_000)
    await write(device, "export_limit", Limit(7_000), clock)
    assert box.sent == frames(LIMIT_7_KW)
    assert await observe(device, "export_limit", clock) == Limit(7_000)
    assert box.plant.steering.feed_in_limit_w == 7_000
    await write(device, "export_limit", Limit(10_000), clock)
    assert box.state == (3, 10_000, 20_000, 2)


async def test_export_is_disabled_and_enabled_by_the_owners_range(box: TroubledBox, clock: Any) -> None:
    device = opened(box, clock)
    promise = device.handles["export_limit"].promise
    assert (promise.owner_low, promise.owner_high) == (0, 10_000)
    await write(device, "export_limit", Limit(promise.owner_low or 0.0), clock)
    assert box.plant.steering.feed_in_limit_w == 0
    await write(device, "export_limit", Limit(promise.owner_high or 0.0), clock)
    assert box.plant.steering.feed_in_limit_w == 10_000
    assert box.sent == frames(LIMIT_0_KW, LIMIT_10_KW)


async def test_export_falls_to_the_limit(box: TroubledBox, clock: Any) -> None:
    box.plant.steering.charge_allowed = False
    box.plant.advance(60)
    assert box.plant.state.grid.power_w < -1_000
    await write(opened(box, clock), "export_limit", Limit(0), clock)
    box.plant.advance(60)
    assert box.plant.state.grid.power_w == pytest.approx(0, abs=150)


async def test_a_limit_from_unlimited_is_put_first_and_switched_on_then(box: TroubledBox, clock: Any) -> None:
    box.mode = 0
    device = opened(box, clock)
    assert await observe(device, "export_limit", clock) is UNLIMITED
    await write(device, "export_limit", Limit(8_290), clock)
    assert box.sent == frames(LIMIT_8_29_KW, VALUE_ON)
    await write(device, "export_limit", UNLIMITED, clock)
    assert box.sent[2:] == frames(VALUE_OFF)
    assert await observe(device, "export_limit", clock) is UNLIMITED
    await write(device, "export_limit", UNLIMITED, clock)
    assert len(box.sent) == 3


@pytest.mark.parametrize(
    ("capacity", "limit", "expected"), [(10_000, 3_000, LIMIT_3_KW_EACH), (14_000, 2_500, LIMIT_2_5_KW_EACH)]
)
async def test_capacity_is_repeated_as_read_and_the_phase_flag_is_that_of_the_site_file(
    box: TroubledBox, clock: Any, capacity: int, limit: float, expected: str
) -> None:
    box.total_capacity_w = capacity
    await write(opened(box, clock, phases="each"), "export_limit", Limit(limit), clock)
    assert box.sent == frames(expected)


async def test_a_capacity_that_is_not_set_comes_from_the_site_file(box: TroubledBox, clock: Any) -> None:
    box.total_capacity_w = 0
    with pytest.raises(Rejected, match="total capacity reads 0 W; `rated_power`"):
        await write(opened(box, clock), "export_limit", Limit(0), clock)
    assert box.sent == []
    await write(opened(box, clock, rated_power=20_000.0), "export_limit", Limit(0), clock)
    assert box.sent == frames(LIMIT_0_KW)


async def test_every_two_decimals_of_a_kilowatt_are_a_whole_number_of_watts(
    box: TroubledBox, clock: Any
) -> None:
    handle = opened(box, clock).handles["export_limit"]
    for hundredths in range(10_001):
        watts = hundredths / 100 * 1000
        handle.check(Limit(watts))
        assert round(watts) == hundredths * 10


@pytest.mark.parametrize(
    "value", [Limit(100_001), Limit(1e9), Charge(5), SelfConsumption(), Mode("native:value")], ids=repr
)
async def test_refused_limits_never_reach_the_wire(box: TroubledBox, clock: Any, value: Any) -> None:
    device = opened(box, clock)
    with pytest.raises(ValueError, match="export_limit"):
        await write(device, "export_limit", value, clock)
    assert box.log.requests == 0
    assert device.feedback["set_limit"] == Feedback.INVALID_INPUT


async def test_a_negative_limit_is_not_taken_for_one(box: TroubledBox, clock: Any) -> None:
    box.export_limit_w = -1_000
    assert await observe(opened(box, clock), "export_limit", clock) is UNKNOWN


async def test_only_a_person_writes_a_negative_limit(box: TroubledBox, clock: Any) -> None:
    device, key = opened(box, clock), "setting:signed_export_limit"
    assert device.handles[key].promise.hazard is Hazard.PERSON
    assert await observe(device, key, clock) == Number(10_000)
    await write(device, key, Number(-1_000), clock)
    assert box.sent == frames("00 0E 01 01 42 00 00 4E 20 FF FF FC 18 02 03 C6")
    assert await observe(device, key, clock) == Number(-1_000)
    for value in (Number(-100_001), Limit(0)):
        with pytest.raises(ValueError, match="signed_export_limit"):
            await write(device, key, value, clock)
    box.mode = 2
    with pytest.raises(Rejected, match="limits the export, not a value"):
        await write(device, key, Number(-1_000), clock)
    assert len(box.sent) == 1


@pytest.mark.parametrize("mode", [1, 2, 9])
@pytest.mark.parametrize("value", [Limit(0), UNLIMITED], ids=repr)
async def test_what_others_limit_is_left_alone(box: TroubledBox, clock: Any, mode: int, value: Any) -> None:
    box.mode = mode
    device = opened(box, clock)
    assert await observe(device, "export_limit", clock) is UNKNOWN
    with pytest.raises(Rejected, match="limits the export, not a value"):
        await write(device, "export_limit", value, clock)
    assert box.sent == []


@pytest.mark.parametrize(
    ("mode", "sequence", "number"),
    [
        ("native:value", (DRED_OFF, RCR_OFF, VALUE_ON), 3),
        ("native:rcr", (VALUE_OFF, DRED_OFF, RCR_ON), 2),
        ("native:dred", (VALUE_OFF, RCR_OFF, DRED_ON), 1),
        ("native:deactivated", (VALUE_OFF, DRED_OFF, RCR_OFF), 0),
    ],
)
@pytest.mark.parametrize("before", [0, 1, 2, 3])
async def test_a_mode_is_switched_on_after_the_others_are_off_and_back_again(
    box: TroubledBox, clock: Any, *, mode: str, sequence: tuple[str, ...], number: int, before: int
) -> None:
    box.mode = before
    device = opened(box, clock)
    found = await observe(device, "mode", clock)
    state = box.state
    await write(device, "mode", Mode(mode), clock)
    assert box.sent == frames(*sequence)
    assert box.mode == number
    assert await observe(device, "mode", clock) == Mode(mode)
    await write(device, "mode", found, clock)
    assert box.state == state


@pytest.mark.parametrize("value", [Mode("self_consumption"), Mode("native:off"), Limit(0)], ids=repr)
async def test_refused_modes_never_reach_the_wire(box: TroubledBox, clock: Any, value: Any) -> None:
    with pytest.raises(ValueError, match="native:value"):
        await write(opened(box, clock), "mode", value, clock)
    assert box.log.requests == 0


@pytest.mark.parametrize("lost", ["request", "reply"])
@pytest.mark.parametrize("at", [0, 1, 2])
async def test_a_frame_lost_in_a_change_of_mode_is_sent_again(
    box: TroubledBox, clock: Any, lost: Lost, at: int
) -> None:
    box.trouble = {at: lost, at + 1: lost}
    device = opened(box, clock)
    await write(device, "mode", Mode("native:rcr"), clock)
    assert box.mode == 2
    assert list(dict.fromkeys(box.sent)) == frames(VALUE_OFF, DRED_OFF, RCR_ON)
    assert device.feedback["set_mode"] == Feedback.OK


@pytest.mark.parametrize("lost", ["request", "reply"])
@pytest.mark.parametrize("at", [0, 1, 2])
async def test_a_change_of_mode_cut_short_says_so_and_a_retry_converges(
    box: TroubledBox, clock: Any, lost: Lost, at: int
) -> None:
    box.trouble = dict.fromkeys(range(at, 1000), lost)
    device = opened(box, clock)
    with pytest.raises(Unreachable if lost == "reply" else Rejected, match="rcr stopped there, no limiter"):
        await write(device, "mode", Mode("native:rcr"), clock, seconds=8)
    assert device.feedback["set_mode"] != Feedback.OK
    assert box.commands > at + 1
    box.trouble = {}
    clock.advance(60)
    await write(device, "mode", Mode("native:rcr"), clock)
    assert box.mode == 2
    await write(device, "mode", Mode("native:value"), clock)
    assert box.state == (3, 10_000, 20_000, 2)


async def test_a_mode_that_the_box_refuses_leaves_the_one_that_was_found(
    box: TroubledBox, clock: Any
) -> None:
    box.trouble = {2: "refused"}
    with pytest.raises(Rejected, match="status 0x07; 0x06 is right; value was switched on again"):
        await write(opened(box, clock), "mode", Mode("native:dred"), clock)
    assert box.sent == frames(VALUE_OFF, RCR_OFF, VALUE_ON)
    assert box.state == (3, 10_000, 20_000, 2)


async def test_a_limiter_that_cannot_be_switched_off_keeps_no_other_from_being_switched_on(
    box: TroubledBox, clock: Any
) -> None:
    box.trouble = {1: "refused"}
    with pytest.raises(Rejected, match=r"command 0x33: status 0x07"):
        await write(opened(box, clock), "mode", Mode("native:rcr"), clock)
    assert box.sent == frames(VALUE_OFF, RCR_ON)


@pytest.mark.parametrize("lost", ["request", "reply"])
@pytest.mark.parametrize("at", [0, 1])
async def test_a_limit_cut_short_is_an_error_and_a_retry_converges(
    box: TroubledBox, clock: Any, lost: Lost, at: int
) -> None:
    box.mode = 0
    box.trouble = dict.fromkeys(range(at, 1000), lost)
    device = opened(box, clock)
    with pytest.raises((Unreachable, Rejected)):
        await write(device, "export_limit", Limit(7_000), clock, seconds=8)
    box.trouble = {}
    clock.advance(60)
    await write(device, "export_limit", Limit(7_000), clock)
    assert box.state == (3, 7_000, 20_000, 2)


async def test_a_limit_is_sent_once_by_one_write(box: TroubledBox, clock: Any) -> None:
    box.trouble = {0: "reply"}
    device = opened(box, clock)
    with pytest.raises(Unreachable):
        await write(device, "export_limit", Limit(7_000), clock)
    assert box.sent == frames(LIMIT_7_KW)
    assert device.feedback["set_limit"] == Feedback.SOCKET_ERROR
    assert await observe(device, "export_limit", clock) == Limit(7_000)


async def test_an_undecided_answer_is_left_to_the_read_back(box: TroubledBox, clock: Any) -> None:
    box.trouble = {0: "undecided"}
    device = opened(box, clock)
    await write(device, "export_limit", Limit(7_000), clock)
    assert await observe(device, "export_limit", clock) == Limit(7_000)


async def test_a_refused_limit_is_an_unexpected_packet(box: TroubledBox, clock: Any) -> None:
    box.trouble = {0: "refused"}
    device = opened(box, clock)
    with pytest.raises(Rejected, match="command 0x42: status 0x07") as info:
        await write(device, "export_limit", Limit(7_000), clock)
    assert info.value.code == 7
    assert device.feedback == {"get_limit": Feedback.OK, "set_limit": Feedback.UNEXPECTED_PACKET}


async def test_the_box_has_a_second_after_a_sequence_and_no_pause_inside_one(
    box: TroubledBox, clock: Any
) -> None:
    box.mode = 0
    device = opened(box, clock)
    assert device.handles["export_limit"].promise.settle_s == 2
    await write(device, "export_limit", Limit(7_000), clock)
    assert clock.slept == pytest.approx([1])
    deadline = Deadline.after(30, clock)
    async with device.turn(deadline):
        await device.handles["export_limit"].write(Limit(0), deadline)
        await clock.sleep(2)
        await device.handles["export_limit"].observe(deadline)
    assert clock.slept == pytest.approx([1, 2])


async def test_values_closer_than_50_watts_are_equal(box: TroubledBox, clock: Any) -> None:
    handle = opened(box, clock).handles["export_limit"]
    assert handle.equal(Limit(7_000), Limit(6_951))
    assert not handle.equal(Limit(7_000), Limit(6_950))
    assert handle.equal(UNLIMITED, UNLIMITED)
    assert not handle.equal(UNLIMITED, Limit(100_000))
    assert not handle.equal(Limit(0), UNLIMITED)


async def test_the_total_capacity_is_set_beside_the_limit_as_it_stands(box: TroubledBox, clock: Any) -> None:
    device = opened(box, clock)
    assert await observe(device, "setting:total_capacity", clock) == Number(20_000)
    await write(device, "setting:total_capacity", Number(14_000), clock)
    assert box.state == (3, 10_000, 14_000, 2)
    with pytest.raises(ValueError, match="1 to 100000 W is possible"):
        await write(device, "setting:total_capacity", Number(0), clock)


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (datetime(2026, 6, 21, 12, 34, 56, tzinfo=ZONE), "000C 0101 05 1A0600150C2238 00A2"),
        (datetime(2024, 2, 29, 23, 59, 59, tzinfo=ZONE), "000C 0101 05 1802001D173B3B 00CB"),
    ],
)
async def test_the_clock_is_set_to_the_local_time_of_the_site(
    box: TroubledBox, clock: Any, moment: datetime, expected: str
) -> None:
    clock.now = moment.timestamp()
    device = opened(box, clock)
    deadline = Deadline.after(30, clock)
    async with device.turn(deadline):
        await device.tasks["set_clock"].run(deadline)
    assert box.sent == frames(expected)
    assert frame(SET_CLOCK, clock_data(moment)).hex() == frames(expected)[0]
    assert device.feedback["set_clock"] == Feedback.OK
    assert device.tasks["set_clock"].promise.actions == (Action.SET_CLOCK,)


async def test_another_answer_than_3_is_no_set_clock(box: TroubledBox, clock: Any) -> None:
    box.trouble = {0: "refused"}
    device = opened(box, clock)
    deadline = Deadline.after(30, clock)
    async with device.turn(deadline):
        with pytest.raises(Rejected, match="0x03 is right"):
            await device.tasks["set_clock"].run(deadline)


async def test_a_sequence_is_one_turn(box: TroubledBox, clock: Any) -> None:
    box.mode = 0
    one, two = opened(box, clock), opened(box, clock)
    await asyncio.gather(
        write(one, "mode", Mode("native:rcr"), clock), write(two, "mode", Mode("native:value"), clock)
    )
    assert box.sent in (
        frames(VALUE_OFF, DRED_OFF, RCR_ON, DRED_OFF, RCR_OFF, VALUE_ON),
        frames(DRED_OFF, RCR_OFF, VALUE_ON, VALUE_OFF, DRED_OFF, RCR_ON),
    )


async def test_a_box_is_known_by_the_serial_number_of_the_site_file(box: TroubledBox, clock: Any) -> None:
    for device, name in (
        (opened(box, clock, serial="S1"), "S1"),
        (opened(box, clock), "sec1000s@127.0.0.1"),
    ):
        deadline = Deadline.after(30, clock)
        async with device.turn(deadline):
            assert await device.identify(deadline) == name


async def test_a_device_is_read_only_unless_control_is_enabled(box: TroubledBox, clock: Any) -> None:
    with pytest.raises(NotControllable, match=r"devices\.box: may only be read"):
        opened(box, clock, enabled=False)
    read_only = config(box.port, enabled=False)
    site = Site(name="house", zone=ZONE, devices={"box": read_only})
    async with control_site(site, clock=clock) as devices:
        assert devices == {}


async def test_the_phase_flag_has_to_be_told(box: TroubledBox, clock: Any) -> None:
    with pytest.raises(NotControllable, match=r"export_limit\.phases: is missing; write sum or each"):
        opened(box, clock, phases=None)


def test_who_may_ask_depends_on_the_value() -> None:
    device = open_controlled(config(1), Site(name="house", zone=ZONE))
    limit, mode = device.handles["export_limit"].promise, device.handles["mode"].promise
    assert limit.hazard_of(Limit(0)) is Hazard.OPT_IN
    assert limit.hazard_of(UNLIMITED) is Hazard.PERSON
    assert mode.hazard_of(Mode("native:rcr")) is Hazard.OPT_IN
    assert mode.hazard_of(Mode("native:deactivated")) is Hazard.PERSON


def test_commands_need_the_turns_of_a_control_process(tmp_path: Any) -> None:
    with pytest.raises(ValueError, match='turns of role "reader"'):
        open_controlled(config(1), Site(name="house", zone=ZONE), turns=Turns(tmp_path))


def test_a_link_that_reads_cannot_command() -> None:
    assert SET_LIMIT in Sec1000ControlLink.commands
    assert SET_LIMIT not in Sec1000ControlLink.__mro__[1].commands  # type: ignore[attr-defined]
