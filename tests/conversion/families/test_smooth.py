from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes, load_wine
from sklearn.isotonic import IsotonicRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import QuantileTransformer, SplineTransformer

from mlserve_cli.conversion.convert import convert_to_onnx
from mlserve_cli.conversion.files import create_inference_session
from mlserve_cli.errors import SignatureError, UnsupportedEstimatorError
from mlserve_cli.inference.onnx import OnnxPredictor

EXTRAPOLATIONS = ["error", "constant", "linear", "continue", "periodic"]


@pytest.mark.parametrize("extrapolation", EXTRAPOLATIONS)
@pytest.mark.parametrize("degree", [1, 2, 3, 5])
def test_splines_are_exact(degree: int, extrapolation: str, exact: Any) -> None:
    features, _ = load_diabetes(return_X_y=True)
    features = features[:, [0, 1, 2, 5]]
    model = SplineTransformer(n_knots=7, degree=degree, extrapolation=extrapolation)
    # Far away the highest powers of thousands are taken from each other.
    rounding = 1e-8 if extrapolation == "continue" else 1e-11
    if extrapolation == "error":
        pipeline = make_pipeline(QuantileTransformer(n_quantiles=9), model)
        exact(pipeline.fit(features), features)
    else:
        exact(model.fit(features), features, rounding=rounding)


@pytest.mark.parametrize("extrapolation", ["constant", "linear", "periodic"])
def test_splines_between_quantiles_and_without_bias(extrapolation: str, exact: Any) -> None:
    features, _ = load_wine(return_X_y=True)
    model = SplineTransformer(knots="quantile", include_bias=False, extrapolation=extrapolation)
    exact(model.fit(features), features)
    sparse = SplineTransformer(sparse_output=True, extrapolation=extrapolation)
    exact(sparse.fit(features), features)
    # More than one quantile of a column with few values is the same.
    whole = np.round(features)
    exact(model.fit(whole), whole)


def test_steps_instead_of_splines(exact: Any) -> None:
    features, _ = load_wine(return_X_y=True)
    exact(SplineTransformer(degree=0, extrapolation="continue").fit(features), features)
    exact(SplineTransformer(6, degree=0, extrapolation="linear").fit(features), features)


def test_lines_that_would_cross_are_refused() -> None:
    features, _ = load_wine(return_X_y=True)
    model = SplineTransformer(2, degree=1, extrapolation="linear").fit(features)
    with pytest.raises(UnsupportedEstimatorError, match="too few knots"):
        convert_to_onnx(model, data=features)


def test_missing_values_are_zeros_where_splines_allow_them(exact: Any) -> None:
    features, _ = load_wine(return_X_y=True)
    features[::7, 3] = np.nan
    for extrapolation in ("linear", "continue"):
        model = SplineTransformer(handle_missing="zeros", extrapolation=extrapolation)
        exact(model.fit(features), features, rounding=1e-8)


def progression() -> tuple[Any, Any]:
    features, values = load_diabetes(return_X_y=True)
    return pd.DataFrame({"bmi": features[:, 2]}), values


@pytest.mark.parametrize("increasing", [True, False, "auto"])
@pytest.mark.parametrize("outside", ["clip", "nan"])
def test_isotonic_regressions_are_exact(outside: str, increasing: Any, exact: Any) -> None:
    table, values = progression()
    model = IsotonicRegression(increasing=increasing, out_of_bounds=outside)
    exact(model.fit(table, values), table)


def test_isotonic_regressions_that_refuse_values_outside_give_nan() -> None:
    table, values = progression()
    model = IsotonicRegression().fit(table, values)
    session = create_inference_session(convert_to_onnx(model, data=table).model)
    (found,) = session.run(None, {"features": np.array([[-9.0], [9.0], [0.0]])})
    assert np.isnan(found[:, 0]).tolist() == [True, True, False]


def test_an_isotonic_regression_on_one_point_is_constant(exact: Any) -> None:
    table = pd.DataFrame({"same": np.ones(20)})
    model = IsotonicRegression(out_of_bounds="clip").fit(table, np.arange(20.0))
    exact(model, table)


def test_isotonic_regressions_in_single_precision_are_refused() -> None:
    table, values = progression()
    model = IsotonicRegression(out_of_bounds="clip").fit(table.astype(np.float32), values)
    with pytest.raises(UnsupportedEstimatorError, match="single precision"):
        convert_to_onnx(model, data=table)


@pytest.mark.parametrize("distribution", ["uniform", "normal"])
@pytest.mark.parametrize("quantiles", [5, 178])
def test_quantiles_are_exact(quantiles: int, distribution: str, exact: Any) -> None:
    features, _ = load_wine(return_X_y=True)
    # Equal values make equal quantiles, and a constant column nothing but those.
    features = np.column_stack([np.round(features, 1), np.ones(len(features))])
    model = QuantileTransformer(n_quantiles=quantiles, output_distribution=distribution)
    exact(model.fit(features), features)
    holes = features.copy()
    holes[::5, 2] = np.nan
    exact(model.fit(holes), holes)


def test_isotonic_regressions_that_refuse_values_refuse_them_with_onnx_too() -> None:
    table, values = progression()
    model = IsotonicRegression(out_of_bounds="raise").fit(table, values)
    conversion = convert_to_onnx(model, data=table)
    predictor = OnnxPredictor(conversion.model)
    inside, outside = np.array([[0.0]]), np.array([[0.0], [9.0]])
    np.testing.assert_array_equal(predictor.predict(inside).labels, model.predict(inside))
    with pytest.raises(SignatureError, match="outside of what it has learnt"):
        predictor.predict(outside)
