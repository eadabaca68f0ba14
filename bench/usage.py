"""What the processes of a running Link ID cost, by /proc: processor time, and memory in use."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

_TICKS: Final = os.sysconf("SC_CLK_TCK")


def processes(run_folder: Path) -> dict[str, int]:
    """Name → pid of what the supervisor keeps (`gateway`, `sam-0`, `database` …)."""
    found = {}
    for note in sorted(run_folder.glob("*.pid")):
        try:
            found[note.stem] = int(note.read_text())
        except ValueError:
            continue
    return found


def cpu_seconds(pids: Mapping[str, int]) -> dict[str, float]:
    """Processor seconds (user and system) that each used so far, with its children, ended ones included."""
    children: dict[int, list[int]] = {}
    times: dict[int, tuple[int, int]] = {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            # the name of the program, in brackets, may hold anything
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        pid = int(folder.name)
        children.setdefault(int(fields[1]), []).append(pid)
        own, reaped = int(fields[11]) + int(fields[12]), int(fields[13]) + int(fields[14])
        times[pid] = (own, reaped)

    def whole(pid: int) -> int:
        own, reaped = times.get(pid, (0, 0))
        return own + reaped + sum(whole(child) for child in children.get(pid, []))

    return {name: whole(pid) / _TICKS for name, pid in pids.items()}


def memory_bytes(pid: int) -> tuple[int, int]:
    """RSS, and PSS (what is shared with others counted in part)."""
    found = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, _, rest = line.partition(":")
        found[name] = int(rest.split()[0]) * 1024
    return found["Rss"], found["Pss"]


def resident_bytes(pid: int) -> int:
    """Memory in use (VmRSS)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise ValueError(f"process {pid} has no VmRSS")
