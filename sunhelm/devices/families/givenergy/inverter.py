"""The settings of one inverter on the wire: read a page at a time, written one register at a time.

A value that is there already is not written again: the memory of the inverter wears out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

from sunhelm.devices.clock import Clock, Deadline
from sunhelm.devices.errors import DeviceError, Malformed, Rejected
from sunhelm.devices.families.control import known_serial
from sunhelm.devices.families.givenergy.models import Model, model_of
from sunhelm.devices.families.register_board import RegisterBoard
from sunhelm.devices.links.base import Span, Table

SLAVE: Final = 0x11
_DEVICE_TYPE, _SERIAL, _FIRMWARE, _CAPACITY, _CLOCK = 0, 13, 21, 55, 35
_TRIES: Final = 2
"""An inverter refuses what was lost on its serial line, too: a refusal is believed when it comes twice."""

Words = Mapping[int, int]
"""Holding registers by address."""


@dataclass(slots=True)
class Inverter:
    """Holding registers of the one inverter, EMS or gateway behind a data adapter."""

    board: RegisterBoard
    zone: ZoneInfo
    clock: Clock
    pages: tuple[tuple[int, int], ...]
    _has_pause: dict[str, bool] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What the site file calls the device."""
        return self.board.config.name

    async def words(
        self, addresses: Iterable[int], deadline: Deadline, *, known: Words | None = None
    ) -> Words:
        """Return the registers of page 0 and of the pages that these stand on; `known` is not read again."""
        wanted = {0, *(first for address in addresses for first, _ in (self._page(address),))}
        words = dict(known or {})
        for first, count in self.pages:
            if first in wanted and first not in words:
                span = Span(SLAVE, Table.HOLDING, first, count)
                words.update(enumerate(await self.board.link.read(span, deadline), first))
        return words

    async def identify(self, deadline: Deadline) -> str:
        """Return the serial number. Raises Rejected when the site file names another one."""
        words = await self.words((), deadline)
        text = b"".join(words[_SERIAL + place].to_bytes(2) for place in range(5))
        if not text.isalnum():
            raise Malformed(f"{self.name}: tells no serial number")
        return known_serial(self.board.config, text.decode("ascii"))

    def model(self, words: Words) -> Model:
        """Return the model that page 0 tells."""
        return model_of(words[_DEVICE_TYPE], words[_FIRMWARE])

    def capacity_w(self, words: Words) -> float:
        """Return the power in watts that fills or empties the batteries in an hour. Raises Rejected."""
        model, charge = self.model(words), words[_CAPACITY]
        if not charge or model.battery_voltage is None:
            raise Rejected(
                f"{self.name}: {model.name or 'this model'} does not tell the size of its batteries"
            )
        return charge * model.battery_voltage

    def shown(self, words: Words) -> datetime:
        """Return what the inverter's clock shows, without a zone. Raises Malformed."""
        year, month, day, hour, minute, second = (words[_CLOCK + place] for place in range(6))
        try:
            return datetime(2000 + year, month, day, hour, minute, second)  # noqa: DTZ001 - its own clock
        except ValueError as error:
            raise Malformed(f"{self.name}: its clock shows no time: {error}") from error

    def offset(self, words: Words) -> float:
        """Return by how many seconds the inverter's clock is ahead of that of the site."""
        now = datetime.fromtimestamp(self.clock.time(), self.zone).replace(tzinfo=UTC)
        return (self.shown(words).replace(tzinfo=UTC) - now).total_seconds()

    async def has_pause(self, deadline: Deadline) -> bool:
        """Whether the inverter knows how to pause its battery."""
        if "pause" not in self._has_pause:
            try:
                await self.board.locate("pause", deadline)
            except Rejected:
                self._has_pause["pause"] = False
            else:
                self._has_pause["pause"] = True
        return self._has_pause["pause"]

    async def put(
        self, wanted: Iterable[tuple[int, int]], present: Words, deadline: Deadline, *, insist: bool = False
    ) -> None:
        """Write what is not there yet, in this order; with `insist` also the rest after one that fails."""
        failed: DeviceError | None = None
        for address, word in wanted:
            if present.get(address) == word:
                continue
            try:
                await self.write(address, word, deadline)
            except DeviceError as error:
                if not insist:
                    raise
                failed = failed or error
        if failed is not None:
            raise failed

    async def write(self, address: int, word: int, deadline: Deadline) -> None:
        """Write one register, and once more when it is refused. Raises DeviceError."""
        for left in reversed(range(_TRIES)):
            try:
                await self.board.link.write(SLAVE, address, (word,), deadline, function=6)
            except Rejected:
                if not left:
                    raise
            else:
                return

    async def prove(self, wanted: Mapping[int, int], deadline: Deadline) -> None:
        """Return when the registers read so. Raises Rejected when they do not."""
        words = await self.words(wanted, deadline)
        if wrong := [address for address, word in wanted.items() if words.get(address) != word]:
            raise Rejected(
                f"{self.name}: registers {', '.join(map(str, wrong))} do not keep what was written"
            )

    def _page(self, address: int) -> tuple[int, int]:
        for first, count in self.pages:
            if first <= address < first + count:
                return first, count
        raise ValueError(f"register {address} stands on no page")
