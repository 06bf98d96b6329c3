"""Rules hold for windows of what was counted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlserve_cli.monitoring.alerts.evaluation import Verdict, evaluate
from mlserve_cli.monitoring.alerts.rules import Kind, Rule
from mlserve_cli.monitoring.alerts.samples import ModelCounts, Sample, Samples
from mlserve_cli.monitoring.histogram import Histogram


def verdict(rule: Rule, *counts: ModelCounts | None, interval_seconds: float = 10) -> Verdict:
    """The last verdict where the model had these counts, one sample after the other."""
    samples = Samples(rule.window_seconds)
    for number, known in enumerate(counts):
        samples.add(Sample(number * interval_seconds, {} if known is None else {"m": known}))
    (found,) = evaluate((rule,), samples)
    return found


def lasting(*seconds: float) -> ModelCounts:
    latency = Histogram()
    for value in seconds:
        latency.add(value)
    return ModelCounts(len(seconds), 0, latency)


def test_errors_count_only_in_the_window() -> None:
    rule = Rule("r", Kind.ERROR_RATE, 0.2, window_seconds=10)
    long_ago = verdict(rule, ModelCounts(), ModelCounts(100, 100), ModelCounts(200, 110))
    assert not long_ago.holds
    assert long_ago.value == pytest.approx(0.1)
    now = verdict(rule, ModelCounts(), ModelCounts(100, 0), ModelCounts(200, 30))
    assert now.holds
    assert now.value == pytest.approx(0.3)


def test_few_requests_say_nothing() -> None:
    rule = Rule("r", Kind.ERROR_RATE, min_requests=5)
    assert not verdict(rule, ModelCounts(), ModelCounts(4, 4)).holds
    assert verdict(rule, ModelCounts(), ModelCounts(5, 5)).holds


def test_latency_is_that_of_the_window() -> None:
    rule = Rule("r", Kind.P99_LATENCY, 0.5, window_seconds=10, min_requests=1)
    slow_before = [2.0] * 100
    before, after = lasting(*slow_before), lasting(*slow_before, *[0.1] * 100)
    assert verdict(rule, before, after).value == pytest.approx(0.1, rel=0.01)
    assert not verdict(rule, before, after).holds
    assert verdict(rule, lasting(), before).holds


def test_silence_is_known_only_after_a_whole_window() -> None:
    rule = Rule("r", Kind.NO_TRAFFIC, window_seconds=20)
    silent = ModelCounts(7)
    assert not verdict(rule, silent, silent).holds
    assert verdict(rule, silent, silent, silent).holds
    # It was loaded a moment ago.
    assert not verdict(rule, None, None, silent, silent).holds
    assert not verdict(rule, silent, silent, ModelCounts(8)).holds


def test_drift_and_quality_are_taken_from_gauges_that_may_not_be_there() -> None:
    drift, quality = Rule("d", Kind.DRIFT), Rule("q", Kind.QUALITY_DROP, 0.1)
    assert not verdict(drift, ModelCounts()).holds
    assert verdict(drift, ModelCounts(drifted=True)).holds
    assert not verdict(quality, ModelCounts()).holds
    assert not verdict(quality, ModelCounts(quality_drop=0.1)).holds
    assert verdict(quality, ModelCounts(quality_drop=0.11)).holds


def test_a_rule_for_one_model_says_nothing_about_others() -> None:
    samples = Samples(300)
    samples.add(Sample(0, {"m": ModelCounts(drifted=True), "n": ModelCounts(drifted=True)}))
    rules = (Rule("one", Kind.DRIFT, model="n"), Rule("all", Kind.DRIFT))
    found = {(told.rule.name, told.model) for told in evaluate(rules, samples)}
    assert found == {("one", "n"), ("all", "m"), ("all", "n")}


@given(st.lists(st.floats(0.1, 50), min_size=1, max_size=200), st.floats(1, 100))
def test_a_window_is_covered_by_few_samples(steps: list[float], window: float) -> None:
    samples, now = Samples(window), 0.0
    for requests, step in enumerate(steps):
        now += step
        samples.add(Sample(now, {"m": ModelCounts(float(requests))}))
    change = samples.over(window, "m")
    covers_all = change.requests == len(steps) - 1
    assert change.seconds >= window - 1e-9 or covers_all
    # No sample could be left out.
    assert change.seconds - max(steps) <= window + 1e-9
