from __future__ import annotations

import asyncio
import os
import select
import subprocess
import sys
from pathlib import Path

import pytest

from sunhelm.cli import bound
from sunhelm.cli.processes import ProcessEnded, Processes

pytestmark = pytest.mark.real_time

WAITS = "import signal; open('ready', 'w').close(); signal.pause()"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {WAITS}"


def python(folder: Path, code: str) -> list[str]:
    return [sys.executable, "-c", f"import os; os.chdir({str(folder)!r}); {code}"]


async def ready_at_once() -> bool:
    return True


async def never_ready() -> bool:
    return False


def ready_file(folder: Path) -> bool:
    return (folder / "ready").exists()


def has_ended(pidfd: int, within_s: float = 0.0) -> bool:
    """Return whether a process has ended, also where nobody has asked how yet."""
    return bool(select.select([pidfd], [], [], within_s)[0])


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("code", [WAITS, STUBBORN])
async def test_all_are_gone_when_the_context_is_left(tmp_path: Path, code: str) -> None:
    async def started() -> bool:
        return ready_file(tmp_path)

    async with Processes(tmp_path, grace_s=0.2) as processes:
        await processes.start("one", python(tmp_path, f"print(os.getpid(), flush=True); {code}"), started)
        pid = int((tmp_path / "one.log").read_text())
        assert alive(pid)
    assert not alive(pid)


async def test_a_process_that_ends_is_named_with_its_last_words(tmp_path: Path) -> None:
    async with Processes(tmp_path) as processes:
        await processes.start("lasting", python(tmp_path, WAITS), ready_at_once)
        await processes.start(
            "brief", python(tmp_path, "import sys; sys.exit('no sun today')"), ready_at_once
        )
        with pytest.raises(ProcessEnded, match=r"(?s)^brief ended with status 1; .*no sun today$"):
            await processes.watch()


async def test_a_process_killed_by_a_signal_is_told_so(tmp_path: Path) -> None:
    async with Processes(tmp_path) as processes:
        code = "import signal; os.kill(os.getpid(), signal.SIGKILL)"
        await processes.start("victim", python(tmp_path, code), ready_at_once)
        with pytest.raises(ProcessEnded, match="victim ended by SIGKILL"):
            await processes.watch()


async def test_one_that_ends_before_it_is_ready_stops_the_start(tmp_path: Path) -> None:
    async with Processes(tmp_path) as processes:
        with pytest.raises(ProcessEnded, match="late ended with status 3"):
            await processes.start("late", python(tmp_path, "raise SystemExit(3)"), never_ready)


async def test_one_that_never_becomes_ready_is_given_up(tmp_path: Path) -> None:
    async with Processes(tmp_path) as processes:
        with pytest.raises(ProcessEnded, match=r"slow is not ready after 0\.1 s"):
            await processes.start("slow", python(tmp_path, WAITS), never_ready, within_s=0.1)


async def test_cancelling_ends_all_too(tmp_path: Path) -> None:
    pids = []

    async def started() -> bool:
        return ready_file(tmp_path)

    async def run() -> None:
        async with Processes(tmp_path) as processes:
            await processes.start(
                "one", python(tmp_path, f"print(os.getpid(), flush=True); {WAITS}"), started
            )
            pids.append(int((tmp_path / "one.log").read_text()))
            asyncio.current_task().cancel()  # type: ignore[union-attr]  # a task runs this
            await processes.watch()

    with pytest.raises(asyncio.CancelledError):
        await asyncio.create_task(run())
    assert pids
    assert not alive(pids[0])


PARENT = """
import asyncio, sys
from pathlib import Path
from sunhelm.cli import bound
from sunhelm.cli.processes import Processes

async def ready():
    return Path(sys.argv[1], "ready").exists()

async def at_once():
    return True

async def main():
    async with Processes(Path(sys.argv[1])) as processes:
        await processes.start("program", ["sleep", "1000"], at_once)
        await processes.start("stubborn", sys.argv[2:], ready)
        print(processes.pid("program"), processes.pid("stubborn"), flush=True)
        await processes.watch()

asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel of Linux does it")
def test_none_outlives_a_parent_that_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PARENT, str(tmp_path), *python(tmp_path, STUBBORN)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        watched = [os.pidfd_open(int(pid)) for pid in parent.stdout.readline().split()]
        assert len(watched) == 2
        assert not any(map(has_ended, watched))
        parent.kill()
    assert all(has_ended(each, within_s=60) for each in watched)
    for each in watched:
        os.close(each)


def test_whose_parent_is_gone_already_does_not_begin(tmp_path: Path) -> None:
    nobody = str(os.getppid())
    command = [sys.executable, "-I", "-S", bound.__file__, nobody, "touch", str(tmp_path / "began")]
    assert subprocess.run(command, check=False).returncode == 0
    assert not (tmp_path / "began").exists()


async def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    async with Processes(tmp_path) as processes:
        with pytest.raises(ProcessEnded, match=r"(?s)status 127; .*no-such-program: No such file"):
            await processes.start("missing", ["no-such-program"], never_ready)
