"""The section `evcharging` of the site file, and what is wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from controllers.config import Configuration, load_configuration
from controllers.evcharging.terms import EvMode
from sunhelm.configuration.mistakes import ConfigurationError
from sunhelm.devices.control import Mode

SITE = """
site: {name: home, zone: Europe/London}
devices:
  roof: {family: givenergy, host: 192.0.2.9}
  car: {family: givenergy_evc, host: 192.0.2.30, control: {enabled: true, allow: [ev_mode]}}
evcharging:
  car:
    house: {device: roof}
    mode: solar
    session: 20kWh
    import_cap: 40A
    maximum: 16A
    phases: 1
"""
POLICY = """
policies:
  cheap:
    match: {alertname: Cheap}
    device: car
    action: ev_mode
    with: {mode: grid}
"""


def load(folder: Path, text: str) -> Configuration:
    path = folder / "sunhelm.yml"
    path.write_text(text)
    return load_configuration(path)


def mistakes(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigurationError) as raised:
        load(folder, text)
    return [str(mistake) for mistake in raised.value.mistakes]


def test_a_charger_is_regulated_by_what_its_owner_sets(tmp_path: Path) -> None:
    charger = load(tmp_path, SITE).chargers["car"]

    assert charger.house.device == "roof"
    terms = charger.terms
    assert (terms.mode, terms.session_j, terms.import_cap_a) == (EvMode.SOLAR, 72e6, 40.0)
    assert (terms.most_a, terms.phases, terms.period_s, terms.changes_a_day) == (16.0, 1, 30.0, 300)


def test_without_a_word_nothing_is_regulated(tmp_path: Path) -> None:
    assert load(tmp_path, SITE.replace("    mode: solar\n", "")).chargers["car"].terms.mode is EvMode.OFF
    assert load(tmp_path, SITE.partition("evcharging")[0]).chargers == {}


def test_off_is_a_mode_although_yaml_takes_it_for_false(tmp_path: Path) -> None:
    assert load(tmp_path, SITE.replace("mode: solar", "mode: off")).chargers["car"].terms.mode is EvMode.OFF


def test_a_policy_may_ask_for_a_mode_of_a_charger_that_is_regulated(tmp_path: Path) -> None:
    (policy,) = load(tmp_path, SITE + POLICY).policies.policies.values()
    assert policy.values == {"car": Mode("grid")}
    (mistake,) = mistakes(tmp_path, SITE.partition("evcharging")[0] + POLICY)
    assert "ev_mode is not possible on car" in mistake


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("allow: [ev_mode]", "allow: [set_mode]", "needs its owner's word"),
        ("enabled: true, ", "", "needs its owner's word"),
        ("  car:\n    house", "  cra:\n    house", 'Did you mean "car"?'),
        ("  car:\n    house", "  roof:\n    house", "needs its owner's word"),
        ("host: 192.0.2.9}", "host: 192.0.2.9, control: {enabled: true, allow: [ev_mode]}}", None),
        ("{device: roof}", "{device: rof}", '"rof" is not one of the devices'),
        ("{device: roof}", "{device: car}", "is the charger itself"),
        ("{device: roof}", "{}", "either a device or a reading"),
        ("{device: roof}", "{device: roof, reading: 'http://192.0.2.1/x'}", "either a device or a reading"),
        ("{device: roof}", "{reading: 'http://192.0.2.1/x', username: anna}", "go together"),
        ("{device: roof}", "{reading: 'roof'}", "is not an address"),
        ("mode: solar", "mode: sun", "mode"),
        ("maximum: 16A", "maximum: 5A", "maximum"),
        ("maximum: 16A", "period: 10s", "period"),
        ("phases: 1", "phases: 4", "phases"),
        ("session: 20kWh", "session: 20", "not an amount"),
        ("session: 20kWh", "sesion: 20kWh", "sesion"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, old: str, new: str, words: str | None) -> None:
    assert old in SITE
    if words is None:
        assert load(tmp_path, SITE.replace(old, new)).chargers
    else:
        assert any(words in mistake for mistake in mistakes(tmp_path, SITE.replace(old, new)))


def test_a_device_that_is_no_charger_is_refused(tmp_path: Path) -> None:
    text = SITE.replace("host: 192.0.2.9}", "host: 192.0.2.9, control: {enabled: true, allow: [ev_mode]}}")
    text = text.replace("  car:\n    house: {device: roof}", "  roof:\n    house: {device: car}")
    assert any("has no charger" in mistake for mistake in mistakes(tmp_path, text))
