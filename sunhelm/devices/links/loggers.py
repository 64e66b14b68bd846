"""Finding Solarman loggers: each tells its address and its serial number when it is asked over UDP."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Final

from sunhelm.devices.clock import SYSTEM_CLOCK, Clock

DISCOVERY_PORT: Final = 48_899
_QUESTIONS: Final = (b"WIFIKIT-214028-READ", b"HF-A11ASSISTHREAD")
_FIELDS: Final = 3
_LONGEST: Final = 128
_BETWEEN_S: Final = 0.005
"""Between two questions: a network of a house is asked within seconds, and no box in it is flooded."""


@dataclass(frozen=True, slots=True, order=True)
class Logger:
    """A logger that answered, where it answered from, and the serial number that every request must bear."""

    host: str
    serial: int


@dataclass(slots=True)
class _Ears(asyncio.DatagramProtocol):
    """Hears what comes back; what is no answer of a logger is passed over."""

    found: set[Logger] = field(default_factory=set)

    def datagram_received(self, data: bytes, addr: tuple[str | object, int]) -> None:
        serial = _serial(data)
        if serial is not None:
            self.found.add(Logger(str(addr[0]), serial))

    def error_received(self, exc: Exception) -> None:
        """Pass over hosts where nobody listens: most of them."""


async def find_loggers(
    hosts: Iterable[str], *, port: int = DISCOVERY_PORT, wait_s: float = 2.0, clock: Clock = SYSTEM_CLOCK
) -> tuple[Logger, ...]:
    """Ask every one of these addresses, and return the loggers that answered until `wait_s` after the last.

    Only IPv4: loggers know nothing else. Raises OSError when no socket can be had.
    """
    loop = asyncio.get_running_loop()
    transport, ears = await loop.create_datagram_endpoint(_Ears, local_addr=("0.0.0.0", 0))  # noqa: S104 - to hear
    try:
        for host in hosts:
            if ip_address(host).version != 4:
                continue
            for question in _QUESTIONS:
                transport.sendto(question, (host, port))
            await clock.sleep(_BETWEEN_S)
        await clock.sleep(wait_s)
    finally:
        transport.close()
    return tuple(sorted(ears.found))


def _serial(data: bytes) -> int | None:
    """Return the serial number of an answer "address,mac,serial"; None when it is no such answer."""
    fields = data[:_LONGEST].decode("ascii", errors="replace").strip().split(",")
    if len(fields) != _FIELDS or not (fields[2].isascii() and fields[2].isdigit()):
        return None
    serial = int(fields[2])
    return serial if 0 < serial < 1 << 32 else None
