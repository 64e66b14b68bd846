"""What a family makes of a whole device: every dump has a page of what is read from it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest

from sunhelm.devices.clock import Deadline
from sunhelm.devices.device_config import DeviceConfig
from sunhelm.devices.families import load_family
from sunhelm.devices.families.base import RegisterFamily, Surroundings
from sunhelm.devices.families.register_source import DISCOVERY, RegisterSource
from sunhelm.devices.links.base import Table
from sunhelm.devices.reading import Sample

TESTS = Path(__file__).parents[2]
DUMPS = [path for path in sorted((TESTS / "dumps").glob("*/*.json")) if '"answers"' not in path.read_text()]
"""Those of registers; what a cloud answers is read in the tests of its family."""


@pytest.fixture(params=DUMPS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def path(request: pytest.FixtureRequest) -> Path:
    return request.param


@pytest.fixture
def dump(path: Path, link: Any) -> Mapping[str, Any]:
    """The dump; the link answers from it and refuses everything else."""
    found = json.loads(path.read_text(encoding="utf-8"))
    for unit, blocks in found["holding"].items():
        for start, words in blocks.items():
            link.set(int(unit), int(start), *(int(word, 16) for word in words.split()))
    for table in found.keys() & {Table.INPUT, Table.METER}:
        link.tables[table] = {
            (int(unit), int(start) + index): int(word, 16)
            for unit, blocks in found[table].items()
            for start, words in blocks.items()
            for index, word in enumerate(words.split())
        }
    return found


@pytest.fixture(params=["core", "full"])
def source(request: pytest.FixtureRequest, dump: Mapping[str, Any], link: Any, clock: Any) -> RegisterSource:
    family = cast("RegisterFamily", load_family(dump["family"]))
    config = DeviceConfig(
        family=dump["family"],
        name="dump",
        units={},
        profile=request.param,
        model=dump["model"],
        serial=None,
        rated_power=None,
        capacity=None,
    )
    return family.source(config, Surroundings(ZoneInfo("UTC"), clock), link)


async def test_a_dump_reads_as_its_golden_page(
    path: Path, source: RegisterSource, clock: Any, golden: Any, request: pytest.FixtureRequest
) -> None:
    deadline = Deadline.after(30, clock)
    await source.prepare(deadline)
    asked = len(source.link.spans)  # type: ignore[attr-defined]
    groups = [group.name for group in source.groups() if group.name != DISCOVERY]
    fetched = await source.fetch(groups, deadline)
    samples = [sample for group in fetched.values() for sample in group.samples]
    page = [
        *(f"# read {span}\n" for span in source.link.spans[asked:]),  # type: ignore[attr-defined]
        *sorted(f"# {held.guard}: {held.source}\n" for group in fetched.values() for held in group.held),
        *sorted(line(sample) for sample in [*samples, *source.derive(samples, fetched)]),
    ]
    profile = request.node.callspec.params["source"]
    golden.check(TESTS / "golden" / "dumps" / path.parent.name / f"{path.stem}_{profile}.txt", "".join(page))


def line(sample: Sample) -> str:
    labels = ",".join(
        f'{name}="{value}"' for name, value in zip(sample.quantity.labels, sample.labels, strict=True)
    )
    return f"{sample.quantity.metric}{{{labels}}} {sample.value:.10g}\n"
