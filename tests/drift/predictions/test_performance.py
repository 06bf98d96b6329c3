"""How good predictions are: with the truth, and without."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

from mlserve_cli.drift import Rule, Verdict, drift_check
from mlserve_cli.drift.predictions.report import Performance
from mlserve_cli.errors import InputError, UsageError

ROWS = 2_000
COLUMNS = ("prediction", "probability_no", "probability_yes")


def scored(seed: int, *, wrong: float = 0.0, shift: float = 0.0) -> pd.DataFrame:
    """A calibrated classifier's rows, of whose truth a share is turned around."""
    r = np.random.default_rng(seed)
    x = r.normal(shift, 1, ROWS)
    share = 1 / (1 + np.exp(-2 * x))
    truth = r.random(ROWS) < share
    truth ^= r.random(ROWS) < wrong
    return pd.DataFrame(
        {
            "x": x,
            "prediction": np.where(share > 0.5, "yes", "no"),
            "probability_no": 1 - share,
            "probability_yes": share,
            "truth": np.where(truth, "yes", "no"),
        }
    )


def measured(before: Any, after: Any, predictions: Any = COLUMNS, **given: Any) -> Performance:
    report = drift_check(before, after, predictions=predictions, target="truth", **given)
    assert report.performance is not None
    return report.performance


def values(performance: Performance) -> dict[str, float]:
    return {figure.name: figure.current for figure in performance.figures}


def test_metrics_are_those_of_scikit_learn() -> None:
    before, after = scored(0), scored(1)
    found = measured(before, after)
    expected = {
        "accuracy": metrics.accuracy_score(after.truth, after.prediction),
        "balanced_accuracy": metrics.balanced_accuracy_score(after.truth, after.prediction),
        "f1_macro": metrics.f1_score(after.truth, after.prediction, average="macro"),
        "roc_auc": metrics.roc_auc_score(after.truth == "yes", after.probability_yes),
    }
    assert values(found) == pytest.approx(expected, rel=1e-12)
    assert (found.task, found.target) == ("classification", "truth")
    assert not found.drifted


def test_a_fall_makes_the_check_fail_although_no_column_drifted() -> None:
    report = drift_check(scored(0), scored(1, wrong=0.2), predictions=COLUMNS, target="truth")
    assert report
    assert report.count(Verdict.DRIFT) == 0
    assert report.performance is not None
    accuracy = report.performance.figures[0]
    assert accuracy.high is not None
    assert accuracy.difference < accuracy.high < -0.05
    assert "The predictions got worse (accuracy" in report.summary


def test_intervals_cover_the_true_difference() -> None:
    """99.75 % intervals; the true difference is 0."""
    covered = 0
    for run in range(15):
        accuracy = measured(scored(2 * run), scored(2 * run + 1)).figures[0]
        assert accuracy.low is not None
        assert accuracy.high is not None
        covered += accuracy.low <= 0 <= accuracy.high
    assert covered >= 14


def test_quality_that_rises_is_no_drift() -> None:
    assert not measured(scored(0, wrong=0.3), scored(1)).drifted


def test_numbers_are_a_regression() -> None:
    r = np.random.default_rng(0)

    def side(noise: float) -> pd.DataFrame:
        truth = r.normal(size=ROWS)
        return pd.DataFrame({"truth": truth, "guess": truth + r.normal(0, noise, ROWS)})

    before, after = side(0.3), side(0.6)
    found = measured(before, after, ["guess"])
    assert found.task == "regression"
    assert values(found) == pytest.approx(
        {
            "r2": metrics.r2_score(after.truth, after.guess),
            "mae": metrics.mean_absolute_error(after.truth, after.guess),
        },
        rel=1e-12,
    )
    assert {figure.name: figure.drifted for figure in found.figures} == {"r2": True, "mae": True}
    assert not measured(side(0.3), side(0.3), ["guess"]).drifted


@pytest.mark.parametrize("labels", ["numbers", "truth values", "only probabilities", "one"])
def test_labels_are_matched_whatever_their_type(labels: str) -> None:
    before, after = scored(0), scored(1)
    predictions: list[str] = list(COLUMNS)
    expected = metrics.accuracy_score(after.truth, after.prediction)
    for frame in (before, after):
        if labels == "numbers":
            frame["truth"] = (frame.truth == "yes").astype(int)
            frame["prediction"] = (frame.prediction == "yes").astype(float)
        if labels == "truth values":
            frame["truth"] = frame.truth == "yes"
            frame["prediction"] = frame.prediction == "yes"
    if labels in ("numbers", "truth values"):
        names = {"numbers": ("0", "1"), "truth values": ("False", "True")}[labels]
        renamed = dict(zip(COLUMNS[1:], (f"probability_{name}" for name in names), strict=True))
        before, after = before.rename(columns=renamed), after.rename(columns=renamed)
        predictions = ["prediction", *renamed.values()]
    if labels == "only probabilities":
        predictions = list(COLUMNS[1:])
    if labels == "one":
        predictions = ["probability_yes"]
    found = values(measured(before, after, predictions))
    assert found["accuracy"] == pytest.approx(expected)
    assert "roc_auc" in found


