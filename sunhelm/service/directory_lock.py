"""A directory that one process at a time may use: what it keeps there is kept by nobody else."""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import BinaryIO


def lock_directory(directory: Path) -> BinaryIO:
    """Return a lock on a directory, which is made where there is none; closing it, or dying, lets go.

    Raises OSError: BlockingIOError while somebody else has it, any other when it cannot be used.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = (directory / "lock").open("wb")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BaseException:
        lock.close()
        raise
    return lock
