from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_wine
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer
from sklearn.linear_model import LinearRegression
from sklearn.tree import DecisionTreeRegressor

from mlserve_cli.conversion.convert import convert_to_onnx
from mlserve_cli.conversion.files import create_inference_session
from mlserve_cli.errors import UnsupportedEstimatorError

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning", "ignore:Skipping features without"
)


def wine_with_holes(empty: bool = False) -> Any:
    features, _ = load_wine(return_X_y=True)
    features = features[:, :5].copy()
    features[np.random.default_rng(0).random(features.shape) < 0.2] = np.nan
    if empty:
        features[:, 2] = np.nan
    return features


@pytest.mark.parametrize(
    "imputer",
    [
        IterativeImputer(random_state=0),
        IterativeImputer(LinearRegression(), max_iter=2, min_value=0.5, max_value=15),
        IterativeImputer(DecisionTreeRegressor(max_depth=3, random_state=0), max_iter=3),
        IterativeImputer(n_nearest_features=2, random_state=0, add_indicator=True),
        IterativeImputer(initial_strategy="median", imputation_order="roman", max_iter=3),
        IterativeImputer(max_iter=0),
    ],
    ids=repr,
)
def test_imputation_in_rounds_is_exact(imputer: Any, exact: Any) -> None:
    features = wine_with_holes()
    exact(imputer.fit(features), features)


@pytest.mark.parametrize("keep", [False, True])
def test_columns_without_any_value(keep: bool, exact: Any) -> None:
    features = wine_with_holes(empty=True)
    imputer = IterativeImputer(keep_empty_features=keep, max_iter=3, random_state=0)
    exact(imputer.fit(features), features)


def test_a_number_that_stands_for_missing(exact: Any) -> None:
    features = np.nan_to_num(wine_with_holes(), nan=-1.0)
    exact(IterativeImputer(missing_values=-1, max_iter=3).fit(features), features)


def test_a_batch_without_any_value_keeps_the_first_imputation() -> None:
    features = wine_with_holes()
    imputer = IterativeImputer(max_iter=3, random_state=0).fit(features)
    session = create_inference_session(convert_to_onnx(imputer, data=features).model)
    nothing = np.full((2, 5), np.nan)
    for rows in (nothing, np.vstack([nothing, features[:1]])):
        (found,) = session.run(None, {"features": rows})
        np.testing.assert_allclose(found, imputer.transform(rows), rtol=1e-11)


def test_random_imputation_is_refused() -> None:
    features = wine_with_holes()
    imputer = IterativeImputer(sample_posterior=True, max_iter=2, random_state=0).fit(features)
    with pytest.raises(UnsupportedEstimatorError, match="random"):
        convert_to_onnx(imputer, data=features)
