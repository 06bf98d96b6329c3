from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_wine
from sklearn.impute import KNNImputer

from mlserve_cli.conversion.convert import convert_to_onnx
from mlserve_cli.errors import UnsupportedEstimatorError
from mlserve_cli.inference.onnx import OnnxPredictor


def with_holes(missing: float = np.nan) -> Any:
    features, _ = load_wine(return_X_y=True)
    random = np.random.default_rng(0)
    # No training row is as far as another, for scikit-learn takes any of those.
    features *= random.normal(1.0, 1e-3, features.shape)
    features[random.random(features.shape) < 0.2] = missing
    return features


@pytest.mark.parametrize(
    "imputer",
    [
        KNNImputer(),
        KNNImputer(add_indicator=True),
        KNNImputer(n_neighbors=500),
    ],
    ids=repr,
)
def test_holes_are_filled_as_scikit_learn_fills_them(imputer: Any, exact: Any) -> None:
    features = with_holes()
    exact(imputer.fit(features), features)


def test_near_rows_weigh_more() -> None:
    features = with_holes()
    model = KNNImputer(n_neighbors=2, weights="distance").fit(features[::2])
    conversion = convert_to_onnx(model, data=features, allow_mismatch=True)
    found = OnnxPredictor(conversion.model).predict(features).labels
    # scikit-learn takes the distance of equal rows for up to 1e-5 instead of 0.
    np.testing.assert_allclose(found, model.transform(features), rtol=1e-5)
    np.testing.assert_allclose(found[1::2], model.transform(features[1::2]), rtol=1e-9)


def test_another_number_stands_for_missing(exact: Any) -> None:
    features = with_holes(-1.0)
    exact(KNNImputer(missing_values=-1.0).fit(features), features)


@pytest.mark.parametrize("keep", [True, False])
def test_columns_without_any_value(keep: bool, exact: Any) -> None:
    features = with_holes()
    features[:, 3] = np.nan
    exact(KNNImputer(keep_empty_features=keep).fit(features), features)


def test_a_row_that_shares_nothing_gets_the_mean(exact: Any) -> None:
    features = with_holes()
    model = KNNImputer().fit(features)
    features[:5] = np.nan
    features[5:10, 1:] = np.nan
    exact(model, features)


def test_a_function_is_refused() -> None:
    features, _ = load_diabetes(return_X_y=True)
    model = KNNImputer(weights=lambda far: far).fit(features)
    with pytest.raises(UnsupportedEstimatorError, match="Python function"):
        convert_to_onnx(model, data=features)
