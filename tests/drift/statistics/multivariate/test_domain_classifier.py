import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from mlserve_cli.drift.statistics.multivariate.domain_classifier import _area, domain_classifier


def test_the_columns_that_tell_the_samples_apart_are_named() -> None:
    generator = np.random.default_rng(0)
    reference = generator.standard_normal((1_000, 6))
    current = generator.standard_normal((800, 6))
    current[:, 4] += 1
    current[:, 1] *= 2
    found = domain_classifier(reference, current)
    assert found.auc > 0.7
    assert found.p_value <= 0.002
    assert set(np.argsort(found.importances)[-2:].tolist()) == {1, 4}


def test_the_area_is_scikit_learns() -> None:
    generator = np.random.default_rng(0)
    scores, labels = generator.random(200).round(1), generator.integers(0, 2, 200)
    assert _area(scores, labels) == pytest.approx(roc_auc_score(labels, scores), rel=1e-12)
