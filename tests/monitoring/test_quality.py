from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from mlserve_cli.errors import SignatureError
from mlserve_cli.inference.predictor import Prediction
from mlserve_cli.monitoring.quality import quality_metrics
from mlserve_cli.signature import Task

CLASSES = ("cat", "dog", "owl")


def classified(truth: Any, labels: Any, probabilities: Any = None, classes: Any = CLASSES) -> Any:
    prediction = Prediction(np.array(labels), probabilities)
    return quality_metrics(
        Task.CLASSIFICATION, pd.Series(truth, name="animal"), prediction, classes
    )


def test_classification_metrics_are_scikit_learns() -> None:
    generator = np.random.default_rng(0)
    truth = generator.choice(CLASSES, 200)
    probabilities = generator.dirichlet([1, 1, 1], 200)
    labels = np.array(CLASSES)[probabilities.argmax(axis=1)]
    found = classified(truth, labels, probabilities)
    assert found == {
        "rows": 200,
        "accuracy": metrics.accuracy_score(truth, labels),
        "balanced_accuracy": metrics.balanced_accuracy_score(truth, labels),
        "f1_macro": metrics.f1_score(truth, labels, average="macro"),
        "log_loss": pytest.approx(metrics.log_loss(truth, probabilities, labels=CLASSES)),
        "roc_auc": metrics.roc_auc_score(truth, probabilities, multi_class="ovr"),
    }


def test_the_area_under_the_curve_of_two_classes_is_of_the_second_one() -> None:
    probabilities = np.array([[0.9, 0.1], [0.6, 0.4], [0.7, 0.3], [0.2, 0.8]])
    truth, labels = [False, False, True, True], [False, False, False, True]
    found = classified(truth, labels, probabilities, (False, True))
    assert found["roc_auc"] == 0.75


def test_a_class_absent_from_the_truth_leaves_the_area_undefined() -> None:
    found = classified(["cat", "dog"], ["cat", "owl"], np.full((2, 3), 1 / 3))
    assert "roc_auc" not in found
    assert found["accuracy"] == 0.5
    assert found["balanced_accuracy"] == 0.5


def test_rows_without_truth_do_not_count() -> None:
    found = classified(["cat", None, "dog"], ["cat", "owl", "owl"])
    assert found["rows"] == 2
    assert found["accuracy"] == 0.5


def test_labels_that_the_model_has_never_seen_are_refused() -> None:
    with pytest.raises(SignatureError, match=r"holds 'ant', 'bee'; the model knows .*'cat'"):
        classified(["ant", "bee"], ["cat", "dog"])


def test_a_target_without_any_value_is_refused() -> None:
    with pytest.raises(SignatureError, match="'animal' is missing in every row"):
        classified([None, None], ["cat", "dog"])


@given(st.lists(st.tuples(*[st.floats(-1e6, 1e6)] * 2), min_size=2, max_size=30))
def test_regression_metrics_are_scikit_learns(pairs: Any) -> None:
    truth, labels = np.array(pairs).T
    found = quality_metrics(Task.REGRESSION, pd.Series(truth), Prediction(labels))
    assert found["mae"] == metrics.mean_absolute_error(truth, labels)
    assert found["rmse"] == pytest.approx(np.sqrt(np.mean((truth - labels) ** 2)))
    assert found["r2"] == metrics.r2_score(truth, labels)


def test_text_is_no_target_of_a_regression() -> None:
    with pytest.raises(SignatureError, match="'high'; the model predicts numbers"):
        quality_metrics(
            Task.REGRESSION, pd.Series(["high", "low"]), Prediction(np.array([1.0, 2.0]))
        )


def test_clusters_have_no_truth() -> None:
    assert quality_metrics(Task.CLUSTERING, pd.Series([1]), Prediction(np.array([0]))) == {}
