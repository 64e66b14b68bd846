"""What is done once a day without anybody asking: the clocks of devices that the site file wants set."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from controllers.claims.ledger import Ledger
from controllers.fleet import controlled
from controllers.tasks import tasks
from controllers.tasks.tasks import CLOCK_SYNC, Task, TaskKey
from sunhelm.devices.control import Action
from sunhelm.devices.site import Site
from sunhelm.devices.wall_clock import begin, local_day

MINUTE: Final = 3 * 60 + 30
"""Half past three: after every change of the clocks, and before the sun."""


def with_daily_tasks(ledger: Ledger, site: Site, wall: float, now: float) -> Ledger:
    """Return the ledger with the tasks of today, as soon as their time has come."""
    today = local_day(wall, site.zone)
    at = begin(today, MINUTE, site.zone)
    if wall < at:
        return ledger
    asked = ledger.tasks
    for config in controlled(site):
        if config.control.clock_sync is not None:
            key = TaskKey(CLOCK_SYNC, today.isoformat(), at, config.name)
            asked = tasks.asked(asked, Task(key=key, action=Action.SET_CLOCK, asked_at=now))
    return ledger if asked is ledger.tasks else replace(ledger, tasks=asked)
