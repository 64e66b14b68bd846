"""A face with faults in front: those that change what a device answers, whatever wire carries it."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence

from sunhelm.simulator.faces.face import Face, ModbusException, Table
from sunhelm.simulator.faults.kinds import CorruptWord, ExceptionReply, Holes
from sunhelm.simulator.faults.switchboard import Faults


class FaultyFace:
    """A `Face` that answers as the one behind it, unless a fault is on."""

    def __init__(self, face: Face, faults: Faults) -> None:
        self._face = face
        self._faults = faults

    def read(self, unit: int, table: Table, address: int, count: int) -> Sequence[int]:
        self._refuse("read")
        holes = self._faults.strikes(Holes)
        if holes is not None and any(place in holes.addresses for place in range(address, address + count)):
            raise ModbusException(2)
        words = list(self._face.read(unit, table, address, count))
        self._forget_counters(unit, table, address, words)
        corrupt = self._faults.strikes(CorruptWord)
        if corrupt is not None:
            index = self._faults.random.randrange(count) if corrupt.index is None else corrupt.index
            if index < count:
                words[index] = corrupt.value
        return words

    def write(self, unit: int, address: int, words: Sequence[int]) -> None:
        self._refuse("write")
        self._face.write(unit, address, words)

    def identification(self, unit: int) -> Mapping[int, str] | None:
        self._refuse("read")
        return self._face.identification(unit)

    def counters(self, unit: int, table: Table) -> Container[int]:
        return self._face.counters(unit, table)

    def update(self) -> None:
        self._face.update()

    def guarded(self, private: Callable[[int, bytes], bytes]) -> Callable[[int, bytes], bytes]:
        """Return a function of the vendor's own that answers unless a fault is on."""

        def answer(unit: int, pdu: bytes) -> bytes:
            self._refuse("read")
            return private(unit, pdu)

        return answer

    def _refuse(self, act: str) -> None:
        fault = self._faults.strikes(ExceptionReply)
        if fault is not None and fault.on in {act, "any"}:
            raise ModbusException(fault.code)

    def _forget_counters(self, unit: int, table: Table, address: int, words: list[int]) -> None:
        if not self._faults.zero_reads_left:
            return
        counters = self._face.counters(unit, table)
        touched = [index for index in range(len(words)) if address + index in counters]
        for index in touched:
            words[index] = 0
        if touched:
            self._faults.zero_reads_left -= 1
