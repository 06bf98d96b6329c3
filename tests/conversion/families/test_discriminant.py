from typing import Any

import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_wine
from sklearn.discriminant_analysis import (
    LinearDiscriminantAnalysis,
    QuadraticDiscriminantAnalysis,
)
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mlserve_cli.conversion.convert import convert_to_onnx
from mlserve_cli.errors import UnsupportedEstimatorError

LINEAR = [
    LinearDiscriminantAnalysis(),
    LinearDiscriminantAnalysis(n_components=1),
    LinearDiscriminantAnalysis(solver="eigen", shrinkage=0.1),
]


@pytest.mark.parametrize("load", [load_breast_cancer, load_iris, load_wine])
@pytest.mark.parametrize(
    "estimator",
    [
        *LINEAR,
        LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto"),
        QuadraticDiscriminantAnalysis(reg_param=0.1),
        QuadraticDiscriminantAnalysis(solver="eigen", shrinkage=0.1),
    ],
    ids=repr,
)
def test_classifiers_are_exact(estimator: Any, load: Any, exact: Any) -> None:
    features, classes = load(return_X_y=True)
    features = StandardScaler().fit_transform(features)
    exact(estimator.fit(features, classes), features)


@pytest.mark.parametrize("estimator", LINEAR, ids=repr)
def test_projections_are_exact(estimator: Any, exact: Any) -> None:
    features, values = load_diabetes(return_X_y=True)
    # Projects to values, so that the projection itself is compared.
    model = make_pipeline(_Grouped(estimator), Ridge())
    model.steps[0] = ("projection", estimator.fit(features, values > 140))
    model.steps[1][1].fit(estimator.transform(features), values)
    exact(model, features)


class _Grouped(LinearDiscriminantAnalysis):
    pass


def test_a_solver_without_projection_is_refused() -> None:
    features, classes = load_iris(return_X_y=True)
    model = make_pipeline(LinearDiscriminantAnalysis(solver="lsqr"), Ridge())
    model.steps[0][1].fit(features, classes)
    model.steps[1][1].fit(features, classes)
    with pytest.raises(UnsupportedEstimatorError, match="lsqr"):
        convert_to_onnx(model, data=features)
