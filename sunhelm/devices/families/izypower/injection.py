"""The limit of what goes into the grid, which a meter of the station keeps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sunhelm.devices.clock import Deadline
from sunhelm.devices.control import UNKNOWN, UNLIMITED, Limit, PowerLimit, Promise, Unknown, Value
from sunhelm.devices.families.izypower.desk import Desk
from sunhelm.devices.families.izypower.groups import base_path
from sunhelm.devices.families.izypower.units import METER
from sunhelm.devices.families.shapes import mapping, number
from sunhelm.devices.families.values import as_limit
from sunhelm.devices.links.http import quoted

_STEP_W: Final = 50
_DEFAULT_W: Final = -300
"""What stands behind a blocking that is off, where the cloud does not tell."""


@dataclass(slots=True, eq=False)
class InjectionLimit:
    """Whether injection is blocked, and above which power; implements `Handle`.

    The cloud wants the limit as a negative number: what a positive one does is not known, and none is sent.
    Both members go together. The number behind a blocking that is off is put back with it, and so is a limit
    of the owner's that is none of our steps.
    """

    promise: Promise
    desk: Desk
    _dormant: int | None = None
    _odd: int | None = None

    def check(self, value: Value) -> None:
        as_limit(self.promise, value)

    def equal(self, wanted: Value, observed: Value) -> bool:
        if isinstance(wanted, Limit) and isinstance(observed, Limit):
            return (
                0 <= int(wanted.watts) - int(observed.watts) < _STEP_W
            )  # stricter by its rounding, never looser
        return wanted == observed

    async def observe(self, deadline: Deadline) -> PowerLimit | Unknown:
        blocked, threshold = await self._read(deadline)
        if blocked is False:
            return UNLIMITED
        if blocked is None or threshold is None or threshold > 0:
            return UNKNOWN
        return Limit(float(-threshold))

    async def write(self, value: Value, deadline: Deadline) -> None:
        limit = as_limit(self.promise, value)
        unit = await self.desk.ready(METER, deadline)
        blocked, threshold = await self._read(deadline)
        if blocked is False and threshold is not None and threshold <= 0:
            self._dormant = threshold
        if threshold is not None and threshold <= 0 and threshold % _STEP_W:
            self._odd = threshold  # not by our hand
        if isinstance(limit, Limit):
            exact = -int(limit.watts)
            body = {"isControl": True, "feedThreshold": exact if exact == self._odd else _threshold(limit)}
        else:
            found = threshold if self._dormant is None else self._dormant
            behind = _DEFAULT_W if found is None or found > 0 else found
            body = {"isControl": False, "feedThreshold": behind}
        await self.desk.tell(f"/api/v2/device/meter/control/{quoted(unit.serial)}", body, deadline)

    async def _read(self, deadline: Deadline) -> tuple[bool | None, int | None]:
        """Return whether injection is blocked, and the threshold; None for what the cloud does not tell."""
        unit = await self.desk.unit(METER, deadline)
        told = mapping((await self.desk.read(base_path(unit), deadline, "meter_extra")).get("meter_extra"))
        blocked, threshold = told.get("isControl"), number(told.get("feedThreshold"))
        return blocked if isinstance(blocked, bool) else None, None if threshold is None else round(threshold)


def _threshold(limit: Limit) -> int:
    """Return a limit as the cloud has it: negative, and stricter rather than looser where it has steps."""
    return -int(limit.watts // _STEP_W) * _STEP_W
