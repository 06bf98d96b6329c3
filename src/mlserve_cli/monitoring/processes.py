"""What the processes of a server use, under the names that all Prometheus clients give it."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from mlserve_cli.monitoring.exposition import Readings
from mlserve_cli.monitoring.families import Family

_FAMILIES = {
    family.name: family
    for family in (
        Family(
            "process_resident_memory_bytes",
            "Resident memory size in bytes, summed over the processes.",
        ),
        Family(
            "process_virtual_memory_bytes",
            "Virtual memory size in bytes, summed over the processes.",
        ),
        Family("process_open_fds", "Number of open file descriptors of all processes."),
        Family("process_max_fds", "Maximum number of open file descriptors of one process."),
        Family(
            "process_start_time_seconds",
            "Start time of the oldest process since unix epoch in seconds.",
        ),
    )
}
# How the values of several processes become one; all others are summed.
_MERGED = {"process_max_fds": min, "process_start_time_seconds": min}


class _Value(NamedTuple):
    name: str
    value: float


def process_readings(processes: Sequence[int]) -> list[Readings]:
    """Memory, open files and start time of processes; empty where there is no `/proc`.

    Args:
        processes: Their numbers; those that are no more are left out.
    """
    found: dict[str, list[float]] = {}
    for process in processes:
        for name, value in _values(process):
            found.setdefault(name, []).append(value)
    return [
        Readings(family, {(): (_MERGED.get(name, sum)(found[name]),)})
        for name, family in _FAMILIES.items()
        if name in found
    ]


def _values(process: int) -> Iterator[_Value]:
    from prometheus_client.process_collector import ProcessCollector

    for metric in ProcessCollector(pid=lambda: process, registry=None).collect():
        for sample in metric.samples:
            yield _Value(sample.name, sample.value)
