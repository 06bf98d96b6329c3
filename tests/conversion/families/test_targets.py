import re
from typing import Any

import numpy as np
import pytest
from scipy import special
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_diabetes, load_wine
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestRegressor
from sklearn.feature_selection import RFE, RFECV
from sklearn.linear_model import LinearRegression, LogisticRegression, RANSACRegressor, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)
from sklearn.semi_supervised import SelfTrainingClassifier
from sklearn.tree import DecisionTreeClassifier

from mlserve_cli.conversion.convert import convert_to_onnx
from mlserve_cli.errors import UnsupportedEstimatorError


def named(value: Any) -> str:
    """A name without addresses, so that parallel runs agree on it."""
    return re.sub(r" at 0x[0-9a-f]+", "", repr(value))


TRANSFORMERS = [
    StandardScaler(),
    StandardScaler(with_mean=False),
    MinMaxScaler((2, 5)),
    MaxAbsScaler(),
    RobustScaler(),
    PowerTransformer(),
    PowerTransformer("box-cox", standardize=False),
    QuantileTransformer(n_quantiles=50),
    QuantileTransformer(n_quantiles=50, output_distribution="normal"),
    FunctionTransformer(),
    make_pipeline(FunctionTransformer(np.log1p, inverse_func=np.expm1), StandardScaler()),
]
FUNCTIONS = [
    (np.log, np.exp),
    (np.log1p, np.expm1),
    (np.sqrt, np.square),
    (np.cbrt, np.square),
    (special.expit, special.logit),
]


@pytest.mark.parametrize("transformer", TRANSFORMERS, ids=named)
def test_transformed_targets_are_exact(transformer: Any, exact: Any) -> None:
    features, values = load_diabetes(return_X_y=True)
    for regressor in (LinearRegression(), RandomForestRegressor(5, random_state=0)):
        model = TransformedTargetRegressor(regressor, transformer=transformer)
        exact(model.fit(features, values), features)


@pytest.mark.parametrize(("function", "inverse"), FUNCTIONS, ids=lambda one: one.__name__)
def test_functions_of_targets_are_exact(function: Any, inverse: Any, exact: Any) -> None:
    features, values = load_diabetes(return_X_y=True)
    model = TransformedTargetRegressor(
        Ridge(), func=function, inverse_func=inverse, check_inverse=False
    )
    exact(model.fit(features, values / values.max()), features)


@pytest.mark.parametrize("power", [0.0, 2.0, -1.5, 0.7])
@pytest.mark.parametrize("method", ["yeo-johnson", "box-cox"])
def test_powers_of_targets_at_their_limits(method: str, power: float, exact: Any) -> None:
    features, values = load_diabetes(return_X_y=True)
    transformer = PowerTransformer(method, standardize=False)
    model = TransformedTargetRegressor(Ridge(), transformer=transformer)
    model.fit(features, values / 100.0)
    model.transformer_.lambdas_ = np.array([power])
    exact(model, features)


def test_several_targets_are_scaled_one_by_one(exact: Any) -> None:
    features, values = load_diabetes(return_X_y=True)
    both = np.column_stack([values, np.log(values)])
    model = TransformedTargetRegressor(Ridge(), transformer=StandardScaler())
    exact(model.fit(features, both), features)
    model = TransformedTargetRegressor(Ridge(), transformer=QuantileTransformer(n_quantiles=20))
    exact(model.fit(features, both), features)


@pytest.mark.parametrize(
    "transformer",
    [PCA(1), FunctionTransformer(np.log, lambda x: x, check_inverse=False)],
    ids=named,
)
def test_inverses_without_onnx_form_are_refused(transformer: Any) -> None:
    features, values = load_diabetes(return_X_y=True)
    model = TransformedTargetRegressor(Ridge(), transformer=transformer, check_inverse=False)
    with pytest.raises(UnsupportedEstimatorError, match="no ONNX form"):
        convert_to_onnx(model.fit(features, values), data=features)


def test_wrappers_are_exact(exact: Any) -> None:
    features, values = load_diabetes(return_X_y=True)
    exact(RANSACRegressor(random_state=0).fit(features, values), features)
    exact(RFE(LinearRegression(), n_features_to_select=4).fit(features, values), features)
    features, classes = load_wine(return_X_y=True)
    tree = DecisionTreeClassifier(random_state=0)
    exact(RFECV(tree, min_features_to_select=3, cv=3).fit(features, classes), features)


def test_self_training_is_exact(exact: Any) -> None:
    features, classes = load_wine(return_X_y=True)
    features = StandardScaler().fit_transform(features)
    classes = np.where(np.arange(len(classes)) % 3 == 0, classes, -1)
    exact(SelfTrainingClassifier(LogisticRegression()).fit(features, classes), features)
