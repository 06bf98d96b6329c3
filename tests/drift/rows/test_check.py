"""Whole rows in the check: how often it is wrong, what it finds, what it refuses."""

from typing import Any

import numpy as np
import pytest

from mlserve_cli.drift import Rule, Verdict, drift_check
from mlserve_cli.errors import UsageError

Generator = np.random.Generator


def related(r: Generator, rows: int, correlation: float, columns: int = 4) -> Any:
    """Standard normal columns, of which the first two go together."""
    values = r.normal(size=(rows, columns))
    values[:, 1] = correlation * values[:, 0] + (1 - correlation**2) ** 0.5 * values[:, 1]
    return values


def test_quiet_rows_raise_no_alarm() -> None:
    """At a rate of 1 % three alarms in 40 runs, or more, have a probability of 0.7 %."""
    r = np.random.default_rng(20_240_229)
    alarms = 0
    for _ in range(40):
        report = drift_check(related(r, 100, 0.7), related(r, 100, 0.7), multivariate=True)
        assert report.multivariate is not None
        alarms += report.multivariate.drifted
    assert alarms <= 2


def test_a_pure_change_of_correlation_is_found_by_whole_rows_only() -> None:
    r = np.random.default_rng(1)
    found = 0
    for _ in range(10):
        before, after = related(r, 500, 0.6), related(r, 500, -0.1)
        assert not drift_check(before, after)
        report = drift_check(before, after, multivariate=True)
        assert report.multivariate is not None
        assert report.count(Verdict.DRIFT) == 0
        # What whole rows show makes the check fail.
        assert bool(report) == report.multivariate.drifted
        found += report.drifted
    assert found >= 9


def test_the_columns_that_changed_are_named() -> None:
    r = np.random.default_rng(2)
    report = drift_check(related(r, 2_000, 0.8), related(r, 2_000, 0.0), multivariate=True)
    assert report.multivariate is not None
    assert {one.name for one in report.multivariate.separating[:2]} == {"x0", "x1"}
    assert report.summary == "No drift in 4 columns. Whole rows drifted."
    assert [test.name for test in report.multivariate.tests] == [
        "domain_classifier",
        "pca_reconstruction",
        "mmd",
    ]


def test_text_that_no_longer_goes_with_a_number_is_found() -> None:
    r = np.random.default_rng(3)
    number, shuffled = r.normal(size=1_000), r.normal(size=1_000)
    before = {"number": number, "text": np.where(number > 0, "high", "low")}
    after = {"number": shuffled, "text": r.permutation(np.where(shuffled > 0, "high", "low"))}
    report = drift_check(before, after, multivariate=True)
    assert report.multivariate is not None
    assert report.multivariate.drifted


def test_what_is_significant_and_small_is_no_drift() -> None:
    r = np.random.default_rng(4)
    before, after = related(r, 8_000, 0.5), related(r, 8_000, 0.42)
    report = drift_check(before, after, Rule(min_effect=0.5), multivariate=True)
    assert report.multivariate is not None
    rebuilt = report.multivariate.tests[1]
    assert (rebuilt.threshold, rebuilt.drifted) == (0.5, False)


def test_few_rows_are_told_and_fail_with_strict() -> None:
    values = np.random.default_rng(5).normal(size=(2_000, 2))
    lenient = drift_check(values, values[:49], multivariate=True)
    assert lenient.multivariate is not None
    assert lenient.multivariate.tests == ()
    assert not lenient
    assert lenient.notes[-1].startswith("Whole rows are compared from 50 rows on each side")
    assert drift_check(values, values[:49], Rule(strict=True), multivariate=True)


def test_a_single_column_is_no_row() -> None:
    values = np.random.default_rng(6).normal(size=(200, 1))
    with pytest.raises(UsageError, match="two columns at least"):
        drift_check(values, values, multivariate=True)
