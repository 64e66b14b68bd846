"""One exchange with a device, whatever its protocol: turn, connection, pauses, deadline, second try.

A transport says how to connect and how to ask once; all that has to be right around it is here, and so is
the one place where errors of the libraries below become ours.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Generic, Protocol, TypeVar

import structlog
from pymodbus.exceptions import ModbusException

from sunhelm.devices.clock import Deadline
from sunhelm.devices.errors import Busy, DeviceError, Malformed, Rejected, TimedOut, Unreachable
from sunhelm.devices.links.base import LinkStatistics
from sunhelm.devices.links.line import Line
from sunhelm.devices.links.pacing import Backoff, Pacer, delays
from sunhelm.devices.links.turns import IN_PROCESS, Endpoint

_TRIES = 2  # a lost frame is worth one more request; a device that is gone is not worth the whole deadline
_LOOK_S = 0.05  # the longest that a reader rests without looking for a waiting control process
_TICK_S = 1e-6  # a rest shorter than this is rounding
_BUSY_S = (0.1, 1.0)  # first and longest wait after a device says that it is busy

_log: structlog.stdlib.BoundLogger = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Spacing:
    """A kind of request, by its name, and the least seconds from one to the next, whoever sends them."""

    name: str
    apart_s: float


AT_ONCE = Spacing("", 0.0)
"""What most requests need: nothing between them but the device's pause."""


class WireError(Exception):
    """What came is not what the protocol allows as an answer to what was asked."""


class Connection(Protocol):
    """What a transport has to give."""

    @property
    def usable(self) -> bool:
        """Whether it is open as far as we know."""

    async def close(self) -> None:
        """Return when the socket is closed; nothing that comes later is heard."""


ConnectionT = TypeVar("ConnectionT", bound=Connection)
Answer = TypeVar("Answer")


@contextmanager
def device_errors(where: str, limit_s: float) -> Iterator[None]:
    """Turn errors of sockets and libraries into those of `sunhelm.devices.errors`, naming the place."""
    try:
        yield
    except TimeoutError as error:
        raise TimedOut(f"{where}: no answer within {limit_s:.2g} s") from error
    except (WireError, ModbusException) as error:
        raise Malformed(f"{where}: {error}") from error
    except socket.gaierror as error:
        raise Unreachable(f"{where}: {(error.strerror or 'name not found').lower()}") from error
    except (OSError, EOFError) as error:
        number = getattr(error, "errno", None)
        raise Unreachable(f"{where}: {os.strerror(number).lower() if number else error}") from error


