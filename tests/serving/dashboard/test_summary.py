"""The numbers of the dashboard are those of the metrics."""

import math

import pytest
from tests.serving.conftest import FakePredictor

from mlserve_cli.monitoring.histogram import FINE_SECONDS, Histogram
from mlserve_cli.serving.dashboard.summary import BUCKET_MILLISECONDS, Summary, summarize
from mlserve_cli.serving.metrics import ServingMetrics
from mlserve_cli.serving.model import LoadedModel


def summary_of(metrics: ServingMetrics, *models: LoadedModel) -> Summary:
    metrics.refresh()
    return summarize(metrics.readings(), models, [], watches_drift=False)


def test_a_bucket_stands_for_the_duration_that_its_quantile_reports() -> None:
    for position in (0, 1, 100, len(FINE_SECONDS) - 1, len(FINE_SECONDS)):
        counts = [0] * (len(FINE_SECONDS) + 1)
        counts[position] = 1
        found = Histogram(FINE_SECONDS, counts).quantile(0.5)
        assert BUCKET_MILLISECONDS[position] == pytest.approx(1000 * found, abs=1e-6)
    assert len(BUCKET_MILLISECONDS) == len(FINE_SECONDS) + 1


def test_requests_are_summed_over_models_protocols_and_those_that_named_no_model(
    fake: type[FakePredictor],
) -> None:
    metrics, model = ServingMetrics(), LoadedModel("m", 2, fake())
    metrics.count_good(model, "native", [0.1] * 10 + [0.001] * 90, (0, 0))
    metrics.count_request(model, "v2", 422, 0.001)
    metrics.count_request(LoadedModel("m", 1, fake()), "v2", 500, 0.001)
    metrics.count_request(None, "native", 404, 0.001)
    metrics.count_batch(model, 3, 70, 0.001, 0.002)
    metrics.count_batch(model, 1, 1, 0.001, 0.002)
    found = summary_of(metrics, model)
    assert found.statuses == {"200": 100, "404": 1, "422": 1, "500": 1}
    assert sum(count for _, count in found.latency) == 103
    assert found.rows == 71
    assert sum(found.sizes.requests) == sum(found.sizes.rows) == 2
    assert found.sizes.requests[found.sizes.bounds.index(4)] == 1
    assert found.sizes.rows[found.sizes.bounds.index(128)] == 1
    assert found.wait_milliseconds == pytest.approx(2, rel=0.5)
    (listed,) = found.models
    assert (listed.name, listed.version, listed.engine) == ("m", 2, "sklearn")
    assert (listed.requests, listed.errors, listed.rows) == (101, 1, 71)
    assert listed.milliseconds == pytest.approx((1, 100, 100), rel=0.01)


def test_nothing_was_asked_yet(fake: type[FakePredictor]) -> None:
    found = summary_of(ServingMetrics(), LoadedModel("m", 1, fake()))
    assert (found.statuses, found.latency, found.rows, found.restarts) == ({}, [], 0, 0)
    assert found.wait_milliseconds is None
    assert found.models[0].milliseconds is None
    assert found.workers == 1
    assert found.memory_bytes is None or not math.isnan(found.memory_bytes)
