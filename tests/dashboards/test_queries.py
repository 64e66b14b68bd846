"""Every query parses, and on a Prometheus that has watched a house for a day it gives what it promises."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from dashboards.preview.history import Span
from dashboards.preview.houses import METER, SEED, one_house
from dashboards.preview.server import Server, remembering
from dashboards.queries import (
    Energy,
    device_state,
    energy_of_day,
    inverter_losses,
    power,
    reasons_for_no_export,
    share_not,
)
from sunhelm.simulator.plant import Plant

MIDNIGHT = int(datetime(2026, 9, 23, tzinfo=UTC).timestamp())
SPAN = Span(MIDNIGHT - 3600, MIDNIGHT + 35 * 3600)
CHOSEN = {"site": "home", "device": ".*", "grid_meter": METER}
DAY_S = 86_400


def _chosen(query: str) -> str:
    for name, value in CHOSEN.items():
        query = query.replace(f"${name}", value)
    return query


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, promtool: str, prometheus_program: str
) -> Iterator[Server]:
    """A Prometheus that has watched a house for a day of September, the hour before and the morning after."""
    with remembering(one_house(SPAN), tmp_path_factory.mktemp("prometheus")) as running:
        yield running


def _value(server: Server, query: str, time: int) -> float:
    (series,) = server.ask("query", query=_chosen(query), time=time)["result"]
    return float(series["value"][1])


def test_every_query_parses(targets: list[Any]) -> None:
    for target in targets:
        promql_parser.parse(target.expression(**CHOSEN))


@pytest.mark.integration
def test_energy_of_a_day_is_what_the_house_has_counted(server: Server) -> None:
    plant = Plant(seed=SEED, start=float(SPAN.begin), step_s=float(SPAN.step))
    plant.advance(MIDNIGHT - SPAN.begin)
    before = plant.energy.copy()
    plant.advance(DAY_S)
    after = plant.energy
    joules: dict[Energy, float] = {
        "grid_import": after.grid_import - before.grid_import,
        "grid_export": after.grid_export - before.grid_export,
        # These have no counter, so that their power is integrated: PV behind the PV inverter, as it is told.
        "pv_production": after.pv - before.pv,
        "battery_charge": after.battery_charge - before.battery_charge,
        "battery_discharge": after.battery_discharge - before.battery_discharge,
        "load_consumption": after.load - before.load,
    }
    assert all(energy > 1e6 for energy in joules.values()), "a day on which all of it happens"
    for quantity, energy in joules.items():
        shown = _value(server, energy_of_day(quantity), MIDNIGHT)
        assert shown == pytest.approx(energy / 3.6e6, rel=0.04), quantity


@pytest.mark.integration
def test_today_is_the_energy_until_now(server: Server) -> None:
    today = SPAN.end // DAY_S * DAY_S
    counted = _value(server, "device:solar_grid_export_kwh:last1d", SPAN.end)
    at_midnight = _value(server, "device:solar_grid_export_kwh:last1d", today)
    assert counted - at_midnight > 1
    assert _value(server, energy_of_day("grid_export"), today) == pytest.approx(
        counted - at_midnight, rel=0.01
    )


@pytest.mark.integration
def test_power_balances(server: Server) -> None:
    losses = f"{power('pv')} + {power('grid')} + {power('battery')} - {power('load')}"
    for hour in range(24):
        assert -1 < _value(server, losses, MIDNIGHT + hour * 3600) < 1000


@pytest.mark.integration
def test_shares_are_shares(server: Server) -> None:
    assert 0 < _value(server, share_not("grid_import", "load_consumption"), MIDNIGHT) < 1
    assert 0 < _value(server, share_not("grid_export", "pv_production"), MIDNIGHT) < 1


@pytest.mark.integration
def test_nothing_is_said_to_be_up_when_the_samples_have_ended(server: Server) -> None:
    assert server.ask("query", query=_chosen(device_state()), time=SPAN.end + 360)["result"] == []


@pytest.mark.integration
def test_the_state_of_a_device_tells_down_from_asleep_and_from_no_page(promtool: str, tmp_path: Path) -> None:
    def series(metric: str, device: str, value: str, *labels: str) -> dict[str, str]:
        named = ", ".join((f'site="home", device="{device}", family="sma"', *labels))
        return {"series": f"{metric}{{{named}}}", "values": f"{value}x5"}

    timeout = ('group="live"', 'reason="timeout"')
    asleep = ('group="live"', 'reason="asleep"')
    case = {
        "interval": "1m",
        "input_series": [
            *(series("up", device, "1") for device in ("well", "half", "down", "asleep")),
            series("up", "lost", "0"),
            *(series("solar_device_up", device, "1") for device in ("well", "half")),
            *(series("solar_device_up", device, "0") for device in ("down", "asleep")),
            # One part of it sleeps: the device is up all the same.
            series("solar_group_failure", "half", "1", *asleep),
            series("solar_group_failure", "down", "1", *timeout),
            series("solar_group_failure", "asleep", "1", *asleep),
        ],
        "promql_expr_test": [
            {
                "expr": _chosen(device_state()),
                "eval_time": "2m",
                "exp_samples": [
                    {"labels": f'{{device="{device}", family="sma"}}', "value": value}
                    for device, value in {"well": 1, "half": 1, "down": 0, "asleep": 2, "lost": 3}.items()
                ],
            }
        ],
    }
    _holds(promtool, tmp_path, case)


@pytest.mark.integration
def test_losses_are_not_told_of_a_battery_that_counts_the_pv_of_others(promtool: str, tmp_path: Path) -> None:
    def series(metric: str, device: str, value: float, *labels: str) -> dict[str, str]:
        named = ", ".join(('site="home"', f'device="{device}"', *labels))
        return {"series": f"{metric}{{{named}}}", "values": f"{value}x5"}

    devices = ("micro", "hybrid", "island")
    case = {
        "interval": "1m",
        "input_series": [
            *(series("solar_pv_power_watts", device, 3000) for device in devices),
            *(series("solar_inverter_power_watts", device, 1900) for device in devices),
            *(series("solar_battery_power_watts", device, -1000) for device in devices[1:]),
            *(series("solar_battery_state_of_charge_ratio", device, 0.5) for device in devices[1:]),
            series("solar_pv_string_power_watts", "hybrid", 3000, 'string="1"'),
        ],
        "promql_expr_test": [
            {
                "expr": _chosen(inverter_losses()),
                "eval_time": "2m",
                "exp_samples": [
                    {"labels": '{device="micro"}', "value": 1100},
                    {"labels": '{device="hybrid"}', "value": 100},
                ],
            }
        ],
    }
    _holds(promtool, tmp_path, case)


def _holds(promtool: str, folder: Path, case: dict[str, Any]) -> None:
    file = folder / "case.yml"
    file.write_text(yaml.safe_dump({"tests": [case]}))
    done = subprocess.run([promtool, "test", "rules", file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


PLENTY = {"grid": -5000, "pv": 6000, "load": 900, "battery": -100, "volts": 235, "hertz": 50.0}
"""A sunny noon on which nothing holds the export down."""


@pytest.mark.integration
@pytest.mark.parametrize(
    ("changed", "reasons"),
    [
        ({}, set()),
        ({"limit": 9000}, set()),
        ({"limit": 5100}, {"A limit holds it"}),
        ({"limit": 0, "grid": 0, "pv": 900}, {"A limit holds it", "The house takes it"}),
        ({"limit": 0, "grid": 0, "pv": 2900, "battery": -2000}, {"A limit holds it", "The battery takes it"}),
        ({"pv": 0, "grid": 900}, {"The sun gives too little", "The house takes it"}),
        ({"volts": 252}, {"The voltage is high"}),
        ({"hertz": 50.3}, {"The frequency is high"}),
        ({"price": -0.02}, {"The price is below 0"}),
        ({"price": 0.06}, set()),
        ({"price": -0.02, "alert": 1}, {"The price is below 0", "An alert curtails"}),
    ],
)
def test_the_reasons_for_a_small_export(
    promtool: str, tmp_path: Path, changed: dict[str, float], reasons: set[str]
) -> None:
    now = PLENTY | changed
    named = f'site="home", device="{METER}"'
    given = {
        f"solar_grid_power_watts{{{named}}}": now["grid"],
        f"solar_pv_power_watts{{{named}}}": now["pv"],
        f"solar_load_power_watts{{{named}}}": now["load"],
        f"solar_battery_power_watts{{{named}}}": now["battery"],
        f'solar_grid_phase_voltage_volts{{{named}, phase="L1"}}': now["volts"],
        f"solar_grid_frequency_hertz{{{named}}}": now["hertz"],
        f"solar_grid_export_limit_watts{{{named}}}": now.get("limit"),
        f'solar_tariff_feed_in_price_per_kwh{{{named}, currency="EUR"}}': now.get("price"),
        f'ALERTS{{{named}, alertname="Price", alertstate="firing", control="sunhelm"}}': now.get("alert"),
    }
    case = {
        "interval": "1m",
        "input_series": [
            {"series": series, "values": f"{value}x5"} for series, value in given.items() if value is not None
        ],
        "promql_expr_test": [
            {
                "expr": f"({_chosen(reasons_for_no_export())}) == 1",
                "eval_time": "2m",
                "exp_samples": [{"labels": f'{{reason="{reason}"}}', "value": 1} for reason in reasons],
            }
        ],
    }
    _holds(promtool, tmp_path, case)
