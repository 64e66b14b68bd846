from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest

from exporter.config import Configuration, load_configuration, parse_url
from sunhelm.configuration.mistakes import ConfigurationError

SITE = """\
site: {name: home, zone: Europe/Amsterdam}
devices:
  gx: {family: victron, host: 192.0.2.8, rated_power: 5kW}
"""


def load(folder: Path, text: str) -> Configuration:
    path = folder / "sunhelm.yml"
    path.write_text(text, encoding="utf-8")
    return load_configuration(path)


def mistakes(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        load(folder, text)
    return [str(mistake).removeprefix(f"{folder}/") for mistake in caught.value.mistakes]


def test_the_section_web_may_be_missing(tmp_path: Path) -> None:
    configuration = load(tmp_path, SITE)

    assert list(configuration.site.devices) == ["gx"]
    assert (configuration.web.external_url, configuration.web.all_devices) == (None, False)


def test_the_section_web_says_how_others_reach_the_exporter_and_what_metrics_shows(tmp_path: Path) -> None:
    configuration = load(
        tmp_path, f"{SITE}web: {{external_url: 'https://solar.example.org/sunhelm/', all_devices: true}}\n"
    )

    assert configuration.web.external_url == urlsplit("https://solar.example.org/sunhelm/")
    assert configuration.web.all_devices is True


def test_sections_of_others_are_left_alone(tmp_path: Path) -> None:
    configuration = load(tmp_path, f"{SITE}alertmanager: {{whatever: 1}}\npolicies: {{whatever: 2}}\n")

    assert list(configuration.site.devices) == ["gx"]


def test_mistakes_of_all_sections_are_told_at_once_with_their_places(tmp_path: Path) -> None:
    text = """\
site: {name: home, zone: Europe/Amsterdan}
devices:
  gx: {family: victorn, host: 192.0.2.8}
web:
  external_url: solar.example.org
  all_device: true
wep: {}
"""
    told = mistakes(tmp_path, text)

    assert [line.split(": ")[:2] for line in told] == [
        ["sunhelm.yml:1:26", "site.zone"],
        ["sunhelm.yml:3:16", "devices.gx.family"],
        ["sunhelm.yml:5:17", "web.external_url"],
        ["sunhelm.yml:6:3", "web.all_device"],
        ["sunhelm.yml:7:1", "wep"],
    ]
    assert '"solar.example.org" is not an address; write one like https://' in told[2]
    assert 'Did you mean "all_devices"?' in told[3]


@pytest.mark.parametrize(
    "url",
    [
        "solar.example.org",
        "ftp://solar.example.org",
        "https://",
        "https://user:secret@solar.example.org",
        "https://solar.example.org/?a=b",
        "https://solar.example.org/#top",
        "https://solar.example.org:0",
        "https://solar.example.org:port",
        "https://[::1",
        "",
        17,
        None,
    ],
)
def test_an_external_url_that_is_none_is_refused_without_its_secrets(url: object) -> None:
    with pytest.raises(ValueError, match="write one like https://") as caught:
        parse_url(url)

    assert "secret" not in str(caught.value)
