"""What an SMA device tells while it is commanded: what it is, what it allows, what it falls back to."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum, auto
from typing import Final

import structlog

from sunhelm.devices.clock import Deadline
from sunhelm.devices.control import Promise, Rung
from sunhelm.devices.errors import Rejected
from sunhelm.devices.families.register_board import RegisterBoard
from sunhelm.devices.registers import codec

KEEP_LAST_SETPOINT: Final = "keep_last_setpoint"
"""What `control.allow` names to command a device that keeps its last set point when nobody renews it."""

RELATIVE_WINDOW: Final = "relative_window"
"""What `control.allow` names to command the battery by shares of its rated power (44039 and 44041)."""

_ILLEGAL_ADDRESS: Final = 2
_HYBRID_CLASS, _STORAGE_CLASS = 8009, 8007
_ISLANDS: Final = frozenset((9223, 9224, 9278, 9279, *range(9331, 9335), *range(9473, 9477)))
_BOY_HYBRIDS: Final = frozenset(range(19128, 19132))
_NOT_POSSIBLE, _BY_COMMUNICATION, _NO = 1130, 1079, 1130
_KEEPS_LAST, _FALLS_BACK = 2506, 2507
_PARTS: Final = 3
_REGULATING_S: Final = 10.0
_STRINGS: Final = ("string_1_power", "string_2_power", "string_3_power")

_log: structlog.stdlib.BoundLogger = structlog.get_logger()


class Kind(Enum):
    """What a device is, as far as it is commanded differently."""

    ISLAND = auto()  # Sunny Island
    STORAGE = auto()  # Sunny Boy Storage
    TRIPOWER_HYBRID = auto()  # Sunny Tripower Smart Energy
    BOY_HYBRID = auto()  # Sunny Boy Smart Energy
    INVERTER = auto()

    @property
    def has_battery(self) -> bool:
        """Whether there is a battery to command."""
        return self is not Kind.INVERTER

    @property
    def has_strings(self) -> bool:
        """Whether PV is connected to it."""
        return self not in (Kind.ISLAND, Kind.STORAGE)


@dataclass(slots=True)
class Panel:
    """Reads single registers of one device; what it lacks or does not tell now is None."""

    board: RegisterBoard
    _kind: Kind | None = None
    _units: int = 0
    _warned: set[str] = field(default_factory=set)

    @property
    def name(self) -> str:
        """The name of the device in the site file."""
        return self.board.config.name

    @property
    def allowed(self) -> tuple[str, ...]:
        """What the owner allows on it."""
        return self.board.config.control.allow

    async def tell(self, name: str, deadline: Deadline) -> float | None:
        """Return the value of one register of the part `control`, in its base unit."""
        (value,) = await self.tell_row((name,), deadline)
        return value

    async def tell_row(self, names: tuple[str, ...], deadline: Deadline) -> tuple[float | None, ...]:
        """Return the values of registers that follow each other, by one request."""
        registers = [self.board.register(f"control.{name}") for name in names]
        try:
            raws = await self.board.read_row("control", names, deadline)
        except Rejected as error:
            if error.code != _ILLEGAL_ADDRESS:
                raise
            return (None,) * len(names)
        return tuple(
            None if raw in register.absent else codec.value(register, raw)
            for register, raw in zip(registers, raws, strict=True)
        )

    async def kind(self, deadline: Deadline) -> Kind:
        """Return what the device is; it is asked once. Raises Rejected when it does not tell."""
        if self._kind is None:
            device_class, device_type = await self.tell_row(("device_class", "device_type"), deadline)
            if device_class is None or device_type is None:
                raise Rejected(f"{self.name}: it does not tell now what it is (30051, 30053)")
            if device_type in _ISLANDS:
                self._kind = Kind.ISLAND
            elif device_type in _BOY_HYBRIDS:
                self._kind = Kind.BOY_HYBRID
            else:
                known = {_STORAGE_CLASS: Kind.STORAGE, _HYBRID_CLASS: Kind.TRIPOWER_HYBRID}
                self._kind = known.get(int(device_class), Kind.INVERTER)
        return self._kind

    async def cluster(self, deadline: Deadline) -> int:
        """Return how many inverters there are, of which this one is the master."""
        if self._units <= 1:  # one that is starting does not tell of its slaves yet
            slaves = await self.tell_row(("slave_1_serial_number", "slave_2_serial_number"), deadline)
            self._units = 1 + sum(bool(serial) for serial in slaves)
        return self._units

    async def battery_power(self, deadline: Deadline) -> float | None:
        """Return the power out of the battery; that of the AC side where the battery's is not told."""
        charge, discharge = await self.tell_row(("battery_charge_power", "battery_discharge_power"), deadline)
        if charge is None and discharge is None:
            return None if (await self.kind(deadline)).has_strings else await self.tell("power", deadline)
        return (discharge or 0.0) - (charge or 0.0)

    async def pv_power(self, deadline: Deadline) -> float:
        """Return the power of the strings; those that have none count as nothing."""
        return sum([await self.tell(name, deadline) or 0.0 for name in _STRINGS])

    async def battery_limits(self, deadline: Deadline) -> tuple[float, float]:
        """Return the most that the battery may be charged and discharged with. Raises Rejected.

        That is no more than the inverters can, whatever the battery could.
        """
        charge, discharge = await self.tell_row(("charge_power_limit", "discharge_power_limit"), deadline)
        rated = await self._rated_power(deadline)
        if rated is None:
            if charge is None or discharge is None:
                raise self._no_rated_power()
            return charge, discharge
        return (
            rated if charge is None else min(charge, rated),
            rated if discharge is None else min(discharge, rated),
        )

    async def rated_power(self, deadline: Deadline) -> float:
        """Return the rated power of all inverters together. Raises Rejected when nobody says it."""
        rated = await self._rated_power(deadline)
        if rated is None:
            raise self._no_rated_power()
        return rated

    async def _rated_power(self, deadline: Deadline) -> float | None:
        one = await self.tell("rated_power", deadline)
        return one * await self.cluster(deadline) if one else self.board.config.rated_power

    def _no_rated_power(self) -> Rejected:
        return Rejected(f"{self.name}: it does not tell its rated power, nor does the site file")

    async def ready(self, promise: Promise, deadline: Deadline) -> Promise:
        """Return the promise as this device keeps it. Raises Rejected where it would not obey or let go."""
        mode = await self.tell("power_limit_mode", deadline)
        if mode not in (None, _BY_COMMUNICATION):
            raise Rejected(
                f"{self.name}: its feed-in management (30835) is {mode:.0f}; only with {_BY_COMMUNICATION}, "
                "control by communication, it obeys, and an installer sets that (40210)"
            )
        kept, time = await self.tell_row(("fallback_mode", "fallback_time"), deadline)
        if kept == _FALLS_BACK and time:
            renew = min(promise.renew_s or time, time / _PARTS)
            return replace(promise, rung=Rung.TIMER, reverts_s=time, renew_s=renew)
        if kept == _KEEPS_LAST and KEEP_LAST_SETPOINT not in self.allowed:
            raise Rejected(
                f"{self.name}: it keeps its last set point when nobody renews it (41193 is {_KEEPS_LAST}); "
                f"set it to {_FALLS_BACK}, or allow that: control: {{allow: [{KEEP_LAST_SETPOINT}]}}"
            )
        self._warn("no_fallback", "what it does without renewal is not known: it may keep the last set point")
        return replace(promise, rung=Rung.VOLATILE, reverts_s=None)

    async def ready_for_battery(self, promise: Promise, deadline: Deadline) -> Promise:
        """Return what `ready` does; also refuse while the device does not let its battery be commanded."""
        kind = await self.kind(deadline)
        if not kind.has_battery:
            raise Rejected(f"{self.name}: it has no battery")
        for name in ("charge_control_available", "charge_control_available_2"):
            if await self.tell(name, deadline) == _NOT_POSSIBLE:
                raise Rejected(f"{self.name}: it does not let its battery be commanded now ({name})")
        if kind is Kind.ISLAND and await self.tell("self_consumption_enabled", deadline) == _NO:
            import_, export = await self.tell_row(("grid_import_power", "grid_export_power"), deadline)
            if import_ is None and export is None:
                raise Rejected(
                    f"{self.name}: without a meter and without increased self-consumption (40075) it charges "
                    "from the grid when set points stop; set 40075 to 1129"
                )
        if kind.has_strings:  # its set point follows the sun
            promise = replace(promise, renew_s=min(_REGULATING_S, promise.renew_s or _REGULATING_S))
        return await self.ready(promise, deadline)

    def _warn(self, event: str, detail: str) -> None:
        if event not in self._warned:
            self._warned.add(event)
            _log.warning(event, device=self.name, detail=detail)
