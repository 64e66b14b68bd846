"""The site file: what its sections `site`, `accounts` and `devices` say, validated.

The applications validate sections of their own in the same file with the same machinery,
`sunhelm.configuration`. Every mistake is found at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

from pydantic import BaseModel

from sunhelm.configuration.document import Document, read_document
from sunhelm.configuration.mistakes import ConfigurationError, Mistake, did_you_mean, found, with_guess
from sunhelm.configuration.validation import validate_at, validate_section
from sunhelm.devices.device_config import DeviceCheck, DeviceConfig, same_devices
from sunhelm.devices.families import FAMILIES, RegisterFamily, load_family
from sunhelm.devices.families.spec import FamilySpec
from sunhelm.devices.registers.map import MapError
from sunhelm.devices.sections import NAME, NO_NAME, Account, DeviceSection, Location, SiteSection

Entry = TypeVar("Entry", bound=BaseModel)

SECTIONS: Final = (
    "site",
    "accounts",
    "devices",
    "web",
    "influxdb",
    "alertmanager",
    "groups",
    "evcharging",
    "policies",
)
"""Every section that the file may have, whoever reads it."""


class SiteError(ConfigurationError):
    """The site file is wrong; `mistakes` says all that is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """The house: its name and local time, its devices and the accounts they are reached through.

    `grid_meter` is the device whose grid and load count for the site.
    """

    name: str
    zone: ZoneInfo
    location: Location | None = None
    grid_meter: str | None = None
    accounts: Mapping[str, Account] = field(default_factory=dict)
    devices: Mapping[str, DeviceConfig] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SiteFile:
    """A site file without mistakes; `document` is for the sections of the applications."""

    document: Document
    site: Site


class FamilySpecs(Mapping[str, FamilySpec]):
    """What every family declares, each read when it is first asked for."""

    def __getitem__(self, name: str) -> FamilySpec:
        return load_family(name).spec

    def __contains__(self, name: object) -> bool:
        return name in FAMILIES

    def __iter__(self) -> Iterator[str]:
        return iter(FAMILIES)

    def __len__(self) -> int:
        return len(FAMILIES)


def load_site(path: Path | str, *, expand_environment: bool = False) -> SiteFile:
    """Read and validate the site file.

    Raises SiteError with every mistake outside the applications' own sections.
    """
    try:
        document = read_document(path, expand_environment=expand_environment)
    except ConfigurationError as error:
        raise SiteError(error.mistakes) from error
    site, mistakes = validate_site(document)
    if site is None or mistakes:
        raise SiteError(mistakes)
    return SiteFile(document, site)


def validate_site(
    document: Document, specs: Mapping[str, FamilySpec] | None = None
) -> tuple[Site | None, list[Mistake]]:
    """Validate all of the file but the applications' own sections.

    Returns the site and all mistakes, those of the file's form included. With mistakes, the site has only
    what is right, and is None when its own section is not.
    """
    return _SiteCheck(document, FamilySpecs() if specs is None else specs).result()


