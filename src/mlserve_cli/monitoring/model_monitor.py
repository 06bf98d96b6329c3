"""Counts and durations of predictions, for programs that call a model themselves."""

import math
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice

from mlserve_cli.monitoring.histogram import Histogram

# Percentiles of the summary by their name.
_PERCENTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "p999": 0.999}
DEFAULT_WINDOW = 100


@dataclass(frozen=True, slots=True)
class PredictionMetrics:
    """One call of a model.

    Attributes:
        latency: How long it took, in seconds.
        input_shape: Shape of what was predicted, rows first; empty for one row.
        output_shape: Shape of what came back.
        timestamp: When it was made, in seconds since 1970 or as a datetime.
        is_error: Whether it failed.
    """

    latency: float
    input_shape: tuple[int, ...] = ()
    output_shape: tuple[int, ...] = ()
    timestamp: float | datetime = field(default_factory=time.time)
    is_error: bool = False

    @property
    def rows(self) -> int:
        """How many rows were predicted."""
        return self.input_shape[0] if len(self.input_shape) > 1 else 1

    @property
    def time(self) -> float:
        """When it was made, in seconds since 1970."""
        stamp = self.timestamp
        return stamp.timestamp() if isinstance(stamp, datetime) else stamp


class ModelMonitor:
    """Counts predictions, in memory that does not grow. Several threads may use it at once.

    Durations are counted in buckets (see `Histogram`), from which percentiles come with a relative
    error of at most 1 %, for durations between a microsecond and a quarter of an hour.

    Args:
        window: Latest predictions that `get_average_latency` can look at.

    Raises:
        ValueError: The window is smaller than 1.
    """

    def __init__(self, window: int = 10_000) -> None:
        if window < 1:
            raise ValueError(f"The window is {window}; expected at least 1.")
        self._lock = threading.Lock()
        self._latest: deque[float] = deque(maxlen=window)
        self._durations = Histogram()
        self._rows = 0
        self._errors = 0
        self._shortest, self._longest = math.inf, 0.0
        self._first, self._last = math.inf, -math.inf

    def record_prediction(self, metrics: PredictionMetrics) -> None:
        """Counts a call of the model.

        Raises:
            ValueError: Its latency is negative or no number.
        """
        latency = metrics.latency
        if not 0 <= latency < math.inf:
            raise ValueError(f"The latency is {latency}; expected seconds, at least 0.")
        with self._lock:
            self._latest.append(latency)
            self._durations.add(latency)
            self._rows += metrics.rows
            self._errors += metrics.is_error
            self._shortest = min(self._shortest, latency)
            self._longest = max(self._longest, latency)
            self._first = min(self._first, metrics.time)
            self._last = max(self._last, metrics.time)

    def get_average_latency(self, window_size: int = DEFAULT_WINDOW) -> float:
        """Mean duration of the latest calls in seconds; NaN without any.

        Args:
            window_size: How many calls, at most as many as the monitor's window.
        """
        with self._lock:
            latest = list(islice(reversed(self._latest), window_size))
        return math.fsum(latest) / len(latest) if latest else math.nan

    def get_metrics_summary(self) -> dict[str, float]:
        """Everything that is known, durations in seconds; they are NaN without any call.

        `total_predictions`, `total_rows`, `total_errors`, `error_rate`, `average_latency`,
        `min_latency`, `max_latency`, `p50_latency`, `p95_latency`, `p99_latency`, `p999_latency`
        and `predictions_per_second` between the first and the last call.
        """
        with self._lock:
            durations = _copied(self._durations)
            rows, errors = self._rows, self._errors
            shortest, longest = self._shortest, self._longest
            span = self._last - self._first
        count = durations.count
        summary: dict[str, float] = {
            "total_predictions": count,
            "total_rows": rows,
            "total_errors": errors,
            "error_rate": errors / count if count else math.nan,
            "average_latency": durations.mean,
            "min_latency": shortest if count else math.nan,
            "max_latency": longest if count else math.nan,
        }
        for name, share in _PERCENTILES.items():
            # What a bucket stands for may lie outside of what was seen.
            found = min(max(durations.quantile(share), shortest), longest)
            summary[f"{name}_latency"] = found if count else math.nan
        summary["predictions_per_second"] = (count - 1) / span if span > 0 else math.nan
        return summary

    def merge(self, other: "ModelMonitor") -> None:
        """Adds what another monitor has counted: of another thread, process or time.

        Its latest calls count as the latest.
        """
        with other._lock:
            latest = list(other._latest)
            durations = _copied(other._durations)
            rows, errors = other._rows, other._errors
            bounds = (other._shortest, other._longest, other._first, other._last)
        with self._lock:
            self._latest.extend(latest)
            self._durations.merge(durations)
            self._rows += rows
            self._errors += errors
            self._shortest = min(self._shortest, bounds[0])
            self._longest = max(self._longest, bounds[1])
            self._first = min(self._first, bounds[2])
            self._last = max(self._last, bounds[3])


def _copied(histogram: Histogram) -> Histogram:
    return Histogram(histogram.edges, histogram.counts, histogram.total)
