"""What the system says about running servers."""

import os
import time
from collections.abc import Callable
from pathlib import Path


def wait_until(condition: Callable[[], object], seconds: float = 60) -> None:
    """Returns when the condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "this did not come about in time"
        time.sleep(0.01)


def workers_of(process: int) -> set[int]:
    """Its child processes."""
    children = Path(f"/proc/{process}/task/{process}/children").read_text()
    return {int(child) for child in children.split()}


def is_gone(process: int) -> bool:
    """Whether a process has ended."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


def ports_served_by(process: int) -> set[int]:
    """Ports of the clients whose IPv4 connections a process holds."""
    held = set()
    for descriptor in Path(f"/proc/{process}/fd").iterdir():
        try:
            target = descriptor.readlink().name
        except FileNotFoundError:
            continue
        if target.startswith("socket:["):
            held.add(target.removeprefix("socket:[").removesuffix("]"))
    ports = set()
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[9] in held:
            ports.add(int(fields[2].rpartition(":")[2], 16))
    return ports - {0}


def resident_bytes(process: int) -> int:
    """Memory that a process has in use."""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGESIZE")


def cpu_seconds(process: int) -> float:
    """Time that a process has spent working."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
