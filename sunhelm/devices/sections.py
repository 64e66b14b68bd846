"""The sections of the site file that the library reads, as people write them.

`sunhelm.devices.site` makes of them what the rest of the house uses.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Annotated, Final, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BeforeValidator, Discriminator, Field, PlainValidator, Tag

from sunhelm.configuration.mistakes import found, with_guess
from sunhelm.configuration.secrets import SecretFile, SecretVariable
from sunhelm.configuration.validation import Section
from sunhelm.devices.amounts import Joules, Seconds, Watts
from sunhelm.devices.families.spec import LinkKind
from sunhelm.devices.registers.register import Profile
from sunhelm.devices.tariffs import Tariff

NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
"""Names of devices and accounts: they become label values and parts of URLs."""

NO_NAME: Final = "is not a name; use a-z, 0-9, _ and -, at most 63 of them"
"""What is said of a word that is none."""

ANY_PART: Final = ""
"""The key of `units` when one unit id is given for the whole device."""

_URL: Final = re.compile(r"https?://[A-Za-z0-9._:\[\]-]+(?:/[!-~]*)?")
_HOST_LABEL: Final = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)")


def _name(value: object) -> object:
    if isinstance(value, str) and not NAME.fullmatch(value):
        raise ValueError(f"{found(value)} {NO_NAME}")
    return value


def _line(value: object) -> object:
    if isinstance(value, str) and (not value.strip() or not value.isprintable()):
        raise ValueError(f"{found(value)} is not one line of text")
    return value


def _text_or_number(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else _line(value)


def _zone(value: object) -> ZoneInfo:
    if isinstance(value, ZoneInfo):
        return value
    if isinstance(value, str):
        try:
            return ZoneInfo(value)
        except (KeyError, ValueError, OSError):
            pass
    what = f"{found(value)} is not a time zone such as Europe/Amsterdam"
    raise ValueError(with_guess(what, value, available_timezones()))


def _host(value: object) -> object:
    if not isinstance(value, str):
        return value
    if "/" in value:
        raise ValueError(f"{found(value)} is not a host; write its name or address alone")
    try:
        ipaddress.ip_address(value)
    except ValueError:
        labels = value.removesuffix(".").split(".")
        if len(value) > 253 or labels[-1].isdigit() or not all(map(_HOST_LABEL.fullmatch, labels)):
            hint = "; the port has a key of its own" if value.count(":") == 1 else ""
            raise ValueError(f"{found(value)} is not a host name or an IP address{hint}") from None
    return value


def _url(value: object) -> object:
    if isinstance(value, str) and not _URL.fullmatch(value):
        raise ValueError(f"{found(value)} is not the address of a service; write one like https://host/path")
    return value


def _units(value: object) -> object:
    if isinstance(value, int):
        return {ANY_PART: (value,)}
    if isinstance(value, dict):
        return {part: (units,) if isinstance(units, int) else units for part, units in value.items()}
    return value


def _number(value: object) -> object:
    """Refuse true and false, which pydantic takes for 1 and 0."""
    if isinstance(value, bool):
        raise ValueError(f"{found(value)} is not a whole number")  # noqa: TRY004 - pydantic wants ValueError
    return value


Name = Annotated[str, BeforeValidator(_name)]
Line = Annotated[str, BeforeValidator(_line)]
Host = Annotated[str, BeforeValidator(_host)]
Port = Annotated[int, Field(ge=1, le=65535), BeforeValidator(_number)]
UnitId = Annotated[int, Field(ge=0, le=255), BeforeValidator(_number)]
Units = Annotated[Mapping[str, Annotated[tuple[UnitId, ...], Field(min_length=1)]], BeforeValidator(_units)]


class Location(Section):
    """Where the house stands, in degrees; north and east are positive."""

    latitude: float = Field(ge=-90, le=90)
    longitude: float = Field(ge=-180, le=180)


class SiteSection(Section):
    """The section `site`.

    `zone` is the local time of the devices' clocks. `grid_meter` is the device whose grid and load count
    for the site.
    """

    name: Annotated[Line, Field(max_length=100)]
    zone: Annotated[ZoneInfo, BeforeValidator(_zone)]
    location: Location | None = None
    grid_meter: str | None = None


class Account(Section):
    """An account that one or several devices are reached through; which keys it needs, its family says.

    `url` is where the service is when it is not at its usual address, `sign_in_url` and `portal_url` where
    one signs in and where its pages for owners are, when these are elsewhere too.
    """

    family: str
    url: Annotated[str, BeforeValidator(_url)] | None = None
    sign_in_url: Annotated[str, BeforeValidator(_url)] | None = None
    portal_url: Annotated[str, BeforeValidator(_url)] | None = None
    username: Line | None = None
    password: SecretVariable | None = None
    password_file: SecretFile | None = None
    client_id: Line | None = None
    client_secret: SecretVariable | None = None
    client_secret_file: SecretFile | None = None
    token: SecretVariable | None = None
    token_file: SecretFile | None = None


class FailSafeLimit(Section):
    """A fail-safe that limits to so many watts, even when nothing asks for a limit."""

    limit: Annotated[Watts, Field(ge=0)]


def _fail_safe_kind(value: object) -> str:
    return "limit" if isinstance(value, dict | FailSafeLimit) else "word"


FailSafe = Annotated[
    Annotated[Literal["hold", "baseline"], Tag("word")] | Annotated[FailSafeLimit, Tag("limit")],
    Discriminator(_fail_safe_kind),
]
"""What stays in force when nothing is known any more: what live claims asked, the owner's own value, or a
limit."""


def _default_limit(value: object) -> object:
    return value if value == "unlimited" else FailSafeLimit.model_validate({"limit": value}).limit


DefaultLimit = Annotated[float | Literal["unlimited"], PlainValidator(_default_limit)]
"""What limits without us: so many watts, or nothing."""


CHANGES_A_DAY: Final = 20
"""How often a day settings that survive a power cut are changed, where the owner says nothing else."""


class Control(Section):
    """What may be commanded on a device: nothing, unless it is enabled and the action allowed.

    `fail_safe` says for each action what stays when its claim expires. `allow_unlimited` is how long a
    watchdog reset may lift the export limit. With `clock_sync` its clock is set once a day. `default` says
    for each limit what the owner has there without us: for the case that the journal is lost while one of
    our limits stands. `changes_a_day` is how often within 24 hours settings that survive a power cut may be
    changed for new claims: their memory wears out.
    """

    enabled: bool = False
    allow: tuple[Name, ...] = ()
    fail_safe: Mapping[str, FailSafe] = Field(default_factory=dict)
    allow_unlimited: Seconds | None = None
    clock_sync: Literal["daily"] | None = None
    default: Mapping[str, DefaultLimit] = Field(default_factory=dict)
    changes_a_day: Annotated[int, Field(ge=0)] = CHANGES_A_DAY


class ExportRange(Section):
    """What the owner ever wants the export limit to be: `minimum` switches export off, `maximum` on.

    `phases` says for devices that can do either what the limit is held against: the sum of the phases, or
    each of them alone.
    """

    minimum: Annotated[Watts, Field(ge=0)] = 0.0
    maximum: Annotated[Watts, Field(ge=0)] | None = None
    phases: Literal["sum", "each"] | None = None


class DeviceSection(Section):
    """One device as the site file gives it; None is what it leaves to the family."""

    family: str
    model: str | None = None
    link: LinkKind | None = None
    host: Host | None = None
    port: Port | None = None
    units: Units | None = None
    base: Annotated[int, Field(ge=0, le=0xFFFF), BeforeValidator(_number)] | None = None
    serial: Annotated[str, BeforeValidator(_text_or_number)] | None = None
    logger_serial: Annotated[int, Field(ge=1, le=0xFFFF_FFFF), BeforeValidator(_number)] | None = None
    account: str | None = None
    rated_power: Annotated[Watts, Field(gt=0)] | None = None
    capacity: Annotated[Joules, Field(gt=0)] | None = None
    refresh: Seconds | None = None
    read_words: Annotated[int, Field(ge=1, le=125), BeforeValidator(_number)] | None = None
    profile: Profile = "core"
    control: Control = Control()
    export_limit: ExportRange | None = None
    tariff: Tariff | None = None
    map: Line | None = None
