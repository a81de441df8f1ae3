"""CPU time and memory of processes, read from the kernel."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_MEGABYTE = 1_048_576


def children(pid: int) -> list[int]:
    """Process ids of the children, whichever thread started them; none when the process has ended."""
    found = []
    for listing in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(FileNotFoundError, ProcessLookupError):  # a thread may end any time
            found += [int(child) for child in listing.read_text().split()]
    return found


def tree(pid: int) -> list[int]:
    """The process and all that descend from it."""
    return [pid, *(descendant for child in children(pid) for descendant in tree(child))]


def cpu_seconds(pid: int) -> float:
    """CPU time of the process, of its living descendants, and of those that have ended and were waited for."""
    return sum(_own(member) for member in tree(pid))


def peak_megabytes(pid: int) -> float:
    """The largest resident memory any process of the tree has had."""
    return max(_peak(member) for member in tree(pid))


def _own(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):  # it ended just now, and its parent's figures hold its time
        return 0.0
    return sum(int(field) for field in fields[11:15]) / _TICKS


def _peak(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / _MEGABYTE
    return 0.0
