import math

import numpy as np
import pytest
from sklearn import metrics

from mlserve_cli.drift.statistics.performance import estimate_performance
from mlserve_cli.errors import InputError


@pytest.mark.parametrize("classes", [2, 3, 7])
def test_the_estimate_is_the_quality_on_labels_drawn_from_the_probabilities(classes: int) -> None:
    generator = np.random.default_rng(classes)
    probabilities = generator.dirichlet(np.linspace(0.3, 1, classes), 100_000)
    labels = (generator.random((100_000, 1)) > probabilities.cumsum(axis=1)).sum(axis=1)
    labels = labels.clip(0, classes - 1)
    predicted = probabilities.argmax(axis=1)
    found = estimate_performance(probabilities)
    assert found.rows == 100_000
    accuracy = metrics.accuracy_score(labels, predicted)
    assert found.accuracy == pytest.approx(accuracy, abs=4 * found.accuracy_error)
    f1 = metrics.f1_score(labels, predicted, average="macro")
    assert found.f1_macro == pytest.approx(f1, abs=0.01)
    scores = probabilities[:, 1] if classes == 2 else probabilities
    area = metrics.roc_auc_score(labels, scores, multi_class="ovr")
    assert found.roc_auc == pytest.approx(area, abs=0.01)


def test_the_error_is_the_spread_of_the_true_accuracy() -> None:
    generator = np.random.default_rng(0)
    positive = generator.random(500)
    found = estimate_performance(positive)
    labels = generator.random((2_000, 500)) < positive
    accuracies = (labels == (positive > 0.5)).mean(axis=1)
    assert found.accuracy_error == pytest.approx(accuracies.std(), rel=0.1)


def test_expected_f1_by_hand() -> None:
    found = estimate_performance(np.array([[0.2, 0.8], [0.6, 0.4], [0.1, 0.9]]))
    second = 2 * 1.7 / (2 * 1.7 + 0.3 + 0.4)
    first = 2 * 0.6 / (2 * 0.6 + 0.4 + 0.3)
    assert found.f1_macro == pytest.approx((first + second) / 2, rel=1e-12)
    assert found.accuracy == pytest.approx(2.3 / 3, rel=1e-12)


def test_ties_count_half() -> None:
    assert estimate_performance(np.full(10, 0.3)).roc_auc == pytest.approx(0.5)


def test_with_one_class_only_there_is_no_area() -> None:
    assert estimate_performance(np.ones(10)).roc_auc is None


@pytest.mark.parametrize(
    "wrong",
    [np.ones((0, 2)), np.ones((3, 1)), np.ones((3, 2)), np.array([0.5, math.nan]), np.array([1.5])],
)
def test_what_is_no_distribution_over_classes_is_refused(wrong: np.ndarray) -> None:
    with pytest.raises(InputError, match=r"expected"):
        estimate_performance(wrong)
