from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from exporter.probe import TIMEOUT_HEADER
from exporter.targets import target_labels


async def test_all_devices_stand_on_metrics_with_their_labels(
    client: Any, exporter: Any, shed: Any, series_of: Any
) -> None:
    exporter.all_devices = True
    page = series_of(await (await client.get("/metrics")).text())

    for name in ("gx", "shed"):
        labels = (f"device={name}", "family=victron", "site=home")
        assert page["solar_device_up", *labels] == 1
        assert page["solar_grid_power_watts", *labels] == 1
        assert page["solar_group_success", labels[0], labels[1], "group=live", labels[2]] == 1
    assert page["sunhelm_exporter_probes_total", "device=gx", "outcome=complete"] == 1


async def test_a_device_that_crashes_is_down_and_costs_the_others_nothing(
    client: Any, exporter: Any, shed: Any, series_of: Any
) -> None:
    shed.crash = RuntimeError("a mistake of ours")
    exporter.all_devices = True
    answer = await client.get("/metrics")

    assert answer.status == 200
    page = series_of(await answer.text())
    assert page["solar_device_up", "device=gx", "family=victron", "site=home"] == 1
    assert page["solar_device_up", "device=shed", "family=victron", "site=home"] == 0


async def test_a_wrong_time_out_matters_on_metrics_only_where_devices_are_read(
    client: Any, exporter: Any
) -> None:
    headers = {TIMEOUT_HEADER: "soon"}
    assert (await client.get("/metrics", headers=headers)).status == 200
    exporter.all_devices = True
    assert (await client.get("/metrics", headers=headers)).status == 400


async def test_looking_for_a_device_takes_from_the_time_of_its_scrape(
    client: Any, exporter: Any, make_device: Any, make_target: Any, clock: Any
) -> None:
    barn = make_device("barn", clock=clock)
    barn.hold()

    async def finds_it_late() -> None:
        await clock.advance(9.0)
        exporter.targets.replace({**exporter.targets, "barn": make_target(barn)})

    exporter.before_discovery = finds_it_late
    scrape = asyncio.create_task(client.get("/probe?target=barn", headers={TIMEOUT_HEADER: "10"}))
    await barn.begun.wait()
    await clock.advance(0.0)
    await clock.advance(0.5)

    assert "\nsolar_device_up 0.0\n" in await (await scrape).text()
    barn.release()


async def test_a_device_that_is_not_found_in_time_is_not_known(client: Any, exporter: Any) -> None:
    exporter.before_discovery = asyncio.Event().wait
    answer = await client.get("/probe?target=barn", headers={TIMEOUT_HEADER: "0.1"})
    assert answer.status == 404


async def test_the_landing_page_leads_everywhere(client: Any) -> None:
    answer = await client.get("/")
    page = await answer.text()

    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    for link in ("/metrics", "/sd", "/probe?target=gx"):
        assert f'href="{link}"' in page
        assert (await client.get(link)).status == 200


async def test_a_site_with_a_tricky_name_cannot_break_the_landing_page(
    client: Any, exporter: Any, device: Any
) -> None:
    target = replace(exporter.targets["gx"], labels=target_labels("gx", "<script>alert(1)</script>", "x"))
    exporter.targets.replace({"gx": target})
    page = await (await client.get("/")).text()

    assert "<script" not in page


async def test_a_removed_device_is_not_found_and_its_read_ends_before_it_is_closed(
    client: Any, exporter: Any, device: Any, settle: Any
) -> None:
    device.hold()
    scrape = asyncio.create_task(client.get("/probe?target=gx"))
    await device.begun.wait()
    exporter.targets.replace({})
    await settle()
    assert device.closed == 0
    assert (await client.get("/probe?target=gx")).status == 404
    device.release()

    assert (await scrape).status == 200
    await settle()
    assert device.closed == 1


async def test_shutting_down_cancels_the_read_and_closes_the_device(
    exporter: Any, device: Any, client: Any
) -> None:
    device.hold()
    scrape = asyncio.create_task(client.get("/probe?target=gx"))
    await device.begun.wait()
    await exporter.targets.close()

    assert (await scrape).status == 503
    assert (device.cancelled, device.closed) == (1, 1)
