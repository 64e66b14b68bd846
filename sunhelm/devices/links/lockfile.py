"""The lock file of one endpoint: whose turn it is, who waits, and when the device was last spoken to.

Byte 0 is locked by the owner of the turn, byte 1 by every control process from when it begins to wait until
its turn ends. These are locks of the open file, not of the process: the kernel drops them when the file is
closed or its process dies, and two opened in one process exclude each other too. The text in the file tells
people who the owner is, and the next owner when the last exchange was.
"""

from __future__ import annotations

import fcntl
import json
import math
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

_TURN, _WAITING = 0, 1
_RECORD_BYTES = 256  # always written whole, so that no shorter record leaves a longer one's tail
_FLOCK = "@hhqqi4x"  # struct flock of Linux: type, whence, start, length, pid


def _flock(kind: int, byte: int) -> bytes:
    return struct.pack(_FLOCK, kind, os.SEEK_SET, byte, 1, 0)


@dataclass(frozen=True, slots=True)
class Record:
    """What the file says of the last owner.

    `exchanged_at` is when it last spoke to the device, in seconds of the clock since boot; None when it
    has not. `asked_at` has the same for requests that the device does not want too often, by a name of
    at most a few letters. The owner means something only as long as the turn is taken.
    """

    pid: int
    role: str
    exchanged_at: float | None = None
    asked_at: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: bytes) -> Self | None:
        """Return the record, or None when the text is none: torn, empty, or someone else's."""
        try:
            match json.loads(text):
                case {"pid": int(pid), "role": str(role), "exchanged_at": at, "asked_at": dict(asked)}:
                    moment = None if at is None else _moment(at)
                    return cls(pid, role, moment, {str(name): _moment(at) for name, at in asked.items()})
                case _:
                    return None
        except (ValueError, OverflowError, RecursionError):
            return None


def _moment(value: object) -> float:
    """Return a time that the file told. Raises ValueError for what is none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{value!r} is no time")
    return float(value)


class LockFile:
    """One opened lock file. No method waits."""

    def __init__(self, path: Path) -> None:
        """Open or create the file, readable and writable by the group. Raises OSError."""
        self.path = path
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o660)
        if os.fstat(self._fd).st_uid == os.geteuid():
            os.fchmod(self._fd, 0o660)  # whatever the umask took away

    def take(self) -> bool:
        """Take the turn, or return False when someone has it."""
        try:
            fcntl.fcntl(self._fd, fcntl.F_OFD_SETLK, _flock(fcntl.F_WRLCK, _TURN))
        except (BlockingIOError, PermissionError):  # POSIX allows EAGAIN and EACCES
            return False
        return True

    def announce(self) -> None:
        """Say that a control process waits, until the file is closed; several may."""
        fcntl.fcntl(self._fd, fcntl.F_OFD_SETLK, _flock(fcntl.F_RDLCK, _WAITING))

    def is_awaited(self) -> bool:
        """Whether a control process waits that opened the file by itself."""
        answer = fcntl.fcntl(self._fd, fcntl.F_OFD_GETLK, _flock(fcntl.F_WRLCK, _WAITING))
        return bool(struct.unpack(_FLOCK, answer)[0] != fcntl.F_UNLCK)

    def is_current(self) -> bool:
        """Whether the path still leads to this file; a cleaner may have removed it."""
        try:
            return os.path.samestat(os.fstat(self._fd), self.path.stat())
        except FileNotFoundError:
            return False

    def read(self) -> Record | None:
        """Return what the file says, None when that makes no sense."""
        return Record.parse(os.pread(self._fd, _RECORD_BYTES, 0))

    def write(self, record: Record) -> None:
        """Replace what the file says; for the owner of the turn only."""
        content = {
            "pid": record.pid,
            "role": record.role,
            "exchanged_at": record.exchanged_at,
            "asked_at": dict(record.asked_at),
        }
        text = json.dumps(content).ljust(_RECORD_BYTES - 1) + "\n"
        os.pwrite(self._fd, text.encode(), 0)

    def close(self) -> None:
        """Close the file and so give up the turn and the waiting."""
        os.close(self._fd)
