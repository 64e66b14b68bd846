"""GoodWe SEC1000 and SEC1000S: a box of commands, not of registers."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from importlib.resources.abc import Traversable
from typing import TYPE_CHECKING, Final

from sunhelm.devices.clock import Clock, Deadline
from sunhelm.devices.errors import DeviceError
from sunhelm.devices.families.base import Surroundings, line_to
from sunhelm.devices.families.sec1000s.feedback import Feedback
from sunhelm.devices.families.sec1000s.messages import LimitState, Telemetry, mode_name
from sunhelm.devices.families.sec1000s.samples import (
    FEEDBACK,
    FEEDBACK_CODE,
    OFFERS,
    ZeroGuard,
    limit_samples,
    telemetry_samples,
)
from sunhelm.devices.families.source import Fetched, Group, Setting, Source
from sunhelm.devices.families.spec import FamilySpec
from sunhelm.devices.links.sec1000 import LIMIT, TELEMETRY, Sec1000Link
from sunhelm.devices.quantities import CATALOGUE, Quantity
from sunhelm.devices.reading import Held, Outcome, Sample

if TYPE_CHECKING:
    from sunhelm.devices.device_config import DeviceConfig

_COMMANDS: Final = {"telemetry": TELEMETRY, "limit": LIMIT}


class Family:
    """The family `sec1000s`; see `sunhelm.devices.families.base.Family`."""

    def __init__(self, name: str, spec: FamilySpec, folder: Traversable) -> None:
        del folder
        self.name = name
        self.spec = spec

    @property
    def offers(self) -> Mapping[str, Sequence[Quantity]]:
        return OFFERS

    def open(self, config: DeviceConfig, surroundings: Surroundings) -> Source:
        _, line = line_to(config, self.spec, surroundings)
        return Sec1000Source(self.spec, config, Sec1000Link(line), surroundings.clock)


@dataclass(slots=True)
class Sec1000Source:
    """One box; implements `Source`."""

    spec: FamilySpec
    config: DeviceConfig
    link: Sec1000Link
    clock: Clock
    _zero: ZeroGuard = field(default_factory=ZeroGuard)
    _feedback: dict[str, Feedback] = field(default_factory=dict)

    def turn(self, deadline: Deadline) -> AbstractAsyncContextManager[None]:
        return self.link.turn(deadline)

    async def prepare(self, deadline: Deadline) -> None:
        """Nothing has to be found out: every box has the same values."""

    def groups(self) -> Sequence[Group]:
        return [Group(name, period) for name, period in self.spec.tiers.items()]

    async def fetch(self, groups: Sequence[str], deadline: Deadline) -> Mapping[str, Fetched]:
        return {group: await self._fetch(group, deadline) for group in groups}

    def derive(self, samples: Sequence[Sample], groups: Collection[str]) -> Iterator[Sample]:
        del samples, groups
        yield Sample(
            CATALOGUE["device"],
            1.0,
            (self.spec.vendor, self.config.model or "", self.config.serial or "", ""),
            "the site file",
        )

    def remarks(self) -> Iterator[Sample]:
        for operation, result in self._feedback.items():
            yield Sample(FEEDBACK_CODE, float(result), (operation,), "our requests")
            for bit in Feedback:
                on = float(bit in result)
                yield Sample(FEEDBACK, on, (operation, str(bit.name).lower()), "our requests")

    def plan(self, groups: Iterable[str]) -> tuple[str, ...]:
        """Return the requests that a read of these groups takes, as text for a person."""
        return tuple(f"command {_COMMANDS[group]:#04x}" for group in groups)

    async def dump(self, deadline: Deadline) -> Mapping[str, object]:
        commands = {
            f"{code:02x}": (await self.link.ask(code, deadline)).hex(" ", 4) for code in _COMMANDS.values()
        }
        return {"replies": commands}

    async def settings(self, deadline: Deadline) -> Mapping[str, Setting]:
        state = LimitState.parse(await self.link.ask(LIMIT, deadline))
        return {
            name: Setting(f"command {LIMIT:#04x} {name}", f"{value:x}", meaning)
            for name, value, meaning in (
                ("control_mode", state.mode, mode_name(state.mode)),
                ("total_capacity", state.total_capacity, f"{state.total_capacity} W"),
                ("export_limit", state.export_limit, f"{state.export_limit} W"),
            )
        }

    async def close(self) -> None:
        await self.link.close()

    async def _fetch(self, group: str, deadline: Deadline) -> Fetched:
        started = self.clock.monotonic()
        try:
            said = list(self._decode(group, await self.link.ask(_COMMANDS[group], deadline)))
        except DeviceError as error:
            self._feedback[group] = Feedback.of(error)
            waited = self.clock.monotonic() - started
            return Fetched(Outcome(error.reason, str(error), requests=1, waited_s=waited))
        self._feedback[group] = Feedback.OK
        waited = self.clock.monotonic() - started
        return Fetched.of(Outcome(taken_at=self.clock.time(), requests=1, waited_s=waited), said)

    def _decode(self, group: str, data: bytes) -> Iterator[Sample | Held]:
        if group == "telemetry":
            return telemetry_samples(Telemetry.parse(data), zero=self._zero)
        wanted = self.config.export_limit
        return limit_samples(LimitState.parse(data), minimum=wanted.minimum if wanted else 0.0)
