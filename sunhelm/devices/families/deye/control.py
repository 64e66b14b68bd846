"""What can be commanded on a Deye inverter. All of it is written by function 16 and kept for good.

Which registers an inverter has, its model in the site file says; register 0 has to agree before anything is
written.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from sunhelm.devices.clock import Deadline
from sunhelm.devices.control import Handle, Mode, Promise, Unknown, Value
from sunhelm.devices.families.base import Family, RegisterFamily, Surroundings
from sunhelm.devices.families.board_clock import BoardClock
from sunhelm.devices.families.control import (
    CommandedDevice,
    NotControllable,
    by_key,
    export_promise,
    known_serial,
    promise,
)
from sunhelm.devices.families.deye.battery import SELLING_FIRST, ForcedBattery
from sunhelm.devices.families.deye.limits import (
    BatteryCurrents,
    LowSoc,
    ProductionLimit,
    SellLimit,
    Switch,
)
from sunhelm.devices.families.deye.schedules import SlotSchedules
from sunhelm.devices.families.deye.slots import Hybrid
from sunhelm.devices.families.register_board import RegisterBoard, open_board
from sunhelm.devices.families.setting import settings
from sunhelm.devices.families.spec import FamilySpec
from sunhelm.devices.families.values import as_mode

if TYPE_CHECKING:
    from sunhelm.devices.device_config import DeviceConfig

_HYBRIDS: Final = ("three_phase_lv", "three_phase_hv", "single_phase")
_SELL_FLAGS: Final = {"three_phase_lv": 1 << 5, "three_phase_hv": 1 << 5, "single_phase": 1 << 6}
_SHAVING: Final = {
    "three_phase_lv": {"generator_peak_shaving": (2, True), "grid_peak_shaving": (4, True)},
    "three_phase_hv": {"generator_peak_shaving": (2, True), "grid_peak_shaving": (4, True)},
    "single_phase": {"generator_peak_shaving": (4, False), "grid_peak_shaving": (8, False)},
}
"""The switches of peak shaving: the lowest bit, and whether it is a pair, by part."""

_AT_THE_METER: Final = ("grid_ct_power", "grid_ct_l1_power", "grid_ct_l1_current")
_ZERO_EXPORT_TO_LOAD: Final = 1
_ZERO_EXPORT_TO_CT: Final = 2
_FEED_IN_FIRST: Final = Mode("feed_in_first")
_SELF_CONSUMPTION: Final = Mode("self_consumption")
_NATIVE: Final = {
    Mode("native:selling_first"): SELLING_FIRST,
    Mode("native:zero_export_to_load"): _ZERO_EXPORT_TO_LOAD,
    Mode("native:zero_export_to_ct"): _ZERO_EXPORT_TO_CT,
}


def open_control(family: Family, config: DeviceConfig, surroundings: Surroundings) -> CommandedDevice:
    """Return the inverter, opened for control. Raises NotControllable where its model is not known."""
    assert isinstance(family, RegisterFamily)
    board = open_board(family, config, surroundings)
    parts = family.spec.parts_of(config.model)
    if len(parts) != 1:
        raise NotControllable(
            f"devices.{config.name}: to be commanded it needs its `model`, such as SUN-12K-SG04LP3, which "
            "says what registers it has"
        )
    (part,) = parts
    clock = BoardClock(
        promise("set_clock", family.spec.tasks["set_clock"]),
        board,
        f"{part.name}.clock",
        surroundings.zone,
        surroundings.clock,
    )
    hybrid = Hybrid(board, part.name, _SELL_FLAGS.get(part.name, 0), surroundings.clock)
    if part.name in _HYBRIDS:
        handles: tuple[Handle, ...] = tuple(_of_a_hybrid(family.spec, hybrid))
        schedules = SlotSchedules(
            promise("schedules", family.spec.controls["schedules"]), hybrid, clock, surroundings.zone
        )
    else:
        handles, schedules = tuple(_without_a_battery(family.spec, board, part.name)), None
    return CommandedDevice(
        name=config.name,
        link=board.link,
        serial=partial(_serial, board, part.name),
        handles=by_key((*handles, *settings(board, family.spec))),
        tasks={"set_clock": clock},
        schedules=schedules,
    )


async def _serial(board: RegisterBoard, part: str, deadline: Deadline) -> str:
    """Return the serial number. Raises Rejected when the site file names another one."""
    return known_serial(board.config, await board.read_text(f"{part}.serial_number", deadline))


def _of_a_hybrid(spec: FamilySpec, hybrid: Hybrid) -> Iterator[Handle]:
    board, config = hybrid.board, hybrid.board.config
    yield SellLimit(
        export_promise(spec.controls["export_limit"], config),
        board,
        hybrid.place("max_sell_power"),
    )
    yield ForcedBattery(promise("battery", spec.controls["battery"]), hybrid)
    yield BatteryCurrents(
        promise("current_limits", spec.controls["current_limits"]),
        board,
        hybrid.place("max_charge_current"),
        hybrid.place("max_discharge_current"),
    )
    yield LowSoc(promise("soc_limits", spec.controls["soc_limits"]), board, hybrid.part)
    yield WorkMode(promise("mode", spec.controls["mode"]), hybrid)
    for name, (low_bit, is_pair) in _SHAVING[hybrid.part].items():
        yield Switch(
            promise(f"setting:{hybrid.part}.{name}", spec.controls["peak_shaving"]),
            board,
            hybrid.place("special_function_1"),
            low_bit,
            is_pair,
        )


def _without_a_battery(spec: FamilySpec, board: RegisterBoard, part: str) -> Iterator[Handle]:
    rated = board.config.rated_power
    if rated is None:
        raise NotControllable(
            f"devices.{board.config.name}: is limited by a share of its rated power, which the site file has "
            "to give as `rated_power`"
        )
    yield ProductionLimit(
        promise("production_limit", spec.controls["production_limit"]),
        board,
        f"{part}.active_power_regulation",
        rated,
    )


@dataclass(slots=True, eq=False)
class WorkMode:
    """Whether the inverter sells first, or holds the export of the backup port or of the meter at zero."""

    promise: Promise
    hybrid: Hybrid

    def check(self, value: Value) -> None:
        as_mode(value, (mode.name for mode in (_SELF_CONSUMPTION, _FEED_IN_FIRST, *_NATIVE)))

    def equal(self, wanted: Value, observed: Value) -> bool:
        if wanted == _FEED_IN_FIRST:
            return _raw(observed) == SELLING_FIRST
        if wanted == _SELF_CONSUMPTION:
            return _raw(observed) in (_ZERO_EXPORT_TO_LOAD, _ZERO_EXPORT_TO_CT)
        return wanted == observed

    async def observe(self, deadline: Deadline) -> Mode | Unknown:
        raw = await self.hybrid.read("work_mode", deadline)
        return next((mode for mode, code in _NATIVE.items() if code == raw), Unknown.UNKNOWN)

    async def write(self, value: Value, deadline: Deadline) -> None:
        self.check(value)
        raw = _raw(value)
        if value == _SELF_CONSUMPTION:
            raw = await self._zero_export(deadline)
        await self.hybrid.write("work_mode", raw, deadline)

    async def _zero_export(self, deadline: Deadline) -> int:
        """Return the mode that regulates at the meter where there is one, else that of the backup port."""
        if await self.hybrid.read("work_mode", deadline) == _ZERO_EXPORT_TO_LOAD:
            return _ZERO_EXPORT_TO_LOAD
        told = [await self.hybrid.read(name, deadline) for name in _AT_THE_METER]
        return _ZERO_EXPORT_TO_CT if any(told) else _ZERO_EXPORT_TO_LOAD


def _raw(value: Value) -> int:
    if value == _FEED_IN_FIRST:
        return SELLING_FIRST
    return next((code for mode, code in _NATIVE.items() if mode == value), -1)
