"""The whole check on small data: what is told about each kind of change."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.datasets import load_wine

from mlserve_cli.drift import Method, Rule, Verdict, drift_check
from mlserve_cli.drift.report import ColumnReport, Kind

if TYPE_CHECKING:
    from numpy.typing import NDArray

ROWS = 2_000


@pytest.fixture
def quiet() -> "NDArray[np.float64]":
    return np.random.default_rng(0).normal(size=(2 * ROWS, 3))


def compared(before: Any, after: Any, rule: Rule | None = None) -> ColumnReport:
    """The report on a single column."""
    return drift_check({"x": before}, {"x": after}, rule).column("x")


def checks(report: ColumnReport) -> dict[str, bool]:
    return {check.name: check.drifted for check in report.checks}


def test_nothing_is_found_in_quiet_data(quiet: "NDArray[np.float64]") -> None:
    report = drift_check(quiet[:ROWS], quiet[ROWS:])
    assert not report
    assert {column.verdict for column in report.columns} == {Verdict.OK}
    assert report.summary == "No drift in 3 columns."
    assert (report.reference_rows, report.current_rows) == (ROWS, ROWS)


def test_a_shift_is_found_and_told_in_words(quiet: "NDArray[np.float64]") -> None:
    after = quiet[ROWS:] + np.array([0, 0.5, 0])
    report = drift_check(quiet[:ROWS], after)
    assert report
    # The worst column comes first.
    assert report.columns[0].name == "x1"
    assert report.columns[0].verdict is Verdict.DRIFT
    medians = np.median(quiet[:ROWS, 1]), np.median(after[:, 1])
    assert report.columns[0].direction == f"median {medians[0]:.3g} -> {medians[1]:.3g}"
    assert report.summary == "1 of 3 columns drifted."


def test_statistics_are_scipys(quiet: "NDArray[np.float64]") -> None:
    before, after = quiet[:ROWS, 0], quiet[ROWS:, 0] * 1.1
    measures = {measure.name: measure for measure in compared(before, after).checks[0].measures}
    expected = stats.ks_2samp(before, after)
    assert measures["ks"].value == pytest.approx(expected.statistic, abs=1e-15)
    assert measures["ks"].p_value == pytest.approx(expected.pvalue, rel=1e-9)


def test_significant_but_small_is_negligible() -> None:
    values = np.random.default_rng(1).normal(size=100_000)
    report = compared(values[:50_000], values[50_000:] + 0.05)
    assert report.verdict is Verdict.NEGLIGIBLE_SHIFT
    assert report.adjusted_p_value is not None
    assert report.adjusted_p_value < 1e-6
    assert report.direction


def test_a_change_of_scale_is_found(quiet: "NDArray[np.float64]") -> None:
    report = compared(quiet[:ROWS, 0], quiet[ROWS:, 0] * 1.5)
    assert report.verdict is Verdict.DRIFT
    assert "interquartile range" in report.direction


@pytest.mark.parametrize("share", [0.02, 0.3])
def test_missing_values_are_a_check_of_their_own(
    quiet: "NDArray[np.float64]", share: float
) -> None:
    after = quiet[ROWS:, 0].copy()
    after[: int(share * ROWS)] = np.nan
    report = compared(quiet[:ROWS, 0], after)
    expected = Verdict.DRIFT if share > 0.05 else Verdict.NEGLIGIBLE_SHIFT
    assert report.verdict is expected
    assert report.current is not None
    assert report.current.missing_share == share
    assert report.direction == ("missing 0 % -> 2.0 %" if share == 0.02 else "missing 0 % -> 30 %")
    # The values that are there have not changed.
    assert checks(report)["distribution"] is False


def test_infinities_are_a_check_of_their_own(quiet: "NDArray[np.float64]") -> None:
    after = quiet[ROWS:, 0].copy()
    after[:300] = -np.inf
    report = compared(quiet[:ROWS, 0], after)
    assert checks(report) == {"distribution": False, "infinite": True}
    assert report.current is not None
    assert report.current.infinite == 300


def test_values_beyond_the_reference_are_counted(quiet: "NDArray[np.float64]") -> None:
    before = np.clip(quiet[:ROWS, 0], -1.2, 1.2)
    report = compared(before, quiet[ROWS:, 0])
    assert report.out_of_range is not None
    beyond = (quiet[ROWS:, 0] > 1.2).sum(), (quiet[ROWS:, 0] < -1.2).sum()
    assert (report.out_of_range.above, report.out_of_range.below) == beyond
    assert checks(report)["out_of_range"] is True
    assert "of values above the reference's maximum" in report.direction


def test_a_new_category_is_a_finding() -> None:
    r = np.random.default_rng(0)
    before = r.choice(["a", "b", "c"], ROWS)
    after = np.where(r.random(ROWS) < 0.07, "d", r.choice(["a", "b", "c"], ROWS))
    report = compared(before, after)
    assert report.kind is Kind.TEXT
    assert report.verdict is Verdict.DRIFT
    assert [category.label for category in report.new_categories] == ["d"]
    assert "of rows in 1 new category: 'd'" in report.direction
    assert [category.label for category in compared(after, before).vanished_categories] == ["d"]


def test_whole_numbers_of_few_values_are_categories() -> None:
    r = np.random.default_rng(0)
    report = compared(r.integers(0, 4, ROWS), r.integers(0, 4, ROWS).astype(float))
    assert report.kind is Kind.DISCRETE
    assert report.categories is not None
    assert report.categories.labels == ("0", "1", "2", "3")
    many = compared(r.integers(0, 30, ROWS), r.integers(0, 30, ROWS))
    assert many.kind is Kind.NUMERIC


def test_what_is_discrete_on_one_side_only_is_compared_by_order() -> None:
    r = np.random.default_rng(0)
    before, after = r.integers(0, 10, ROWS), r.normal(5, 3, ROWS)
    for first, second in ((before, after), (after, before)):
        report = compared(first, second)
        assert report.kind is Kind.NUMERIC
        ks = next(m for m in report.checks[0].measures if m.name == "ks")
        assert ks.value == stats.ks_2samp(first, second).statistic


def test_truth_values_are_compared() -> None:
    r = np.random.default_rng(0)
    report = compared(r.random(ROWS) < 0.5, r.random(ROWS) < 0.8)
    assert report.kind is Kind.BOOLEAN
    assert report.categories is not None
    assert report.categories.labels == ("false", "true")
    assert report.verdict is Verdict.DRIFT


def test_a_column_without_any_value_is_a_finding(quiet: "NDArray[np.float64]") -> None:
    nothing = np.full(ROWS, np.nan)
    report = compared(quiet[:ROWS, 0], nothing)
    assert report.verdict is Verdict.DRIFT
    assert "Every value is missing in the current data." in report.notes
    both = compared(nothing, nothing)
    assert both.verdict is Verdict.OK


def test_a_column_that_has_become_constant_is_told(quiet: "NDArray[np.float64]") -> None:
    report = compared(quiet[:ROWS, 0], np.full(ROWS, 0.25))
    assert report.verdict is Verdict.DRIFT
    assert report.current is not None
    assert report.current.constant == "0.25"
    assert report.notes == ("The current data hold one value only.",)


def test_a_column_that_is_constant_on_both_sides_is_fine() -> None:
    assert compared(np.full(ROWS, 0.25), np.full(ROWS, 0.25)).verdict is Verdict.OK
    assert compared(np.full(ROWS, 0.25), np.full(ROWS, 0.5)).verdict is Verdict.DRIFT


def test_times_are_not_compared() -> None:
    times = pd.date_range("2024-01-01", periods=2 * ROWS, freq="h")
    report = compared(times[:ROWS], times[ROWS:])
    assert report.kind is Kind.TIME
    assert report.verdict is Verdict.OK
    assert "Times are not compared" in report.notes[0]


def test_too_few_rows_are_said_to_be_too_few(quiet: "NDArray[np.float64]") -> None:
    report = drift_check(quiet[:ROWS], quiet[ROWS : ROWS + 20])
    assert not report
    assert {column.verdict for column in report.columns} == {Verdict.INSUFFICIENT_DATA}
    assert all((column.smallest_detectable or 0) > 0.2 for column in report.columns)
    assert drift_check(quiet[:ROWS], quiet[ROWS : ROWS + 20], Rule(strict=True))


def test_few_rows_are_enough_for_a_large_change(quiet: "NDArray[np.float64]") -> None:
    report = compared(quiet[:ROWS, 0], quiet[ROWS : ROWS + 20, 0] + 3)
    assert report.verdict is Verdict.DRIFT


def test_a_share_of_drifted_columns_can_be_accepted(quiet: "NDArray[np.float64]") -> None:
    after = quiet[ROWS:] + np.array([0, 1, 0])
    assert drift_check(quiet[:ROWS], after, Rule(max_drifted_share=0.3))
    assert not drift_check(quiet[:ROWS], after, Rule(max_drifted_share=0.4))


def test_a_column_can_have_a_threshold_of_its_own(quiet: "NDArray[np.float64]") -> None:
    after = quiet[ROWS:] + np.array([0.5, 0.5, 0])
    report = drift_check(quiet[:ROWS], after, Rule(thresholds={"x0": 0.9}))
    assert report.column("x0").verdict is Verdict.NEGLIGIBLE_SHIFT
    assert report.column("x1").verdict is Verdict.DRIFT


def test_missing_columns_fail_and_extra_ones_do_not() -> None:
    r = np.random.default_rng(0)
    frame = pd.DataFrame(r.normal(size=(2 * ROWS, 3)), columns=["a", "b", "c"])
    lost = drift_check(frame[:ROWS], frame[ROWS:].drop(columns="b"))
    assert lost
    assert lost.column("b").verdict is Verdict.SCHEMA_PROBLEM
    assert lost.summary == "No drift in 2 columns, 1 schema problem."
    more = drift_check(frame[:ROWS].drop(columns="b"), frame[ROWS:])
    assert not more
    assert [finding.problem for finding in more.schema] == ["extra"]
    assert drift_check(frame[:ROWS].drop(columns="b"), frame[ROWS:], Rule(strict=True))


def test_wine_of_two_growers_differs_in_alcohol() -> None:
    values, grower = load_wine(return_X_y=True, as_frame=True)
    report = drift_check(values[grower == 0], values[grower == 1])
    ks = next(m for m in report.column("alcohol").checks[0].measures if m.name == "ks")
    assert ks.value == pytest.approx(0.873239, abs=5e-7)


def test_the_report_is_json_with_numbers_only(quiet: "NDArray[np.float64]") -> None:
    after = np.full((ROWS, 3), [1.7e308, np.inf, np.nan])
    after[0] = -1.7e308
    large = np.random.default_rng(0).lognormal(size=(2, 40_000))
    words = np.random.default_rng(0).choice(["a", "b"], (2, 500))
    for report in (
        drift_check(quiet[:ROWS], after),
        drift_check(
            {"x": large[0], "y": np.arange(40_000) % 7}, {"x": large[1] * 2, "y": large[1]}
        ),
        drift_check({"x": words[0]}, {"x": words[1]}),
        *(drift_check(large.T, large.T + 1, Rule.of_mapping({"method": m})) for m in Method),
    ):
        text = json.dumps(report.to_dict(), allow_nan=False)
        # Numpy's numbers would pass for Python's, but not everywhere.
        assert json.loads(text) == json.loads(msgspec.json.encode(report))
        assert json.loads(text)["schema_version"] == 1
        assert json.loads(text)["drifted"] is bool(report)


@pytest.mark.parametrize(
    "method", ["ks", "psi", "wasserstein", "js", "chi2", "hellinger", "energy", "cvm", "ad"]
)
def test_every_method_tells_shifted_from_quiet(
    quiet: "NDArray[np.float64]", method: str, tmp_path: Path
) -> None:
    rule = Rule.of_mapping({"method": method})
    words = np.random.default_rng(0).choice(["a", "b"], 2 * ROWS)
    before = {"x": quiet[:ROWS, 0], "y": quiet[:ROWS, 1], "z": words[:ROWS]}
    after = {"x": quiet[ROWS:, 0] + 0.6, "y": quiet[ROWS:, 1], "z": words[ROWS:]}
    verdicts = {c.name: c.verdict for c in drift_check(before, after, rule).columns}
    assert verdicts == {"x": Verdict.DRIFT, "y": Verdict.OK, "z": Verdict.OK}


def test_distances_are_in_units_of_the_reference() -> None:
    values = np.random.default_rng(0).normal(0, 7, size=20_000)
    rule = Rule.of_mapping({"method": "wasserstein"})
    report = compared(values, values + 3.5, rule)
    assert report.effect == pytest.approx(0.5, rel=0.03)


def test_histograms_of_both_sides_share_their_edges(quiet: "NDArray[np.float64]") -> None:
    big = np.random.default_rng(0).normal(size=(2, 60_000))
    for before, after in ((quiet[:ROWS, 0], quiet[ROWS:, 0] + 9), (big[0], big[1] - 3)):
        drawn = compared(before, after).histogram
        assert drawn is not None
        assert len(drawn.edges) == 41
        assert (sum(drawn.reference), sum(drawn.current)) == (len(before), len(after))
        inner = np.array(drawn.edges)
        inner[[0, -1]] = -np.inf, np.inf
        for counts, values in ((drawn.reference, before), (drawn.current, after)):
            expected = np.histogram(values, inner)[0]
            assert np.abs(np.array(counts) - expected).max() <= 0.002 * len(values)


def test_quantiles_are_numpys(quiet: "NDArray[np.float64]") -> None:
    big = np.random.default_rng(0).lognormal(0, 1, size=100_000)
    for values in (quiet[:, 0], big):
        side = compared(values, values).current
        assert side is not None
        expected = np.quantile(values, [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99])
        assert side.quantiles == pytest.approx(expected, rel=1e-3, abs=1e-3)
        assert (side.minimum, side.maximum) == (values.min(), values.max())
