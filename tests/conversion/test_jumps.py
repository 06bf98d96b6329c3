import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from mlserve_cli.conversion.jumps import rows_at_jumps
from mlserve_cli.inference.describe import describe_estimator
from mlserve_cli.inference.estimator import EstimatorPredictor


def columns(features: np.ndarray) -> dict[str, np.ndarray]:
    return {f"x{position}": values for position, values in enumerate(features.T)}


def test_pairs_of_rows_lie_close_together_and_get_different_answers() -> None:
    features, classes = load_breast_cancer(return_X_y=True)
    model = make_pipeline(PCA(5), RandomForestClassifier(10, random_state=0))
    predictor = EstimatorPredictor(model.fit(features, classes), describe_estimator(model))
    found = rows_at_jumps(predictor, columns(features), np.random.default_rng(0), seconds=60)
    assert found is not None
    rows = np.column_stack(list(found.values()))
    below, above = np.split(rows, 2)
    assert len(below) > 20
    np.testing.assert_allclose(below, above, rtol=1e-7, atol=1e-5)
    differs = (model.predict_proba(below) != model.predict_proba(above)).any(axis=1)
    assert differs.all()


@pytest.mark.parametrize("model", [LogisticRegression(max_iter=500), LinearSVC()], ids=repr)
def test_a_continuous_model_has_no_jumps(model: LogisticRegression) -> None:
    features, classes = load_iris(return_X_y=True)
    predictor = EstimatorPredictor(model.fit(features, classes), describe_estimator(model))
    found = rows_at_jumps(predictor, columns(features), np.random.default_rng(0), seconds=60)
    assert found is None


def test_no_time_means_no_rows() -> None:
    features, values = load_diabetes(return_X_y=True)
    model = RandomForestRegressor(5, random_state=0).fit(features, values)
    predictor = EstimatorPredictor(model, describe_estimator(model))
    assert rows_at_jumps(predictor, columns(features), np.random.default_rng(0), seconds=0) is None
