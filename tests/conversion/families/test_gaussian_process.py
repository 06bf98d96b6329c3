from typing import Any

import numpy as np
import pytest
from scipy.special import erf
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.gaussian_process import GaussianProcessClassifier, GaussianProcessRegressor
from sklearn.gaussian_process.kernels import (
    RBF,
    ConstantKernel,
    DotProduct,
    ExpSineSquared,
    Matern,
    PairwiseKernel,
    RationalQuadratic,
    WhiteKernel,
)
from sklearn.preprocessing import StandardScaler

from mlserve_cli.conversion.convert import convert_to_onnx
from mlserve_cli.conversion.graph import Graph, Kind, Output
from mlserve_cli.conversion.normal import error_function
from mlserve_cli.errors import UnsupportedEstimatorError
from mlserve_cli.inference.onnx import create_session

KERNELS = [
    None,
    RBF(3.0),
    RBF([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0]),
    Matern(2.0, nu=0.5),
    Matern(2.0, nu=1.5),
    Matern(2.0, nu=2.5),
    Matern(2.0, nu=np.inf),
    RationalQuadratic(2.0, alpha=0.7),
    DotProduct(2.0),
    DotProduct(2.0) ** 2,
    ConstantKernel(3.0) * RBF(2.0) + WhiteKernel(0.5) + ConstantKernel(0.1),
]


def scaled(load: Any) -> Any:
    features, target = load(return_X_y=True)
    return StandardScaler().fit_transform(features)[::2], target[::2]


@pytest.mark.parametrize("kernel", KERNELS, ids=repr)
def test_regressors_are_exact(kernel: Any, exact: Any) -> None:
    features, values = scaled(load_diabetes)
    model = GaussianProcessRegressor(kernel, optimizer=None, alpha=0.1, normalize_y=True)
    # Weights of training rows are large and cancel each other.
    exact(model.fit(features, values), features, rounding=1e-9)


def test_a_periodic_kernel(exact: Any) -> None:
    features, values = scaled(load_diabetes)
    kernel = ExpSineSquared(3.0, periodicity=7.0) + DotProduct()
    model = GaussianProcessRegressor(kernel, optimizer=None, alpha=0.1)
    exact(model.fit(features[:, 2:3], values), features[:, 2:3], rounding=1e-9)


def test_several_targets_at_once(exact: Any) -> None:
    features, values = scaled(load_diabetes)
    model = GaussianProcessRegressor(RBF(3.0), optimizer=None, alpha=0.1)
    exact(model.fit(features, np.column_stack([values, -values])), features, rounding=1e-9)


@pytest.mark.parametrize("load", [load_breast_cancer, load_wine])
@pytest.mark.parametrize(
    "kernel",
    [
        2.0 * RBF(3.0),
        Matern(3.0, nu=1.5) + WhiteKernel(0.1),
        0.1 * DotProduct(1.0),
        (ConstantKernel(0.5) + RationalQuadratic(2.0)) ** 2,
    ],
    ids=repr,
)
def test_classifiers_are_exact(kernel: Any, load: Any, exact: Any) -> None:
    features, classes = scaled(load)
    model = GaussianProcessClassifier(kernel, optimizer=None)
    # Heights of thousands cancel each other in the probabilities.
    conversion = exact(model.fit(features, classes), features, rounding=1e-10)
    assert conversion.signature.probabilities


def test_one_class_against_one_other(exact: Any) -> None:
    features, classes = scaled(load_wine)
    model = GaussianProcessClassifier(RBF(3.0), optimizer=None, multi_class="one_vs_one")
    exact(model.fit(features, np.array(["a", "b", "c"])[classes]), features)


@pytest.mark.parametrize("kernel", [Matern(2.0, nu=0.8), PairwiseKernel(metric="linear")])
def test_kernels_without_exact_form_are_refused(kernel: Any) -> None:
    features, values = scaled(load_diabetes)
    model = GaussianProcessRegressor(kernel, optimizer=None, alpha=0.1).fit(features, values)
    with pytest.raises(UnsupportedEstimatorError, match=r"nu=0\.8|PairwiseKernel"):
        convert_to_onnx(model, data=features)


def test_the_error_function_has_all_digits() -> None:
    graph = Graph()
    result = error_function(graph.input("x", Kind.REAL, 1))
    model = graph.model([Output("erf", result, (None, 1))]).SerializeToString()
    sizes = np.concatenate([[0.0, 1.0, 8.0, np.inf], np.logspace(-300, 2, 2000)])
    values = np.concatenate([sizes, -sizes])
    (found,) = create_session(model).run(None, {"x": values.reshape(-1, 1)})
    np.testing.assert_allclose(found[:, 0], erf(values), rtol=1e-15)