class Exchanges(Generic[ConnectionT]):
    """All exchanges of one link, one at a time.

    `connect` opens a connection to an address and a port. A connection that was abandoned, by a time-out,
    a cancellation or an answer that was wrong, is never used again.
    """

    def __init__(
        self,
        line: Line,
        connect: Callable[[str, int], Awaitable[ConnectionT]],
    ) -> None:
        host, port = line.host, line.port
        self.where = f"{host}:{port}" if ":" not in host else f"[{host}]:{port}"
        self.statistics = LinkStatistics()
        self._host = host
        self._port = port
        self._connect_to = connect
        self._pacing = line.pacing
        self._single = line.single
        self._turns = line.turns or IN_PROCESS
        self._clock = line.clock
        self._pacer = Pacer(line.pacing, line.clock)
        self._backoff = Backoff(line.clock)
        self._last_failure = ""
        self._connection: ConnectionT | None = None
        self._address = ""
        self._endpoint: Endpoint | None = None
        self._held: Endpoint | None = None

    @asynccontextmanager
    async def turn(self, deadline: Deadline) -> AsyncIterator[None]:
        """Hold the endpoint; see `RegisterLink.turn`."""
        with self.statistics.waiting(self._clock):
            endpoint = self._held or await self._locate(deadline)
            await endpoint.take(deadline)
        self._held = endpoint
        try:
            yield
        finally:
            try:
                await endpoint.quiet()
            finally:
                self._held = None
                try:
                    if self._single:
                        await self.close()
                finally:
                    endpoint.release()

    async def run(
        self,
        ask: Callable[[ConnectionT], Awaitable[Answer]],
        deadline: Deadline,
        *,
        repeat: bool,
        spacing: Spacing = AT_ONCE,
    ) -> Answer:
        """Return what `ask` returns, on a connection that is ready for it.

        With `repeat`, a request whose answer was lost or wrong is sent once more and one that the device is
        too busy for again and again, all within the deadline. Raises what `RegisterLink.read` raises, and
        Busy when its `spacing` from the last of its kind is not over within the deadline.
        """
        endpoint = self._held
        if endpoint is None:
            raise RuntimeError(f"{self.where}: an exchange happens in a turn: async with link.turn(deadline)")
        busy = delays(*_BUSY_S)
        tries = _TRIES if repeat else 1
        not_before = self._clock.monotonic()
        async with endpoint.request(deadline):
            while True:
                connection = await self._ready(endpoint, deadline, not_before, spacing)
                try:
                    return await self._ask(connection, ask, endpoint, deadline, spacing)
                except Busy:
                    pause = next(busy)
                    if not repeat or pause >= deadline.remaining():
                        raise
                    not_before = self._clock.monotonic() + pause
                except (Unreachable, Malformed):
                    tries -= 1
                    if not tries or deadline.passed:
                        raise
                self.statistics.retries += 1

    async def close(self) -> None:
        """Close the connection; harmless when there is none."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def _ask(
        self,
        connection: ConnectionT,
        ask: Callable[[ConnectionT], Awaitable[Answer]],
        endpoint: Endpoint,
        deadline: Deadline,
        spacing: Spacing,
    ) -> Answer:
        limit = min(self._pacing.timeout, deadline.remaining())
        self.statistics.requests += 1
        endpoint.exchanged(spacing.name)
        try:
            with device_errors(self.where, limit):
                async with asyncio.timeout(limit):
                    answer = await ask(connection)
        except (Busy, Rejected):
            self._backoff.succeeded()  # a refusal is an answer
            raise
        except TimedOut as error:
            await self.close()
            self._timed_out(error, limit, endpoint)
            raise
        except BaseException as error:
            if isinstance(error, DeviceError):
                self._failed(error)
            await self.close()
            raise
        finally:
            endpoint.exchanged(spacing.name)  # it arrived after it was sent: nobody knows how long after
        self._backoff.succeeded()
        return answer

    async def _ready(
        self, endpoint: Endpoint, deadline: Deadline, not_before: float, spacing: Spacing
    ) -> ConnectionT:
        """Return a connection when the turn is ours and the device has had its pauses."""
        while True:
            await self._keep_turn(endpoint, deadline)
            connection = self._connection
            if connection is not None and not connection.usable:
                await self.close()
                connection = None
            apart = spacing.apart_s - endpoint.since_asked_s(spacing.name)
            if apart > max(_TICK_S, deadline.remaining()):
                raise Busy(
                    f"{self.where}: request {spacing.name} may be sent every {spacing.apart_s:g} s, "
                    f"again in {apart:.2g} s"
                )
            wait = max(
                not_before - self._clock.monotonic(),
                apart,
                self._backoff.remaining()
                if connection is None
                else self._pacer.due_in(endpoint.since_exchange_s()),
            )
            if wait > deadline.remaining():
                if connection is None and self._backoff.remaining():
                    raise Unreachable(
                        f"{self.where}: {self._backoff.failures} failures in a row, the last was: "
                        f"{self._last_failure}"
                    )
                too_late = Busy if endpoint.delayed else TimedOut
                raise too_late(f"{self.where}: the device needs a pause of {wait:.3g} s, longer than is left")
            if deadline.passed:
                too_late = Busy if endpoint.delayed else TimedOut
                raise too_late(f"{self.where}: no time was left to ask")
            if wait > _TICK_S:
                await self._rest(endpoint, wait)
            elif connection is None:
                await self._connect(endpoint, deadline)
            else:
                return connection

    async def _rest(self, endpoint: Endpoint, wait_s: float) -> None:
        """Sleep so long, or less when the turn may have to be given away meanwhile."""
        await self._clock.sleep(min(wait_s, _LOOK_S) if endpoint.gives_way else wait_s)

    async def _keep_turn(self, endpoint: Endpoint, deadline: Deadline) -> None:
        """Give way to a waiting control process, and take the turn back whenever it is lent."""
        if self._held is not endpoint:
            raise RuntimeError(f"{self.where}: the turn ended while an exchange was waiting")
        if endpoint.is_awaited:
            await self.close()
            endpoint.lend()
        if not endpoint.owned:
            with self.statistics.waiting(self._clock):
                await endpoint.resume(deadline)

    async def _connect(self, endpoint: Endpoint, deadline: Deadline) -> None:
        limit = min(self._pacing.timeout, deadline.remaining())
        try:
            with device_errors(self.where, limit):
                async with asyncio.timeout(limit):
                    self._connection = await self._connect_to(self._address, self._port)
        except TimedOut as error:
            self._timed_out(error, limit, endpoint)
            raise
        except DeviceError as error:
            self._failed(error)
            if self._backoff.failures > 1:
                raise
            self.statistics.retries += (
                1  # one refusal may be a device that has not yet missed its last client
            )
        else:
            self.statistics.connects += 1
            self._pacer.connected()
            _log.debug("link_connected", where=self.where, address=self._address)

    def _timed_out(self, error: TimedOut, limit_s: float, endpoint: Endpoint) -> None:
        """Note a failure of the device, or raise Busy where the turn of another left too little time."""
        if endpoint.delayed and limit_s < self._pacing.timeout and not self._backoff.failures:
            raise Busy(f"{error}, which the turn of another had left") from error
        self._failed(error)

    def _failed(self, error: DeviceError) -> None:
        self._backoff.failed()
        self._last_failure = str(error).removeprefix(f"{self.where}: ")
        _log.debug(
            "link_failed",
            where=self.where,
            reason=str(error.reason),
            detail=self._last_failure,
            failures=self._backoff.failures,
        )

    async def _locate(self, deadline: Deadline) -> Endpoint:
        """Find the endpoint by its address now; a router may have given the device another one."""
        address = await self._resolve(deadline)
        if self._endpoint is None or address != self._address:
            await self.close()
            name = f"{address}:{self._port}" if ":" not in address else f"[{address}]:{self._port}"
            self._endpoint = self._turns.endpoint(name, self._clock)
            self._address = address
        return self._endpoint

    async def _resolve(self, deadline: Deadline) -> str:
        try:
            return str(ip_address(self._host))
        except ValueError:
            pass  # a name
        limit = deadline.remaining()
        with device_errors(self.where, limit):
            async with asyncio.timeout(limit):
                found = await asyncio.get_running_loop().getaddrinfo(
                    self._host, self._port, type=socket.SOCK_STREAM
                )
        # The same choice in every process, whatever the order of the answer; home devices listen on IPv4.
        addresses = {ip_address(str(address[0])) for *_, address in found}
        return str(min(addresses, key=lambda address: (address.version, int(address))))
