from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from mlserve_cli.errors import UnsupportedEstimatorError

xgboost = pytest.importorskip("xgboost")

# XGBoost adds up and answers in single precision.
ROUNDING = 1e-6


def with_holes(features: Any) -> Any:
    return np.where(np.random.default_rng(0).random(features.shape) < 0.1, np.nan, features)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"max_depth": 2, "n_estimators": 30},
        {"booster": "dart", "rate_drop": 0.5, "n_estimators": 20},
        {"base_score": 0.3, "n_estimators": 20},
        {"missing": 0.0, "n_estimators": 20},
        {"tree_method": "exact", "n_estimators": 20},
        {"grow_policy": "lossguide", "max_leaves": 8, "n_estimators": 20},
    ],
    ids=str,
)
@pytest.mark.parametrize("load", [load_breast_cancer, load_iris])
def test_classifiers_are_exact(settings: dict[str, Any], load: Any, exact: Any) -> None:
    features, classes = load(return_X_y=True)
    exact(xgboost.XGBClassifier(**settings).fit(features, classes), features, rounding=ROUNDING)


@pytest.mark.parametrize(
    "objective",
    [
        "reg:squarederror", "reg:absoluteerror", "reg:pseudohubererror", "count:poisson",
        "reg:gamma", "reg:tweedie", "reg:squaredlogerror",
    ],
)  # fmt: skip
def test_regressors_are_exact(objective: str, exact: Any) -> None:
    features, values = load_diabetes(return_X_y=True)
    model = xgboost.XGBRegressor(objective=objective, n_estimators=30, max_depth=4)
    exact(model.fit(with_holes(features), values), with_holes(features), rounding=ROUNDING)


def test_random_forests_are_exact(exact: Any) -> None:
    features, classes = load_iris(return_X_y=True)
    exact(
        xgboost.XGBRFClassifier(n_estimators=20).fit(features, classes), features, rounding=ROUNDING
    )
    exact(
        xgboost.XGBRFRegressor(n_estimators=20).fit(features, classes), features, rounding=ROUNDING
    )


def test_early_stopping_leaves_trees_over(exact: Any) -> None:
    features, values = load_diabetes(return_X_y=True)
    model = xgboost.XGBRegressor(n_estimators=200, early_stopping_rounds=3)
    model.fit(features[:300], values[:300], eval_set=[(features[300:], values[300:])], verbose=0)
    assert model.best_iteration < len(model.get_booster().get_dump()) - 1
    exact(model, features, rounding=ROUNDING)


def test_several_targets(exact: Any) -> None:
    features, values = load_diabetes(return_X_y=True)
    both = np.column_stack([values, -values])
    exact(xgboost.XGBRegressor(n_estimators=20).fit(features, both), features, rounding=ROUNDING)


def test_categories_of_a_frame(people: pd.DataFrame, exact: Any) -> None:
    frame = people[["age", "income", "grade", "children"]].copy()
    frame["city"] = people["city"].astype("category")
    model = xgboost.XGBClassifier(enable_categorical=True, n_estimators=20, max_cat_to_onehot=2)
    exact(model.fit(frame, people["member"] == "yes"), frame, rounding=ROUNDING)


def test_a_pipeline_over_a_mixed_frame(people: pd.DataFrame, exact: Any) -> None:
    columns = ColumnTransformer(
        [("numbers", StandardScaler(), ["age", "income"]), ("text", OneHotEncoder(), ["city"])]
    )
    model = make_pipeline(columns, xgboost.XGBRegressor(n_estimators=20))
    exact(model.fit(people, people["children"]), people, rounding=ROUNDING)


def test_a_linear_booster_is_refused(exact: Any) -> None:
    features, values = load_diabetes(return_X_y=True)
    model = xgboost.XGBRegressor(booster="gblinear").fit(features, values)
    with pytest.raises(UnsupportedEstimatorError, match="gblinear"):
        exact(model, features)
