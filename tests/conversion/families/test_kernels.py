from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_digits
from sklearn.decomposition import KernelPCA
from sklearn.kernel_approximation import (
    AdditiveChi2Sampler,
    Nystroem,
    PolynomialCountSketch,
    RBFSampler,
    SkewedChi2Sampler,
)
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import Ridge
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import KernelCenterer, MinMaxScaler

from mlserve_cli.conversion.convert import convert_to_onnx
from mlserve_cli.conversion.files import create_inference_session
from mlserve_cli.errors import UnsupportedEstimatorError

KERNELS = ["linear", "poly", "polynomial", "rbf", "sigmoid", "cosine", "laplacian"]
POSITIVE = ["additive_chi2", "chi2"]


def diabetes() -> tuple[Any, Any]:
    features, values = load_diabetes(return_X_y=True)
    return MinMaxScaler().fit_transform(features[:150]), values[:150]


@pytest.mark.parametrize("kernel", [*KERNELS, "chi2"])
def test_kernel_models_are_exact(kernel: str, exact: Any) -> None:
    features, values = diabetes()
    gamma = None if kernel != "chi2" else 0.5
    # Weights of the training rows are large and cancel each other, so that digits are lost.
    model = KernelRidge(kernel=kernel, gamma=gamma, alpha=1.0)
    exact(model.fit(features, values), features, rounding=1e-9)
    both = np.column_stack([values, -values])
    exact(model.fit(features, both), features, rounding=1e-9)


@pytest.mark.parametrize("kernel", [*KERNELS, *POSITIVE])
def test_features_of_kernels_are_exact(kernel: str, exact: Any) -> None:
    features, _ = diabetes()
    gamma = None if kernel != "chi2" else 0.5
    # The points are nearly dependent, and their normalisation multiplies errors of rounding.
    sample = Nystroem(kernel, gamma=gamma, n_components=9, random_state=0)
    exact(sample.fit(features), features, rounding=1e-8)


@pytest.mark.parametrize("kernel", ["linear", "poly", "rbf", "sigmoid", "cosine"])
def test_components_of_kernels_are_exact(kernel: str, exact: Any) -> None:
    features, _ = diabetes()
    model = KernelPCA(4, kernel=kernel, gamma=0.3)
    exact(model.fit(features), features, rounding=1e-9)


@pytest.mark.parametrize("parameters", [{}, {"gamma": 0.2, "degree": 2, "coef0": 0.5}])
def test_parameters_of_kernels_are_kept(parameters: Any, exact: Any) -> None:
    features, values = diabetes()
    exact(KernelRidge(kernel="poly", **parameters).fit(features, values), features, rounding=1e-9)
    known = Nystroem("rbf", kernel_params={"gamma": 0.7}, n_components=9, random_state=0)
    exact(known.fit(features), features)


def test_centered_kernels_are_exact(exact: Any) -> None:
    features, _ = diabetes()
    matrix = rbf_kernel(features, features)
    exact(KernelCenterer().fit(matrix), matrix)
    precomputed = KernelRidge(kernel="precomputed").fit(matrix, features[:, 0])
    exact(precomputed, matrix, rounding=1e-9)


@pytest.mark.parametrize(
    "sampler",
    [
        RBFSampler(n_components=30, random_state=0),
        RBFSampler(gamma="scale", random_state=0),
        SkewedChi2Sampler(skewedness=0.5, n_components=30, random_state=0),
        AdditiveChi2Sampler(sample_steps=1),
        AdditiveChi2Sampler(sample_steps=3),
        AdditiveChi2Sampler(sample_steps=4, sample_interval=0.3),
    ],
    ids=repr,
)
def test_approximated_kernels_are_exact(sampler: Any, exact: Any) -> None:
    features, _ = diabetes()
    exact(sampler.fit(features), features)
    # Zeros have a place of their own in additive kernels.
    digits = load_digits(return_X_y=True)[0][:200]
    exact(sampler.fit(digits), digits)


@pytest.mark.parametrize(
    "sketch",
    [
        PolynomialCountSketch(random_state=0),
        PolynomialCountSketch(degree=3, coef0=2, gamma=0.5, n_components=31, random_state=0),
        PolynomialCountSketch(degree=1, n_components=1, random_state=0),
    ],
    ids=repr,
)
def test_sketched_polynomials_are_exact(sketch: Any, exact: Any) -> None:
    features, values = diabetes()
    exact(make_pipeline(sketch, Ridge()).fit(features, values), features)
    # Alone, zeros that a Fourier transformation leaves as errors of rounding would be compared.
    sketched = convert_to_onnx(sketch, data=features, allow_mismatch=True)
    (found,) = create_inference_session(sketched.model).run(None, {"features": features})
    np.testing.assert_allclose(found, sketch.transform(features), rtol=0, atol=1e-13)


def test_kernels_without_onnx_form_are_refused() -> None:
    features, values = diabetes()
    own = KernelRidge(kernel=lambda a, b: a @ b).fit(features, values)
    with pytest.raises(UnsupportedEstimatorError, match="Python function"):
        convert_to_onnx(own, data=features)
    single = KernelRidge(kernel="rbf").fit(features.astype(np.float32), values)
    with pytest.raises(UnsupportedEstimatorError, match="single precision"):
        convert_to_onnx(single, data=features)
