"""What the page shows of a charger, and the choice of its mode."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from controllers.page.view import EV_MODES
from controllers.people import ChargingRecord
from sunhelm.devices.control import Action

CHARGING = ChargingRecord(
    mode="solar",
    own_mode="grid",
    reason="too_little_sun",
    changes_left=288,
    limit_a=12.0,
    excess_w=1900.4,
    session_j=9_000_000.0,
    session_cap_j=72_000_000.0,
)


@pytest.fixture
def charger(people: Any) -> Any:
    people.device = replace(people.device, charging=CHARGING)
    return people


async def test_a_charger_is_shown_with_its_mode_and_why_it_does_not_charge(charger: Any, client: Any) -> None:
    text = await (await client.get("/")).text()

    for words in (
        "Charging: solar",
        "then grid again",
        "too little sun",
        "12 A",
        "1\u202f900 W",
        "2.5 of 20 kWh",
    ):
        assert words in text
    assert "288 changes of the charger left within 24 h" in text
    assert "ev-mode-hybrid" in text
    assert "ev-mode-grid" not in text


@pytest.mark.parametrize("mode", EV_MODES)
async def test_a_mode_is_chosen_by_a_form_that_says_what_it_does(
    charger: Any, client: Any, mode: str
) -> None:
    path = f"/devices/roof/ev-mode-{mode}"
    asked = await (await client.get(path)).text()
    token = re.search(r'name="token" value="([^"]+)"', asked)
    assert token is not None
    assert f"Choose {mode}" in asked

    answer = await client.post(
        path,
        data={"token": token[1]},
        headers={"Origin": f"http://{client.host}:{client.port}"},
        allow_redirects=False,
    )

    assert answer.status == 303
    assert charger.done == [("set_baseline", "roof", Action.EV_MODE, {"mode": mode})]


async def test_what_is_no_charger_has_no_mode_to_choose(client: Any) -> None:
    assert (await client.get("/devices/roof/ev-mode-solar")).status == 422
