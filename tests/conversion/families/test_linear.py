from typing import Any

import numpy as np
import pytest
from sklearn import linear_model, svm
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.preprocessing import StandardScaler

REGRESSORS = [
    linear_model.ARDRegression(),
    linear_model.BayesianRidge(),
    linear_model.ElasticNet(),
    linear_model.GammaRegressor(),
    linear_model.HuberRegressor(max_iter=1000),
    linear_model.Lars(),
    linear_model.Lasso(),
    linear_model.LassoLarsIC(),
    linear_model.LinearRegression(),
    linear_model.LinearRegression(fit_intercept=False),
    linear_model.OrthogonalMatchingPursuit(),
    linear_model.PoissonRegressor(),
    linear_model.QuantileRegressor(alpha=0.1),
    linear_model.Ridge(),
    linear_model.RidgeCV(),
    linear_model.SGDRegressor(max_iter=5000, eta0=0.1),
    linear_model.TweedieRegressor(power=0),
    linear_model.TweedieRegressor(power=1.5),
    svm.LinearSVR(),
]
CLASSIFIERS = [
    linear_model.LogisticRegression(max_iter=1000),
    linear_model.LogisticRegressionCV(
        Cs=2, l1_ratios=(0,), scoring="accuracy", max_iter=1000, use_legacy_attributes=False
    ),
    linear_model.Perceptron(),
    linear_model.RidgeClassifier(),
    linear_model.RidgeClassifierCV(),
    linear_model.SGDClassifier(),
    linear_model.SGDClassifier(loss="log_loss", alpha=1.0),
    linear_model.SGDClassifier(loss="modified_huber"),
    svm.LinearSVC(),
]


def named(estimator: Any) -> str:
    return repr(estimator)


@pytest.mark.parametrize("estimator", REGRESSORS, ids=named)
def test_regressors_are_exact(estimator: Any, exact: Any) -> None:
    features, values = load_diabetes(return_X_y=True)
    exact(estimator.fit(features, values), features)


@pytest.mark.parametrize("estimator", CLASSIFIERS, ids=named)
@pytest.mark.parametrize("load", [load_breast_cancer, load_wine])
def test_classifiers_are_exact(estimator: Any, load: Any, exact: Any) -> None:
    features, classes = load(return_X_y=True)
    features = StandardScaler().fit_transform(features)
    exact(estimator.fit(features, classes), features)


def test_several_targets_at_once(exact: Any) -> None:
    features, values = load_diabetes(return_X_y=True)
    both = np.column_stack([values, -values])
    exact(linear_model.MultiTaskLasso().fit(features, both), features)


def test_outlier_detection_by_a_line(exact: Any) -> None:
    features, _ = load_diabetes(return_X_y=True)
    exact(linear_model.SGDOneClassSVM(random_state=0).fit(features), features)
