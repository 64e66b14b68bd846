"""One dongle: where its answers are, and which kind of dongle it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sunhelm.devices.clock import Deadline
from sunhelm.devices.errors import AuthFailed, Malformed, Rejected
from sunhelm.devices.families.base import Surroundings
from sunhelm.devices.families.spec import FamilySpec
from sunhelm.devices.links.answers import Answer
from sunhelm.devices.links.http import HttpLink
from sunhelm.devices.links.sign_in import Credentials, Desk, Grant, Grants

if TYPE_CHECKING:
    from sunhelm.devices.device_config import DeviceConfig
    from sunhelm.devices.sections import Account

NOT_FOUND: Final = 404
INFO: Final = "/api/v1/system/info"
STRATEGY: Final = "/api/v1/power/active_strategy"
POWER: Final = "/api/v1/power/status"
SETPOINT: Final = "/api/v1/power/setpoint"
SETTINGS: Final = "/api/v1/system/settings"
TARGET: Final = "/api/v1/meter/grid_target"
RESTART: Final = "/api/v1/system/restart"

_EVERY: Final = {
    "identity": (INFO,),
    "firmware": ("/api/v1/ota/status",),
    "network": ("/api/v1/network/status",),
    "settings": (SETTINGS,),
}
_MODBUS: Final = {"modbus_live": ("/api/v1/modbus/details",)}
_METER: Final = {"target": (TARGET,), **_MODBUS}


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of dongle, by the letter its serial begins with: its groups, the newest address of each first.

    `main` is the group without which nothing is known of the device.
    """

    model: str
    main: str
    groups: Mapping[str, tuple[str, ...]]


KINDS: Final = {
    "D": Kind(
        "battery",
        "live",
        {
            "live": (POWER,),
            "strategy": (STRATEGY,),
            "counters": ("/api/v1/energy/status",),
            "schedule": ("/api/v2/dynamic/schedule", "/api/v1/dynamic/schedule"),
            **_MODBUS,
            **_EVERY,
        },
    ),
    "P": Kind(
        "P1 meter",
        "p1_live",
        {"p1_live": ("/api/v2/p1/details", "/api/v1/p1/details"), **_METER, **_EVERY},
    ),
    "C": Kind(
        "CT meter",
        "ct_live",
        {"ct_live": ("/api/v1/ct/details",), "ct_counters": ("/api/v1/energy/status",), **_METER, **_EVERY},
    ),
}


def sign_in(account: Account | None, surroundings: Surroundings) -> Grants | None:
    """Return how requests show who asks; None without an account: a P1 dongle may answer nevertheless."""
    secret = None if account is None else account.secret("password")
    if account is None or secret is None:
        return None

    async def show(desk: Desk, credentials: Credentials, deadline: Deadline) -> Grant:
        del desk, deadline
        # Both stand in capital letters on the sticker, and are compared so.
        return Grant.basic(credentials["username"].upper(), credentials["password"].upper())

    return Grants({"username": account.username or "", "password": secret}, show, surroundings.clock)


def address(config: DeviceConfig, spec: FamilySpec) -> str:
    """Return where the dongle is."""
    return f"http://{config.host}:{config.port or spec.links['http']}"


async def answer(link: HttpLink, path: str, deadline: Deadline) -> Mapping[str, object]:
    """Return what a dongle says at a path. Raises DeviceError; Rejected 404 for what it does not have."""
    told = await link.get(path, deadline, Answer.json_object)
    status = told.get("status", "ok")
    if status != "ok":
        raise Malformed(f"{path}: the status is no ok")
    return told


async def newest(link: HttpLink, paths: tuple[str, ...], deadline: Deadline) -> Mapping[str, object] | None:
    """Return what a dongle says at the first of these that it has; None where it has none."""
    for path in paths:
        try:
            return await answer(link, path, deadline)
        except Rejected as error:
            if error.code != NOT_FOUND:
                raise
    return None


def known_serial(config: DeviceConfig, serial: str) -> str:
    """Return the serial of a dongle, empty where it tells none. Raises Rejected where another is wanted."""
    wanted = config.serial
    if wanted is not None and serial and serial != wanted.upper():
        raise Rejected(f"{config.name}: is another dongle than {wanted}, which the site file says")
    return serial


async def kind_of(link: HttpLink, account: Account | None, deadline: Deadline) -> tuple[Kind, str]:
    """Return which kind of dongle answers, and its serial.

    A serial that it does not tell is the name that one signs in with; without both, it is what it answers.
    """
    try:
        told = await newest(link, (INFO,), deadline)
    except AuthFailed:
        if account is not None:
            raise
        told = None
    serial = str((told or {}).get("self_serial") or (account and account.username) or "").upper()
    if serial[:1] in KINDS:
        return KINDS[serial[0]], serial
    for kind in KINDS.values():
        if await newest(link, kind.groups[kind.main], deadline) is not None:
            return kind, serial
    raise Rejected("it answers as none of battery, P1 and CT dongle")
