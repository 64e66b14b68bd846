from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from controllers.config import Configuration, load_configuration
from sunhelm.configuration.mistakes import ConfigurationError
from sunhelm.devices.control import (
    UNLIMITED,
    Action,
    Charge,
    CurrentLimits,
    Hazard,
    Limit,
    Mode,
    Number,
    Promise,
    Proof,
    Rung,
    SocLimits,
    Storage,
)

SITE = """\
site: {name: home, zone: Europe/Amsterdam}
devices:
  roof:
    {family: sec1000s, host: 192.0.2.8, rated_power: 10kW, control: {enabled: true, allow: [limit_export]}}
  shed: {family: sec1000s, host: 192.0.2.9, control: {enabled: true, allow: [limit_export]}}
  meter: {family: victron, host: 192.0.2.10}
"""
HEARTBEAT = "alertmanager: {url: 'http://127.0.0.1:9093', heartbeat: {match: {alertname: Watchdog}}}\n"


def promise(key: str, *actions: Action, **promised: Any) -> Promise:
    promised = {"hazard": Hazard.AUTOMATIC, "low": 0.0, "high": 100_000.0, **promised}
    return Promise(
        key=key,
        actions=actions,
        rung=Rung.PERSISTENT,
        storage=Storage.PERSISTENT,
        proof=Proof.READ_BACK,
        **promised,
    )


PROMISES = {
    each.key: each
    for each in (
        promise("export_limit", Action.LIMIT_EXPORT, hazard=Hazard.OPT_IN),
        promise("battery", Action.CHARGE, Action.DISCHARGE),
        promise("mode", Action.SET_MODE, hazards={"native:off": Hazard.PERSON}),
        promise("current_limits", Action.SET_CURRENT_LIMITS),
        promise("soc_limits", Action.SET_SOC_LIMITS),
        promise("production_limit", Action.LIMIT_PRODUCTION),
        promise("task:set_clock", Action.SET_CLOCK),
        promise("task:restart", Action.RESTART, hazard=Hazard.PERSON),
        promise("task:reset_watchdog", Action.RESET_WATCHDOG),
        promise("task:envelope", Action.CREATE_ENVELOPE),
        promise("schedules", Action.CREATE_SCHEDULE, Action.DELETE_SCHEDULE),
        promise("setting:power_factor", Action.SET, low=0.8, high=1.0),
        promise("setting:capacity", Action.SET, hazard=Hazard.NEVER),
    )
}


def promises(config: object, site: object) -> Mapping[str, Promise]:
    return PROMISES


def load(folder: Path, text: str, **options: Any) -> Configuration:
    path = folder / "sunhelm.yml"
    path.write_text(text, encoding="utf-8")
    return load_configuration(path, **{"promises": promises, **options})


def mistakes(folder: Path, text: str, **options: Any) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        load(folder, text, **options)
    return [str(mistake).removeprefix(f"{folder}/sunhelm.yml:") for mistake in caught.value.mistakes]


def policy(action: str, parameters: str, **more: str) -> str:
    keys = {"match": "{alertname: A}", "device": "roof", "action": action, "with": parameters, **more}
    return "policies:\n  one:\n" + "".join(f"    {key}: {value}\n" for key, value in keys.items())


def only(folder: Path, action: str, parameters: str, **more: str) -> Any:
    configuration = load(folder, SITE + HEARTBEAT + policy(action, parameters, **more))
    return configuration.policies.policies["one"]


def test_without_policies_there_are_none(tmp_path: Path) -> None:
    assert load(tmp_path, SITE).policies.policies == {}


def test_a_policy_says_who_asks_for_what_and_how_long(tmp_path: Path) -> None:
    one = only(tmp_path, "limit_export", "{limit: 0W}", lease="10m", max_life="24h", priority="10")

    assert one.values == {"roof": Limit(0)}
    assert (one.terms.lease_s, one.terms.min_life_s, one.terms.max_life_s) == (600.0, 600.0, 86_400.0)
    assert (one.terms.priority, one.state, one.terms.dry_run) == (10, "export_limit", False)


