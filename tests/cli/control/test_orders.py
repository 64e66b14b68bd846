"""Commands that change something: what is asked, when the person is asked first, and how they end."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from sunhelm.cli.main import main

Run = Callable[..., tuple[int, str, str]]


def test_a_limit_is_planned_made_and_seen(run: Run, controller: Any) -> None:
    status, out, err = run("limit-export", "roof", "0W", "--for", "2h")
    plan, claim = controller.bodies("/plans")[0], controller.bodies("/claims")[0]

    assert (status, err) == (0, "")
    assert claim.pop("id") != plan.pop("id")
    assert plan == claim == {"device": "roof", "action": "limit_export", "with": {"limit": "0W"}, "for": "2h"}
    assert out == "c1: roof, limit 0W until 2026-07-01 13:00:00 UTC\nroof holds limit 0W.\n"


@pytest.mark.parametrize(
    ("words", "action", "given"),
    [
        (["limit-production", "roof", "60%"], "limit_production", {"limit": "60%"}),
        (["charge", "roof", "2kW"], "charge", {"power": "2kW"}),
        (["discharge", "roof", "2kW"], "discharge", {"power": "2kW"}),
        (["set-mode", "roof", "backup"], "set_mode", {"mode": "backup"}),
        (["set-current-limits", "roof", "--charge", "5A"], "set_current_limits", {"charge": "5A"}),
        (["set-soc-limits", "roof", "--minimum=20%"], "set_soc_limits", {"minimum": "20%"}),
    ],
)
def test_every_order_has_its_parameters(
    run: Run, controller: Any, words: list[str], action: str, given: dict[str, str]
) -> None:
    assert run(*words, "--no-wait")[0] == 0
    (claim,) = controller.bodies("/claims")

    assert (claim["action"], claim["with"], claim["for"]) == (action, given, "1h")


def test_a_dry_run_says_what_would_be_written_and_makes_nothing(run: Run, controller: Any) -> None:
    status, out, _ = run("limit-export", "roof", "0W", "--dry-run")

    assert status == 0
    assert out.splitlines() == [
        "roof: export_limit holds unlimited; asked for: limit 0W.",
        "roof: would write limit 0W",
        "roof: The sources do not agree.",
        "If the controller dies, the last value stays.",
        "roof: until 2026-07-01 12:00:00 UTC.",
    ]
    assert controller.bodies("/claims") == []


@pytest.mark.parametrize(
    ("typed", "yes", "status"),
    [("yes", (), 0), ("YES ", (), 0), (None, ("--yes",), 0), ("y", (), 3), ("", (), 3), (None, (), 3)],
)
def test_what_is_dangerous_is_told_and_asked_for(
    run: Run, controller: Any, typed: str | None, yes: tuple[str, ...], status: int
) -> None:
    controller.answers["POST", "/plans"]["needs_confirmation"] = True
    ended, _, err = run("limit-export", "roof", "0W", *yes, typed=typed)

    assert ended == status
    assert "roof: would write limit 0W" in err
    assert [body["confirmed"] for body in controller.bodies("/claims")] == [True] * (status == 0)


def test_what_turns_out_dangerous_is_asked_for_then(run: Run, controller: Any, unconfirmed: Any) -> None:
    state = {"key": "setting:x", "observed": "7"}
    controller.answers["POST", "/settings"] = [(428, unconfirmed), (201, state)]
    status, out, err = run("set", "roof", "x", "7", typed="yes")

    assert status == 0
    assert "It lifts the limit for 5 s." in err
    first, second = controller.bodies("/settings")
    assert (first["confirmed"], second["confirmed"], second["value"]) == (False, True, "7")
    assert first["id"] != second["id"]
    assert out == "roof: setting:x is 7\n"


def test_a_device_that_does_not_follow_is_told(run: Run, controller: Any) -> None:
    device = controller.answers["GET", "/devices/roof"]
    state = {**device["states"][0], "stands_back": "changed_by_someone_else"}
    controller.answers["GET", "/devices/roof"] = {**device, "states": [state]}
    status, out, _ = run("limit-export", "roof", "0W")

    assert status == 1
    assert "roof: nothing is written: changed by someone else" in out


def test_what_was_read_before_the_claim_proves_nothing(run: Run, controller: Any) -> None:
    device = controller.answers["GET", "/devices/roof"]
    state = {**device["states"][0], "observed_at": "2026-07-01T11:59:59Z", "differs_since": AT}
    controller.answers["GET", "/devices/roof"] = {**device, "states": [state]}
    status, out, _ = run("limit-export", "roof", "0W")

    assert status == 0
    assert "does not hold it yet" in out


def test_a_claim_that_has_to_wait_for_another_one_is_told(run: Run, controller: Any) -> None:
    device = controller.answers["GET", "/devices/roof"]
    state = {**device["states"][0], "desired": "charge 500W", "observed": "charge 500W"}
    controller.answers["GET", "/devices/roof"] = {**device, "states": [state]}
    claim = controller.answers["POST", "/claims"][1]
    controller.answers["POST", "/claims"] = (201, {**claim, "action": "discharge", "value": "discharge 500W"})
    status, out, _ = run("discharge", "roof", "500W")

    assert status == 1
    assert "roof is asked for charge 500W first; `sunhelm claims` tells by whom." in out


def test_a_looser_limit_than_another_one_is_kept_all_the_same(run: Run, controller: Any) -> None:
    claim = controller.answers["POST", "/claims"][1]
    controller.answers["POST", "/claims"] = (201, {**claim, "value": "limit 5000W"})
    controller.answers["POST", "/plans"]["value"] = "limit 5000W"

    assert run("limit-export", "roof", "5kW")[0] == 0
    assert "asked for limit 0W" in run("limit-export", "roof", "5kW", "--dry-run")[1]


AT = "2026-07-01T12:00:00Z"
TASK = {"id": "t1", "device": "roof", "outcome": "", "reason": ""}


@pytest.mark.parametrize(("outcome", "status"), [("done", 0), ("failed", 1), ("refused", 1), ("", 0)])
def test_a_task_is_waited_for(run: Run, controller: Any, outcome: str, status: int) -> None:
    controller.answers["POST", "/tasks"] = (201, TASK)
    controller.answers["GET", "/tasks/t1"] = [TASK, {**TASK, "outcome": outcome, "reason": "because"}]
    ended, out, _ = run("reset-watchdog", "roof")

    assert ended == status
    assert controller.bodies("/tasks")[0]["action"] == "reset_watchdog"
    assert out == f"t1: reset_watchdog on roof {outcome or 'under way'}: because\n"


def test_a_task_of_the_family_is_run_by_its_name(run: Run, controller: Any) -> None:
    controller.answers["POST", "/tasks"] = (201, {**TASK, "outcome": "done"})
    ended, _, _ = run("run", "roof", "reset_to_auto", "--no-wait", "--yes")

    assert ended == 0
    assert controller.bodies("/plans")[0]["with"] == {"task": "reset_to_auto"}
    sent = controller.bodies("/tasks")[0]
    assert (sent["action"], sent["task"]) == ("run", "reset_to_auto")


def test_an_answer_that_is_lost_is_asked_for_again_under_the_same_word(run: Run, controller: Any) -> None:
    controller.answers["POST", "/plans"] = {"needs_confirmation": False}
    controller.dropped = 2
    status, _, _ = run("limit-export", "roof", "0W", "--no-wait")
    words = [body["id"] for body in controller.bodies("/plans")]

    assert status == 0
    assert len(words) == 3
    assert len(set(words)) == 1


@pytest.mark.parametrize(
    ("answer", "status", "told"),
    [
        (
            (422, {"code": "wrong", "detail": "d", "errors": [{"place": "body.for", "message": "m"}]}),
            2,
            "for: m\n",
        ),
        (
            (422, {"code": "wrong", "detail": "d", "errors": [{"place": "body.with.limit", "message": "m"}]}),
            2,
            "limit: m\n",
        ),
        ((404, {"code": "unknown_device", "detail": "no such device"}), 2, "no such device"),
        ((409, {"code": "budget", "detail": "nothing is left today"}), 1, "nothing is left today"),
        ((401, {"code": "unauthorized", "detail": "Unauthorized"}), 1, "Unauthorized"),
        ((502, b"<html>a proxy</html>"), 1, "is no controller: it answers 502 and no JSON"),
        ((200, b"[]"), 1, "is no controller"),
    ],
)
def test_a_refusal_is_told_and_ends_by_its_kind(
    run: Run, controller: Any, answer: Any, status: int, told: str
) -> None:
    controller.answers["POST", "/plans"] = answer
    ended, out, err = run("limit-export", "roof", "0W")

    assert (ended, out) == (status, "")
    assert told in err
    assert "body" not in err


def test_programs_get_json(run: Run, controller: Any) -> None:
    _, out, _ = run("limit-export", "roof", "0W", "--json")

    assert json.loads(out)["id"] == "c1"
    assert json.loads(run("limit-export", "roof", "0W", "--dry-run", "--json")[1])["writes"] == ["limit 0W"]


def test_nobody_there_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["claims", "--controller.url=http://127.0.0.1:1"]) == 1
    assert capsys.readouterr().err == "http://127.0.0.1:1 does not answer: Connection refused\n"


@pytest.mark.parametrize("amount", ["-50W", "-50", "-.5kW"])
def test_an_amount_below_zero_is_no_flag(run: Run, controller: Any, amount: str) -> None:
    controller.answers["POST", "/settings"] = (201, {"key": "setting:x", "observed": "-50"})
    assert run("set", "roof", "x", amount, "--yes")[0] == 0
    (asked,) = controller.bodies("/settings")
    assert asked["value"] == amount


def test_what_a_task_does_is_told_without_a_state(run: Run, controller: Any) -> None:
    plan = controller.answers["POST", "/plans"]
    does = {"action": "restart", "state": "", "value": "", "desired": "", "writes": ["it restarts"]}
    controller.answers["POST", "/plans"] = {**plan, **does, "needs_confirmation": True, "ends_at": None}
    status, _, err = run("restart", "roof")

    assert status == 3
    assert err.splitlines()[:2] == ["roof: restart: it restarts", "roof: The sources do not agree."]
