"""What a station is made of: the devices of its list, those that were added later too."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Self

from sunhelm.devices.families.izypower.bodies import Json
from sunhelm.devices.families.izypower.cloud import id_of
from sunhelm.devices.families.shapes import mapping, number, objects, text

INVERTER: Final = "vm"
METER: Final = "meter"
BATTERY: Final = "battery"
CHARGER: Final = "evse"

MASTER: Final = "master"
SLAVE: Final = "slave"
STANDALONE: Final = "standalone"
_ROLES: Final = {"1000": MASTER, "1001": SLAVE, "1002": STANDALONE}


@dataclass(frozen=True, slots=True)
class Unit:
    """One device of a station. `kind` is its type code, which no language changes; `serial` may be empty.

    `role` is what it is in a cluster of batteries: "master", "slave", "standalone", or empty.
    """

    id: str
    serial: str
    kind: str
    name: str
    firmware: str
    role: str
    online: bool | None
    record: Json

    @classmethod
    def of(cls, record: Json) -> Self:
        """Return the device that a record of the list tells of."""
        serial = id_of(record, "sn") or id_of(record, "serialNumber")
        state = number(record.get("onlineState"))
        return cls(
            id=id_of(record, "deviceId"),
            serial=serial if serial.isprintable() else "",
            kind=text(record.get("deviceType")).strip().lower(),
            name=text(record.get("deviceName")).strip(),
            firmware=text(record.get("softwareVersion")).strip(),
            role=_role(record),
            online=None if state is None else state == 1,
            record=record,
        )

    @property
    def answers(self) -> bool:
        """Whether the cloud can have live values of it: it has a serial number and is not offline."""
        return bool(self.serial) and self.online is not False

    @property
    def told(self) -> dict[str, object]:
        """What the list itself tells of it, by the keys of `dataDtos`."""
        return {text(dto.get("key")): dto.get("value") for dto in objects(self.record.get("dataDtos"))}


def units_of(records: Iterable[Json]) -> tuple[Unit, ...]:
    """Return the devices of a list, each once."""
    found: dict[object, Unit] = {}
    for number_, record in enumerate(records):
        unit = Unit.of(record)
        found.setdefault(unit.serial or unit.id or number_, unit)
    return tuple(found.values())


def of_kind(units: Sequence[Unit], kind: str) -> list[Unit]:
    """Return those of one kind that can be asked for by their serial number."""
    return [unit for unit in units if unit.kind == kind and unit.serial]


def heads_of(units: Sequence[Unit]) -> list[Unit]:
    """Return the batteries that take commands: masters and those that stand alone.

    A slave takes its commands from its master. One whose role is not told may be a slave where there are
    several, so it is none of these unless it is the only battery.
    """
    batteries = of_kind(units, BATTERY)
    found = [unit for unit in batteries if unit.role in (MASTER, STANDALONE)]
    return found or [unit for unit in batteries if len(batteries) == 1 and unit.role != SLAVE]


def _role(record: Json) -> str:
    """Return the role in a cluster; `connectInfoJson`, where it is there, says it as text or as a number.

    The record itself says 0 where the device knows no clusters.
    """
    for told in (mapping(record.get("connectInfoJson")), record):
        role = _ROLES.get(id_of(told, "clusterMode"))
        if role is not None:
            return role
    return ""