def test_no_policy_asks_for_a_limit_that_the_owner_never_wants(tmp_path: Path) -> None:
    export = replace(PROMISES["export_limit"], owner_low=500.0, owner_high=5000.0)
    wanted = dict(PROMISES, export_limit=export)
    text = SITE + HEARTBEAT + policy("limit_export", "{limit: 0W}")
    (mistake,) = mistakes(tmp_path, text, promises=lambda config, site: wanted)
    assert "0 is less than export_limit.minimum of roof, 500" in mistake

    (mistake,) = mistakes(tmp_path, text.replace("0W", "5001W"), promises=lambda config, site: wanted)
    assert "5001 is more than export_limit.maximum of roof, 5000" in mistake

    load(tmp_path, text.replace("0W", "500W"), promises=lambda config, site: wanted)


@pytest.mark.parametrize(
    ("action", "parameters", "value"),
    [
        ("limit_export", "{limit: 60%}", Limit(6000)),
        ("charge", "{power: 2kW}", Charge(2000)),
        ("set_current_limits", "{charge: 20A}", CurrentLimits(charge=20)),
        ("set_soc_limits", "{minimum: 20%, maximum: 90%}", SocLimits(0.2, 0.9)),
        ("set_mode", "{mode: backup}", Mode("backup")),
        ("set_mode", "{mode: 'native:night mode'}", Mode("native:night mode")),
        ("set", "{setting: power_factor, value: 0.9}", Number(0.9)),
    ],
)
def test_every_action_has_parameters_of_its_own(
    tmp_path: Path, action: str, parameters: str, value: object
) -> None:
    assert only(tmp_path, action, parameters).values == {"roof": value}


def test_no_watts_is_a_limit_and_none_cannot_be_asked_for(tmp_path: Path) -> None:  # S15, S29
    assert only(tmp_path, "limit_export", "{limit: 0W}").values["roof"] != UNLIMITED
    (mistake,) = mistakes(tmp_path, SITE + HEARTBEAT + policy("limit_export", "{limit: unlimited}"))
    assert "is not an amount in watts" in mistake


@pytest.mark.parametrize(
    ("action", "parameters", "words"),
    [
        ("limit_export", "{limit: -5W}", "at least 0W"),
        ("limit_export", "{limit: 120%}", "0% to 100%"),
        ("limit_export", "{limit: 500}", "500 is not an amount in watts"),
        ("limit_export", "{limit: 101kW}", "out of the range of roof, 0 to 100000"),
        ("limit_export", "{}", "one.with.limit: is missing"),
        ("charge", "{power: 0W}", "too small"),
        ("set_soc_limits", "{minimum: 120%}", "too large"),
        ("set_mode", "{mode: warp}", "is not a mode"),
        ("set", "{setting: power_factor, value: 2}", "out of the range of roof, 0.8 to 1"),
    ],
)
def test_what_is_out_of_range_is_refused_when_it_is_read(  # S25
    tmp_path: Path, action: str, parameters: str, words: str
) -> None:
    (mistake,) = mistakes(tmp_path, SITE + HEARTBEAT + policy(action, parameters))

    assert words in mistake


@pytest.mark.parametrize(
    ("action", "parameters", "words"),
    [
        ("delete_envelope", "{}", "not possible on roof; it can charge, create_envelope, create_schedule"),
        ("set", "{setting: wifi, value: 1}", "not possible on roof"),
        ("set", "{setting: capacity, value: 1}", "is never done"),
        ("set_mode", "{mode: 'native:off'}", "for a person only"),
        ("restart", "{}", "is for a person only"),
        ("set_clock", "{at: now}", "is not known here"),
        ("reset_watchdog", "{}", "allow_unlimited: 10s"),
        ("create_schedule", "{start: now, mode: idle}", "give either end or duration"),
        ("create_schedule", "{start: noon, end: '14:00', mode: idle}", '"noon" is not a time'),
        ("create_schedule", "{start: now, duration: 1h, mode: idle, power: 1kW}", "force_charge"),
        ("create_envelope", "{start: now, duration: 1h}", "an envelope bounds something"),
        ("curtail", "{}", '"curtail" is not'),
    ],
)
def test_what_a_device_cannot_or_must_not_do_is_refused(  # S5
    tmp_path: Path, action: str, parameters: str, words: str
) -> None:
    assert any(
        words in mistake for mistake in mistakes(tmp_path, SITE + HEARTBEAT + policy(action, parameters))
    )


