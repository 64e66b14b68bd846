from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import exposition
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from exporter.metrics import Page, Scrape
from sunhelm.devices.errors import Reason
from sunhelm.devices.quantities import CATALOGUE, Quantity
from sunhelm.devices.reading import Outcome, Reading, Sample

SCRAPE = Scrape(duration_s=0.125, timeout_s=9.5)
GOLDEN = Path(__file__).parent / "golden"
POWER = CATALOGUE["grid_power"]
PHASE = CATALOGUE["grid_phase_power"]


def reading(*samples: Sample, **outcomes: Outcome) -> Reading:
    return Reading("gx", 1_780_000_000.0, samples, outcomes or {"live": Outcome(taken_at=1_780_000_000.0)})


def page_of(*samples: Sample, **outcomes: Outcome) -> Page:
    page = Page()
    page.add(reading(*samples, **outcomes), SCRAPE)
    return page


def text(page: Page) -> str:
    return exposition.generate_latest(page).decode()


def values(page: Page) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in parse_text(text(page))
        for sample in family.samples
    }


@pytest.fixture
def page(device: Any) -> Page:
    page = Page()
    page.add(device.reading(1_780_000_000.0), SCRAPE)
    return page


def test_a_page_is_the_golden_text(page: Page, golden: Any) -> None:
    golden.check(GOLDEN / "page.prom", text(page))


def test_a_page_is_the_golden_openmetrics(page: Page, golden: Any) -> None:
    golden.check(GOLDEN / "page.openmetrics", openmetrics.generate_latest(page).decode())


def test_a_page_of_several_devices_is_the_golden_text(device: Any, golden: Any) -> None:
    page = Page()
    for name, site in (("gx", "home"), ("shed", "home")):
        labels = {"device": name, "site": site, "family": "victron"}
        page.add(device.reading(1_780_000_000.0), SCRAPE, labels)

    assert page.dropped == 0
    golden.check(GOLDEN / "page_of_two_devices.prom", text(page))


def test_both_formats_parse_back_to_the_same_samples(page: Page) -> None:
    plain = {
        (sample.name, tuple(sample.labels.items())): sample.value
        for family in parse_text(text(page))
        for sample in family.samples
    }
    strict = {
        (sample.name, tuple(sample.labels.items())): sample.value
        for family in parse_openmetrics(openmetrics.generate_latest(page).decode())
        for sample in family.samples
    }

    assert plain == strict
    assert len(plain) == len(page)


@pytest.mark.integration
@pytest.mark.parametrize("name", ["page.prom", "page_of_two_devices.prom"])
def test_promtool_has_nothing_to_say(promtool: str, name: str) -> None:
    result = subprocess.run(
        [promtool, "check", "metrics"], input=(GOLDEN / name).read_bytes(), capture_output=True, check=False
    )

    assert (result.returncode, result.stdout, result.stderr) == (0, b"", b"")


def test_help_tells_meaning_sign_and_place() -> None:
    page = page_of(Sample(PHASE, 1.0, ("L1",), "holding 820 grid_l1"))

    assert (
        " Power of a phase at the grid connection; positive when importing. Read from holding 820 grid_l1.\n"
        in (text(page))
    )


def test_help_names_a_few_of_many_places() -> None:
    cell = CATALOGUE["battery_cell_voltage"]
    page = page_of(*(Sample(cell, 3.3, ("1", str(n)), f"holding {n} cell_{n}") for n in range(100)))

    assert (
        "Read from holding 0 cell_0, holding 1 cell_1, holding 2 cell_2, holding 3 cell_3 and 96 more.\n"
        in (text(page))
    )


def test_failed_groups_say_why_and_take_only_their_own_samples() -> None:  # T9, T36
    page = page_of(
        Sample(POWER, 5.0, (), "", "live"),
        live=Outcome(taken_at=1_780_000_000.0),
        settings=Outcome(Reason.BUSY, "another process has its turn"),
    )

    got = values(page)
    assert got["solar_device_up", ()] == 1
    assert got["solar_grid_power_watts", ()] == 5
    assert got["solar_group_success", (("group", "live"),)] == 1
    assert got["solar_group_success", (("group", "settings"),)] == 0
    assert got["solar_group_failure", (("group", "settings"), ("reason", "busy"))] == 1
    assert ("solar_group_failure", (("group", "live"), ("reason", "busy"))) not in got
    assert ("solar_group_timestamp_seconds", (("group", "settings"),)) not in got


