"""One configured device: what the site file says of it, held against what its family allows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from sunhelm.configuration.complaints import not_among
from sunhelm.configuration.document import Document
from sunhelm.configuration.mistakes import Mistake, did_you_mean, found, listed
from sunhelm.devices.families.spec import FamilySpec, LinkKind
from sunhelm.devices.registers.register import Profile
from sunhelm.devices.sections import ANY_PART, Account, Control, DeviceSection, ExportRange
from sunhelm.devices.tariffs import Tariff


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceConfig:
    """One configured device, in base units and with the family's defaults filled in.

    `units` holds the unit ids of the parts that the site file names, `base` the address where the chain of
    models begins. `rated_power` is in watts, `capacity` in joules, `refresh` in seconds, `read_words` the
    most registers of one request; each is None when it is not given.
    """

    name: str
    family: str
    model: str | None = None
    link: LinkKind | None = None
    host: str | None = None
    port: int | None = None
    units: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    base: int | None = None
    serial: str | None = None
    logger_serial: int | None = None
    account: str | None = None
    rated_power: float | None = None
    capacity: float | None = None
    refresh: float | None = None
    read_words: int | None = None
    profile: Profile = "core"
    control: Control = field(default_factory=Control)
    export_limit: ExportRange | None = None
    tariff: Tariff | None = None
    map: Path | None = None

    def with_profile(self, profile: Profile) -> DeviceConfig:
        """Return the same device, read as much as this profile says."""
        return replace(self, profile=profile)


@dataclass(frozen=True, slots=True)
class DeviceCheck:
    """One device of the file beside its family."""

    document: Document
    name: str
    section: DeviceSection
    spec: FamilySpec
    accounts: Mapping[str, Account]

    def config(self) -> DeviceConfig:
        """Return the device as the rest of the house knows it; only sound without mistakes."""
        section = self.section
        link = self._link
        return DeviceConfig(
            name=self.name,
            family=section.family,
            model=section.model,
            link=link,
            host=section.host,
            port=section.port or self.spec.links.get(link),
            units=self._units,
            base=section.base,
            serial=section.serial,
            logger_serial=section.logger_serial,
            account=section.account,
            rated_power=section.rated_power,
            capacity=section.capacity,
            refresh=section.refresh,
            read_words=section.read_words,
            profile=section.profile,
            control=section.control,
            export_limit=section.export_limit,
            tariff=section.tariff,
            map=self._map,
        )

    def mistakes(self) -> Iterator[Mistake]:
        """Yield what is wrong with this device of this family."""
        yield from self._about_model()
        yield from self._about_link()
        yield from self._about_units()
        if self.section.base is not None and self.spec.chain is None:
            yield self._mistake("base", f"family {self.section.family} has no chain of models to begin there")
        yield from self._about_account()
        yield from self._about_refresh()
        yield from self._about_words()
        yield from self._about_tariff()
        if self._map is not None and not self._map.is_file():
            yield self._mistake("map", f"{found(self.section.map)} is not a file beside the site file")

    @property
    def _link(self) -> LinkKind:
        default: LinkKind = next(iter(self.spec.links))
        return default if self.section.link is None else self.section.link

    @property
    def _map(self) -> Path | None:
        return None if self.section.map is None else self.document.path.parent / self.section.map

    @property
    def _units(self) -> Mapping[str, tuple[int, ...]]:
        units = self.section.units or {}
        if ANY_PART in units:
            return {part.name: units[ANY_PART] for part in self.spec.parts}
        return units

    def _about_model(self) -> Iterator[Mistake]:
        model, family = self.section.model, self.section.family
        if model is not None and self.spec.models and model not in self.spec.models:
            guess = did_you_mean(model, self.spec.models)
            yield self._mistake(
                "model",
                f"{found(model)} is not a model of family {family}.{guess}"
                f" (sunhelm check --models {family} lists them)",
            )

    def _about_link(self) -> Iterator[Mistake]:
        section, links = self.section, list(self.spec.links)
        if section.link is not None and section.link not in links:
            yield self._mistake("link", f"family {section.family}: {not_among(section.link, links)}")
            return
        link = self._link
        yield from self._about_host(link)
        if link == "solarman_v5" and section.logger_serial is None:
            yield self._mistake(
                "logger_serial", "is missing; link solarman_v5 needs the number on the stick's label"
            )
        if link != "solarman_v5" and section.logger_serial is not None:
            yield self._mistake("logger_serial", f"is for link solarman_v5 only; the link here is {link}")

    def _about_host(self, link: LinkKind) -> Iterator[Mistake]:
        family, host = self.section.family, self.section.host
        if link == "none" and host is not None:
            yield self._mistake("host", f"family {family} is reached through no host")
        elif "account" in self.spec.needs and host is not None:
            yield self._mistake("host", f"family {family} is reached through its account alone")
        elif link != "none" and "account" not in self.spec.needs and host is None:
            yield self._mistake("host", f"is missing; link {link} needs it")

    def _about_units(self) -> Iterator[Mistake]:
        if self.section.units is None:
            return
        parts = list(dict.fromkeys(part.name for part in self.spec.parts))
        if not parts:
            yield self._mistake("units", f"family {self.section.family} has no unit ids")
        elif ANY_PART in self.section.units:
            if len(parts) > 1 and not self.spec.alternatives and self.spec.chain is None:
                yield self._mistake(
                    "units",
                    f"family {self.section.family} has several parts; write for each of them"
                    f" {{{parts[0]}: [{self.section.units[ANY_PART][0]}]}}; the parts are {', '.join(parts)}",
                )
        else:
            for part in self.section.units:
                if part not in parts:
                    yield self._mistake("units", not_among(part, parts), part)

    def _about_account(self) -> Iterator[Mistake]:
        name = self.section.account
        if name is None:
            if "account" in self.spec.needs:
                yield self._mistake("account", f"is missing; family {self.section.family} needs it")
            return
        written = self.document.mapping(("accounts",))
        if name not in written:
            among = f"the accounts are {', '.join(written)}" if written else "there are none"
            yield self._mistake(
                "account", f"{found(name)} is no account; {among}.{did_you_mean(name, written)}"
            )
        elif name in self.accounts and self.accounts[name].family != self.section.family:
            yield self._mistake(
                "account",
                f"{found(name)} is of family {self.accounts[name].family}, not {self.section.family}",
            )

    def _about_words(self) -> Iterator[Mistake]:
        if self.section.read_words is not None and not self.spec.parts:
            yield self._mistake("read_words", f"family {self.section.family} reads no registers")

    def _about_refresh(self) -> Iterator[Mistake]:
        refresh, least = self.section.refresh, self.spec.refresh
        if refresh is not None and refresh < least:
            written = self.document.value(("devices", self.name, "refresh"))
            yield self._mistake(
                "refresh",
                f"{found(written)} is too short; devices of family {self.section.family} renew"
                f" their values every {least:g}s",
            )

    def _about_tariff(self) -> Iterator[Mistake]:
        tariff, place = self.section.tariff, ("devices", self.name, "tariff")
        is_given = self.document.value(place) is not None
        if "tariff" not in self.spec.needs:
            if is_given:
                yield self._mistake("tariff", f"family {self.section.family} has no prices")
        elif not is_given:
            yield self._mistake("tariff", f"is missing; family {self.section.family} needs it")
        elif tariff is not None:
            for path, message in tariff.mistakes():
                yield self.document.mistake((*place, *path), message)

    def _mistake(self, key: str, message: str, *below: str) -> Mistake:
        return self.document.mistake(("devices", self.name, key, *below), message, at_key=bool(below))


def same_devices(
    document: Document, configs: Sequence[DeviceConfig], specs: Mapping[str, FamilySpec]
) -> Iterator[Mistake]:
    """Yield a mistake for each device that is another one again: its energy would count twice.

    Devices of different families at one address are left alone: an inverter may speak SunSpec and its
    vendor's own registers at the same unit id.
    """
    seen: defaultdict[tuple[object, ...], list[DeviceConfig]] = defaultdict(list)
    for config in configs:
        others = seen[_identity(config)]
        for other in others:
            shared = _unit_ids(config, specs) & _unit_ids(other, specs)
            if shared or not specs[config.family].parts:
                place = f"{config.host}:{config.port}" if config.host else f"account {config.account}"
                unit = f", unit {listed(map(str, sorted(shared)[:3]))}" if shared else ""
                yield document.mistake(
                    ("devices", config.name, "host" if config.host else "account"),
                    f"is the same device as {other.name}: family {config.family} at {place}{unit}",
                )
                break
        others.append(config)


def _identity(config: DeviceConfig) -> tuple[object, ...]:
    if config.host is None and config.account is None:
        return (config.name,)
    host = config.host.lower() if config.host else None
    return (config.family, host, config.port, config.account, config.serial)


def _unit_ids(config: DeviceConfig, specs: Mapping[str, FamilySpec]) -> frozenset[int]:
    parts = specs[config.family].parts
    if parts and parts[0].name in config.units:
        return frozenset(config.units[parts[0].name])  # of several inverters behind one dongle, this one
    return frozenset(unit for part in specs[config.family].parts for unit in part.candidates(config.units))
