import numpy as np
import pytest
from scipy import stats

from mlserve_cli.drift import Rule, drift_check
from mlserve_cli.drift.evaluation.shares import share


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0 %"),
        (0.0001, "less than 0.1 %"),
        (0.0312, "3.1 %"),
        (0.1249, "12 %"),
        (1.0, "100 %"),
        (0.9999, "more than 99.9 %"),
    ],
)
def test_shares_are_written_as_people_read_them(value: float, text: str) -> None:
    assert share(value) == text


def test_rows_beyond_the_range_are_expected_where_the_reference_is_small() -> None:
    """Of 20 reference rows one in ten current ones is beyond the range, and that proves nothing."""
    r = np.random.default_rng(0)
    drifted = 0
    for _ in range(100):
        report = drift_check({"x": r.normal(size=20)}, {"x": r.normal(size=500)}, Rule(min_share=0))
        found = [check for check in report.column("x").checks if check.name == "out_of_range"]
        drifted += any(check.drifted for check in found)
    assert drifted <= 2


def test_the_p_value_of_rows_beyond_the_range_is_the_share_of_orders() -> None:
    before, after = np.arange(10) + 0.5, np.append(np.arange(7) + 0.6, [20.1, 30.1, 40.1])
    report = drift_check({"x": before}, {"x": after}).column("x")
    check = next(check for check in report.checks if check.name == "out_of_range")
    # The three largest of 20 rows are all from the ten current ones; on either side.
    assert check.p_value == pytest.approx(2 * (10 * 9 * 8) / (20 * 19 * 18))


def test_the_share_of_new_categories_has_a_bound() -> None:
    before = np.array(["a"] * 500)
    after = np.array(["a"] * 450 + ["b"] * 50)
    report = drift_check({"x": before}, {"x": after}).column("x")
    check = next(check for check in report.checks if check.name == "new_categories")
    measures = {measure.name: measure.value for measure in check.measures}
    assert measures["share"] == 0.1
    # Clopper-Pearson, 95 %, one-sided.
    assert measures["share_bound"] == pytest.approx(stats.beta.ppf(0.95, 51, 450))
