"""A dump of a dongle: what it tells of the device, what it keeps to itself, and what can be read from it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from sunhelm.devices.clock import Deadline
from sunhelm.devices.device import Device
from sunhelm.devices.device_config import DeviceConfig
from sunhelm.devices.families import load_family
from sunhelm.devices.families.sessy.family import measured
from sunhelm.devices.families.sessy.schedule import schedule_samples
from sunhelm.devices.reading import Held
from sunhelm.simulator.faces.sessy.dongle import BATTERY_SERIAL, P1_SERIAL, PASSWORD

TAKEN = 1_782_036_000.0


async def dumped(home: Any, name: str) -> Any:
    """Return what a dump of one dongle says."""
    site = home.site(more={"profile": "full"})
    device, deadline = Device(site.devices[name], site), Deadline.after(9)
    try:
        await device.read(deadline)
        source: Any = device.source
        async with source.turn(deadline):
            return await source.dump(deadline)
    finally:
        await device.close()


def answers_of(dongle: Any) -> dict[str, Any]:
    """Return what the dongle says at each of its addresses, as it can be changed."""
    answers: dict[str, Any] = vars(dongle)["_answers"]
    return answers


async def test_a_dump_tells_neither_whose_the_dongle_is_nor_its_secrets(home: Any) -> None:
    for name, dongle in (("battery", home.battery), ("p1", home.p1)):
        network = answers_of(dongle)["/api/v1/network/status"]()
        text = json.dumps(await dumped(home, name))
        for secret in (
            *(BATTERY_SERIAL, P1_SERIAL, PASSWORD, network["wifi_sta"]["ssid"]),
            *("4530303030303030303030303030303030", "4730303030303030303030303030303030"),
            *(home.battery.config["p1_hostname"], home.battery.config["pv_hostname"]),
        ):
            assert not secret or secret not in text
        assert "127, 0, 0, 1" not in text
        assert "wifi_sta" in text


async def test_members_that_no_source_knows_and_that_tell_of_the_owner_are_left_out(
    home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers, path = answers_of(home.battery), "/api/v1/system/info"
    tells = answers[path]
    more = {"ownerMail": "me@example.com", "wifi_pass": "s3cret", "eth": {"MAC": "02:00:00:00:00:01"}}
    monkeypatch.setitem(answers, path, lambda: {**tells(), **more})

    text = json.dumps(await dumped(home, "battery"))

    assert not [secret for secret in ("me@example.com", "s3cret", "02:00") if secret in text]


async def test_a_dump_has_the_firmware_of_the_battery_behind_the_dongle(home: Any) -> None:
    firmware = (await dumped(home, "battery"))["answers"]["firmware"]

    assert firmware["serial"]["installed_firmware"]["version"] == "1.9.2"


async def test_an_answer_that_cannot_be_had_spoils_no_dump(
    home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(answers_of(home.battery), "/api/v1/system/settings", lambda: {"status": "not today"})

    told = await dumped(home, "battery")

    assert told["failed"] == {"settings": "malformed"}
    assert "live" in told["answers"]


@pytest.mark.parametrize(("name", "least"), [("battery", 70), ("p1_meter", 40)])
def test_a_dump_reads_as_its_golden_page(root: Path, golden: Any, name: str, least: int) -> None:
    dump = json.loads((root / "tests" / "dumps" / "sessy" / f"{name}.json").read_text())
    config = DeviceConfig(name="it", family="sessy", profile="full")
    family: Any = load_family("sessy")
    lines = []
    for group, answer in dump["answers"].items():
        said = list(family.values.samples(group, measured(answer), config))
        if group == "schedule":
            said += schedule_samples(answer, TAKEN, ZoneInfo("Europe/Amsterdam"))
        for item in said:
            if isinstance(item, Held):
                lines.append(f"{group} # {item.guard}: {item.source}\n")
                continue
            pairs = zip(item.quantity.labels, item.labels, strict=True)
            labels = ",".join(f'{label}="{value}"' for label, value in pairs)
            lines.append(f"{group} {item.quantity.metric}{{{labels}}} {item.value:.10g}\n")
    assert len(lines) > least
    golden.check(root / "tests" / "golden" / "dumps" / "sessy" / f"{name}.txt", "".join(lines))
