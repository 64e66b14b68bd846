"""Commands that show what stands, end claims, hold, and say what the owner wants."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

Run = Callable[..., tuple[int, str, str]]


def test_claims_are_a_table(run: Run) -> None:
    status, out, _ = run("claims")

    assert status == 0
    assert [line.split() for line in out.splitlines()] == [
        ["ID", "DEVICE", "VALUE", "CAUSE", "MADE", "ENDS", "STATE"],
        [
            "c1",
            "roof",
            "limit",
            "0W",
            "anna",
            *["2026-07-01", "12:00:00", "UTC", "2026-07-01", "13:00:00", "UTC", "live"],
        ],
    ]


def test_filters_are_asked_of_the_controller(run: Run, controller: Any) -> None:
    controller.answers["GET", "/claims?device=roof&ended=true"] = {"claims": []}

    assert run("claims", "roof", "--ended")[:2] == (0, "Nobody asks for anything.\n")


def test_nothing_that_is_told_moves_the_cursor(run: Run, controller: Any) -> None:
    claim = controller.answers["GET", "/claims"]["claims"][0]
    controller.answers["GET", "/claims"] = {"claims": [{**claim, "id": "\x1b[2Jx\n"}]}

    assert "\\x1b[2Jx\\n" in run("claims")[1]


def test_devices_tell_what_is_wrong_with_them(run: Run, controller: Any) -> None:
    (device,) = controller.answers["GET", "/devices"]["devices"]
    sick = {**device, "failing": "unreachable", "held_until": "2026-07-01T13:00:00Z"}
    controller.answers["GET", "/devices"] = {"devices": [sick]}

    assert "cannot be reached: unreachable; held until 2026-07-01 13:00:00 UTC" in run("devices")[1]
    assert "export_limit" in run("devices", "roof")[1]


def test_a_state_of_which_nothing_is_known_is_left_out(run: Run, controller: Any) -> None:
    (device,) = controller.answers["GET", "/devices"]["devices"]
    (state,) = device["states"]
    unsaid = {**state, **dict.fromkeys(("desired", "written", "baseline"), "nothing")}
    states = [{**unsaid, "key": "mode"}, {**unsaid, "key": "setting:x", "observed": "unknown"}]
    controller.answers["GET", "/devices"] = {"devices": [{**device, "states": states}]}

    (line,) = run("devices")[1].splitlines()[1:]
    assert line.split()[:7] == ["roof", "mode", "-", "-", "limit", "0W", "-"]


def test_a_claim_is_released_and_all_of_a_device(run: Run, controller: Any) -> None:
    claim = controller.answers["GET", "/claims"]["claims"][0]
    released = {**claim, "ended": "released"}
    controller.answers["DELETE", "/claims/c1"] = released
    controller.answers["DELETE", "/devices/roof/claims"] = {"claims": [released]}

    assert run("release", "c1")[:2] == (0, "c1: released\n")
    assert run("release", "--all", "roof")[:2] == (0, "c1: released\n")
    assert run("release")[0] == 2
    assert run("release", "c1", "--all", "roof")[0] == 2


def test_an_id_cannot_lead_elsewhere(run: Run, controller: Any) -> None:
    assert run("release", "../devices/roof/claims")[0] == 2
    assert controller.asked[-1][1] == "/claims/..%2Fdevices%2Froof%2Fclaims"


def test_a_hold_begins_and_ends(run: Run, controller: Any) -> None:
    controller.answers["PUT", "/devices/roof/hold"] = {"device": "roof", "held_until": "2026-07-01T13:00:00Z"}
    controller.answers["DELETE", "/devices/roof/hold"] = {"device": "roof", "held_until": None}

    assert run("hold", "roof", "--for=2h")[1] == "roof: alerts make no claims until 2026-07-01 13:00:00 UTC\n"
    assert controller.bodies("/devices/roof/hold") == [{"for": "2h"}]
    assert run("hold", "roof", "--end")[1] == "roof: alerts make claims again\n"


def test_a_baseline_is_confirmed(run: Run, controller: Any, unconfirmed: Any) -> None:
    controller.answers["PUT", "/devices/roof/baseline"] = [(428, unconfirmed), {"key": "export_limit"}]

    assert run("baseline", "roof", "export_limit", "unlimited")[0] == 3
    controller.answers["PUT", "/devices/roof/baseline"] = [(428, unconfirmed), {"key": "export_limit"}]
    assert run("baseline", "roof", "export_limit", "unlimited", "--yes")[0] == 0
    assert controller.bodies("/devices/roof/baseline")[-1] == {
        "action": "limit_export",
        "with": {"limit": "unlimited"},
        "confirmed": True,
    }


def test_the_journal_ends_with_the_newest(run: Run, controller: Any) -> None:
    event = {"kind": "write", "device": "roof", "cause": "anna", "outcome": "failed", "reason": "busy"}
    events = [
        {**event, "at": "2026-07-01T12:00:01Z", "what": "second"},
        {**event, "at": "2026-07-01T12:00:00Z", "what": "first"},
    ]
    controller.answers["GET", "/journal?most=30"] = {"events": events}
    last = " ".join(run("journal")[1].splitlines()[-1].split())

    assert last == "2026-07-01 12:00:01 UTC write roof second anna failed: busy"


def test_tasks_tell_how_they_ended(run: Run, controller: Any) -> None:
    at = "2026-07-01T12:00:00Z"
    task = {"device": "roof", "action": "restart", "cause": "person", "asked_at": at, "begun_at": at}
    tasks = [
        {**task, "ended_at": at, "outcome": "failed", "reason": "unreachable"},
        {**task, "begun_at": None, "ended_at": None, "outcome": "", "reason": ""},
    ]
    controller.answers["GET", "/tasks?device=roof"] = {"tasks": tasks}
    failed, waiting = run("tasks", "roof")[1].splitlines()[1:]

    assert failed.endswith("failed: unreachable")
    assert waiting.endswith("under way")


def test_capabilities_tell_what_stays(run: Run, controller: Any) -> None:
    capability = {
        "device": "roof",
        "key": "export_limit",
        "actions": ["limit_export"],
        "means": "native",
        "hazard": "opt-in",
        "allowed": True,
        "rung": "C",
        "proof": "read_back",
    }
    controller.answers["GET", "/capabilities?device=roof"] = {"capabilities": [capability]}
    out = run("capabilities", "roof")[1]

    assert "opt-in (allowed)" in out
    assert "C: If the controller dies, the last value stays." in out


@pytest.mark.parametrize("command", ["devices", "claims"])
def test_everything_is_told_as_json_too(run: Run, controller: Any, command: str) -> None:
    assert json.loads(run(command, "--json")[1]) == controller.answers["GET", f"/{command}"]