@pytest.mark.parametrize("reason", list(Reason))
def test_a_device_without_any_group_is_down(reason: Reason) -> None:
    got = values(page_of(all=Outcome(reason, "no answer")))

    assert got["solar_device_up", ()] == 0
    assert got["solar_group_failure", (("group", "all"), ("reason", reason.value))] == 1


def test_of_two_equal_series_the_first_stays() -> None:
    page = page_of(Sample(POWER, 1.0), Sample(POWER, 2.0))

    assert values(page)["solar_grid_power_watts", ()] == 1
    assert values(page)["solar_probe_dropped_samples", ()] == 1
    assert page.dropped == 1


def test_a_metric_with_another_kind_or_unit_is_dropped() -> None:
    as_counter = Quantity("grid_power_watts", "", "counter", "Not what it was.")
    as_gauge = Quantity("grid_power_watts_total", "", "gauge", "Its name in text, taken by another.")
    page = page_of(
        Sample(as_counter, 1.0), Sample(POWER, 2.0), Sample(as_gauge, 3.0), Sample(PHASE, 4.0, ("L1",))
    )

    assert page.dropped == 2
    got = values(page)
    assert got["solar_grid_power_watts_total", ()] == 1
    assert got["solar_grid_phase_power_watts", (("phase", "L1"),)] == 4


def test_a_device_cannot_pretend_to_be_up() -> None:
    up = Quantity("device_up", "", "gauge", "Says the vendor.")
    page = page_of(Sample(up, 1.0), all=Outcome(Reason.TIMEOUT, "no answer"))

    assert values(page)["solar_device_up", ()] == 0


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_what_is_not_a_number_is_dropped(value: float) -> None:
    page = page_of(Sample(POWER, value), Sample(PHASE, 1.0, ("L1",)))

    assert page.dropped == 1
    assert ("solar_grid_power_watts", ()) not in values(page)
    assert "solar_grid_power_watts" not in text(page)


def test_a_label_that_is_no_text_costs_only_its_sample() -> None:
    page = page_of(
        Sample(PHASE, 1.0, ("\ud800",)), Sample(PHASE, 1.0, ("L1", "L2")), Sample(PHASE, 3.0, ("Ω",))
    )

    assert page.dropped == 2
    assert values(page)["solar_grid_phase_power_watts", (("phase", "Ω"),)] == 3


def test_the_labels_of_the_device_win_over_those_of_a_sample() -> None:
    tricky = Quantity("trick", "", "gauge", "A sub-device label that is a device's.", ("device",))
    page = Page()
    page.add(reading(Sample(tricky, 1.0, ("other",))), SCRAPE, {"device": "gx"})

    assert values(page)["solar_trick", (("device", "gx"),)] == 1


TEXT = st.text(st.characters(exclude_categories=()), max_size=6)
NAMES = st.sampled_from(["a", "a_total", "a_info", "a_watts", "a_watts_total", "device", "group_success"])
QUANTITIES = st.builds(
    Quantity,
    name=NAMES,
    unit=st.sampled_from(["", "watts"]),
    kind=st.sampled_from(["gauge", "counter", "state", "info"]),
    help=st.text(st.characters(codec="utf-8"), max_size=10),
    labels=st.sampled_from([(), ("phase",), ("phase", "state"), ("group",)]),
)
SAMPLES = st.builds(
    Sample,
    quantity=QUANTITIES,
    value=st.floats(),
    labels=st.lists(TEXT, max_size=2).map(tuple),
    source=st.text(st.characters(codec="utf-8"), max_size=10),
)


@given(st.lists(SAMPLES, max_size=20))
def test_no_sample_whatever_can_break_a_page(samples: list[Sample]) -> None:
    page = page_of(*samples)
    families = list(parse_text(text(page)))
    openmetrics.generate_latest(page)

    assert len(page) + page.dropped >= len(samples)
    names = [family.name for family in families]
    assert len(names) == len(set(names))
    series = [
        (sample.name, tuple(sorted(sample.labels.items())))
        for family in families
        for sample in family.samples
    ]
    assert len(series) == len(set(series))
