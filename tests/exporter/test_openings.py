from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from exporter.flight import EVERYTHING
from exporter.openings import open_targets
from exporter.targets import Linked
from sunhelm.devices import reader
from sunhelm.devices.clock import Deadline
from sunhelm.devices.reading import Reading
from sunhelm.devices.site import Site, load_site

SITE = """\
site: {name: home, zone: Europe/Amsterdam}
devices:
  gx: {family: victron, host: 127.0.0.1, port: 1, rated_power: 5kW}
  shed: {family: victron, host: 127.0.0.1, port: 2, refresh: 60s}
"""


def site(folder: Path, text: str = SITE) -> Site:
    path = folder / "sunhelm.yml"
    path.write_text(text, encoding="utf-8")
    return load_site(path).site


def test_every_device_of_the_site_is_a_target(tmp_path: Path) -> None:
    targets = open_targets(site(tmp_path))

    assert list(targets) == ["gx", "shed"]
    assert dict(targets["gx"].labels) == {"device": "gx", "site": "home", "family": "victron"}
    assert isinstance(targets["gx"].source, Linked)


def test_a_device_is_not_to_be_scraped_faster_than_it_renews_its_values(tmp_path: Path) -> None:
    targets = open_targets(site(tmp_path))

    assert targets["shed"].interval_s == 60.0
    assert targets["gx"].interval_s < 60.0


def test_devices_that_stay_the_same_are_kept(tmp_path: Path) -> None:
    before = open_targets(site(tmp_path))
    after = open_targets(site(tmp_path, SITE.replace("5kW", "6kW")), keep=before)

    assert after["shed"] is before["shed"]
    assert after["gx"] is not before["gx"]


@pytest.mark.parametrize("change", [("home", "away"), ("Europe/Amsterdam", "Europe/Athens")])
def test_a_change_of_the_site_opens_every_device_anew(tmp_path: Path, change: tuple[str, str]) -> None:
    before = open_targets(site(tmp_path))
    after = open_targets(site(tmp_path, SITE.replace(*change)), keep=before)

    assert not [name for name in after if after[name] is before[name]]


async def test_observers_get_each_fresh_reading_with_the_labels_of_its_device(tmp_path: Path) -> None:
    seen: list[tuple[Mapping[str, str], Reading]] = []
    targets = open_targets(site(tmp_path), observers=[lambda labels, reading: seen.append((labels, reading))])
    answer = await targets["gx"].flight.reading(Deadline.after(2.0))
    await targets["gx"].flight.close()

    assert [(dict(labels)["device"], reading) for labels, reading in seen] == [("gx", answer.reading)]
    assert list(answer.reading.groups) == [EVERYTHING]


def test_the_word_for_all_groups_is_the_readers() -> None:
    assert EVERYTHING == reader.EVERYTHING
