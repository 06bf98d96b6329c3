from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes, load_wine
from sklearn.dummy import DummyClassifier, DummyRegressor

from mlserve_cli.conversion.convert import convert_to_onnx
from mlserve_cli.errors import UnsupportedEstimatorError

CLASSIFIERS = [
    DummyClassifier(),
    DummyClassifier(strategy="most_frequent"),
    DummyClassifier(strategy="constant", constant="c"),
]
REGRESSORS = [
    DummyRegressor(),
    DummyRegressor(strategy="median"),
    DummyRegressor(strategy="quantile", quantile=0.9),
    DummyRegressor(strategy="constant", constant=7.5),
]


def wine() -> Any:
    features, classes = load_wine(return_X_y=True)
    return pd.DataFrame(features).add_prefix("x"), np.array(["a", "b", "c"])[classes]


@pytest.mark.parametrize("estimator", CLASSIFIERS, ids=repr)
def test_classifiers_are_exact(estimator: Any, exact: Any) -> None:
    features, classes = wine()
    exact(estimator.fit(features, classes), features)


@pytest.mark.parametrize("estimator", REGRESSORS, ids=repr)
def test_regressors_are_exact(estimator: Any, exact: Any) -> None:
    features, values = load_diabetes(return_X_y=True)
    features = pd.DataFrame(features).add_prefix("x")
    exact(estimator.fit(features, values), features)


def test_several_values_at_once(exact: Any) -> None:
    features, _ = wine()
    exact(DummyRegressor().fit(features, features[["x0", "x1"]]), features)


@pytest.mark.parametrize("strategy", ["stratified", "uniform"])
def test_chance_is_refused(strategy: str) -> None:
    features, classes = wine()
    model = DummyClassifier(strategy=strategy, random_state=0).fit(features, classes)
    with pytest.raises(UnsupportedEstimatorError, match=strategy):
        convert_to_onnx(model, data=features)
