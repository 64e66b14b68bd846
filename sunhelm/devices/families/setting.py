"""Every writable number of a register map, as a thing that can be set by its name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sunhelm.devices.clock import Deadline
from sunhelm.devices.control import (
    UNKNOWN,
    UNLIMITED,
    Action,
    Hazard,
    Number,
    Promise,
    Proof,
    Rung,
    Storage,
    Unknown,
    Unlimited,
    Value,
)
from sunhelm.devices.families.register_board import RegisterBoard
from sunhelm.devices.families.spec import FamilySpec
from sunhelm.devices.families.values import as_number
from sunhelm.devices.registers import codec
from sunhelm.devices.registers.register import NEVER_READ, Register
from sunhelm.devices.units import BASE_UNITS

_NO_LIMIT = -1


@dataclass(slots=True, eq=False)
class RegisterSetting:
    """One register that holds a number; -1 is UNLIMITED where the map says that it is no number."""

    promise: Promise
    board: RegisterBoard
    place: str
    register: Register

    def check(self, value: Value) -> None:
        self._raw(value)

    def equal(self, wanted: Value, observed: Value) -> bool:
        return self._raw(wanted) == self._raw(observed)

    async def observe(self, deadline: Deadline) -> Number | Unlimited | Unknown:
        """Return what is set; UNKNOWN where that cannot be read, or the device has no such thing."""
        if self.promise.blind:
            return UNKNOWN
        raw = await self.board.read(self.place, deadline)
        if raw in self.register.absent:
            return UNLIMITED if raw == _NO_LIMIT else UNKNOWN
        return Number(codec.value(self.register, raw))

    async def write(self, value: Value, deadline: Deadline) -> None:
        await self.board.write(self.place, self._raw(value), deadline)

    def _raw(self, value: Value) -> float:
        register, promise = self.register, self.promise
        if value is UNLIMITED and _NO_LIMIT in register.absent:
            return _NO_LIMIT
        number = as_number(promise, value, BASE_UNITS[register.unit].base)
        raw = codec.raw_of(register, number)
        if register.names and register.type.kind != "bits" and raw not in register.names:
            allowed = ", ".join(f"{code} {name}" for code, name in register.names.items())
            raise ValueError(f"{promise.key}: {number:g} is none of {allowed}")
        return raw


def settings(board: RegisterBoard, spec: FamilySpec) -> Iterator[RegisterSetting]:
    """Yield a setting for every writable number that has no control of its own and may be set at all.

    What can only be written is one where the family says that a person may: nobody else could put it back.
    Parts that stand nowhere, because neither family nor owner gave them a unit id, have none.
    """
    commanded = {
        place for each in (*spec.controls.values(), *spec.tasks.values()) for place in each.registers
    }
    for part in board.parts:
        units = part.candidates(board.config.units)
        several = len(board.config.units.get(part.name, ())) > 1
        names = [f"{part.name}_{unit}" for unit in units] if several else [part.name] * bool(units)
        for register in board.map_of(part).registers:
            general = f"{part.name}.{register.name}"
            hazard = Hazard(spec.hazard_of(general))
            offered = hazard is Hazard.PERSON if register.access == "w" else hazard is not Hazard.NEVER
            if _is_setting(register) and general not in commanded and offered:
                for name in names:
                    place = f"{name}.{register.name}"
                    yield RegisterSetting(_promise(place, register, hazard), board, place, register)


def _is_setting(register: Register) -> bool:
    return (
        (register.access == "w" or (register.access == "rw" and register.group != NEVER_READ))
        and register.type.is_whole
        and not register.scale_register
    )


def _promise(place: str, register: Register, hazard: Hazard) -> Promise:
    volatile = register.storage == "volatile"
    low, high = _ends(register)
    return Promise(
        key=f"setting:{place}",
        actions=(Action.SET,),
        hazard=hazard,
        rung=Rung.VOLATILE if volatile else Rung.PERSISTENT,
        storage=Storage(register.storage or "unknown"),
        proof=Proof.NONE if register.access == "w" else Proof.READ_BACK,
        low=low,
        high=high,
        resolution=abs(float(register.scale * register.factor)),
        settle_s=1.0,
        blind=register.access == "w",
        unit="seconds" if register.type.kind == "hhmm" else BASE_UNITS[register.unit].base,
        doubts=register.note,
    )


def _ends(register: Register) -> tuple[float, float]:
    """Return the least and the greatest value, in the base unit, that the wire and the map allow."""
    if register.type.kind == "hhmm":
        return 0.0, 86_400.0
    values = [codec.value(register, raw) for raw in codec.limits(register.type)]
    low, high = min(values), max(values)
    if isinstance(register.minimum, float | int):
        low = max(low, float(register.minimum * register.factor + register.shift))
    if isinstance(register.maximum, float | int):
        high = min(high, float(register.maximum * register.factor + register.shift))
    return low, high
