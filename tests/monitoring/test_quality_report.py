"""Reports on predictions whose truth is known."""

from collections.abc import Sequence

import numpy as np
import pytest

from mlserve_cli.errors import InputError
from mlserve_cli.monitoring.judged import Judged, label_text
from mlserve_cli.monitoring.quality_report import quality_report
from mlserve_cli.signature import Task

NOON = 1_700_000_000.0


def judged(truth: Sequence[object], predicted: Sequence[object], **options: object) -> Judged:
    return Judged(Task.CLASSIFICATION, truth, predicted, **options)  # type: ignore[arg-type]


def test_intervals_hold_the_true_value_as_often_as_they_say() -> None:
    generator = np.random.default_rng(0)
    held = 0
    for _ in range(100):
        right = generator.random(150) < 0.8
        (accuracy, *_) = quality_report(
            judged(["a"] * 150, np.where(right, "a", "b").tolist())
        ).figures
        held += accuracy.low <= 0.8 <= accuracy.high
    # A binomial of 100 and 0.95 is below that once in a thousand times.
    assert held >= 87


def test_the_same_seed_gives_the_same_intervals() -> None:
    data = judged(["a", "b", "a", "b"], ["a", "b", "b", "b"])
    assert quality_report(data, seed=3) == quality_report(data, seed=3)
    assert quality_report(data, seed=3) != quality_report(data, seed=4)


def test_classes_have_figures_of_their_own() -> None:
    report = quality_report(judged(["a", "a", "b", "c"], ["a", "b", "b", "b"]))
    assert [(one.label, one.rows) for one in report.classes] == [("a", 2), ("b", 1), ("c", 1)]
    found = [[one.precision, one.recall, one.f1] for one in report.classes]
    assert found == [
        pytest.approx([1, 1 / 2, 2 / 3]),
        pytest.approx([1 / 3, 1, 1 / 2]),
        pytest.approx([0, 0, 0]),
    ]


def test_calibration_compares_probability_and_accuracy() -> None:
    confident = np.tile([0.95, 0.05], (10, 1))
    unsure = np.tile([0.55, 0.45], (10, 1))
    truth = ["a"] * 9 + ["b"] + ["a"] * 2 + ["b"] * 8
    report = quality_report(
        judged(truth, ["a"] * 20, probabilities=np.vstack([confident, unsure]), classes=("a", "b"))
    )
    low, high = report.calibration
    assert (low.low, low.rows, low.accuracy) == (0.5, 10, 0.2)
    assert (high.low, high.rows, high.accuracy) == (0.9, 10, 0.9)
    assert report.calibration_error == pytest.approx((0.05 + 0.35) / 2)


@pytest.mark.parametrize(("hours", "periods"), [(3, 3), (24 * 5, 5)])
def test_time_is_divided_into_hours_or_days(hours: int, periods: int) -> None:
    start = 1_700_006_400.0 // 86_400 * 86_400
    times = start + 3600 * np.arange(hours) + 1
    report = quality_report(judged(["a"] * hours, ["a"] * hours, times=times))
    assert len(report.periods) == periods
    assert sum(period.rows for period in report.periods) == hours
    assert report.periods[0].time == start
    assert report.periods[0].figures["accuracy"] == 1


def test_a_fall_since_the_model_was_saved_is_told() -> None:
    stored = {"accuracy": 0.9, "log_loss": 0.1, "rows": 100.0}
    report = quality_report(judged(["a", "b"] * 10, ["a", "a"] * 10, stored=stored))
    accuracy = report.figures[0]
    assert accuracy.stored == 0.9
    assert accuracy.drop == pytest.approx(0.4)
    assert [figure.name for figure in report.fell(0.3)] == ["accuracy"]
    assert report.fell(0.5) == ()


def test_losses_are_shown_beside_those_at_save_and_do_not_fall() -> None:
    report = quality_report(
        Judged(Task.REGRESSION, [1.0, 2.0], [1.0, 4.0], stored={"mae": 0.1, "r2": 0.9})
    )
    found = {figure.name: figure for figure in report.figures}
    assert (found["mae"].value, found["mae"].stored, found["mae"].drop) == (1.0, 0.1, None)
    assert found["r2"].drop == pytest.approx(0.9 + 7)


def test_a_class_that_the_model_does_not_know_is_a_wrong_prediction() -> None:
    report = quality_report(
        judged(["a", "new"], ["a", "a"], probabilities=np.eye(2), classes=("a", "b"))
    )
    assert report.figures[0].value == 0.5
    assert [figure.name for figure in report.figures] == [
        *("accuracy", "balanced_accuracy", "f1_macro")
    ]
    assert report.calibration_error is None


@pytest.mark.parametrize("labels", [["1", "0"], [1, 0], [1.0, 0.0]])
def test_labels_are_the_same_however_they_were_read(labels: list[object]) -> None:
    report = quality_report(judged(labels, [1, 1], probabilities=np.eye(2), classes=(0, 1)))
    assert report.figures[0].value == 0.5
    assert [one.label for one in report.classes] == ["0", "1"]


def test_label_texts_keep_what_differs() -> None:
    assert [label_text(v) for v in (True, 1.5, "x", 7.0, 10**18)] == [
        *("True", "1.5", "x", "7", str(10**18))
    ]


def test_nothing_can_be_said_of_no_rows_and_of_texts_in_a_regression() -> None:
    with pytest.raises(InputError, match="no prediction whose truth is known"):
        quality_report(judged([], []))
    with pytest.raises(InputError, match="holds numbers"):
        quality_report(Judged(Task.REGRESSION, ["high"], [1.0]))