def test_what_needs_the_owners_word_is_refused_without_it(tmp_path: Path) -> None:  # S3
    site = SITE.replace(", allow: [limit_export]", "")

    (mistake,) = mistakes(tmp_path, site + HEARTBEAT + policy("limit_export", "{limit: 0W}"))
    assert "needs its owner's word: control: {allow: [limit_export]}" in mistake


def test_a_device_may_only_be_read_unless_its_owner_enables_control(tmp_path: Path) -> None:  # S3
    text = SITE + HEARTBEAT + policy("limit_export", "{limit: 0W}", device="meter")

    (mistake,) = mistakes(tmp_path, text)
    assert mistake == (
        '11:13: policies.one.device: "meter" may only be read; it needs control: {enabled: true}'
    )


def test_a_device_that_is_not_there_is_refused_with_the_nearest(tmp_path: Path) -> None:  # S30
    (mistake,) = mistakes(tmp_path, SITE + HEARTBEAT + policy("limit_export", "{limit: 0W}", device="rof"))

    assert 'policies.one.device: "rof" is not one of the devices. Did you mean "roof"?' in mistake


def test_limiting_export_without_a_heartbeat_is_refused(tmp_path: Path) -> None:
    (mistake,) = mistakes(
        tmp_path, f"{SITE}alertmanager: {{url: 'http://am:9093'}}\n{policy('limit_export', '{limit: 0W}')}"
    )

    assert "there is no alertmanager.heartbeat" in mistake


def test_a_min_life_above_max_life_is_refused(tmp_path: Path) -> None:
    text = SITE + HEARTBEAT + policy("charge", "{power: 1kW}", min_life="2h", max_life="1h")

    (mistake,) = mistakes(tmp_path, text)
    assert "policies.one.min_life: 7200s is more than max_life, 3600s" in mistake


def test_a_lease_that_repeats_cannot_renew_is_refused_unless_alertmanager_is_asked(tmp_path: Path) -> None:
    pushed = "alertmanager: {repeat_interval: 1h, heartbeat: {match: {alertname: Watchdog}}}\n"
    text = SITE + pushed + policy("limit_export", "{limit: 0W}", lease="119m")

    (mistake,) = mistakes(tmp_path, text)
    assert "shorter than twice alertmanager.repeat_interval, 7200s" in mistake
    assert load(tmp_path, text.replace("119m", "2h")).policies.poll_s is None
    unsaid = load(tmp_path, text.replace("    lease: 119m\n", ""))
    assert unsaid.policies.policies["one"].terms.lease_s == 7200.0


def test_alertmanager_is_asked_thrice_a_lease(tmp_path: Path) -> None:
    text = SITE + HEARTBEAT + policy("limit_export", "{limit: 0W}", lease="9m")

    assert load(tmp_path, text).policies.poll_s == 180.0


def test_a_share_of_a_power_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    (mistake,) = mistakes(tmp_path, SITE + HEARTBEAT + policy("limit_export", "{limit: 50%}", device="shed"))

    assert "the device has no rated_power (shed)" in mistake


def test_policies_that_contradict_each_other_are_refused_unless_one_goes_before(tmp_path: Path) -> None:
    text = SITE + HEARTBEAT + policy("charge", "{power: 1kW}")
    text += "  two: {match: {alertname: B}, device: roof, action: discharge, with: {power: 1kW}}\n"

    (mistake,) = mistakes(tmp_path, text)
    assert "policies.two: asks for another state of roof than policies.one" in mistake
    load(tmp_path, text.replace("with: {power: 1kW}}", "with: {power: 1kW}, priority: 1}"))


def test_several_limits_are_no_contradiction(tmp_path: Path) -> None:
    text = SITE + HEARTBEAT + policy("limit_export", "{limit: 0W}")
    text += "  two: {match: {alertname: B}, device: roof, action: limit_export, with: {limit: 5kW}}\n"

    assert load(tmp_path, text).policies.values("roof") == {"export_limit": (Limit(0), Limit(5000))}


