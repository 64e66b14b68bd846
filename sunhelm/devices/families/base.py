"""What a family is, and all that a family needs whose devices are registers and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Protocol, runtime_checkable
from zoneinfo import ZoneInfo

from sunhelm.devices.clock import SYSTEM_CLOCK, Clock, Deadline
from sunhelm.devices.families.accounts import Accounts
from sunhelm.devices.families.register_source import Identity, RegisterSource, Values
from sunhelm.devices.families.source import Source
from sunhelm.devices.families.spec import FamilySpec, LinkKind, Part
from sunhelm.devices.links import Line, Turns, open_link
from sunhelm.devices.links.base import RegisterLink
from sunhelm.devices.quantities import Quantity
from sunhelm.devices.reading import Sample
from sunhelm.devices.registers.map import load_map
from sunhelm.devices.registers.register import RegisterMap

if TYPE_CHECKING:
    from sunhelm.devices.device_config import DeviceConfig


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a device needs to know of the house and the process it is opened in.

    `zone` is the local time that devices' clocks show. `turns` shares endpoints with other processes;
    None only within this one. `accounts` are those of the site file, with what its devices share of them.
    `is_dark` says whether the sun is down at a Unix time where the house stands; False where that is unknown.
    """

    zone: ZoneInfo
    clock: Clock = SYSTEM_CLOCK
    turns: Turns | None = None
    accounts: Accounts = field(default_factory=Accounts)
    is_dark: Callable[[float], bool] = field(default=lambda _: False)


def line_to(config: DeviceConfig, spec: FamilySpec, surroundings: Surroundings) -> tuple[LinkKind, Line]:
    """Return by which kind of link a device is reached, and where."""
    kind: LinkKind = next(iter(spec.links)) if config.link is None else config.link
    line = Line(
        config.host or "",
        config.port or spec.links[kind],
        spec.pacing_of(kind),
        single=spec.connection == "single",
        turns=surroundings.turns,
        clock=surroundings.clock,
    )
    return kind, line


class Family(Protocol):
    """One system: what it is, and how to open a device of it."""

    name: str
    spec: FamilySpec

    @property
    def offers(self) -> Mapping[str, Sequence[Quantity]]:
        """What a device may bring, by group."""

    def open(self, config: DeviceConfig, surroundings: Surroundings) -> Source:
        """Return the device as a source of readings; nothing is sent yet."""


@runtime_checkable
class FindsDevices(Protocol):
    """A family whose accounts tell which devices they have."""

    spec: FamilySpec

    async def find(self, account: str, surroundings: Surroundings, deadline: Deadline) -> Sequence[str]:
        """Return the serial numbers of all that can be a device of this account. Raises DeviceError."""


class RegisterFamily:
    """A family whose devices are registers: everything comes from `family.yaml` and the maps beside it."""

    source_class: ClassVar[type[RegisterSource]] = RegisterSource

    def __init__(self, name: str, spec: FamilySpec, folder: Traversable) -> None:
        self.name = name
        self.spec = spec
        self._folder = folder
        self._maps: dict[str, RegisterMap] = {}

    @property
    def offers(self) -> Mapping[str, Sequence[Quantity]]:
        offers: dict[str, list[Quantity]] = {}
        for part in self.spec.parts:
            for register in self.map_of(part).registers:
                offers.setdefault(register.group, []).extend(filter(None, (register.quantity, register.code)))
        return offers

    def map_of(self, part: Part) -> RegisterMap:
        """Return the register map of a part; it is loaded once. Raises MapError with all its mistakes."""
        if part.name not in self._maps:
            self._maps[part.name] = self._load(part, self._folder.joinpath(part.map))
        return self._maps[part.name]

    def own_map(self, file: Path) -> RegisterMap:
        """Return an owner's map, which stands in for that of the family's first part. Raises MapError."""
        return self._load(self.spec.parts[0], file)

    def _load(self, part: Part, file: Traversable | Path) -> RegisterMap:
        return load_map(
            file,
            family=self.name,
            prefix=part.prefix,
            part_labels=(part.label,) if part.label else (),
            enums=self.spec.enums,
            groups=tuple(self.spec.tiers),
        )

    def open(self, config: DeviceConfig, surroundings: Surroundings) -> Source:
        kind, line = line_to(config, self.spec, surroundings)
        link = open_link(kind, line, logger_serial=config.logger_serial)
        return self.source(config, surroundings, link)

    def source(self, config: DeviceConfig, surroundings: Surroundings, link: RegisterLink) -> RegisterSource:
        """Return the device behind this link; tests and dumps bring a link of their own."""
        own = None if config.map is None else self.own_map(config.map)

        def map_of(part: Part) -> RegisterMap:
            return self.map_of(part) if own is None or part is not self.spec.parts[0] else own

        return self.source_class(
            self, config, link, map_of=map_of, zone=surroundings.zone, clock=surroundings.clock
        )

    def derive(self, samples: Sequence[Sample], values: Values) -> Iterable[Sample]:
        """Yield what the device does not tell and `derived` in `family.yaml` cannot say.

        `samples` are those of this read, `values` what was last read of each part by register name.
        """
        del samples, values
        return ()

    def identity(self, config: DeviceConfig, values: Values) -> Identity:
        """Return what the device says it is: the registers that `identity` in `family.yaml` names."""
        told = {name: self._told(place, values) for name, place in self.spec.identity.items()}
        return Identity(
            vendor=told.get("vendor") or self.spec.vendor,
            model=told.get("model") or config.model or "",
            serial=told.get("serial") or config.serial or "",
            firmware=told.get("firmware", ""),
        )

    def _told(self, place: str, values: Values) -> str:
        """Return what a register says: the name of a code, a whole number without a point."""
        part_name, _, name = place.partition(".")
        value = values.get(part_name, {}).get(name, "")
        if isinstance(value, str):
            return value
        part = next(part for part in self.spec.parts if part.name == part_name)
        return self.map_of(part)[name].names.get(int(value)) or f"{value:.0f}"
