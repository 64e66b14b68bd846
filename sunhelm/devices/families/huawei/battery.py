"""What the battery is told: forced charge and discharge, its states of charge, its mode, peak shaving."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sunhelm.devices.clock import Deadline
from sunhelm.devices.control import (
    UNKNOWN,
    BatteryOrder,
    Charge,
    Discharge,
    Mode,
    Number,
    Promise,
    SelfConsumption,
    SocLimits,
    Unknown,
    Value,
)
from sunhelm.devices.errors import Rejected
from sunhelm.devices.families.huawei import periods
from sunhelm.devices.families.huawei.regulator import EMMA, INVERTER, Regulator
from sunhelm.devices.families.values import as_mode, as_number, as_order, is_same_whole_number
from sunhelm.devices.links.base import Span

_STOP, _CHARGE, _DISCHARGE = 0, 1, 2
_BY_TIME: Final = 0
_FORCED: Final = 1
_BROKEN_BY_TIME: Final = "SPC168"
"""Firmware whose forced charge is reported not to end by its duration."""

_LOCAL: Final = frozenset({0, 5})
"""Remote modes (47589) that leave the battery to the inverter or to whoever speaks Modbus."""

MODES: Final = {
    INVERTER: {
        0: Mode("native:adaptive"),
        1: Mode("native:fixed_charge_discharge"),
        2: Mode("self_consumption"),
        3: Mode("native:time_of_use_lg"),
        4: Mode("feed_in_first"),
        5: Mode("time_of_use"),
    },
    EMMA: {
        2: Mode("self_consumption"),
        4: Mode("feed_in_first"),
        5: Mode("time_of_use"),
        6: Mode("native:third_party"),
    },
}
"""Modes by the raw value of 47086, and of 40000 of an EMMA."""

_MODE_PLACE: Final = {INVERTER: "battery.working_mode_setting", EMMA: "emma.mode"}


@dataclass(slots=True, eq=False)
class ForcedBattery:
    """Forced charge and discharge by time: the inverter ends it by itself when it is not renewed.

    A battery that is almost full or empty, or cold, allows less than its rated power: then an order means
    that much, and what was written is as good as what was asked.
    """

    promise: Promise
    regulator: Regulator
    _ends_by_itself: bool = False
    _lessened: tuple[BatteryOrder, int] | None = None
    _ordered: Charge | Discharge | None = None

    def check(self, value: Value) -> None:
        as_order(self.promise, value)

    def equal(self, wanted: Value, observed: Value) -> bool:
        if isinstance(wanted, Charge | Discharge) and type(wanted) is type(observed):
            written = round(wanted.watts)
            if self._lessened is not None and self._lessened[0] == wanted:
                written = self._lessened[1]
            return round(observed.watts) in (round(wanted.watts), written)
        return isinstance(wanted, SelfConsumption) and isinstance(observed, SelfConsumption)

    async def observe(self, deadline: Deadline) -> BatteryOrder | Unknown:
        """Return the order that is carried out: one that has ended may still stand at 47100.

        One of ours is over when the battery does something else, not when it was taken away.
        """
        board = self.regulator.board
        order = await board.read("battery.forced_order", deadline)
        doing = await self.regulator.read_if_there("battery.working_mode", deadline)
        if order == _STOP and doing == _FORCED and self._ordered is not None:
            return self._ordered
        if order == _STOP or doing not in (None, _FORCED):
            self._ordered = None
            return SelfConsumption()
        if order == _CHARGE:
            return Charge(float(await board.read("battery.forced_charge_power", deadline)))
        if order == _DISCHARGE:
            return Discharge(float(await board.read("battery.forced_discharge_power", deadline)))
        return UNKNOWN

    async def write(self, value: Value, deadline: Deadline) -> None:
        """Write power, duration and how it ends, and the order last; to stop, the order first."""
        self.check(value)
        await self.regulator.alone(deadline, "the battery")
        if isinstance(value, SelfConsumption):
            await self._stop(deadline)
        elif isinstance(value, Charge | Discharge):
            await self._force(value, deadline)

    async def _force(self, value: Charge | Discharge, deadline: Deadline) -> None:
        board, raw = self.regulator.board, round(value.watts)
        way, order = ("charge", _CHARGE) if isinstance(value, Charge) else ("discharge", _DISCHARGE)
        await self._check_firmware(deadline)
        rated = await self.regulator.read_if_there(f"battery.rated_{way}_power", deadline)
        if rated is not None and raw > rated:
            raise Rejected(f"{board.config.name}: {way} with {raw} W; the battery is built for {rated} W")
        possible = await self.regulator.read_if_there(f"battery.{way}_power_possible", deadline)
        if possible is not None and raw > possible:
            raw = possible
        self._lessened = value, raw
        await self.regulator.write_if_other(f"battery.forced_{way}_power", raw, deadline)
        assert self.promise.reverts_s is not None
        await board.write("battery.forced_duration", round(self.promise.reverts_s / 60), deadline)
        await self.regulator.write_if_other("battery.forced_end", _BY_TIME, deadline)
        self._ordered = value
        await board.write("battery.forced_order", order, deadline)

    async def _stop(self, deadline: Deadline) -> None:
        await self.regulator.board.write("battery.forced_order", _STOP, deadline)
        for name in ("forced_discharge_power", "forced_charge_power", "forced_duration", "forced_end"):
            await self.regulator.write_if_other(f"battery.{name}", 0, deadline)

    async def _check_firmware(self, deadline: Deadline) -> None:
        """Raise Rejected for firmware that would not let go by itself."""
        if not self._ends_by_itself:
            software = await self.regulator.board.read_text("inverter.software", deadline)
            if _BROKEN_BY_TIME in software:
                raise Rejected(
                    f"{self.regulator.board.config.name}: a forced charge of firmware {software} is reported "
                    "not to end by its time; nothing would end it when the controller dies"
                )
            self._ends_by_itself = True


@dataclass(slots=True, eq=False)
class SocRange:
    """From where to where the battery is used."""

    promise: Promise
    regulator: Regulator

    def check(self, value: Value) -> None:
        self._raws(value)

    def equal(self, wanted: Value, observed: Value) -> bool:
        ours, theirs = self._raws(wanted), self._raws(observed)
        return all(theirs.get(name) == raw for name, raw in ours.items())

    async def observe(self, deadline: Deadline) -> SocLimits:
        low, high = self._places
        return SocLimits(
            minimum=await self.regulator.board.read_value(low, deadline),
            maximum=await self.regulator.board.read_value(high, deadline),
        )

    async def write(self, value: Value, deadline: Deadline) -> None:
        for place, raw in self._raws(value).items():
            await self.regulator.write_if_other(place, raw, deadline)

    @property
    def _places(self) -> tuple[str, str]:
        return "battery.minimum_state_of_charge", "battery.maximum_state_of_charge"

    def _raws(self, value: Value) -> dict[str, int]:
        if not isinstance(value, SocLimits) or (value.minimum is None and value.maximum is None):
            raise ValueError(f"soc_limits: {value}; a minimum, a maximum or both can be set")
        raws: dict[str, int] = {}
        for place, share in zip(self._places, (value.minimum, value.maximum), strict=True):
            if share is not None:
                bounds = self.regulator.board.bounds(place)
                if not bounds.allow(share):
                    raise ValueError(f"soc_limits: {share:.3g} at {place} is not within {bounds}")
                raws[place] = round(share * 1000)
        return raws


@dataclass(slots=True, eq=False)
class WorkingMode:
    """What the battery does when nobody forces it. While the cloud commands it, it is the cloud's."""

    promise: Promise
    regulator: Regulator

    def check(self, value: Value) -> None:
        as_mode(value, sorted({mode.name for modes in MODES.values() for mode in modes.values()}))

    def equal(self, wanted: Value, observed: Value) -> bool:
        return wanted == observed

    async def observe(self, deadline: Deadline) -> Mode | Unknown:
        part = await self.regulator.part(deadline)
        if part == INVERTER and not await self._is_local(deadline):
            return UNKNOWN
        return MODES[part].get(await self.regulator.board.read(_MODE_PLACE[part], deadline), UNKNOWN)

    async def write(self, value: Value, deadline: Deadline) -> None:
        self.check(value)
        part, name = await self.regulator.part(deadline), self.regulator.board.config.name
        raw = next((raw for raw, mode in MODES[part].items() if mode == value), None)
        if raw is None:
            raise Rejected(
                f"{name}: {part} has no such mode; {', '.join(m.name for m in MODES[part].values())}"
            )
        if part == INVERTER and not await self._is_local(deadline):
            raise Rejected(f"{name}: the cloud commands the battery; `set` battery.remote_mode 0 ends that")
        await self.regulator.write_if_other(_MODE_PLACE[part], raw, deadline)

    async def _is_local(self, deadline: Deadline) -> bool:
        remote = await self.regulator.read_if_there("battery.remote_mode", deadline)
        return remote is None or remote in _LOCAL


