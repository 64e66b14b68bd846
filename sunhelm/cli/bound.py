"""Become another program that ends when the process that started it does, however that ends.

Run as a script, with the process id of the parent and the command: it needs nothing but the standard library.
Nobody can clean up after SIGKILL but the kernel, and only Linux is asked to: elsewhere the program just runs.
The kernel looks at the thread that started it, which therefore has to be one that lasts.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from typing import Final

_PR_SET_PDEATHSIG: Final = 1
_NOT_FOUND: Final = 127


def main(parent: str, *command: str) -> None:
    """Exec the command; return only when there is no such program, or nobody waits for it any more."""
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0) != 0:
            sys.exit(f"prctl: {os.strerror(ctypes.get_errno())}")
    if os.getppid() != int(parent):
        return  # it ended before the kernel was asked
    try:
        os.execvp(command[0], command)  # noqa: S606 - a shell would be one more process to end
    except OSError as error:
        print(f"{command[0]}: {error.strerror}", file=sys.stderr)
        sys.exit(_NOT_FOUND)


if __name__ == "__main__":
    main(*sys.argv[1:])
