"""The latest records."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlserve_cli.errors import InputError
from mlserve_cli.monitoring.records.reading import RecordFile, record_files
from mlserve_cli.monitoring.summary import LatestLatency

_MICROSECONDS = 1e6


def latest_latency(folder: str | Path, rows: int, model: str | None = None) -> LatestLatency:
    """How long the latest rows took.

    Args:
        folder: Of records.
        rows: How many, at least 1; fewer where there are not so many.
        model: Name of a model; None for all.

    Raises:
        InputError: There are no records, or they cannot be read.
    """
    times, seconds = np.empty(0), np.empty(0)
    for file in sorted(record_files(folder, model), key=lambda file: -file.changed):
        # Several processes write at the same time: an older file may hold newer rows.
        if len(times) >= rows and file.changed < times.min():
            break
        found = _durations(file)
        times, seconds = np.append(times, found[0]), np.append(seconds, found[1])
        newest = np.argsort(times, kind="stable")[-rows:]
        times, seconds = times[newest], seconds[newest]
    if not len(times):
        raise InputError(
            f"There are no records in {folder}.",
            hint="A server keeps them: mlserve serve. Name its folder: --records DIR",
        )
    shares = np.quantile(seconds, (0, 0.5, 0.95, 0.99, 1), method="inverted_cdf").tolist()
    return LatestLatency(len(times), float(times[0]), float(seconds.mean()), *shares)


def _durations(file: RecordFile) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """When each row was answered, in seconds since 1970, and how long that had taken."""
    context = file.roles.context
    table = file.read([context["time"], context["latency_seconds"]])
    times = _values(table.column(context["time"]), np.int64)
    return times / _MICROSECONDS, _values(table.column(context["latency_seconds"]), np.float64)


def _values(column: pa.ChunkedArray, dtype: type[np.generic]) -> NDArray[Any]:
    """Its values through its memory; it has no missing ones."""
    parts = [
        np.frombuffer(chunk.buffers()[1], dtype, chunk.offset + len(chunk))[chunk.offset :]
        for chunk in column.chunks
        if len(chunk)
    ]
    return np.concatenate(parts) if parts else np.empty(0, dtype)
