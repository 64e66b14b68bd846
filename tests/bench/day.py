"""A day of the demo at 60 times the pace: every device, both applications, no word of trouble in a log.

Runs `sunhelm demo`, asks each device again and again as Prometheus would where that is not installed, and
ends with 1 when a process ends, a device is down, or the exporter or the controller logs anything above
`info`. Prints what each process took of the machine. Run by `make day`; HOURS=2 plays two.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import aiohttp

PORTS: Final = {
    "simulator": 31500,
    "exporter": 31480,
    "controller": 31481,
    "prometheus": 31490,
    "alertmanager": 31493,
}
APPLICATIONS: Final = ("exporter", "controller")
_LEVEL: Final = re.compile(r"\blevel=(?!info\b|debug\b)\w+")


def troubles(folder: Path) -> Iterator[str]:
    """Yield the lines above `info` of both applications' logs, and all that is no log line."""
    for name in APPLICATIONS:
        for line in (folder / f"{name}.log").read_text(encoding="utf-8").splitlines():
            if _LEVEL.search(line) or not line.startswith("time="):
                yield f"{name}: {line}"


async def down(session: aiohttp.ClientSession) -> list[str]:
    """Return the devices that are not up, asked one after another."""
    exporter = f"http://127.0.0.1:{PORTS['exporter']}"
    async with session.get(f"{exporter}/sd") as answer:
        names = [group["labels"]["instance"] for group in json.loads(await answer.text())]
    found = []
    for name in names:
        async with session.get(f"{exporter}/probe", params={"target": name}) as answer:
            if "\nsolar_device_up 1" not in await answer.text():
                found.append(name)
    return found


async def demo_for(hours: float, speed: float, every_s: float) -> list[str]:
    """Run the demo for so many of its hours. Returns what was wrong."""
    command = [
        "sunhelm",
        "demo",
        f"--speed={speed:g}",
        *(f"--{name}-port={port}" for name, port in PORTS.items()),
    ]
    program = str(Path(sys.executable).with_name("sunhelm"))
    process = await asyncio.create_subprocess_exec(program, *command[1:], stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    wrong: list[str] = []
    try:
        said = ""
        while "Ctrl-C" not in said:
            line = await asyncio.wait_for(process.stdout.readline(), 60)
            if not line:
                return ["the demo did not start"]
            said += line.decode()
        (folder,) = re.findall(r"logs and configuration +(\S+)", said)
        end = time.monotonic() + hours * 3600 / speed
        async with aiohttp.ClientSession() as session:
            while time.monotonic() < end and process.returncode is None:
                wrong += [f"{name} was down" for name in await down(session)]
                await asyncio.sleep(every_s)
        if process.returncode is not None:
            wrong.append("the demo ended by itself")
        else:
            wrong += troubles(Path(folder))
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGINT)
        rest, _ = await process.communicate()
        print(rest.decode(), end="")
    return wrong


def main() -> int:
    """Play the day; return 0 when nothing was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=float, default=24.0, help="of the simulated home (%(default)g)")
    parser.add_argument("--speed", type=float, default=60.0, help="of its time (%(default)g)")
    parser.add_argument("--every", type=float, default=15.0, help="seconds between two rounds (%(default)g)")
    arguments = parser.parse_args()
    wrong = asyncio.run(demo_for(arguments.hours, arguments.speed, arguments.every))
    print(*wrong, sep="\n")
    print(f"{arguments.hours:g} h at {arguments.speed:g} times the pace: {len(wrong)} troubles")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
