"""Files that a SUN2000 gives out by its private function: the optimizers behind its strings."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Final

from sunhelm.simulator.faces.face import ModbusException
from sunhelm.simulator.plant import Plant

FEATURES: Final = 0x45
REAL_TIME: Final = 0x44
_START, _FRAME, _END = 0x05, 0x06, 0x0C
_ILLEGAL_FUNCTION, _ILLEGAL_VALUE = 1, 3
_FRAME_BYTES: Final = 200
_HEALTHY: Final = 0x8000_0000
_RENEWED_S: Final = 300
_RUNNING, _STANDBY = 4, 1


@dataclass(frozen=True, slots=True)
class Module:
    """One optimizer: its address, and where its module stands."""

    address: int
    string: int
    position: int


@dataclass(slots=True)
class Files:
    """Answers requests for files, one transfer at a time."""

    plant: Plant
    _content: dict[int, bytes] = field(default_factory=dict)

    @property
    def modules(self) -> tuple[Module, ...]:
        """Every optimizer: one behind each module of each string."""
        house = self.plant.house
        places = [
            (number, position)
            for number, string in enumerate((*house.ac_strings, *house.dc_strings), 1)
            for position in range(1, string.modules + 1)
        ]
        return tuple(Module(address, *place) for address, place in enumerate(places, 17))

    def answer(self, what: int, data: bytes, local_time: int) -> bytes:
        """Return the answer to one step, behind function, step and length. Raises ModbusException."""
        if not data or data[0] not in (FEATURES, REAL_TIME):
            raise ModbusException(_ILLEGAL_VALUE)
        kind = data[0]
        if what == _START:
            self._content = {kind: self._made(kind, data[1:], local_time)}
            return struct.pack(">BIB", kind, len(self._content[kind]), _FRAME_BYTES)
        if kind not in self._content:
            raise ModbusException(_ILLEGAL_VALUE)
        content = self._content[kind]
        if what == _FRAME and len(data) == 3:
            first = int.from_bytes(data[1:]) * _FRAME_BYTES
            if first >= len(content):
                raise ModbusException(_ILLEGAL_VALUE)
            return data + content[first : first + _FRAME_BYTES]
        if what == _END:
            return data[:1] + _crc(content)
        raise ModbusException(_ILLEGAL_FUNCTION)

    def _made(self, kind: int, parameters: bytes, local_time: int) -> bytes:
        if kind == FEATURES:
            return self._features()
        if len(parameters) != 14 or parameters[:2] != b"\x10\x0c":
            raise ModbusException(_ILLEGAL_VALUE)
        begin, end = struct.unpack_from(">II", parameters, 2)
        newest = min(end, local_time) // _RENEWED_S * _RENEWED_S
        samplings = [at for at in (newest - _RENEWED_S, newest) if begin <= at <= end]
        return struct.pack("<I8x", 1) + b"".join(map(self._sampling, samplings))

    def _features(self) -> bytes:
        records = b"".join(
            struct.pack(
                ">HHBBH20s30s20s30sHHHH",
                *(module.address, 1, 0, module.string, module.position),
                *(f"SIMOPT{module.address:06}".encode(), b"V200R001C00SPC110", b"", b"SUN2000-450W-P2"),
                *(0, 0, 450, 0),
            )
            for module in self.modules
        )
        return b"V103" + struct.pack(">HHB3xH", 1, 6 + len(records), 0, len(self.modules)) + records

    def _sampling(self, at: int) -> bytes:
        records = b"".join(self._record(module) for module in self.modules)
        return struct.pack("<i4xhh", at, len(records), len(self.modules)) + records

    def _record(self, module: Module) -> bytes:
        house, state = self.plant.house, self.plant.state.strings[module.string - 1]
        string = (*house.ac_strings, *house.dc_strings)[module.string - 1]
        power, volts = state.power_w / string.modules, state.voltage_v / string.modules
        energy = self.plant.energy.strings[module.string - 1] / string.modules / 3600.0
        return struct.pack(
            "<hhhIhhhhhHI",
            module.address,
            round(power * 10),
            round(volts * 5),
            _HEALTHY,
            round(volts * 10),
            round(state.current_a * 100),
            round(volts * 10),
            round(state.current_a * 100),
            round(state.cell_c * 10),
            _RUNNING if power > 0.0 else _STANDBY,
            int(energy),
        )


def _crc(content: bytes) -> bytes:
    """Return the checksum of Modbus with the high byte first, other than behind a frame of a serial line."""
    crc = 0xFFFF
    for byte in content:
        crc = crc >> 8 ^ _CRC_OF[(crc ^ byte) & 0xFF]
    return crc.to_bytes(2)


def _shifted(crc: int) -> int:
    for _ in range(8):
        crc = crc >> 1 ^ 0xA001 if crc & 1 else crc >> 1
    return crc


_CRC_OF: Final = [_shifted(byte) for byte in range(256)]