class _SiteCheck:
    def __init__(self, document: Document, specs: Mapping[str, FamilySpec]) -> None:
        self._document = document
        self._specs = specs
        self._mistakes = list(document.mistakes)

    def result(self) -> tuple[Site | None, list[Mistake]]:
        for name in self._document.values:
            if name not in SECTIONS:
                message = f"is no section; allowed are {', '.join(SECTIONS)}.{did_you_mean(name, SECTIONS)}"
                self._mistakes.append(self._document.mistake((name,), message, at_key=True))
        section, wrong = validate_section(self._document, "site", SiteSection)
        self._mistakes += wrong
        accounts = dict(self._accounts())
        devices = {config.name: config for config in self._devices(accounts)}
        self._mistakes += self._about_maps(devices.values())
        self._mistakes += same_devices(self._document, list(devices.values()), self._specs)
        if section is None:
            return None, self._mistakes
        self._check_grid_meter(section)
        site = Site(
            name=section.name,
            zone=section.zone,
            location=section.location,
            grid_meter=section.grid_meter,
            accounts=MappingProxyType(accounts),
            devices=MappingProxyType(devices),
        )
        return site, self._mistakes

    def _accounts(self) -> Iterator[tuple[str, Account]]:
        for name in self._names("accounts"):
            account = self._entry("accounts", name, Account)
            if account is not None:
                spec = self._spec_of("accounts", name, account.family)
                if spec is not None:
                    self._mistakes += self._about_account(name, account, spec)
                    yield name, account

    def _about_account(self, name: str, account: Account, spec: FamilySpec) -> Iterator[Mistake]:
        """Yield what an account of this family lacks, and what it has that is of no use."""
        keys = spec.account
        if keys is None:
            return
        given = {key.removesuffix("_file") for key in self._document.mapping(("accounts", name))} - {"family"}
        for key in keys.required:
            if key not in given:
                message = f"is missing; an account of family {account.family} needs it"
                yield self._document.mistake(("accounts", name, key), message)
        for group in keys.together:
            missing = [key for key in group if key not in given]
            if missing and len(missing) < len(group):
                message = f"is missing; it goes with {', '.join(key for key in group if key in given)}"
                yield self._document.mistake(("accounts", name, missing[0]), message)
        allowed = (*keys.required, *keys.optional)
        for key in self._document.mapping(("accounts", name)):
            if key != "family" and key in Account.model_fields and key.removesuffix("_file") not in allowed:
                message = f"is of no use to family {account.family}; {', '.join(allowed)} are"
                yield self._document.mistake(("accounts", name, key), message, at_key=True)

    def _devices(self, accounts: Mapping[str, Account]) -> Iterator[DeviceConfig]:
        if self._document.value(("devices",)) is None:
            self._mistakes.append(self._document.mistake(("devices",), "is missing"))
        for name in self._names("devices"):
            section = self._entry("devices", name, DeviceSection)
            already = {mistake.path for mistake in self._mistakes}
            spec = None if section is None else self._spec_of("devices", name, section.family)
            if section is not None and spec is not None:
                check = DeviceCheck(self._document, name, section, spec, accounts)
                self._mistakes += (mistake for mistake in check.mistakes() if mistake.path not in already)
                yield check.config()

    def _names(self, section: str) -> Iterator[str]:
        """Yield the names of a section's entries, wrong ones too, after noting that they are wrong."""
        entries = self._document.value((section,))
        if entries is not None and not isinstance(entries, dict):
            message = "is not a mapping from names to what they stand for"
            self._mistakes.append(self._document.mistake((section,), message))
        for name in self._document.mapping((section,)):
            if not NAME.fullmatch(name):
                self._mistakes.append(self._document.mistake((section, name), NO_NAME, at_key=True))
            yield name

    def _entry(self, section: str, name: str, model: type[Entry]) -> Entry | None:
        entry, wrong = validate_at(self._document, (section, name), model)
        self._mistakes += wrong
        return entry

    def _spec_of(self, section: str, name: str, family: str) -> FamilySpec | None:
        if family in self._specs:
            return self._specs[family]
        names = list(self._specs)
        message = (
            f"{found(family)} is not a family; there are {', '.join(names)}.{did_you_mean(family, names)}"
        )
        self._mistakes.append(self._document.mistake((section, name, "family"), message))
        return None

    def _about_maps(self, configs: Iterable[DeviceConfig]) -> Iterator[Mistake]:
        """Yield every mistake of the owners' own register maps."""
        for config in configs:
            if config.map is None or not config.map.is_file() or config.family not in FAMILIES:
                continue
            place = ("devices", config.name, "map")
            family = load_family(config.family)
            if not isinstance(family, RegisterFamily):
                yield self._document.mistake(place, f"family {config.family} has no register map")
                continue
            try:
                family.own_map(config.map)
            except MapError as error:
                yield from (self._document.mistake(place, mistake) for mistake in error.mistakes)

    def _check_grid_meter(self, section: SiteSection) -> None:
        names = self._document.mapping(("devices",))
        if section.grid_meter is not None and section.grid_meter not in names:
            what = f"{found(section.grid_meter)} is not one of the devices"
            message = with_guess(what, section.grid_meter, names)
            self._mistakes.append(self._document.mistake(("site", "grid_meter"), message))
