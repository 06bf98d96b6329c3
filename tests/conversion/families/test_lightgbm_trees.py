from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mlserve_cli.errors import UnsupportedEstimatorError

lightgbm = pytest.importorskip("lightgbm")

# One thread: it minds no OMP_NUM_THREADS, and threads of several workers wait for each other.
QUIET = {"verbose": -1, "n_estimators": 30, "n_jobs": 1}


def with_holes(features: Any) -> Any:
    return np.where(np.random.default_rng(0).random(features.shape) < 0.1, np.nan, features)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"boosting_type": "dart"},
        {"boosting_type": "rf", "subsample": 0.5, "subsample_freq": 1},
        {"objective": "multiclassova"},
        {"num_leaves": 4, "sigmoid": 2.0},
    ],
    ids=str,
)
@pytest.mark.parametrize("load", [load_breast_cancer, load_iris])
def test_classifiers_are_exact(settings: dict[str, Any], load: Any, exact: Any) -> None:
    features, classes = load(return_X_y=True)
    if settings.get("objective") and load is load_breast_cancer:
        settings = {**settings, "objective": "binary"}
    exact(lightgbm.LGBMClassifier(**QUIET, **settings).fit(features, classes), features)


@pytest.mark.parametrize("holes", [False, True], ids=["whole", "holes"])
@pytest.mark.parametrize(
    "objective",
    [
        "regression", "regression_l1", "huber", "fair", "quantile", "mape", "poisson", "gamma",
        "tweedie",
    ],
)  # fmt: skip
def test_regressors_are_exact(objective: str, holes: bool, exact: Any) -> None:
    features, values = load_diabetes(return_X_y=True)
    features = with_holes(features) if holes else features
    exact(lightgbm.LGBMRegressor(objective=objective, **QUIET).fit(features, values), features)


def test_squared_roots_are_squared_again(exact: Any) -> None:
    features, values = load_diabetes(return_X_y=True)
    exact(lightgbm.LGBMRegressor(reg_sqrt=True, **QUIET).fit(features, values), features)


def test_categories_of_a_frame(people: pd.DataFrame, exact: Any) -> None:
    frame = people[["age", "income", "grade", "children"]].copy()
    frame["city"] = people["city"].astype("category")
    model = lightgbm.LGBMClassifier(min_child_samples=5, **QUIET)
    exact(model.fit(frame, people["member"]), frame)


def test_a_scaler_before_it(exact: Any) -> None:
    features, classes = load_breast_cancer(return_X_y=True)
    model = make_pipeline(StandardScaler(), lightgbm.LGBMClassifier(**QUIET))
    # LightGBM is given arrays here, and fitted on columns that it names itself.
    model.fit(features, classes)
    exact(model, features)


def test_zeros_as_missing_values_are_refused(exact: Any) -> None:
    features, values = load_diabetes(return_X_y=True)
    features = np.where(features < 0, 0, features)
    model = lightgbm.LGBMRegressor(zero_as_missing=True, **QUIET).fit(features, values)
    with pytest.raises(UnsupportedEstimatorError, match="Zeros"):
        exact(model, features)
