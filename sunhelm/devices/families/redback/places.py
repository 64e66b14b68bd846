"""What a device of an account is, and what an inverter is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

from sunhelm.devices.errors import Malformed, Rejected
from sunhelm.devices.families.redback.cloud import SiteNodes
from sunhelm.devices.families.shapes import mapping, number, text


@dataclass(frozen=True, slots=True)
class Place:
    """What a device is: an inverter, with `serial`; a site, `with_site`; or both where it has only one."""

    site: str
    serial: str = ""
    with_site: bool = False


@dataclass(frozen=True, slots=True)
class Nature:
    """What an inverter is made of, as the cloud's static data say; all of it may be unknown."""

    model: str = ""
    firmware: str = ""
    has_battery: bool = False
    inverter: Mapping[str, object] = field(default_factory=dict)
    location: tuple[float, float] | None = None

    @classmethod
    def of(cls, data: object, place: Place) -> Self:
        """Return what static data say of the inverter at a place, whose node is found by its serial.

        Raises Malformed where they do not tell of it.
        """
        told = mapping(data)
        nodes = told.get("Nodes")
        static = [
            mapping(mapping(node).get("StaticData")) for node in (nodes if isinstance(nodes, list) else ())
        ]
        inverter = next(
            (node for node in static if node.get("Type") == "Inverter" and node.get("Id") == place.serial), {}
        )
        if place.serial and not inverter:
            raise Malformed(f"the static data of {place.serial} do not tell of it")
        spot = mapping(mapping(told.get("StaticData")).get("Location"))
        latitude, longitude = number(spot.get("Latitude")), number(spot.get("Longitude"))
        return cls(
            model=text(inverter.get("ModelName")) or ("" if place.serial else "site"),
            firmware=text(inverter.get("FirmwareVersion")),
            has_battery=(number(inverter.get("BatteryCount")) or 0.0) > 0,
            inverter=inverter,
            location=None if latitude is None or longitude is None else (latitude, longitude),
        )

    @property
    def is_grid_tie(self) -> bool:
        """Whether there is PV alone: nothing to do at night, and neither schedules nor a mode."""
        return self.model.startswith("SI") and not self.has_battery


def find(wanted: str | None, sites: Sequence[SiteNodes], account: str) -> Place:
    """Return what a serial number or the id of a site means, or the only inverter there is.

    Raises Rejected, with what the account has.
    """
    inverters = {serial: site.id for site in sites for serial in site.inverters}
    if wanted in inverters:
        return Place(inverters[wanted], wanted)
    if wanted in {site.id for site in sites}:
        return Place(wanted, with_site=True)
    if wanted is None and len(inverters) == 1:
        ((serial, site),) = inverters.items()
        return Place(site, serial, with_site=True)
    there = ", ".join([*inverters, *(site.id for site in sites)]) or "none"
    if wanted is None:
        raise Rejected(f"account {account} has several inverters; `serial` names one, or a site: {there}")
    raise Rejected(f"account {account} has no inverter or site {wanted}; it has {there}")
