"""Where the readings of the house come from: a device of the site, or the reading of an exporter as JSON."""

from __future__ import annotations

import asyncio
import base64
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

import aiohttp
from aiohttp import hdrs

from controllers.evcharging.house import Values
from controllers.evcharging.section import HouseSection
from sunhelm.configuration.secrets import SecretUnavailable
from sunhelm.devices.clock import Clock, Deadline
from sunhelm.devices.device import Device
from sunhelm.devices.links import Turns
from sunhelm.devices.site import Site

TIMEOUT_S: Final = 10.0

_NEEDED: Final = (
    "pv_power",
    "load_power",
    "grid_power",
    "battery_power",
    "grid_phase_power",
    "grid_phase_voltage",
    "inverter_phase_voltage",
)
_FUTURE_S: Final = 5.0
_MOST_BYTES: Final = 8 * 1024 * 1024


class NoReading(Exception):
    """The house could not be read; the text says why."""


@dataclass(frozen=True, slots=True)
class HouseReading:
    """What was read, and how many seconds ago the oldest of it was true."""

    values: Values
    age_s: float


class Readings(Protocol):
    """Where readings come from."""

    async def read(self, deadline: Deadline) -> HouseReading:
        """Return what the house does. Raises NoReading."""

    async def close(self) -> None:
        """Close the connection; harmless when there is none."""


class DeviceReadings:
    """The readings of a device of the site, by its own family and in turns with everybody else."""

    def __init__(self, device: Device, clock: Clock) -> None:
        self._device = device
        self._clock = clock

    async def read(self, deadline: Deadline) -> HouseReading:
        """Read what is due of the device: totals are made of all of it. Raises NoReading."""
        reading = await self._device.read(deadline)
        samples = [sample for sample in reading.samples if sample.quantity.name in _NEEDED]
        if not samples:
            reasons = {outcome.reason.value for outcome in reading.groups.values() if outcome.reason}
            raise NoReading(", ".join(sorted(reasons)) or "it tells no power")
        outcomes = {sample.group: reading.groups.get(sample.group) for sample in samples}
        taken = [outcome.taken_at for outcome in outcomes.values() if outcome and outcome.taken_at]
        age_s = max(0.0, self._clock.time() - min(taken, default=reading.taken_at))
        return HouseReading(
            {(sample.quantity.name, *sample.labels): sample.value for sample in samples}, age_s
        )

    async def close(self) -> None:
        """Close the device."""
        await self._device.close()


class ExporterReadings:
    """The reading of a device as an exporter tells it: JSON over HTTP; no redirect is followed."""

    def __init__(self, house: HouseSection, clock: Clock) -> None:
        assert house.reading is not None
        self._address = house.reading.geturl()
        self._house = house
        self._clock = clock
        self._session: aiohttp.ClientSession | None = None

    async def read(self, deadline: Deadline) -> HouseReading:
        """Ask the exporter. Raises NoReading."""
        limit_s = min(TIMEOUT_S, deadline.remaining())
        try:
            async with asyncio.timeout(limit_s):
                body = await self._ask()
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise NoReading(str(error) or type(error).__name__) from error
        except SecretUnavailable as error:
            raise NoReading(str(error)) from error
        try:
            return reading_of(json.loads(body), self._clock.time())
        except (ValueError, RecursionError) as error:
            raise NoReading(f"its answer cannot be read: {error}") from error

    async def close(self) -> None:
        """Close the connection."""
        if self._session is not None:
            await self._session.close()

    async def _ask(self) -> bytes:
        if self._session is None:
            self._session = aiohttp.ClientSession()
        house, headers = self._house, {"X-Prometheus-Scrape-Timeout-Seconds": f"{TIMEOUT_S:g}"}
        if house.username is not None and house.password_file is not None:
            credentials = f"{house.username}:{house.password_file.reveal()}"
            headers[hdrs.AUTHORIZATION] = f"Basic {base64.b64encode(credentials.encode()).decode()}"
        async with self._session.get(self._address, allow_redirects=False, headers=headers) as answer:
            if answer.status != 200:
                raise NoReading(f"it answers {answer.status}")
            body = b""
            while not answer.content.at_eof():
                body += await answer.content.read(_MOST_BYTES)
                if len(body) > _MOST_BYTES:
                    raise NoReading(f"its answer is longer than {_MOST_BYTES} bytes")
            return body


def reading_of(answer: object, wall: float) -> HouseReading:
    """Return what the JSON reading of an exporter says. Raises ValueError and NoReading."""
    if not isinstance(answer, dict):
        raise ValueError("it is no object")  # noqa: TRY004 - json.loads raises it for what is no JSON
    samples = [sample for sample in _objects(answer.get("samples")) if sample.get("quantity") in _NEEDED]
    values = {
        (str(sample["quantity"]), *map(str, _mapping(sample.get("labels")).values())): _number(
            sample.get("value")
        )
        for sample in samples
    }
    if not values:
        raise NoReading("it tells no power")
    groups = _mapping(answer.get("groups"))
    taken = [
        _number(_mapping(groups.get(name)).get("taken_at", answer.get("taken_at")))
        for name in {str(sample.get("group")) for sample in samples}
    ]
    age_s = wall - min(taken)
    if not -_FUTURE_S <= age_s < math.inf:
        raise NoReading(f"it was taken {-age_s:.0f} s from now, by the clock of this machine")
    return HouseReading(values, max(0.0, age_s))


class OpenReadings(Protocol):
    """How the readings of a charger are opened."""

    def __call__(self, house: HouseSection, site: Site) -> Readings:
        """Return where they come from; nothing is asked yet."""


def open_readings(house: HouseSection, site: Site, *, clock: Clock, turns: Turns | None = None) -> Readings:
    """Return where the readings of a charger come from; nothing is asked yet."""
    if house.device is None:
        return ExporterReadings(house, clock)
    config = site.devices[house.device]
    return DeviceReadings(Device(config, site, clock=clock, turns=turns), clock)


def _objects(written: object) -> Iterable[Mapping[str, object]]:
    if not isinstance(written, list):
        raise ValueError("it has no samples")  # noqa: TRY004 - likewise
    return (each for each in written if isinstance(each, dict))


def _mapping(written: object) -> Mapping[str, object]:
    return written if isinstance(written, dict) else {}


def _number(written: object) -> float:
    if isinstance(written, bool) or not isinstance(written, int | float):
        raise ValueError("a value is no number")  # noqa: TRY004 - likewise
    return float(written)
