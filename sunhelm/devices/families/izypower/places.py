"""Which station of an account a device is, and which of its parts take the commands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

from sunhelm.devices.errors import Rejected
from sunhelm.devices.families.izypower.cloud import Station
from sunhelm.devices.families.izypower.units import Unit

_BETWEEN: Final = "/"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What `serial` in the site file says: the id of a station, and serial numbers of its devices behind it.

    "41001/YZB0000000003" is station 41001, of whose batteries that one takes the commands.
    """

    station: str = ""
    chosen: tuple[str, ...] = ()

    @classmethod
    def of(cls, serial: str | None) -> Self:
        """Return what a serial number of the site file means."""
        station, *chosen = [part.strip() for part in (serial or "").split(_BETWEEN)]
        return cls(station, tuple(filter(None, chosen)))

    def find(self, stations: Sequence[Station], account: str) -> Station:
        """Return the station, or the only one there is. Raises Rejected, with what the account has."""
        if not self.station and len(stations) == 1:
            return stations[0]
        found = next((station for station in stations if station.id == self.station), None)
        if found is not None and self.station:
            return found
        there = ", ".join(station.id for station in stations) or "none"
        if not self.station:
            raise Rejected(f"account {account} has not one station; `serial` names it: {there}")
        raise Rejected(f"account {account} has no station {self.station}; it has {there}")

    def choose(self, units: Sequence[Unit], what: str) -> Unit:
        """Return the device that takes the commands. Raises Rejected where it is not one."""
        chosen = [unit for unit in units if unit.serial in self.chosen] or list(units)
        if len(chosen) == 1:
            return chosen[0]
        if not chosen:
            raise Rejected(f"the station has no {what}")
        there = ", ".join(unit.serial for unit in chosen)
        raise Rejected(f"the station has {there}: `serial` in the site file names the {what} that is meant")
