"""What running processes take of the machine: memory and time of the processor, as Linux counts them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Usage:
    """Resident memory now and at most, in MiB, and seconds of the processor since the start."""

    memory_mib: float
    peak_mib: float
    cpu_s: float


def usage(pid: int) -> Usage | None:
    """Return what a process takes; None when it has ended, or where there is no /proc."""
    folder = Path(f"/proc/{pid}")
    try:
        status = (folder / "status").read_text(encoding="ascii", errors="replace")
        # After the name, which may hold anything, in parentheses.
        fields = (folder / "stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    told = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    if "VmRSS" not in told or "VmHWM" not in told:  # it has ended, and nobody has asked how
        return None
    ticks = int(fields[11]) + int(fields[12])
    return Usage(_mib(told["VmRSS"]), _mib(told["VmHWM"]), ticks / os.sysconf("SC_CLK_TCK"))


def _mib(text: str) -> float:
    return int(text.split(maxsplit=1)[0]) / 1024
