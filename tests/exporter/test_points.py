from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from influxdb_client import Point

from exporter.points import Points, line
from exporter.targets import target_labels
from sunhelm.devices.errors import Reason
from sunhelm.devices.quantities import CATALOGUE
from sunhelm.devices.reading import Outcome, Reading, Sample

LABELS = target_labels("gx", "home", "victron")
NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,20}", fullmatch=True)
PRINTABLE = st.text(st.characters(exclude_categories=("C", "Z"), include_characters=" ,=\\"))
VALUES = st.floats(allow_nan=False, allow_infinity=False)


def parse(text: str) -> tuple[dict[str, str], dict[str, float], int]:
    """Read a line as InfluxDB does: a comma, space or equals sign counts unless a backslash precedes it."""
    parts: list[list[str]] = [[""]]
    pairs = iter(enumerate(text))
    for place, character in pairs:
        if character == "\\" and text[place + 1 : place + 2] in (",", " ", "="):
            parts[-1][-1] += next(pairs)[1]
        elif character == " ":
            parts.append([""])
        elif character in ",=":
            parts[-1].append("")
        else:
            parts[-1][-1] += character
    head, body, time = parts
    assert head[0] == "solar"
    tags = dict(zip(head[1::2], head[2::2], strict=True))
    fields = {name: float(value) for name, value in zip(body[::2], body[1::2], strict=True)}
    return tags, fields, int(time[0])


@given(
    tags=st.dictionaries(NAMES, PRINTABLE),
    fields=st.dictionaries(NAMES, VALUES, min_size=1),
    time=st.integers(0, 2**33),
)
@example(tags={"site": "a\\,b = c", "serial": ""}, fields={"grid_power_watts": -0.0}, time=0)
def test_a_line_comes_back_as_it_was(tags: dict[str, str], fields: dict[str, float], time: int) -> None:
    kept = {name: text.strip(" ").rstrip("\\ ") for name, text in tags.items()}
    kept = {name: text for name, text in kept.items() if text}
    assert parse(line(tags, fields, time)) == (kept, fields, time)


@given(
    tags=st.dictionaries(NAMES, PRINTABLE.map(lambda text: text.strip(" ").rstrip("\\ "))),
    fields=st.dictionaries(NAMES, VALUES, min_size=1),
    time=st.integers(0, 2**33),
)
def test_the_official_client_writes_the_same_line(
    tags: dict[str, str], fields: dict[str, float], time: int
) -> None:
    point = Point("solar").time(time, "s")
    for name, text in tags.items():
        point.tag(name, text)
    for name, value in fields.items():
        point.field(name, value)
    assert line(tags, fields, time) == point.to_line_protocol()


@given(text=st.text())
def test_no_text_breaks_a_line_or_hides_the_next_tag(text: str) -> None:
    written = line({"device": text, "site": "home"}, {"grid_power_watts": 1.0}, 7)
    tags, fields, time = parse(written)
    assert written.isprintable()
    assert (tags["site"], fields, time) == ("home", {"grid_power_watts": 1.0}, 7)


def test_a_point_holds_a_group_and_a_set_of_labels(device: object) -> None:
    reading: Reading = device.reading(1_780_000_000.9)  # type: ignore[attr-defined]
    tags, info = "solar,device=gx,family=victron", "device_info=1 1780000000"
    common = f"{tags},group="
    assert Points().lines(LABELS, reading) == [
        rf"{tags},firmware=v3.55,group=live,model=Cerbo\ GX,serial=HQ2,site=home,vendor=Victron {info}",
        f"{common}live,site=home grid_export_joules_total=640440000,grid_power_watts=0 1780000000",
        f"{common}live,phase=L1,site=home grid_phase_power_watts=120.5 1780000000",
        f"{common}live,phase=L2,site=home grid_phase_power_watts=-7 1780000000",
        f"{common}settings,site=home,state=bulk victron_vebus_state=1 1780000000",
        f"{common}settings,site=home,state=float victron_vebus_state=0 1780000000",
    ]


def reading(value: float, groups: Mapping[str, Outcome]) -> Reading:
    samples = tuple(Sample(CATALOGUE["grid_power"], value, group=group) for group in groups)
    return Reading("gx", 1000.5, samples, groups)


def times(lines: list[str]) -> list[tuple[str, int]]:
    return [(tags["group"], time) for tags, _, time in map(parse, lines)]


def test_every_group_has_the_time_of_its_own_data() -> None:
    groups = {"live": Outcome(taken_at=1000.9), "settings": Outcome(taken_at=700.2), "rest": Outcome()}
    lines = Points().lines(LABELS, reading(1.0, groups))
    assert times(lines) == [("live", 1000), ("settings", 700), ("rest", 1000)]


def test_a_group_from_memory_is_written_once() -> None:
    points = Points()
    groups = {"live": Outcome(taken_at=1000.0), "settings": Outcome(taken_at=700.0)}
    points.lines(LABELS, reading(1.0, groups))
    groups["live"] = Outcome(taken_at=1015.0)
    assert times(points.lines(LABELS, reading(2.0, groups))) == [("live", 1015)]


def test_of_two_readings_in_one_second_the_first_is_written() -> None:
    points = Points()
    first = points.lines(LABELS, reading(1.0, {"live": Outcome(taken_at=1000.1)}))
    second = points.lines(LABELS, reading(2.0, {"live": Outcome(taken_at=1000.9)}))
    assert (len(first), second) == (1, [])


def test_two_devices_do_not_hide_each_other() -> None:
    points = Points()
    one = reading(1.0, {"live": Outcome(taken_at=1000.1)})
    assert points.lines(LABELS, one)
    assert points.lines(target_labels("shed", "home", "victron"), replace(one, device="shed"))


def test_a_clock_that_was_set_back_stops_nothing() -> None:
    points = Points()
    points.lines(LABELS, reading(1.0, {"live": Outcome(taken_at=1000.0)}))
    assert times(points.lines(LABELS, reading(1.0, {"live": Outcome(taken_at=940.0)}))) == [("live", 940)]


def test_a_group_that_failed_has_no_point() -> None:
    groups = {"live": Outcome(Reason.TIMEOUT, taken_at=1000.0)}
    assert Points().lines(LABELS, reading(1.0, groups)) == []


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_value_that_influxdb_cannot_hold_has_no_point(value: float) -> None:
    assert Points().lines(LABELS, reading(value, {"live": Outcome(taken_at=1000.0)})) == []


def test_labels_of_quantities_do_not_meet_the_tags_of_the_device() -> None:
    taken = {*LABELS, "group"}
    assert not [quantity.name for quantity in CATALOGUE.values() if taken.intersection(quantity.labels)]
