"""What a dongle that speaks HTTP can answer wrongly, beyond what goes wrong on every wire."""

from __future__ import annotations

from typing import Any

import pytest

from sunhelm.devices.errors import Reason
from sunhelm.simulator.faults import Fault
from sunhelm.simulator.faults.cloud import Maintenance, NulledField, Refusal, RenamedField, WrongCredentials

WRONG = [
    ("internal", Refusal(status=500), {Reason.BUSY}),
    ("gateway", Refusal(status=502), {Reason.BUSY}),
    ("unavailable", Refusal(status=503), {Reason.BUSY}),
    ("later", Refusal(status=503, retry_after_s=30), {Reason.RATE_LIMITED}),
    ("too_many", Refusal(status=429, retry_after_s=30), {Reason.RATE_LIMITED}),
    ("forbidden", Refusal(status=403), {Reason.REJECTED}),
    ("gone", Refusal(status=404), {Reason.REJECTED}),
    ("page_for_people", Maintenance(), {Reason.MALFORMED}),
    ("password", WrongCredentials(), {Reason.AUTH_FAILED}),
    ("renamed_battery", RenamedField(field="sessy"), {None}),
    ("renamed_value", RenamedField(field="frequency"), {None}),
    ("null_battery", NulledField(field="sessy"), {None}),
    ("null_value", NulledField(field="power"), {None}),
]
"""Faults, and what may become of the groups that are read with every scrape."""


@pytest.mark.parametrize(("fault", "reasons"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG])
def test_what_is_answered_wrongly_has_its_reason_and_passes(
    fault: Fault, reasons: set[Reason | None], open_bench: Any, virtually: Any
) -> None:
    async def program() -> None:
        async with open_bench("sessy") as bench:
            before = await bench.scrape()
            assert all(outcome.ok for outcome in before.groups.values())
            await bench.pass_time(15.0)
            with bench.faults.during(fault):
                for _ in range(3):
                    reading = await bench.scrape()
                    assert reading.groups["live"].reason in reasons, reading.groups["live"].detail
                    assert "STICKER" not in reading.groups["live"].detail
                    shown = {sample.quantity.name for sample in reading.samples}
                    assert ("battery_power" in shown) == (fault == RenamedField(field="frequency"))
                    await bench.pass_time(15.0)
            for _ in range(12):
                await bench.pass_time(60.0)
                reading = await bench.scrape()
            assert all(outcome.ok for outcome in reading.groups.values()), reading.groups
            assert {s.quantity.name for s in before.samples} <= {s.quantity.name for s in reading.samples}

    virtually(program())
