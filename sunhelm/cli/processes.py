"""Child processes that live and end together: none outlives the others, none is left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, NoReturn, Self

from sunhelm.cli import bound
from sunhelm.cli.usage import Usage, usage

POLL_S: Final = 0.05
LAST_LINES: Final = 15

Ready = Callable[[], Awaitable[bool]]
"""Tells whether a process does its work; asked again and again until it says so."""


class ProcessEnded(Exception):
    """A process ended, or never became ready. The text says which, how, and its last words."""


class Processes:
    """Processes started one after another; leaving the context ends all of them, the last one first.

    What they print goes to `NAME.log` in the folder `logs`. They are no part of the terminal's process
    group: an interrupt from the keyboard reaches us alone, and we decide how they end. If we are killed, the
    kernel of Linux kills them; so they are started by a thread that lasts as long as we do.
    """

    def __init__(self, logs: Path, *, grace_s: float = 5.0) -> None:
        self._logs = logs
        self._grace_s = grace_s
        self._running: dict[str, asyncio.subprocess.Process] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for process in reversed(self._running.values()):
            await self._end(process)

    async def start(self, name: str, command: Sequence[str], ready: Ready, *, within_s: float = 15.0) -> None:
        """Start a process and return when it is ready.

        Raises ProcessEnded when it, or one started before, ends instead, or when `within_s` pass.
        """
        with self._log(name).open("wb") as log:
            self._running[name] = await asyncio.create_subprocess_exec(
                *_bound_to_us(),
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                process_group=0,
            )
        try:
            async with asyncio.timeout(within_s):
                await self._until(ready)
        except TimeoutError:
            raise ProcessEnded(f"{name} is not ready after {within_s:g} s{self._last_words(name)}") from None

    def pid(self, name: str) -> int:
        """Return the process id of one that was started."""
        return self._running[name].pid

    def usage(self) -> dict[str, Usage]:
        """Return what each of them takes of the machine, by name; those that have ended are left out."""
        taken = ((name, usage(process.pid)) for name, process in self._running.items())
        return {name: each for name, each in taken if each is not None}

    async def watch(self) -> NoReturn:
        """Wait until a process ends, and raise ProcessEnded for it."""
        waiting = {
            asyncio.create_task(process.wait(), name=name): name for name, process in self._running.items()
        }
        try:
            done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()
        self._raise_ended([waiting[task] for task in done])

    async def _until(self, ready: Ready) -> None:
        while not await ready():
            ended = [name for name, process in self._running.items() if process.returncode is not None]
            if ended:
                self._raise_ended(ended)
            await asyncio.sleep(POLL_S)

    def _raise_ended(self, names: Sequence[str]) -> NoReturn:
        raise ProcessEnded(
            "\n".join(f"{name} ended {self._manner(name)}{self._last_words(name)}" for name in names)
        )

    def _manner(self, name: str) -> str:
        status = self._running[name].returncode or 0
        return f"by {signal.Signals(-status).name}" if status < 0 else f"with status {status}"

    def _last_words(self, name: str) -> str:
        lines = self._log(name).read_text(errors="replace").splitlines()[-LAST_LINES:]
        return "".join(["; its last lines:", *(f"\n    {line}" for line in lines)]) if lines else ""

    def _log(self, name: str) -> Path:
        return self._logs / f"{name}.log"

    async def _end(self, process: asyncio.subprocess.Process) -> None:
        with suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(self._grace_s):
                await process.wait()
        except TimeoutError:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()


def _bound_to_us() -> tuple[str, ...]:
    """Return what becomes the command that follows, and ends with us."""
    return sys.executable, "-I", "-S", bound.__file__, str(os.getpid())
