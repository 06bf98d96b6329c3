"""What a program that calls a model itself can know about its calls."""

import math
import os
import threading
import tracemalloc
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from mlserve_cli.monitoring.model_monitor import ModelMonitor, PredictionMetrics


def monitor_of(latencies: "list[float]", **options: int) -> ModelMonitor:
    monitor = ModelMonitor(**options)
    for place, latency in enumerate(latencies):
        monitor.record_prediction(PredictionMetrics(latency, (3, 4), (3,), float(place)))
    return monitor


def test_the_summary_is_that_of_numpy_within_the_stated_error() -> None:
    latencies = np.random.default_rng(0).lognormal(-7, 1.5, 20_000)
    summary = monitor_of(latencies.tolist()).get_metrics_summary()
    assert summary["total_predictions"] == 20_000
    assert summary["total_rows"] == 60_000
    assert summary["total_errors"] == summary["error_rate"] == 0
    assert summary["average_latency"] == pytest.approx(latencies.mean())
    assert summary["min_latency"] == latencies.min()
    assert summary["max_latency"] == latencies.max()
    assert summary["predictions_per_second"] == 1
    for name, share in {"p50": 0.5, "p95": 0.95, "p99": 0.99, "p999": 0.999}.items():
        exact = np.quantile(latencies, share, method="inverted_cdf")
        assert summary[f"{name}_latency"] == pytest.approx(exact, rel=0.01)


def test_the_average_is_that_of_the_latest_predictions() -> None:
    monitor = monitor_of([float(k) for k in range(1000)], window=500)
    assert monitor.get_average_latency() == np.mean(range(900, 1000))
    assert monitor.get_average_latency(window_size=2) == 998.5
    assert monitor.get_average_latency(10_000) == np.mean(range(500, 1000))


def test_percentiles_never_leave_what_was_seen() -> None:
    summary = monitor_of([0.00123, 5000.0]).get_metrics_summary()
    assert summary["p50_latency"] >= 0.00123
    assert summary["p999_latency"] <= 5000
    assert monitor_of([0.00123]).get_metrics_summary()["p99_latency"] == 0.00123


def test_nothing_is_known_before_the_first_prediction() -> None:
    monitor = ModelMonitor()
    summary = monitor.get_metrics_summary()
    assert summary["total_predictions"] == summary["total_errors"] == 0
    assert math.isnan(summary["p99_latency"])
    assert math.isnan(summary["max_latency"])
    assert math.isnan(monitor.get_average_latency())


def test_errors_are_predictions_too() -> None:
    monitor = ModelMonitor()
    for is_error in (True, False, False, False):
        monitor.record_prediction(PredictionMetrics(0.1, is_error=is_error))
    summary = monitor.get_metrics_summary()
    assert (summary["total_errors"], summary["error_rate"]) == (1, 0.25)
    # One row has no shape of its own, or a shape without rows.
    assert summary["total_rows"] == 4
    assert PredictionMetrics(0.1, (4,)).rows == 1


def test_times_may_be_given_as_dates() -> None:
    monitor = ModelMonitor()
    for second in (0, 2, 4):
        stamp = datetime(2024, 1, 1, 12, 0, second, tzinfo=UTC)
        monitor.record_prediction(PredictionMetrics(0.1, timestamp=stamp))
    assert monitor.get_metrics_summary()["predictions_per_second"] == 0.5


def test_merged_monitors_know_what_one_would_have_known() -> None:
    generator = np.random.default_rng(1)
    one, other = generator.lognormal(-6, 1, 500).tolist(), generator.lognormal(-5, 1, 700).tolist()
    merged = monitor_of(one)
    merged.merge(monitor_of(other))
    together = monitor_of(one + other).get_metrics_summary()
    found = merged.get_metrics_summary()
    for name in set(together) - {"predictions_per_second", "average_latency"}:
        assert found[name] == together[name], name
    assert found["average_latency"] == pytest.approx(together["average_latency"])
    assert merged.get_average_latency() == pytest.approx(np.mean(other[-100:]))


def test_several_threads_lose_no_prediction() -> None:
    monitor = ModelMonitor()

    def record() -> None:
        for _ in range(3000):
            monitor.record_prediction(PredictionMetrics(0.5, (2, 1), (2,), 1.0))
            monitor.get_average_latency(5)

    threads = [threading.Thread(target=record) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    summary = monitor.get_metrics_summary()
    assert (summary["total_predictions"], summary["total_rows"]) == (18_000, 36_000)
    assert summary["average_latency"] == 0.5


def grown_bytes(predictions: int) -> int:
    monitor = monitor_of([0.001] * 20_000)
    tracemalloc.start()
    metrics = PredictionMetrics(0.0123, (1, 4), (1,), 7.0)
    for _ in range(predictions):
        monitor.record_prediction(metrics)
    found, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert monitor.get_metrics_summary()["total_predictions"] == predictions + 20_000
    return found


def resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGESIZE")


def test_memory_does_not_grow_with_predictions() -> None:
    assert grown_bytes(100_000) < 10_000


@pytest.mark.slow
def test_memory_does_not_grow_with_three_million_predictions() -> None:
    monitor = monitor_of([0.001] * 20_000)
    before = resident_bytes()
    metrics = PredictionMetrics(0.0123, (1, 4), (1,), 7.0)
    for _ in range(3_000_000):
        monitor.record_prediction(metrics)
    assert resident_bytes() - before < 2 << 20
    assert monitor.get_metrics_summary()["total_predictions"] == 3_020_000


@pytest.mark.parametrize("latency", [-1.0, math.nan, math.inf])
def test_a_latency_that_is_none_is_refused(latency: float) -> None:
    with pytest.raises(ValueError, match="expected seconds"):
        ModelMonitor().record_prediction(PredictionMetrics(latency))


def test_a_window_holds_something() -> None:
    with pytest.raises(ValueError, match="window is 0"):
        ModelMonitor(window=0)
