"""What the journal tells people."""

from __future__ import annotations

from typing import Any

from controllers.people import Command
from sunhelm.devices.control import Action, SelfConsumption


async def test_a_claim_tells_what_it_was_for(household: Any) -> None:
    limit = Command(device="roof", action=Action.LIMIT_EXPORT, parameters={"limit": "0W"})
    claim = await household.people.claim(limit)
    await household.people.release(claim.id)
    events = await household.people.history(most=10)

    assert [event.what for event in events] == [
        "released: export_limit limit 0W",
        "made: export_limit limit 0W",
    ]


async def test_usual_renewals_are_not_told_but_how_it_began_and_ended_is(household: Any) -> None:
    charge = Command(device="roof", action=Action.CHARGE, parameters={"power": "500W"})
    claim = await household.people.claim(charge)
    for _ in range(50):
        await household.step(after_s=3)
    await household.people.release(claim.id)
    await household.step()

    assert household.device.battery.value == SelfConsumption()
    assert len(household.journal.read("SELECT * FROM acts")) > 20
    events = await household.people.history(most=10)
    assert [event.cause for event in events if event.kind == "write"] == ["restore", "begin"]
