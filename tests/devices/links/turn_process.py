"""A process of its own that takes turns on an endpoint: `turn_process.py ROLE DIRECTORY PORT TURNS REQUESTS`.

It prints "waiting" when it first has to wait for something and "done" when every request succeeded.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

from sunhelm.devices.clock import Deadline, SystemClock
from sunhelm.devices.families.spec import Pacing
from sunhelm.devices.links import Line, Turns, open_link
from sunhelm.devices.links.base import Span, Table
from sunhelm.devices.links.control import open_control_link
from sunhelm.service.logs import configure_logs

PACING = Pacing(pause="5ms", settle="20ms", timeout="20s")


class TellingClock(SystemClock):
    """Tells once that it was slept on."""

    told = False

    async def sleep(self, seconds: float) -> None:
        if not self.told:
            self.told = True
            print("waiting", flush=True)
        await super().sleep(seconds)


async def read(turns: Turns, port: int, number: int, requests: int) -> None:
    link = open_link("modbus_tcp", Line("127.0.0.1", port, PACING, single=True, turns=turns))
    for _ in range(number):
        deadline = Deadline.after(30)
        async with link.turn(deadline):
            for i in range(requests):
                words = await link.read(Span(1, Table.HOLDING, 10 * i, 2), deadline)
                assert len(words) == 2


async def write(turns: Turns, port: int, number: int, requests: int) -> None:
    line = Line("127.0.0.1", port, PACING, single=True, turns=turns, clock=TellingClock())
    link = open_control_link("modbus_tcp", line)
    for _ in range(number):
        deadline = Deadline.after(30)
        async with link.turn(deadline):
            for i in range(requests):
                await link.write(1, 10 * i, [int(time.monotonic()) & 0xFF], deadline)


def main() -> None:
    configure_logs("error")  # standard output says only what the test waits for
    role, directory, port, number, requests = sys.argv[1:]
    work = write if role == "control" else read
    turns = Turns(Path(directory), role="control" if role == "control" else "reader")
    asyncio.run(work(turns, int(port), int(number), int(requests)))
    print("done", flush=True)


if __name__ == "__main__":
    main()
