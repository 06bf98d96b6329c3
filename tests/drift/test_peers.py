"""What other detectors are known to get wrong, each as a test."""

from typing import Any

import numpy as np
import pytest

from mlserve_cli.drift import DriftDetector, Verdict, drift_check

RUNS = 40


def alarms(draw: Any, reference_rows: int, current_rows: int) -> int:
    r = np.random.default_rng(5)
    return sum(
        bool(drift_check({"x": draw(r, reference_rows)}, {"x": draw(r, current_rows)}))
        for _ in range(RUNS)
    )


@pytest.mark.parametrize("categories", [3, 5, 20])
def test_both_samples_of_categories_vary(categories: int) -> None:
    """A chi-squared test that takes the reference for the truth: 19 to 75 % false alarms."""
    assert alarms(lambda r, n: r.integers(0, categories, n).astype("U2"), 1_000, 1_000) <= 2


def test_a_small_window_against_a_large_reference_is_no_drift() -> None:
    """A fixed threshold of a distance, Wasserstein or PSI: 71 to 84 % false alarms."""
    assert alarms(lambda r, n: r.normal(size=n), 2_000, 100) <= 2
    assert alarms(lambda r, n: r.lognormal(size=n), 2_000, 200) <= 2


@pytest.mark.parametrize("categories", [100, 300])
def test_many_categories_are_no_drift(categories: int) -> None:
    """A fixed threshold of the Jensen-Shannon distance: 85 to 100 % false alarms."""
    assert alarms(lambda r, n: r.integers(0, categories, n).astype("U3"), 2_000, 2_000) <= 2


@pytest.mark.parametrize("outlier", [1e6, 1e300, -1e300])
def test_one_outlier_does_not_hide_a_shift(outlier: float) -> None:
    """Bins that follow the pooled range: PSI falls from 0.95 to 0.00007."""
    r = np.random.default_rng(0)
    after = r.normal(1, 1, 5_000)
    after[0] = outlier
    report = drift_check({"x": r.normal(size=5_000)}, {"x": after}).column("x")
    assert report.verdict is Verdict.DRIFT
    psi = next(m for m in report.checks[0].measures if m.name == "psi")
    assert psi.value > 0.8


def test_one_missing_value_does_not_hide_a_shift() -> None:
    """A p-value that is NaN counts as no drift."""
    r = np.random.default_rng(0)
    after = r.normal(3, 1, 1_000)
    after[7] = np.nan
    assert drift_check({"x": r.normal(size=1_000)}, {"x": after})


def test_twenty_quiet_columns_are_quiet() -> None:
    """Any column with p < 0.05 alarms in two runs of three, as the tutorials' rule does."""
    r = np.random.default_rng(0)
    ours = tutorial = 0
    for _ in range(RUNS):
        before, after = r.normal(size=(2, 300, 20))
        ours += bool(drift_check(before, after))
        tutorial += bool(DriftDetector(before).detect_drift(after))
    assert ours <= 2
    assert tutorial >= RUNS / 2


def test_many_rows_do_not_make_a_small_shift_drift() -> None:
    """p = 1e-36 at D = 0.04 is not what matters."""
    r = np.random.default_rng(0)
    before, after = r.normal(size=50_000), r.normal(0.1, 1, 50_000)
    report = drift_check({"x": before}, {"x": after}).column("x")
    assert report.verdict is Verdict.NEGLIGIBLE_SHIFT
    assert report.p_value is not None
    assert report.p_value < 1e-30
