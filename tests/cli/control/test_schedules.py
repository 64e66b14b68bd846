"""`sunhelm schedule`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., tuple[int, str, str]]
SCHEDULE = {
    "id": "s1",
    "device": "roof",
    "start": "2026-07-01T13:00:00Z",
    "end": "2026-07-01T14:00:00Z",
    "mode": "force_charge",
    "watts": 2000.0,
    "target_soc": 0.9,
    "means": "kept",
    "state": "planned",
    "cause": "person",
    "key": "",
    "problem": "",
}


def test_a_schedule_is_planned_made_listed_and_deleted(run: Run, controller: Any) -> None:
    controller.answers |= {
        ("POST", "/schedules/plan"): SCHEDULE,
        ("POST", "/schedules"): (201, SCHEDULE),
        ("GET", "/schedules"): {"schedules": [SCHEDULE]},
        ("DELETE", "/schedules/s1"): {**SCHEDULE, "state": "deleted"},
        ("DELETE", "/devices/roof/schedules"): {"schedules": []},
        ("GET", "/devices/roof/schedules"): {"entries": [{**SCHEDULE, "ours": None}]},
    }
    words = ["schedule", "create", "roof", "--start=13:00", "--for=1h", "--power=2kW", "--target-soc=90%"]

    assert run(*words, "--dry-run")[1].startswith("would make: roof, force_charge 2000W to 90% from 2026-07")
    assert run(*words)[1].endswith("to 2026-07-01 14:00:00 UTC, kept by the controller\n")
    (body,) = controller.bodies("/schedules")[-1:]
    del body["id"]
    assert body == {
        "device": "roof",
        "mode": "force_charge",
        "start": "13:00",
        "duration": "1h",
        "power": "2kW",
        "target_soc": "90%",
    }
    assert "s1  roof    force_charge 2000W to 90%" in run("schedule", "list")[1]
    assert run("schedule", "list", "--on-device")[0] == 2
    assert "unknown" in run("schedule", "list", "roof", "--on-device")[1]
    assert run("schedule", "delete", "s1")[1] == "s1: deleted\n"
    assert run("schedule", "delete", "--all", "roof")[1] == "There was none.\n"
    assert run("schedule", "delete")[0] == 2


def test_schedules_are_imported_from_a_file_or_a_pipe(
    run: Run, controller: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    controller.answers["POST", "/schedules/import"] = (201, {"schedules": [SCHEDULE]})
    path = tmp_path / "plan.csv"
    path.write_text("start,end\n", encoding="utf-8")

    assert run("schedule", "import", "roof", str(path), "--replace")[0] == 0
    assert run("schedule", "import", "roof", "-", typed="piped")[0] == 0
    texts = [(body["text"], body["replace"]) for body in controller.bodies("/schedules/import")]
    assert texts == [("start,end\n", True), ("piped", False)]
    nothing = tmp_path / "nothing"
    told = f"{nothing}: cannot be read: No such file or directory\n"
    assert run("schedule", "import", "roof", str(nothing)) == (2, "", told)
    path.write_bytes(b"\xff")
    assert run("schedule", "import", "roof", str(path))[0] == 2
    path.write_bytes(b" " * 300_000)
    assert "is longer than" in run("schedule", "import", "roof", str(path))[2]
