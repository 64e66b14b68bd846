"""Every member of every answer that the facts sheet shows is exported, or listed with the reason why not."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml

from sunhelm.devices.families import load_family

SCHEDULES = {"power_strategy", "dynamic_schedule", "energy_prices"}
"""What is read by hours and quarters, and not by paths."""


def members(document: Mapping[str, Any], before: str = "") -> Iterator[str]:
    for key, value in document.items():
        path = f"{before}{key}"
        if isinstance(value, dict):
            yield from members(value, f"{path}.")
        elif path != "status":
            yield path


@pytest.mark.captures
def test_every_member_of_the_sheets_answers_is_exported_or_has_a_reason(
    captures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    family: Any = load_family("sessy")
    listed = yaml.safe_load(
        files("sunhelm.devices.families.sessy").joinpath("not_exported.yaml").read_text(encoding="utf-8")
    )
    read = {value.path for value in family.values.values}
    told = {
        path.stem: set(members(json.loads(path.read_text(encoding="utf-8"))))
        for path in sorted((captures.parent / "facts" / "sessy").glob("*.json"))
        if not path.stem.endswith("_request")
    }
    missing = {
        name: left
        for name, paths in told.items()
        if (left := paths - read - SCHEDULES - set(listed.get(name, {})))
    }
    assert missing == {}
    assert {name: set(reasons) - told[name] for name, reasons in listed.items()} == {
        name: set() for name in listed
    }, "a reason for what no answer has"
    assert not [path for reasons in listed.values() for path in reasons if path in read]
    count = sum(len(paths) for paths in told.values())
    with capsys.disabled():
        without = sum(map(len, listed.values()))
        print(f"\nsessy: {count} members, {without} not exported, each with its reason")
