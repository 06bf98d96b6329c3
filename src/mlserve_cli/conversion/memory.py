"""How much memory there is, and how much a process has taken. Linux tells; other systems do not."""

import os
from pathlib import Path

# Version 2 of control groups, then version 1; a container sees its own group at the top.
_GROUPS = (
    (Path("/sys/fs/cgroup"), "memory.max", "memory.current", "inactive_file"),
    (
        Path("/sys/fs/cgroup/memory"),
        "memory.limit_in_bytes",
        "memory.usage_in_bytes",
        "total_inactive_file",
    ),
)
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def available_bytes(root: Path = Path("/")) -> int | None:
    """Memory that can be taken without swapping, the container's bound included; None if unknown.

    Args:
        root: Where `/proc` and `/sys` are.
    """
    free = _named_value(root / "proc/meminfo", "MemAvailable:")
    bounds = [] if free is None else [free * 1024]
    for folder, limit_name, used_name, cache_name in _GROUPS:
        place = root / folder.relative_to("/")
        limit, used = _number(place / limit_name), _number(place / used_name)
        if limit is not None and used is not None:
            # Files that were read and are not in use make room when it is needed.
            cache = _named_value(place / "memory.stat", cache_name) or 0
            bounds.append(max(0, limit - used + cache))
    return min(bounds, default=None)


def resident_bytes(process: int) -> int | None:
    """Memory that a process holds; None where that is unknown or the process is gone."""
    try:
        pages = Path(f"/proc/{process}/statm").read_text(encoding="ascii").split()[1]
    except (OSError, IndexError):
        return None
    return int(pages) * _PAGE_BYTES


def _number(path: Path) -> int | None:
    try:
        # "max" stands for no bound.
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def _named_value(path: Path, name: str) -> int | None:
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) for line in lines if line.split()[:1] == [name]), None)