def test_a_label_may_name_the_device_among_those_that_may_be_commanded(tmp_path: Path) -> None:
    one = only(tmp_path, "limit_export", "{limit: 0W}", device="from_label")

    assert set(one.values) == {"roof", "shed"}
    assert [order.key.device for order in one.orders("f", {"device": "shed"})] == ["shed"]
    assert one.orders("f", {"device": "meter"}) == []
    assert one.orders("f", {}) == []


def test_labels_match_exactly_and_all_of_them(tmp_path: Path) -> None:
    one = only(tmp_path, "limit_export", "{limit: 0W}", match="{alertname: A, zone: nl}")

    assert one.matches({"alertname": "A", "zone": "nl", "other": "x"})
    assert not one.matches({"alertname": "A"})
    assert not one.matches({"alertname": "A", "zone": "nl.*"})


def test_all_mistakes_are_told_at_once_with_their_places(tmp_path: Path) -> None:
    text = """\
alertmanager: {url: 'am:9093', hartbeat: {}}
policies:
  Night Time: {match: {}, device: roof, action: charge, with: {power: 1kW}}
  day: {match: {alertname: A}, device: roof, action: charge, with: {powr: 1kW}, lease: 0s}
"""
    found = mistakes(tmp_path, SITE.replace("allow: [limit_export]", "allow: [limit_exports]", 1) + text)

    assert [mistake.split(": ")[1] for mistake in found] == [
        "devices.roof.control.allow[0]",
        "alertmanager.url",
        "alertmanager.hartbeat",
        "policies.Night Time",
        "policies.Night Time.match",
        "policies.day.with.power",
        "policies.day.with.powr",
        "policies.day.lease",
    ]


@pytest.mark.parametrize(
    ("fail_safe", "words"),
    [
        (
            "{charge: {limit: 1kW}}",
            "a limit in watts is a fail-safe of limit_export or limit_production only",
        ),
        ("{limit_exprt: hold}", "is not an action. Did you mean"),
    ],
)
def test_a_fail_safe_that_means_nothing_is_refused(tmp_path: Path, fail_safe: str, words: str) -> None:
    site = SITE.replace("allow: [limit_export]", f"fail_safe: {fail_safe}", 1)

    assert any(words in mistake for mistake in mistakes(tmp_path, site))


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        ("0W", "0 is less than export_limit.minimum of roof, 500"),
        ("6kW", "6000 is more than export_limit.maximum of roof, 5000"),
        ("200kW", "200000 is out of the range of roof, 0 to 100000"),
    ],
)
def test_a_fail_safe_that_its_device_would_not_take_is_refused(
    tmp_path: Path, limit: str, words: str
) -> None:
    """Else it would be found out when nobody knows what still fires."""
    export = replace(PROMISES["export_limit"], owner_low=500.0, owner_high=5000.0)
    wanted = dict(PROMISES, export_limit=export)
    site = SITE.replace("allow: [limit_export]", f"fail_safe: {{limit_export: {{limit: {limit}}}}}", 1)

    (mistake,) = mistakes(tmp_path, site, promises=lambda config, site: wanted)

    assert "devices.roof.control.fail_safe.limit_export.limit: " in mistake
    assert words in mistake
    load(tmp_path, site.replace(f"limit: {limit}", "limit: 500W"), promises=lambda config, site: wanted)


def test_a_fail_safe_of_what_its_device_cannot_do_is_refused(tmp_path: Path) -> None:
    less = {key: each for key, each in PROMISES.items() if key != "production_limit"}
    site = SITE.replace("allow: [limit_export]", "fail_safe: {limit_production: {limit: 1kW}}", 1)

    (mistake,) = mistakes(tmp_path, site, promises=lambda config, site: less)

    assert "limit_production is not possible on roof; it can " in mistake
    load(tmp_path, site)


@pytest.mark.parametrize(
    ("action", "parameters", "words"),
    [
        ("set_current_limits", "{charge: 10A, discharge: 101A}", "101 is out of the range of roof, 0 to 100"),
        ("set_soc_limits", "{minimum: 5%}", "0.05 is out of the range of roof, 0.1 to 1"),
    ],
)
def test_every_number_of_a_policy_is_held_against_its_range(
    tmp_path: Path, action: str, parameters: str, words: str
) -> None:
    narrow = dict(
        PROMISES,
        current_limits=replace(PROMISES["current_limits"], high=100.0),
        soc_limits=replace(PROMISES["soc_limits"], low=0.1, high=1.0),
    )
    text = SITE + HEARTBEAT + policy(action, parameters)

    (mistake,) = mistakes(tmp_path, text, promises=lambda config, site: narrow)

    assert words in mistake


