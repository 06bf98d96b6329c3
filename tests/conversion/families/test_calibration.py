from typing import Any

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_breast_cancer, load_wine
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.model_selection import FixedThresholdClassifier, TunedThresholdClassifierCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from mlserve_cli.conversion.convert import convert_to_onnx
from mlserve_cli.errors import UnsupportedEstimatorError

ESTIMATORS = [
    make_pipeline(StandardScaler(), LinearSVC()),
    make_pipeline(StandardScaler(), LogisticRegression()),
    RandomForestClassifier(10, random_state=0),
]
NAMES = ["support vectors", "logistic", "forest"]


@pytest.mark.parametrize("method", ["sigmoid", "isotonic", "temperature"])
@pytest.mark.parametrize("load", [load_breast_cancer, load_wine])
@pytest.mark.parametrize("estimator", ESTIMATORS, ids=NAMES)
def test_calibrated_probabilities_are_exact(
    estimator: Any, load: Any, method: str, exact: Any
) -> None:
    features, classes = load(return_X_y=True)
    model = CalibratedClassifierCV(estimator, method=method, cv=3)
    exact(model.fit(features, classes), features)


@pytest.mark.parametrize("method", ["sigmoid", "isotonic", "temperature"])
def test_calibration_of_one_fitted_estimator(method: str, exact: Any) -> None:
    features, classes = load_wine(return_X_y=True)
    names = np.array(["a", "b", "c"])[classes]
    fitted = FrozenEstimator(ESTIMATORS[2].fit(features[::2], names[::2]))
    exact(CalibratedClassifierCV(fitted, method=method).fit(features, names), features)
    model = CalibratedClassifierCV(ESTIMATORS[0], method=method, ensemble=False)
    exact(model.fit(features, names), features)


def test_calibration_where_no_class_has_any_probability(exact: Any) -> None:
    features, classes = load_wine(return_X_y=True)
    model = CalibratedClassifierCV(ESTIMATORS[0], method="isotonic", cv=2).fit(features, classes)
    random = np.random.default_rng(0)
    far = features.mean(axis=0) + 10.0 * features.std(axis=0) * random.normal(size=(500, 13))
    proba = model.calibrated_classifiers_[0].predict_proba(far)
    assert (proba == proba[:, :1]).all(axis=1).any()
    exact(model, far)


def test_isotonic_calibration_in_single_precision_is_refused() -> None:
    features, classes = load_wine(return_X_y=True)
    model = CalibratedClassifierCV(ESTIMATORS[0], method="isotonic", cv=2).fit(features, classes)
    for one in model.calibrated_classifiers_[0].calibrators:
        one.X_thresholds_ = one.X_thresholds_.astype(np.float32)
    with pytest.raises(UnsupportedEstimatorError, match="single precision"):
        convert_to_onnx(model, data=features)


@pytest.mark.parametrize("response", ["auto", "predict_proba", "decision_function"])
@pytest.mark.parametrize("positive", [None, "benign", "malignant"])
@pytest.mark.parametrize("threshold", ["auto", 0.31])
def test_fixed_thresholds_are_exact(
    threshold: Any, positive: Any, response: str, exact: Any
) -> None:
    features, classes = load_breast_cancer(return_X_y=True)
    names = np.array(["malignant", "benign"])[classes]
    model = FixedThresholdClassifier(
        ESTIMATORS[1], threshold=threshold, pos_label=positive, response_method=response
    )
    exact(model.fit(features, names), features)


def test_fixed_thresholds_on_a_score_or_a_fitted_estimator(exact: Any) -> None:
    features, classes = load_breast_cancer(return_X_y=True)
    scores = make_pipeline(StandardScaler(), RidgeClassifier())
    exact(FixedThresholdClassifier(scores, threshold=0.2).fit(features, classes), features)
    fitted = FrozenEstimator(ESTIMATORS[2].fit(features, classes))
    exact(FixedThresholdClassifier(fitted, threshold=0.2).fit(features, classes), features)


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=NAMES)
def test_tuned_thresholds_are_exact(estimator: Any, exact: Any) -> None:
    features, classes = load_breast_cancer(return_X_y=True)
    model = TunedThresholdClassifierCV(estimator, scoring="f1", cv=3, random_state=0)
    exact(model.fit(features, classes), features)
