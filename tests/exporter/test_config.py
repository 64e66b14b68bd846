from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from exporter.config import Configuration, InfluxSection, load_configuration
from sunhelm.configuration.mistakes import ConfigurationError
from sunhelm.configuration.secrets import SecretFile

SITE = "site: {name: home, zone: Europe/Amsterdam}\ndevices: {gx: {family: victron, host: 192.0.2.8}}\n"
LEAST = "url: 'http://influx.example:8086', bucket: solar, spool: spool"

Load = Callable[[str], Configuration]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    def load(section: str) -> Configuration:
        file = tmp_path / "sunhelm.yml"
        file.write_text(f"{SITE}{section}\n")
        return load_configuration(file)

    return load


def section_of(configuration: Configuration) -> InfluxSection:
    assert configuration.influxdb is not None
    return configuration.influxdb


def test_without_the_section_nothing_is_written(load: Load) -> None:
    assert load("").influxdb is None


def test_what_is_not_said_has_a_default(load: Load, tmp_path: Path) -> None:
    section = section_of(load(f"influxdb: {{{LEAST}}}"))
    assert section.url.geturl() == "http://influx.example:8086"
    assert (section.bucket, section.org, section.secret("token")) == ("solar", None, None)
    assert (section.interval, section.timeout, section.spool_limit) == (60.0, 10.0, 256_000_000)
    assert section.spool == tmp_path / "spool"


def test_everything_can_be_said(load: Load, tmp_path: Path) -> None:
    section = section_of(
        load(
            f"influxdb: {{{LEAST}, org: home, token_file: influx_token, spool_limit: 2GiB, interval: 5m,"
            " timeout: 2s}"
        )
    )
    assert section.secret("token") == SecretFile(tmp_path / "influx_token", credential="influx_token")
    assert (section.interval, section.timeout, section.spool_limit) == (300.0, 2.0, 2 * 2**30)


@pytest.mark.parametrize("interval", ["off", "0s"])
def test_polling_can_be_switched_off(load: Load, interval: str) -> None:
    assert section_of(load(f"influxdb: {{{LEAST}, interval: {interval}}}")).interval == 0


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ("influxdb:", "influxdb.url: is missing"),
        ("influxdb: {}", "influxdb.spool: is missing"),
        (f"influxdb: {{{LEAST}, buckets: x}}", 'Did you mean "bucket"?'),
        ("influxdb: {url: 'influx:8086', bucket: a, spool: b}", "is not an address"),
        ("influxdb: {url: 'http://me:secret@influx', bucket: a, spool: b}", "more than a scheme"),
        (f"influxdb: {{{LEAST}, interval: 60}}", "60 is not an amount in seconds"),
        (f"influxdb: {{{LEAST}, interval: never}}", '"never" is not an amount in seconds'),
        (f"influxdb: {{{LEAST}, timeout: 0s}}", "must be more than 0"),
        (
            f"influxdb: {{{LEAST}, spool_limit: 100}}",
            "100 is not a size; write a whole number with one of MB",
        ),
        (f"influxdb: {{{LEAST}, spool_limit: 1MB}}", '"1MB" is too small; at least 4MB'),
        (f"influxdb: {{{LEAST}, spool_limit: 100kWh}}", "is not a size"),
        ("influxdb: {url: 'http://influx', bucket: a, spool: 5}", "is not the name of a directory"),
        (f"influxdb: {{{LEAST}, token: t0ps3cret}}", "holds a secret; keep it in a file"),
    ],
)
def test_a_mistake_is_named(load: Load, section: str, words: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        load(section)
    assert words in str(refused.value)
    assert "secret@" not in str(refused.value)
    assert "t0ps3cret" not in str(refused.value)


def test_mistakes_of_all_sections_are_told_at_once(load: Load) -> None:
    with pytest.raises(ConfigurationError) as refused:
        load("web: {external_url: 5}\ninfluxdb: {bucket: solar, spool: 1, interval: 7}")
    wrong = {mistake.path for mistake in refused.value.mistakes}
    assert wrong == {"web.external_url", "influxdb.url", "influxdb.spool", "influxdb.interval"}
