"""What processes cost, from Linux's `/proc`."""

import contextlib
import os
from pathlib import Path

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def tree(process: int) -> list[int]:
    """A process and all that descend from it."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                children.setdefault(int(_stat(int(entry.name))[1]), []).append(int(entry.name))
    found = [process]
    for one in found:
        found += children.get(one, [])
    return found


def cpu_seconds(process: int) -> float:
    """Processor time of a process and its descendants, those included that have ended."""
    ticks = 0
    for one in tree(process):
        with contextlib.suppress(OSError):
            ticks += sum(map(int, _stat(one)[11:15]))
    return ticks / _TICKS_PER_SECOND


def rss_bytes(process: int) -> int:
    """Resident memory of a process and its descendants; what they share counts for each."""
    pages = 0
    for one in tree(process):
        with contextlib.suppress(OSError):
            pages += int(Path(f"/proc/{one}/statm").read_text().split()[1])
    return pages * _PAGE_BYTES


def has_loaded(process: int, package: str) -> bool:
    """Whether a process or a descendant has loaded a compiled module of a Python package."""
    for one in tree(process):
        with contextlib.suppress(OSError):
            if f"/{package}/" in Path(f"/proc/{one}/maps").read_text():
                return True
    return False


def is_alive(process: int) -> bool:
    """Whether a process has not ended."""
    try:
        return _stat(process)[0] != "Z"
    except OSError:
        return False


def busy_seconds() -> float:
    """Processor time that the machine has spent on anything, or that its host took away."""
    fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()
    user, nice, system, _idle, _waiting, *rest = map(int, fields[1:9])
    return (user + nice + system + sum(rest)) / _TICKS_PER_SECOND


def _stat(process: int) -> list[str]:
    """Fields of `/proc/PID/stat` from the third on; the second may hold spaces."""
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
