"""The simulated cloud, held against the vendor's own samples and what is known of its habits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sunhelm.simulator.faces.redback import RedbackCloud
from sunhelm.simulator.faces.redback.inverter import Inverter, Refused, parse_span
from sunhelm.simulator.faces.redback.telemetry import configuration, live, live_of_grid_tie, static
from sunhelm.simulator.plant import Plant

NOON = 1_782_036_000.0  # 21 June 2026 in Utrecht
NOTE = {"UserNotes": "ours", "Duration": "0.00:25:00"}


@pytest.fixture
def plant() -> Plant:
    return Plant(seed=3, start=NOON)


@pytest.fixture
def cloud(plant: Plant) -> RedbackCloud:
    return RedbackCloud(plant)


def shape(told: Any) -> Any:
    """The keys of all objects, with the first member of a list standing for all."""
    if isinstance(told, dict):
        return {key: shape(value) for key, value in told.items()}
    return [shape(told[0])] if isinstance(told, list) and told else type(told).__name__


def same_keys(ours: Any, theirs: Any, place: str = "") -> int:
    """Fail where the keys differ; return how many were compared."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        assert set(ours) == set(theirs), place
        return len(ours) + sum(same_keys(ours[key], theirs[key], f"{place}.{key}") for key in ours)
    if isinstance(ours, list) and isinstance(theirs, list) and ours and theirs:
        return same_keys(ours[0], theirs[0], f"{place}[]")
    return 0


@pytest.mark.captures
def test_what_it_tells_has_the_keys_of_the_vendors_samples(captures: Path, plant: Plant) -> None:
    folder = captures.parent / "facts" / "redback"
    if not folder.is_dir():
        pytest.skip("no worked examples of Redback here")

    def data(name: str) -> Any:
        return json.loads((folder / f"{name}.json").read_text())["response"]["body"]["Data"]

    hybrid = static(plant, "S1", "RB1", hybrid=True)
    theirs = data("static_by_serial_hybrid")
    del hybrid["StaticData"]["DynamicDataMetadata"], theirs["StaticData"]["DynamicDataMetadata"]
    compared = same_keys(hybrid, theirs)
    tie = static(plant, "S1", "RB1", hybrid=False)
    theirs = data("static_by_serial_si")
    del tie["StaticData"]["DynamicDataMetadata"], theirs["StaticData"]["DynamicDataMetadata"]
    compared += same_keys(tie, theirs)
    compared += same_keys(live(plant, "S1", "RB1", "Auto", 0), data("dynamic_v221_by_serial_hybrid"))
    compared += same_keys(live_of_grid_tie(plant, "S1", "RB1"), data("dynamic_v221_by_serial_si"))
    compared += same_keys(configuration(plant, "S1", "RB1"), data("configuration_by_serial"))
    assert compared == 197
    print(f"{compared} keys are the same")


def test_a_schedule_is_listed_after_a_while_and_moves_the_battery_at_the_next_minute(
    plant: Plant, cloud: RedbackCloud
) -> None:
    inverter = cloud.inverter
    start = {"StartTimeUtc": "2026-06-21T10:00:00Z", "SerialNumber": inverter.serial}
    key = inverter.create_schedule(
        {**NOTE, **start, "DesiredMode": {"InverterMode": "DischargeBattery", "ArgumentInWatts": 1500}}
    )
    assert inverter.schedules()["Schedules"] == []
    for _ in range(61):
        plant.advance(1)
        cloud.update()
    (told,) = inverter.schedules()["Schedules"]
    assert (told["ScheduleId"], told["Duration"]) == (key, "00:25:00")
    for _ in range(61):
        plant.advance(1)
        cloud.update()
    assert inverter.in_force == ("DischargeBattery", 1500)
    assert plant.state.battery.power_w == pytest.approx(1500, abs=60)
    assert inverter.delete_schedule(key)
    for _ in range(61):
        plant.advance(1)
        cloud.update()
    assert inverter.in_force == ("Auto", 0)


def test_more_power_than_the_hardware_has_is_rejected_only_when_it_starts(
    plant: Plant, cloud: RedbackCloud
) -> None:
    start = {"StartTimeUtc": "2026-06-21T10:00:00Z"}
    mode = {"InverterMode": "ChargeBattery", "ArgumentInWatts": 9000}
    cloud.inverter.create_schedule({**NOTE, **start, "DesiredMode": mode})
    plant.advance(120)
    cloud.update()
    assert cloud.inverter.in_force == ("Auto", 0)


def test_an_envelope_is_reported_when_the_inverter_takes_it_up(plant: Plant, cloud: RedbackCloud) -> None:
    bounds = {"StartAtUtc": "2026-06-21T10:00:00Z", "EndAtUtc": "2026-06-21T11:00:00Z", "MaxExportPowerW": 0}
    assert cloud.inverter.create_envelope({"EventId": "x", **bounds}) is None
    (told,) = cloud.inverter.envelopes()
    assert (told["Status"], told["ReportedStartUtc"]) == ("Scheduled", None)
    plant.advance(60)
    cloud.update()
    (told,) = cloud.inverter.envelopes()
    assert (told["Status"], told["ReportedStartUtc"]) == ("ReportStarted", "2026-06-21T10:01:00Z")
    plant.advance(60)
    assert plant.state.grid.power_w > -50
    assert cloud.inverter.delete_envelopes("x")
    plant.advance(60)
    cloud.update()
    assert plant.steering.feed_in_limit_w is None


@pytest.mark.parametrize("text", ["1.24:00:00", "1.26:15:00", "25", "", None, "00:60:00"])
def test_what_dotnet_does_not_take_is_refused(text: object) -> None:
    with pytest.raises(Refused):
        parse_span(text)


def test_an_envelope_without_a_name_or_an_end_is_refused(plant: Plant) -> None:
    inverter = Inverter(plant, "S1", "RB1")
    bounds = {"StartAtUtc": "2026-06-21T10:00:00Z", "EndAtUtc": "2026-06-21T09:00:00Z"}
    assert inverter.create_envelope({"EventId": " ", **bounds}) == "EventId must not be blank"
    assert inverter.create_envelope({"EventId": "a", **bounds}) == "end must be after start"
