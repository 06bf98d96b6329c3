from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn import svm
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_wine
from sklearn.preprocessing import StandardScaler

from mlserve_cli.conversion.convert import convert_to_onnx
from mlserve_cli.conversion.result import Options
from mlserve_cli.errors import UnsupportedEstimatorError

KERNELS = [
    {"kernel": "linear"},
    {"kernel": "poly", "degree": 4, "coef0": 1.0},
    {"kernel": "rbf"},
    {"kernel": "sigmoid", "coef0": 0.5, "gamma": 0.05},
]


def scaled(load: Any) -> Any:
    features, target = load(return_X_y=True)
    return StandardScaler().fit_transform(features), target


@pytest.mark.parametrize("kernel", KERNELS, ids=repr)
@pytest.mark.parametrize("load", [load_breast_cancer, load_wine])
@pytest.mark.parametrize("kind", [svm.SVC, svm.NuSVC])
def test_classifiers_are_exact(kind: Any, load: Any, kernel: Any, exact: Any) -> None:
    features, classes = scaled(load)
    exact(kind(**kernel).fit(features, classes), features)


@pytest.mark.parametrize(
    "shape",
    [{"decision_function_shape": "ovo"}, {"decision_function_shape": "ovr", "break_ties": True}],
    ids=repr,
)
def test_both_shapes_of_the_decision_function(shape: Any, exact: Any) -> None:
    features, classes = load_iris(return_X_y=True)
    exact(svm.SVC(**shape).fit(features, np.array(["a", "b", "c"])[classes]), features)


@pytest.mark.filterwarnings("ignore:The `probability` parameter")
@pytest.mark.parametrize("load", [load_breast_cancer, load_wine, load_iris])
def test_probabilities_are_those_of_libsvm(load: Any, exact: Any) -> None:
    features, classes = scaled(load)
    model = svm.SVC(probability=True, random_state=0).fit(features, classes)
    conversion = exact(model, features)
    assert conversion.signature.probabilities
    options = Options(outputs=["label", "probabilities", "decision"], tolerance=1e-11)
    convert_to_onnx(model, data=features, options=options)


def test_a_classifier_fitted_on_sparse_rows(exact: Any) -> None:
    features, classes = scaled(load_wine)
    exact(svm.SVC().fit(sparse.csr_matrix(features), classes), features)


@pytest.mark.parametrize("kernel", KERNELS, ids=repr)
@pytest.mark.parametrize("kind", [svm.SVR, svm.NuSVR])
def test_regressors_are_exact(kind: Any, kernel: Any, exact: Any) -> None:
    features, values = scaled(load_diabetes)
    exact(kind(C=10.0, **kernel).fit(features, values), features)


@pytest.mark.parametrize("kernel", KERNELS, ids=repr)
def test_outlier_detection_is_exact(kernel: Any, exact: Any) -> None:
    features, _ = scaled(load_wine)
    # Scores near 0 are differences of sums near 1, and have fewer digits.
    exact(svm.OneClassSVM(nu=0.2, **kernel).fit(features), features, rounding=1e-9)


def test_a_kernel_given_as_a_matrix(exact: Any) -> None:
    features, classes = scaled(load_wine)
    kernel = features @ features.T
    exact(svm.SVC(kernel="precomputed").fit(kernel, classes), kernel)


def test_a_kernel_in_python_is_refused() -> None:
    features, classes = scaled(load_wine)
    model = svm.SVC(kernel=lambda a, b: a @ b.T).fit(features, classes)
    with pytest.raises(UnsupportedEstimatorError, match="Python function"):
        convert_to_onnx(model, data=pd.DataFrame(features).add_prefix("x"))
