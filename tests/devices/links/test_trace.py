from __future__ import annotations

import asyncio
from typing import Any

import pytest

from sunhelm.devices.clock import Deadline
from sunhelm.devices.errors import Rejected
from sunhelm.devices.families.spec import Pacing
from sunhelm.devices.links import Line, open_link
from sunhelm.devices.links.base import RegisterLink, Span, Table
from sunhelm.devices.links.trace import Traced, watched

SPAN = Span(3, Table.HOLDING, 500, 2)


async def read(link: RegisterLink) -> tuple[int, ...]:
    deadline = Deadline.after(2.0)
    async with link.turn(deadline):
        return await link.read(SPAN, deadline)


@pytest.fixture
def link(tcp_device: Any, quick: Pacing) -> RegisterLink:
    return open_link("modbus_tcp", Line(tcp_device.host, tcp_device.port, quick, single=True))


async def test_a_watched_read_shows_its_requests_and_words(link: RegisterLink) -> None:
    with watched() as seen:
        words = await asyncio.create_task(read(link))

    assert seen == [Traced("unit 3 holding 500+2", words)]


async def test_a_refused_request_is_shown_with_its_reason(link: RegisterLink, tcp_device: Any) -> None:
    tcp_device.script = [lambda request: request.refuse(2)]
    with watched() as seen, pytest.raises(Rejected):
        await read(link)

    assert [traced.request for traced in seen] == ["unit 3 holding 500+2"]
    assert "illegal data address" in seen[0].error


async def test_a_read_begun_elsewhere_is_not_shown(link: RegisterLink) -> None:
    begun_before = asyncio.create_task(read(link))
    with watched() as seen:
        await begun_before
    await read(link)

    assert seen == []
