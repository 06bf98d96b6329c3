"""Fast metrics are those of scikit-learn."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from mlserve_cli.inference.predictor import Prediction
from mlserve_cli.monitoring.quality import quality_metrics
from mlserve_cli.monitoring.weighted_figures import (
    Classified,
    classification_figures,
    regression_figures,
)
from mlserve_cli.signature import Task


def random_rows(seed: int, classes: int, rows: int, decimals: int = 2) -> Classified:
    """Some classes may not occur, and many probabilities are equal."""
    generator = np.random.default_rng(seed)
    truth = generator.integers(classes, size=rows)
    raw = generator.random((rows, classes)).round(decimals) + 0.01
    raw[np.arange(rows), truth] += generator.random(rows)
    probabilities = raw / raw.sum(1, keepdims=True)
    names = [f"c{k}" for k in range(classes)]
    return Classified(names, truth, probabilities.argmax(1), probabilities)


@given(st.integers(0, 10_000), st.integers(2, 5), st.integers(2, 60))
def test_figures_of_a_classification_are_those_at_save(seed: int, classes: int, rows: int) -> None:
    found = random_rows(seed, classes, rows)
    figures = classification_figures(found)(np.ones(rows))
    names = np.array(found.classes)
    prediction = Prediction(names[found.predicted], found.probabilities)
    expected = quality_metrics(
        Task.CLASSIFICATION, pd.Series(names[found.truth]), prediction, found.classes
    )
    assert set(figures) - {"brier"} == set(expected) - {"rows"}
    for name in set(figures) - {"brier"}:
        assert figures[name] == pytest.approx(expected[name], abs=1e-12), name


@given(st.integers(0, 10_000), st.integers(2, 4))
def test_weights_count_as_in_scikit_learn(seed: int, classes: int) -> None:
    found = random_rows(seed, classes, 80)
    weights = np.random.default_rng(seed).integers(0, 4, 80).astype(float)
    figures = classification_figures(found)(weights)
    assert found.probabilities is not None
    labels = np.arange(classes)
    assert figures["accuracy"] == pytest.approx(
        metrics.accuracy_score(found.truth, found.predicted, sample_weight=weights)
    )
    assert figures["log_loss"] == pytest.approx(
        metrics.log_loss(found.truth, found.probabilities, sample_weight=weights, labels=labels)
    )
    if classes == 2:
        scores = found.probabilities[:, 1]
        assert figures["roc_auc"] == pytest.approx(
            metrics.roc_auc_score(found.truth, scores, sample_weight=weights)
        )
        assert figures["brier"] == pytest.approx(
            metrics.brier_score_loss(found.truth, scores, sample_weight=weights)
        )


@given(st.integers(0, 10_000), st.integers(2, 50))
def test_figures_of_a_regression_are_those_at_save(seed: int, rows: int) -> None:
    generator = np.random.default_rng(seed)
    truth = generator.normal(3, 2, rows)
    predicted = truth + generator.normal(0, 1, rows)
    figures = regression_figures(truth, predicted)(np.ones(rows))
    expected = quality_metrics(Task.REGRESSION, pd.Series(truth), Prediction(predicted))
    assert set(figures) == set(expected) - {"rows"}
    for name, value in figures.items():
        assert value == pytest.approx(expected[name]), name


def test_values_that_do_not_vary_have_no_r2() -> None:
    figures = regression_figures(np.ones(3), np.zeros(3))(np.ones(3))
    assert figures == {"mae": 1.0, "rmse": 1.0}


def test_without_all_classes_there_is_no_area() -> None:
    rows = Classified(["a", "b"], np.array([0, 0]), np.array([0, 1]), np.eye(2))
    assert "roc_auc" not in classification_figures(rows)(np.ones(2))