def test_rows_without_a_truth_do_not_count() -> None:
    after = scored(1)
    after.loc[:499, "truth"] = None
    assert measured(scored(0), after).current_rows == ROWS - 500


def test_without_the_truth_it_is_estimated_and_does_not_decide() -> None:
    before, after = scored(0), scored(1, shift=1.5)
    report = drift_check(before, after.drop(columns="truth"), predictions=COLUMNS, target="truth")
    found = report.performance
    assert found is not None
    assert found.is_estimate
    assert not found.drifted
    assert found.assumption.startswith("An estimate: it assumes that the probabilities")
    # The truth is where the estimate says, since only the inputs drifted.
    realised = metrics.accuracy_score(after.truth, after.prediction)
    assert values(found)["accuracy"] == pytest.approx(realised, abs=0.03)
    # That the truth is not there is no difference of the columns.
    assert report.schema == ()
    assert report.notes[0].endswith("has no column 'truth' with the truth.")


def test_what_is_no_distribution_over_classes_is_not_estimated() -> None:
    report = drift_check(scored(0).assign(probability_yes=0.9), scored(1), predictions=COLUMNS[1:])
    assert report.performance is None
    assert report.notes[0].startswith("No quality is estimated.")


def test_predictions_come_first_and_are_corrected_apart() -> None:
    r = np.random.default_rng(0)
    names = [f"x{k:03}" for k in range(200)]

    def side(shift: float) -> pd.DataFrame:
        frame = pd.DataFrame(r.normal(size=(300, 200)), columns=names)
        frame["prediction"] = r.normal(shift, 1, 300)
        frame["x000"] += 3 * shift
        return frame

    before, after = side(0.0), side(0.25)
    report = drift_check(before, after, predictions=["prediction"])
    assert report.predictions == ("prediction",)
    assert [column.name for column in report.columns[:2]] == ["prediction", "x000"]
    alone = drift_check(before, after, columns=["prediction"]).columns[0]
    assert report.columns[0].adjusted_p_value == alone.adjusted_p_value
    assert report.columns[0].verdict is Verdict.DRIFT
    # Among all columns the same change would have been lost.
    assert drift_check(before, after).column("prediction").verdict is not Verdict.DRIFT


def test_predictions_are_compared_whatever_columns_are_named() -> None:
    report = drift_check(scored(0), scored(1), columns=["x"], predictions=["prediction"])
    assert [column.name for column in report.columns] == ["prediction", "x"]


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"predictions": ["nope"]}, UsageError, "has no column 'nope' that predictions"),
        ({"target": "truth"}, UsageError, "none are named"),
        ({"predictions": ["x"], "target": "x"}, UsageError, "both the truth and a prediction"),
        ({"predictions": ["x"], "target": "nope"}, UsageError, "has no column 'nope'"),
        ({"predictions": ["x", "prediction"], "target": "truth"}, UsageError, "Only one column"),
        ({"predictions": ["x"], "target": "truth"}, InputError, "none of which is ever predicted"),
        ({"predictions": ["probability_no"], "target": "many"}, InputError, "has 3 classes"),
        ({"predictions": ["prediction"], "target": "empty"}, InputError, "no row with a value"),
    ],
    ids=lambda value: ",".join(value) if isinstance(value, dict) else None,
)
def test_questions_that_make_no_sense_are_refused(
    given: Any, error: type[Exception], message: str
) -> None:
    frame = scored(0).assign(many=[*("abc" * 666), "a", "b"], empty=np.nan)
    with pytest.raises(error, match=message):
        drift_check(frame, frame, **given)


def test_a_profile_has_no_rows_to_judge(tmp_path: Any) -> None:
    path = tmp_path / "reference.drift"
    drift_check(scored(0), scored(1), profile=path)
    for given in ({"multivariate": True}, {"predictions": COLUMNS, "target": "truth"}):
        with pytest.raises(UsageError, match="needs the reference row by row"):
            drift_check(path, scored(1), **given)
    assert drift_check(path, scored(1), predictions=COLUMNS).performance is None


def test_a_rule_without_correction_has_narrower_intervals() -> None:
    rule = Rule.of_mapping({"correction": "none", "alpha": 0.05})
    assert measured(scored(0), scored(1), rule=rule).confidence == 0.95
