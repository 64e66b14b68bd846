from __future__ import annotations

import asyncio
from typing import Any

from exporter.targets import Targets
from sunhelm.devices.clock import Deadline


async def test_a_device_that_stays_is_left_alone_when_others_change(
    exporter: Any, shed: Any, device: Any, settle: Any
) -> None:
    exporter.targets.replace({"gx": exporter.targets["gx"]})
    await settle()

    assert list(exporter.targets) == ["gx"]
    assert (shed.closed, device.closed) == (1, 0)


async def test_a_device_of_the_same_name_with_another_configuration_is_closed(
    exporter: Any, device: Any, make_target: Any, make_device: Any, settle: Any
) -> None:
    successor = make_device("gx", clock=device.clock)
    exporter.targets.replace({"gx": make_target(successor)})
    await settle()

    assert (device.closed, successor.closed) == (1, 0)


async def test_closing_ends_also_the_reads_of_devices_that_are_leaving(
    device: Any, make_target: Any, settle: Any
) -> None:
    device.hold()
    target = make_target(device)
    targets = Targets({"gx": target})
    read = asyncio.create_task(target.flight.reading(Deadline.after(9.5, device.clock)))
    await device.begun.wait()
    targets.replace({})
    await settle()
    assert device.closed == 0
    await targets.close()

    assert (device.cancelled, device.closed) == (1, 1)
    await asyncio.gather(read, return_exceptions=True)