@pytest.mark.parametrize(
    ("unit", "value", "words"),
    [
        ("watts", "50%", "max_sell_power is set in watts, not in ratio"),
        ("watts", "5A", "max_sell_power is set in watts, not in amperes"),
        ("", "1kW", "max_sell_power is set in a number without a unit, not in watts"),
    ],
)
def test_a_setting_is_asked_for_in_its_own_unit(tmp_path: Path, unit: str, value: str, words: str) -> None:
    """Half of the power was half a watt."""
    sold = promise("setting:max_sell_power", Action.SET, unit=unit)
    able = {**PROMISES, sold.key: sold}
    text = SITE + HEARTBEAT + policy("set", f"{{setting: max_sell_power, value: {value}}}")

    (mistake,) = mistakes(tmp_path, text, promises=lambda config, site: able)

    assert words in mistake
    bare = text.replace(value, "800")
    (one,) = load(tmp_path, bare, promises=lambda config, site: able).policies.policies.values()
    assert one.values == {"roof": Number(800.0)}


@pytest.mark.parametrize("value", [".nan", ".inf", "-.inf", "9" * 400])
def test_what_is_no_number_of_any_device_is_refused(tmp_path: Path, value: str) -> None:
    text = SITE + HEARTBEAT + policy("set", f"{{setting: power_factor, value: {value}}}")

    (mistake,) = mistakes(tmp_path, text)

    assert "is not a number" in mistake


def test_what_a_real_device_can_do_is_known_without_speaking_to_it(tmp_path: Path) -> None:
    """A limit of the SEC1000S stays when the controller dies: it needs the owner's word."""
    site = SITE.replace("rated_power: 10kW,", "rated_power: 10kW, export_limit: {phases: sum},")
    site = site.replace(
        "  shed: {family: sec1000s, host: 192.0.2.9, control: {enabled: true, allow: [limit_export]}}\n", ""
    )
    text = site + HEARTBEAT + policy("limit_export", "{limit: 0W}")
    path = tmp_path / "sunhelm.yml"
    path.write_text(text, encoding="utf-8")

    assert load_configuration(path).policies.policies["one"].values == {"roof": Limit(0)}
    path.write_text(text.replace(", allow: [limit_export]", ""), encoding="utf-8")
    with pytest.raises(ConfigurationError, match="owner's word"):
        load_configuration(path)


def test_a_device_that_cannot_be_commanded_is_a_mistake(tmp_path: Path) -> None:
    path = tmp_path / "sunhelm.yml"
    path.write_text(SITE, encoding="utf-8")

    with pytest.raises(ConfigurationError, match=r"devices\.roof\.control: .*phases"):
        load_configuration(path)


def test_an_owner_may_allow_what_only_the_family_knows(tmp_path: Path) -> None:
    gx = "site: {name: home, zone: UTC}\ndevices:\n  gx: {family: victron, host: 192.0.2.8, control: "

    configuration = load(tmp_path, gx + "{enabled: true, allow: [charge, external_control]}}\n")

    assert configuration.site.devices["gx"].control.allow == ("charge", "external_control")
    (wrong,) = mistakes(tmp_path, gx + "{enabled: true, allow: [internal_control]}}\n")
    assert "external_control" in wrong


def test_a_policy_may_ask_for_a_task(tmp_path: Path) -> None:
    configuration = load(
        tmp_path, SITE + HEARTBEAT + policy("set_clock", "{}", cooldown="1d", most_a_day="1")
    )
    (task,) = configuration.policies.tasks.values()

    assert (task.action, task.devices, task.cooldown_s, task.most_a_day) == (
        Action.SET_CLOCK,
        ("roof",),
        86_400.0,
        1,
    )
    assert configuration.policies.tasks_for({"alertname": "A"}) == [(task, "roof")]
    assert configuration.policies.tasks_for({"alertname": "Other"}) == []


