"""`sunhelm envelope`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Run = Callable[..., tuple[int, str, str]]
ENVELOPE = {
    "id": "e1",
    "device": "roof",
    "start": "2026-07-01T13:00:00Z",
    "end": "2026-07-01T14:00:00Z",
    "grid_import": None,
    "grid_export": 0.0,
    "charge": None,
    "discharge": 100.0,
    "generation": None,
}


def test_envelopes_are_made_listed_and_deleted(run: Run, controller: Any) -> None:
    controller.answers |= {
        ("POST", "/envelopes"): (201, ENVELOPE),
        ("GET", "/devices/roof/envelopes"): {"envelopes": [ENVELOPE]},
        ("DELETE", "/devices/roof/envelopes/e1"): {"device": "roof", "deleted": "e1"},
    }
    words = ["envelope", "create", "roof", "--start=13:00", "--end=14:00", "--export=0W", "--discharge=100W"]

    assert run(*words)[1] == "e1: roof, export at most 0W, discharge at most 100W\n"
    assert controller.bodies("/envelopes")[0]["export"] == "0W"
    assert "export at most 0W" in run("envelope", "list", "roof")[1]
    assert run("envelope", "delete", "roof", "e1")[1] == "e1: deleted\n"