@dataclass(slots=True, eq=False)
class PeakShaving:
    """The most that is drawn from the grid by capacity control, the same all week.

    Its periods have to cover every minute of the week, so that they are one here. Others are UNKNOWN.
    """

    promise: Promise
    regulator: Regulator

    def check(self, value: Value) -> None:
        as_number(self.promise, value, "W")

    def equal(self, wanted: Value, observed: Value) -> bool:
        return is_same_whole_number(wanted, observed)

    async def observe(self, deadline: Deadline) -> Number | Unknown:
        unit, address, count = await self._place(deadline)
        words = await self.regulator.board.link.read(
            Span(
                unit, self.regulator.board.register("battery.capacity_control_periods").table, address, count
            ),
            deadline,
        )
        try:
            (period,) = periods.unpack_capacity(words)
        except ValueError:
            return UNKNOWN
        return Number(period.watts) if period == periods.all_week(period.watts) else UNKNOWN

    async def write(self, value: Value, deadline: Deadline) -> None:
        watts = round(as_number(self.promise, value, "W"))
        unit, address, _ = await self._place(deadline)
        words = periods.pack_capacity([periods.all_week(watts)])
        await self.regulator.board.link.write(unit, address, words, deadline)

    async def _place(self, deadline: Deadline) -> tuple[int, int, int]:
        register = self.regulator.board.register("battery.capacity_control_periods")
        unit = (await self.regulator.board.locate("battery", deadline)).unit
        return unit, register.address, register.type.words