def test_a_watchdog_reset_needs_a_heartbeat(tmp_path: Path) -> None:
    text = SITE.replace("allow: [", "allow_unlimited: 10s, allow: [")
    assert load(tmp_path, text + HEARTBEAT + policy("reset_watchdog", "{}")).policies.tasks

    (mistake,) = mistakes(tmp_path, text + policy("reset_watchdog", "{}"))
    assert "without an alertmanager.heartbeat" in mistake


GROUPS = "groups: {both: [roof, shed]}\n"


def grouped(action: str, limit: str = "5kW") -> str:
    text = policy(action, f"{{limit: {limit}}}").replace("device: roof", "group: both")
    site = SITE.replace("host: 192.0.2.9", "host: 192.0.2.9, rated_power: 30kW")
    return site + HEARTBEAT + GROUPS + text


def test_the_export_of_a_group_is_limited_in_full_at_each_member_that_meters_it(tmp_path: Path) -> None:
    def some(config: Any, site: object) -> Mapping[str, Promise]:
        meters = config.name == "shed"
        return {"x": promise("export_limit", Action.LIMIT_EXPORT, meters_grid=meters)}

    (one,) = load(tmp_path, grouped("limit_export")).policies.policies.values()
    assert one.values == {"roof": Limit(5000), "shed": Limit(5000)}
    assert [order.key.device for order in one.orders("f", {})] == ["roof", "shed"]

    (one,) = load(tmp_path, grouped("limit_export", "50%"), promises=some).policies.policies.values()
    assert one.values == {"shed": Limit(20_000)}


def test_a_group_without_a_meter_is_refused(tmp_path: Path) -> None:
    def none(config: Any, site: object) -> Mapping[str, Promise]:
        return {"x": promise("export_limit", Action.LIMIT_EXPORT, meters_grid=False)}

    (mistake,) = mistakes(tmp_path, grouped("limit_export"), promises=none)
    assert "no limiter of roof or shed measures at the grid point" in mistake


def test_the_production_of_a_group_is_shared_by_rated_power(tmp_path: Path) -> None:
    (one,) = load(tmp_path, grouped("limit_production", "8kW")).policies.policies.values()

    assert one.values == {"roof": Limit(2000), "shed": Limit(6000)}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (grouped("limit_production").replace(", rated_power: 30kW", ""), "there is no rated_power of shed"),
        (grouped("limit_export").replace("group: both", "group: all"), '"all" is not one of the groups'),
        (
            grouped("limit_export").replace("group: both", "group: both\n    device: roof"),
            "a device or a group",
        ),
        (grouped("charge").replace("{limit: 5kW}", "{power: 1kW}"), "charge is for one device"),
        (grouped("limit_export").replace("[roof, shed]", "[roof, meter]"), '"meter" may only be read'),
        (grouped("limit_export").replace("[roof, shed]", "[roof, shde]"), 'Did you mean "shed"?'),
        (grouped("limit_export").replace("[roof, shed]", "[roof, roof]"), "is there twice"),
        (grouped("limit_export").replace("[roof, shed]", "roof"), "is not a list of devices"),
        (grouped("limit_export").replace("{both: [roof, shed]}", "[]"), "is not a mapping"),
    ],
)
def test_what_is_wrong_with_a_group_is_said(tmp_path: Path, text: str, words: str) -> None:
    assert any(words in mistake for mistake in mistakes(tmp_path, text))


def test_the_owner_may_say_what_there_is_without_us(tmp_path: Path) -> None:
    def with_default(text: str) -> str:
        return SITE.replace("allow: [limit_export]}}\n  shed", f"default: {text}}}}}\n  shed")

    site = load(tmp_path, with_default("{limit_export: unlimited, limit_production: 8kW}")).site
    assert site.devices["roof"].control.default == {"limit_export": "unlimited", "limit_production": 8000.0}
    (mistake,) = mistakes(tmp_path, with_default("{charge: unlimited}"))
    assert "charge: is not one of limit_export or limit_production" in mistake
    (mistake,) = mistakes(tmp_path, with_default("{limit_export: none}"))
    assert "is not an amount in watts" in mistake
