"""What stands at an address: each family asks for what says most about one of its devices, and only reads."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, replace
from typing import Final
from zoneinfo import ZoneInfo

from sunhelm.devices.clock import SYSTEM_CLOCK, Clock, Deadline
from sunhelm.devices.device_config import DeviceConfig
from sunhelm.devices.errors import DeviceError, Reason
from sunhelm.devices.families import FAMILIES, Family, Surroundings, load_family
from sunhelm.devices.families.register_source import DISCOVERY
from sunhelm.devices.families.source import Source
from sunhelm.devices.families.spec import LinkKind
from sunhelm.devices.links import Turns
from sunhelm.devices.quantities import CATALOGUE

_WITHOUT_MORE: Final = ("modbus_tcp", "rtu_over_tcp", "sec1000", "givenergy")
"""Links that need no more than an address: the others want a serial number or an account."""


@dataclass(frozen=True, slots=True)
class Recognised:
    """A device of a known family, and what it says of itself; empty where it does not say.

    `logger_serial` is that of the logger through which it was found.
    """

    family: str
    link: LinkKind
    vendor: str
    model: str
    serial: str
    firmware: str
    logger_serial: int | None = None


@dataclass(frozen=True, slots=True)
class Unrecognised:
    """Why a family does not take what stands there for one of its own."""

    reason: Reason
    detail: str

    @property
    def answers(self) -> bool:
        """Whether something answered over this link at all."""
        return self.reason in (Reason.REJECTED, Reason.MALFORMED)


def usual_ports() -> dict[str, tuple[tuple[LinkKind, int], ...]]:
    """Return where devices of each family listen, as link and port, those that speak for any vendor last.

    Families whose devices cannot be found by an address alone are left out.
    """

    def for_any_vendor(family: Family) -> bool:
        return "vendor" in map(str, family.spec.identity)

    return {
        family.name: links
        for family in sorted(map(load_family, FAMILIES), key=for_any_vendor)
        if (links := tuple((kind, port) for kind, port in family.spec.links.items() if kind in _WITHOUT_MORE))
    }


def families_behind_loggers() -> tuple[str, ...]:
    """Return the families whose devices a Solarman logger may stand before."""
    return tuple(name for name in FAMILIES if "solarman_v5" in load_family(name).spec.links)


async def recognise(
    family: str,
    link: LinkKind,
    host: str,
    port: int,
    deadline: Deadline,
    *,
    logger_serial: int | None = None,
    turns: Turns | None = None,
    clock: Clock = SYSTEM_CLOCK,
) -> Recognised | Unrecognised:
    """Return what answers there, if it is a device of this family; never raises DeviceError."""
    config = DeviceConfig(
        name="unknown", family=family, link=link, host=host, port=port, logger_serial=logger_serial
    )
    source = _essence(load_family(family)).open(config, Surroundings(ZoneInfo("UTC"), clock, turns))
    try:
        async with source.turn(deadline):
            told = await _told(family, link, source, deadline)
            return replace(told, logger_serial=logger_serial) if isinstance(told, Recognised) else told
    except DeviceError as error:
        return Unrecognised(error.reason, str(error))
    finally:
        await source.close()


def _essence(family: Family) -> Family:
    """Return the family without the parts that a device may lack: nobody looks for them to recognise it."""
    required = tuple(part for part in family.spec.parts if part.required)
    essence = copy(family)
    if required:
        essence.spec = family.spec.model_copy(update={"parts": required})
    return essence


async def _told(family: str, link: LinkKind, source: Source, deadline: Deadline) -> Recognised | Unrecognised:
    """Return what the group tells whose values change least."""
    await source.prepare(deadline)
    groups = [group for group in source.groups() if group.name != DISCOVERY]
    slowest = max(groups, key=lambda group: group.period_s).name
    fetched = (await source.fetch([slowest], deadline))[slowest]
    if fetched.outcome.reason is not None:
        return Unrecognised(fetched.outcome.reason, fetched.outcome.detail)
    (labels,) = (
        sample.labels
        for sample in source.derive(fetched.samples, [slowest])
        if sample.quantity is CATALOGUE["device"]
    )
    vendor, model, serial, firmware = labels
    if "serial" in map(str, load_family(family).spec.identity):
        # Whatever answers has some words at these addresses; those of a serial number make a text.
        if not (serial and serial.isascii() and serial.isprintable()):
            return Unrecognised(Reason.MALFORMED, f"no serial number where {family} has one")
    elif not fetched.samples:
        return Unrecognised(Reason.MALFORMED, f"no value where {family} has some")
    return Recognised(family, link, vendor, model, serial, firmware)
