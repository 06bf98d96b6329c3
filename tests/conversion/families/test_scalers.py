from typing import Any

import numpy as np
import pytest
from sklearn import preprocessing
from sklearn.datasets import load_wine
from sklearn.pipeline import make_pipeline

TRANSFORMERS = [
    preprocessing.StandardScaler(),
    preprocessing.StandardScaler(with_mean=False),
    preprocessing.StandardScaler(with_std=False),
    preprocessing.MinMaxScaler(),
    preprocessing.MinMaxScaler(clip=True, feature_range=(-1, 2)),
    preprocessing.MaxAbsScaler(),
    preprocessing.RobustScaler(),
    preprocessing.Normalizer(),
    preprocessing.Normalizer("l1"),
    preprocessing.Normalizer("max"),
    preprocessing.Binarizer(threshold=2.0),
    preprocessing.PolynomialFeatures(3),
    preprocessing.PolynomialFeatures(interaction_only=True, include_bias=False),
    preprocessing.KBinsDiscretizer(quantile_method="averaged_inverted_cdf"),
    preprocessing.KBinsDiscretizer(encode="ordinal", strategy="uniform"),
    preprocessing.PowerTransformer(),
    preprocessing.PowerTransformer(standardize=False),
]


@pytest.mark.parametrize("transformer", TRANSFORMERS, ids=repr)
def test_transformers_are_exact(transformer: Any, exact: Any) -> None:
    features, _ = load_wine(return_X_y=True)
    exact(transformer.fit(features), features)


def test_box_cox_is_exact_on_positive_numbers(exact: Any) -> None:
    features, _ = load_wine(return_X_y=True)
    positive = features + 0.5
    exact(preprocessing.PowerTransformer(method="box-cox").fit(positive), positive)


@pytest.mark.parametrize(
    "function",
    [np.log1p, np.sqrt, np.expm1, np.square, np.abs, np.cbrt, np.exp, np.sign, np.tanh, np.isnan],
    ids=lambda function: function.__name__,
)
def test_numpy_functions_are_exact(function: Any, exact: Any) -> None:
    features, _ = load_wine(return_X_y=True)
    unit = preprocessing.MinMaxScaler(clip=True)
    step = preprocessing.FunctionTransformer(function, feature_names_out="one-to-one")
    exact(make_pipeline(unit, step).fit(features), features)
