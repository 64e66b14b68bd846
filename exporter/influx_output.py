"""Switches the output to InfluxDB on, over and off as the site file says."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from importlib import import_module
from typing import Final

import structlog

from exporter.config import Configuration, InfluxSection
from exporter.delivery import Client
from exporter.influx import Statistics, Writer
from exporter.influx_metrics import InfluxMetrics
from exporter.polling import Poller
from exporter.spool import Spool, SpoolError
from exporter.targets import Target
from sunhelm.configuration.mistakes import ConfigurationError
from sunhelm.devices.clock import SYSTEM_CLOCK, Clock
from sunhelm.devices.reading import Reading
from sunhelm.service.metrics import ProcessMetrics

_CLIENT: Final = "exporter.influx_client"
"""Imported when the output is switched on: it costs memory and a second on a small machine."""

_RELOAD_FLUSH_S: Final = 1.0

_log = structlog.get_logger(__name__)


class InfluxOutput:
    """The writer that the configuration asks for, if any, with its spool, its poller and its metrics."""

    def __init__(
        self, process: ProcessMetrics, targets: Mapping[str, Target], *, clock: Clock = SYSTEM_CLOCK
    ) -> None:
        self._process = process
        self._targets = targets
        self._clock = clock
        self._statistics = Statistics()
        self._metrics = InfluxMetrics(process.prefix, self._statistics)
        self._section: InfluxSection | None = None
        self._spool: Spool | None = None
        self._writer: Writer | None = None
        self._poller: Poller | None = None
        self._polling: asyncio.Task[None] | None = None

    def observe(self, labels: Mapping[str, str], reading: Reading) -> None:
        """Take a reading fresh from the device that the labels tell; never waits."""
        if self._poller is not None:
            self._poller.seen(reading)
        if self._writer is not None:
            self._writer.put(labels, reading)

    async def follow(self, configuration: Configuration) -> None:
        """Write as this configuration says from now on.

        Raises ConfigurationError, and leaves everything as it was, when the spool cannot be used.
        """
        section = configuration.influxdb
        if section == self._section:
            return
        spool = await self._spool_for(section, configuration)
        client = await asyncio.to_thread(import_module, _CLIENT) if section is not None else None
        await self._stop(_RELOAD_FLUSH_S, keep=spool)
        if section is not None and spool is not None and client is not None:
            self._begin(section, spool, client.InfluxClient(section))

    async def close(self) -> None:
        """Deliver what InfluxDB takes within a few seconds; the rest stays in the spool."""
        await self._stop()

    async def _spool_for(self, section: InfluxSection | None, configuration: Configuration) -> Spool | None:
        if section is None:
            return None
        if self._spool is not None and self._spool.directory == section.spool:
            return self._spool
        try:
            return await asyncio.to_thread(Spool, section.spool, section.spool_limit)
        except SpoolError as error:
            raise ConfigurationError([configuration.spool_refused(str(error))]) from error

    def _begin(self, section: InfluxSection, spool: Spool, client: Client) -> None:
        self._section, self._spool = section, spool
        spool.most_bytes = self._statistics.limit = section.spool_limit
        self._writer = Writer(spool, client, self._statistics, clock=self._clock)
        self._writer.start()
        if section.interval:
            self._poller = Poller(
                self._targets, section.interval, polled=self._statistics.polled, clock=self._clock
            )
            self._polling = asyncio.create_task(self._poller.run(), name="influxdb poll")
        self._process.registry.register(self._metrics)
        _log.info("influxdb_on", url=section.url.geturl(), bucket=section.bucket, points_waiting=spool.points)

    async def _stop(self, flush_s: float | None = None, *, keep: Spool | None = None) -> None:
        if self._polling is not None:
            self._polling.cancel()
            await asyncio.gather(self._polling, return_exceptions=True)
        writer, spool = self._writer, self._spool
        self._section = self._writer = self._poller = self._polling = self._spool = None
        if writer is None or spool is None:
            return
        self._process.registry.unregister(self._metrics)
        await (writer.close() if flush_s is None else writer.close(flush_s))
        if spool is not keep:
            await asyncio.to_thread(spool.close)
        _log.info("influxdb_off", points_waiting=self._statistics.waiting.points)
