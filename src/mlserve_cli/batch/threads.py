"""How many blocks are scored side by side, and numeric libraries kept to one thread for each."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from threadpoolctl import threadpool_limits

# Where a container of Linux is told how much processor time it may take, out of how much.
_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def usable_processors() -> int:
    """How many processors this process may keep busy; at least one."""
    # Only Linux tells which of all processors a process may use.
    found = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    processors = found or 1
    with suppress(OSError, ValueError):
        quota, period = map(int, _QUOTA.read_text(encoding="ascii").split())
        processors = min(processors, -(-quota // period))
    return max(1, processors)


@contextmanager
def single_threaded() -> Iterator[None]:
    """Keeps BLAS to one thread in the whole process."""
    with threadpool_limits(1, user_api="blas"):
        yield


def one_thread_per_worker() -> None:
    """Keeps OpenMP to one thread in the calling thread, for as long as that thread lives."""
    threadpool_limits(1, user_api="openmp")
