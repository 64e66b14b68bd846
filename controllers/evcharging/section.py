"""The section `evcharging` of the site file: which chargers are regulated, and by whose readings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Final
from urllib.parse import SplitResult

from pydantic import BeforeValidator, Field

from controllers.evcharging.terms import CHANGES_A_DAY, PERIOD_S, ChargingTerms, EvMode
from controllers.policy.policies import parse_url
from sunhelm.configuration.document import Document
from sunhelm.configuration.mistakes import Mistake, found, with_guess
from sunhelm.configuration.secrets import SecretFile
from sunhelm.configuration.validation import Section, validate_at
from sunhelm.devices.amounts import Amperes, Joules, Seconds
from sunhelm.devices.charging import LEAST_A
from sunhelm.devices.control import Action
from sunhelm.devices.device_config import DeviceConfig
from sunhelm.devices.sections import Line, Name
from sunhelm.devices.site import Site

EVCHARGING: Final = "evcharging"
_LONGEST_PERIOD_S: Final = 300.0
_MOST_PHASES: Final = 3


def _mode(value: object) -> object:
    """Read a mode; YAML takes a bare off for false."""
    return "off" if value is False else value


class HouseSection(Section):
    """Whose readings tell what the house leaves: a device of this file, or a reading of an exporter.

    `reading` is the address of that reading as JSON, with a user and the password of it where these are asked
    for.
    """

    device: Name | None = None
    reading: Annotated[SplitResult, BeforeValidator(parse_url)] | None = None
    username: Line | None = None
    password_file: SecretFile | None = None


class ChargerSection(Section):
    """One charger of the section `evcharging`, called as the device is."""

    house: HouseSection
    mode: Annotated[EvMode, BeforeValidator(_mode)] = EvMode.OFF
    session: Annotated[Joules, Field(gt=0)] | None = None
    import_cap: Annotated[Amperes, Field(gt=0)] | None = None
    maximum: Annotated[Amperes, Field(ge=LEAST_A)] | None = None
    phases: Annotated[int, Field(ge=1, le=_MOST_PHASES)] | None = None
    period: Annotated[Seconds, Field(ge=PERIOD_S, le=_LONGEST_PERIOD_S)] = PERIOD_S
    start_after: Seconds = 60.0
    stop_after: Seconds = 180.0
    changes_a_day: Annotated[int, Field(ge=0)] = CHANGES_A_DAY

    def terms(self) -> ChargingTerms:
        """Return what the owner sets."""
        return ChargingTerms(
            mode=self.mode,
            period_s=self.period,
            session_j=self.session,
            import_cap_a=self.import_cap,
            most_a=self.maximum,
            start_s=self.start_after,
            stop_s=self.stop_after,
            phases=self.phases,
            changes_a_day=self.changes_a_day,
        )


@dataclass(frozen=True, slots=True)
class ChargerConfig:
    """One charger that is regulated: its terms, and whose readings it goes by."""

    device: str
    terms: ChargingTerms
    house: HouseSection


Chargers = Mapping[str, ChargerConfig]
"""All chargers that are regulated, by the device's name."""


def check_chargers(
    document: Document, site: Site | None, is_charger: Callable[[DeviceConfig], bool]
) -> tuple[Chargers, list[Mistake]]:
    """Return the chargers of the site file, and all that is wrong with them.

    `is_charger` tells whether a device that may be commanded is one that can be regulated.
    """
    written = document.value((EVCHARGING,))
    if written is not None and not isinstance(written, dict):
        return {}, [document.mistake((EVCHARGING,), "is not a mapping from devices to what is regulated")]
    chargers: dict[str, ChargerConfig] = {}
    mistakes: list[Mistake] = []
    for name in document.mapping((EVCHARGING,)):
        section, wrong = validate_at(document, (EVCHARGING, name), ChargerSection)
        mistakes += wrong
        if site is not None:
            mistakes += _about_charger(document, name, site, is_charger)
        if section is not None:
            mistakes += _about_house(document, name, section.house, site)
            chargers[name] = ChargerConfig(name, section.terms(), section.house)
    return chargers, mistakes


def _about_charger(
    document: Document, name: str, site: Site, is_charger: Callable[[DeviceConfig], bool]
) -> Iterator[Mistake]:
    device, path = site.devices.get(name), (EVCHARGING, name)
    if device is None:
        if name not in document.mapping(("devices",)):
            message = with_guess("is not one of the devices", name, site.devices)
            yield document.mistake(path, message, at_key=True)
        return
    if not _is_allowed(device):
        message = (
            f"needs its owner's word: devices.{name}.control: {{enabled: true, allow: [{Action.EV_MODE}]}}"
        )
        yield document.mistake(path, message, at_key=True)
    elif not is_charger(device):
        message = f"is of family {device.family}, which has no charger that can be regulated"
        yield document.mistake(path, message, at_key=True)


def _is_allowed(device: DeviceConfig) -> bool:
    return device.control.enabled and Action.EV_MODE.value in device.control.allow


def _about_house(document: Document, name: str, house: HouseSection, site: Site | None) -> Iterator[Mistake]:
    path = (EVCHARGING, name, "house")
    if (house.device is None) == (house.reading is None):
        yield document.mistake(path, "names either a device or a reading")
    if (house.username is None) != (house.password_file is None):
        yield document.mistake(path, "a username and a password_file go together")
    if house.username is not None and house.reading is None:
        yield document.mistake((*path, "username"), "is for a reading; the device says how it is reached")
    if site is not None and house.device is not None and house.device not in site.devices:
        if house.device not in document.mapping(("devices",)):
            what = f"{found(house.device)} is not one of the devices"
            message = with_guess(what, house.device, site.devices)
            yield document.mistake((*path, "device"), message)
    elif house.device == name:
        yield document.mistake((*path, "device"), "is the charger itself; name what measures the house")
