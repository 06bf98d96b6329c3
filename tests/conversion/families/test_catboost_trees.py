from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mlserve_cli.errors import UnsupportedEstimatorError

catboost = pytest.importorskip("catboost")

QUIET = {"verbose": 0, "iterations": 30, "allow_writing_files": False}


def with_holes(features: Any) -> Any:
    return np.where(np.random.default_rng(0).random(features.shape) < 0.1, np.nan, features)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"depth": 3, "nan_mode": "Max"},
        {"grow_policy": "Depthwise"},
        {"grow_policy": "Lossguide", "max_leaves": 10},
    ],
    ids=str,
)
@pytest.mark.parametrize("load", [load_breast_cancer, load_iris])
def test_classifiers_are_exact(settings: dict[str, Any], load: Any, exact: Any) -> None:
    features, classes = load(return_X_y=True)
    features = with_holes(features)
    exact(catboost.CatBoostClassifier(**QUIET, **settings).fit(features, classes), features)


@pytest.mark.parametrize("loss", ["MultiClassOneVsAll", "MultiClass"])
def test_text_as_classes(loss: str, exact: Any) -> None:
    features, classes = load_iris(return_X_y=True)
    names = np.array(["one", "two", "three"])[classes]
    exact(catboost.CatBoostClassifier(loss_function=loss, **QUIET).fit(features, names), features)


@pytest.mark.parametrize("loss", ["RMSE", "MAE", "Quantile:alpha=0.3", "Poisson", "Huber:delta=2"])
def test_regressors_are_exact(loss: str, exact: Any) -> None:
    features, values = load_diabetes(return_X_y=True)
    model = catboost.CatBoostRegressor(loss_function=loss, **QUIET)
    exact(model.fit(with_holes(features), values), with_holes(features))


def test_several_targets(exact: Any) -> None:
    features, values = load_diabetes(return_X_y=True)
    both = np.column_stack([values, -values])
    model = catboost.CatBoostRegressor(loss_function="MultiRMSE", **QUIET)
    exact(model.fit(features, both), features)


def test_a_scaler_before_it(exact: Any) -> None:
    features, classes = load_breast_cancer(return_X_y=True)
    model = make_pipeline(StandardScaler(), catboost.CatBoostClassifier(**QUIET))
    exact(model.fit(features, classes), features)


def test_categories_are_refused(exact: Any) -> None:
    features = np.array([["a", 1.0], ["b", 2.0]] * 20, dtype=object)
    model = catboost.CatBoostRegressor(cat_features=[0], **QUIET).fit(features, np.arange(40))
    with pytest.raises(UnsupportedEstimatorError, match="categorical features"):
        exact(model, features[:, 1:].astype(float))
