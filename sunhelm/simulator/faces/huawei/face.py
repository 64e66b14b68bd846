"""The face itself: a SUN2000 at unit 1, and the dongle that carries it at units 0 and 100."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import Final

from sunhelm.simulator.clock import MACHINE_CLOCK, Clock
from sunhelm.simulator.faces.face import ModbusException, Table
from sunhelm.simulator.faces.huawei import layout, telemetry
from sunhelm.simulator.faces.huawei.controls import Controls
from sunhelm.simulator.faces.huawei.emma import Emma
from sunhelm.simulator.faces.huawei.files import Files
from sunhelm.simulator.faces.huawei.sign_in import CHALLENGE, SIGN_IN, SignIn
from sunhelm.simulator.faces.image import Image
from sunhelm.simulator.plant import Plant, PlantState

INVERTER: Final = 1
DONGLE: Final = (0, 100)
_PRIVATE: Final = 0x41
_ILLEGAL_ADDRESS, _ILLEGAL_VALUE = 2, 3
_NO_ANSWER_BEHIND_GATEWAY: Final = 11
_DONGLE_SPANS: Final = ((30_000, 30_064), (35_104, 35_122), (37_410, 37_454), (37_498, 37_517))


class HuaweiFace:
    """One inverter with a battery and a meter that looks at `plant`.

    With a `password`, writes need the installer's sign-in. `keeps_order` as in `Controls`. With `emma`, one
    stands at unit 0 in place of the dongle, and has the meter.
    """

    def __init__(
        self,
        plant: Plant,
        *,
        clock: Clock = MACHINE_CLOCK,
        password: str = "",
        keeps_order: bool = False,
        emma: bool = False,
    ) -> None:
        self.plant = plant
        self.controls = Controls(plant, clock, keeps_order=keeps_order)
        self.sign_in = SignIn(clock, password=password)
        self.emma = Emma(plant, self.controls) if emma else None
        self.controls.meter_online, self.controls.metered_above = not emma, emma
        self.software = telemetry.SOFTWARE
        self.resets = 0
        self._files = Files(plant)
        self._seen: PlantState | None = None
        self._shown = Image()
        self.controls.update()

    def read(self, unit: int, table: Table, address: int, count: int) -> Sequence[int]:
        if table is not Table.HOLDING:
            raise ModbusException(1)
        if self.emma is not None and unit == 0:
            return self.emma.read(address, count)
        if unit in DONGLE:
            return self._read_dongle(address, count)
        self._addressed(unit)
        if not layout.readable(address, count):
            raise ModbusException(_ILLEGAL_ADDRESS)
        words = range(address, address + count)
        if not self.controls.meter_online and set(words).intersection(layout.METER):
            raise ConnectionResetError("the inverter hangs up while its meter is offline")
        image = self.image()
        return [image.get(place, 0) for place in words]

    def write(self, unit: int, address: int, words: Sequence[int]) -> None:
        if self.emma is not None and unit == 0:
            self._seen = None
            self.emma.write(address, words)
            self.controls.update()
            return
        self._addressed(unit)
        self._seen = None
        if address == layout.HEARTBEAT:
            self.sign_in.heartbeat()
            return
        self.sign_in.demand()
        if address == layout.RESET:
            self.resets += 1
            self.sign_in.forget()
            return
        if address in (layout.STARTUP, layout.SHUTDOWN):
            raise ModbusException(_ILLEGAL_VALUE)
        image = self.image()
        limits = {
            setting: image[bound] << 16 | image[bound + 1]
            for setting, bound in ((47_075, 37_046), (47_077, 37_048), (47_247, 37_046), (47_249, 37_048))
        }
        self.controls.write(address, words, limits)
        self.controls.update()
        self._seen = None

    def private(self, unit: int, pdu: bytes) -> bytes:
        """Return the answer to a request of function 0x41. Raises ModbusException."""
        self._addressed(unit)
        if len(pdu) < 3 or pdu[2] != len(pdu) - 3:
            raise ModbusException(_ILLEGAL_VALUE)
        what, data = pdu[1], pdu[3:]
        if what in (CHALLENGE, SIGN_IN):
            return bytes((_PRIVATE, what)) + self.sign_in.answer(what, data)
        answer = self._files.answer(what, data, self.controls.local_time)
        return bytes((_PRIVATE, what, len(answer))) + answer

    def identification(self, unit: int) -> Mapping[int, str] | None:
        if unit not in (INVERTER, *DONGLE):
            return None
        return {
            0: "HUAWEI",
            1: "SUN2000",
            2: telemetry.SOFTWARE,
            0x87: chr(2),
            0x88: f"1={telemetry.MODEL};2={telemetry.SOFTWARE};3=P1.0-D5.0;4={telemetry.SERIAL};5={INVERTER}",
            0x89: "1=SDongleA-05;2=V100R001C00SPC139;3=P1.0-D1.0;4=SIMDONGLE0001;5=100",
        }

    def counters(self, unit: int, table: Table) -> Container[int]:
        del table
        return layout.COUNTERS if unit == INVERTER else ()

    def update(self) -> None:
        self._seen = None
        self.controls.update()

    def image(self) -> Image:
        """Return every word of the inverter as it is now."""
        if self._seen is not self.plant.state:
            self._seen, self._shown = self.plant.state, self._filled()
        return self._shown

    def _filled(self) -> Image:
        image, plant, controls = Image(), self.plant, self.controls
        telemetry.identity(image, plant)
        telemetry.live(image, plant)
        telemetry.battery(image, plant, mode=controls.mode, forced_min=controls.forced_min)
        telemetry.meter(image, plant, online=controls.meter_online)
        image.text(30_050, 15, self.software)
        image.word(48_020, self.emma is not None)
        image.words(37_200, len(self._files.modules), len(self._files.modules), 0)
        image.word(42_001, 0)
        image.words(47_000, 2)
        image.words(47_107, 1)
        image.words(47_750, *range(1, telemetry.PACKS + 1))
        controls.show(image)
        return image

    def _read_dongle(self, address: int, count: int) -> Sequence[int]:
        if not any(first <= address and address + count - 1 <= last for first, last in _DONGLE_SPANS):
            raise ModbusException(_ILLEGAL_ADDRESS)
        image, state = Image(), self.plant.state
        image.text(30_000, 15, "SDongleA-05")
        image.text(30_015, 10, "SIMDONGLE0001")
        image.text(30_050, 15, "V100R001C00SPC139")
        image.words(37_410, 4, 0, 1)
        image.word(37_429, 10)
        image.pairs(37_498, state.pv_power_w, state.load.power_w, state.grid.power_w, -state.battery.power_w)
        image.pair(37_516, state.pv_inverter.power_w + state.inverter.ac_power_w)
        return [image.get(place, 0) for place in range(address, address + count)]

    @staticmethod
    def _addressed(unit: int) -> None:
        if unit != INVERTER:
            raise ModbusException(_NO_ANSWER_BEHIND_GATEWAY)
