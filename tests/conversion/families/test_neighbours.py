import copy
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import neighbors
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_digits,
    load_iris,
    load_wine,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mlserve_cli.conversion.convert import convert_to_onnx
from mlserve_cli.errors import SignatureError, UnsupportedEstimatorError
from mlserve_cli.inference.onnx import OnnxPredictor

METRICS = [
    {},
    {"algorithm": "brute"},
    {"p": 1},
    {"p": 3, "algorithm": "kd_tree"},
    {"p": 1.5, "metric_params": {"w": np.arange(1.0, 14.0)}},
    {"metric": "chebyshev"},
    {"metric": "canberra"},
    {"metric": "cosine"},
    {"metric": "sqeuclidean"},
    {"metric": "seuclidean", "metric_params": {"V": np.arange(1.0, 14.0)}},
    {"metric": "mahalanobis", "metric_params": {"VI": np.diag(np.arange(1.0, 14.0)) + 0.1}},
]


def scaled(load: Any) -> Any:
    features, target = load(return_X_y=True)
    return StandardScaler().fit_transform(features), target


@pytest.mark.parametrize("weights", ["uniform", "distance"])
@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: str(list(metric.items())[:2]))
def test_classes_of_the_nearest_rows(metric: Any, weights: str) -> None:
    features, classes = scaled(load_wine)
    names = np.array(["a", "b", "c"])[classes]
    # scikit-learn writes into the parameters that it is given.
    model = neighbors.KNeighborsClassifier(4, weights=weights, **copy.deepcopy(metric))
    agrees(model.fit(features[::2], names[::2]), features)


def agrees(model: Any, features: Any) -> None:
    """On these rows, of which none is as far from one training row as from another."""
    conversion = convert_to_onnx(model, data=features, allow_mismatch=True)
    found = OnnxPredictor(conversion.model, conversion.signature).predict(
        features, probabilities=True
    )
    assert found.probabilities is not None
    np.testing.assert_array_equal(found.labels, model.predict(features))
    # By brute force scikit-learn takes the distance of equal rows for up to 1e-7 instead of 0.
    np.testing.assert_allclose(found.probabilities, model.predict_proba(features), atol=1e-6)


@pytest.mark.parametrize("weights", ["uniform", "distance"])
@pytest.mark.parametrize("columns", [1, 2])
def test_values_of_the_nearest_rows(columns: int, weights: str, exact: Any) -> None:
    features, values = scaled(load_diabetes)
    model = neighbors.KNeighborsRegressor(weights=weights)
    target = np.column_stack([values, -values])[:, :columns]
    exact(model.fit(features, target if columns == 2 else values), features)


def test_several_classes_at_once() -> None:
    features, classes = scaled(load_wine)
    both = np.column_stack([classes, classes > 1])
    model = neighbors.KNeighborsClassifier().fit(features, both)
    assert convert_to_onnx(model, data=features).parity.passed


@pytest.mark.parametrize("algorithm", ["brute", "kd_tree"])
@pytest.mark.parametrize("weights", ["uniform", "distance"])
@pytest.mark.parametrize("outlier", [None, 2, "most_frequent", 7])
@pytest.mark.filterwarnings("ignore:Outlier label")
def test_classes_within_a_radius(outlier: Any, weights: str, algorithm: str, exact: Any) -> None:
    features, classes = scaled(load_wine)
    model = neighbors.RadiusNeighborsClassifier(
        2.5, weights=weights, outlier_label=outlier, algorithm=algorithm
    )
    model.fit(features, classes)
    if outlier is None:
        assert convert_to_onnx(model, data=features).parity.passed
    else:
        exact(model, features)


@pytest.mark.parametrize("weights", ["uniform", "distance"])
@pytest.mark.filterwarnings("ignore:One or more samples have no neighbors")
def test_values_within_a_radius(weights: str, exact: Any) -> None:
    features, values = scaled(load_diabetes)
    model = neighbors.RadiusNeighborsRegressor(2.0, weights=weights)
    exact(model.fit(features, values), features)


@pytest.mark.parametrize("load", [load_breast_cancer, load_wine])
@pytest.mark.parametrize(
    "estimator",
    [
        neighbors.NearestCentroid(),
        neighbors.NearestCentroid(metric="manhattan"),
        neighbors.NearestCentroid(shrink_threshold=0.5),
        neighbors.NearestCentroid(priors="empirical"),
        neighbors.NearestCentroid(metric="manhattan", priors="empirical"),
    ],
    ids=repr,
)
def test_nearest_centroids(estimator: Any, load: Any, exact: Any) -> None:
    features, classes = scaled(load)
    exact(estimator.fit(features, classes), features)


def test_local_outliers(exact: Any) -> None:
    features, _ = scaled(load_wine)
    exact(neighbors.LocalOutlierFactor(novelty=True).fit(features), features)


@pytest.mark.parametrize("mode", ["distance", "connectivity"])
@pytest.mark.parametrize("kind", ["nearest", "radius"])
def test_graphs_of_neighbours(kind: str, mode: Any, exact: Any) -> None:
    features, _ = scaled(load_wine)
    model = (
        neighbors.KNeighborsTransformer(mode=mode)
        if kind == "nearest"
        else neighbors.RadiusNeighborsTransformer(mode=mode, radius=2.0)
    )
    exact(model.fit(features), features)


def test_components_learnt_from_neighbours(exact: Any) -> None:
    features, classes = scaled(load_wine)
    model = neighbors.NeighborhoodComponentsAnalysis(2, random_state=0, max_iter=5)
    exact(model.fit(features, classes), features)


def test_distances_given_as_a_matrix(exact: Any) -> None:
    features, classes = scaled(load_wine)
    far = np.abs(features[:, None] - features[None]).sum(axis=2)
    model = neighbors.KNeighborsClassifier(metric="precomputed").fit(far, classes)
    assert convert_to_onnx(model, data=far).parity.passed


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"metric": "haversine"}, "haversine"),
        ({"metric": lambda a, b: abs(a - b).sum()}, "function"),
        ({"weights": lambda far: far}, "Python function"),
    ],
)
def test_what_has_no_exact_form_is_refused(parameters: Any, reason: str) -> None:
    features, classes = scaled(load_wine)
    model = neighbors.KNeighborsClassifier(**parameters).fit(features[:, :2], classes)
    with pytest.raises(UnsupportedEstimatorError, match=reason):
        convert_to_onnx(model, data=features[:, :2])


def test_a_sparse_graph_is_refused() -> None:
    features, values = scaled(load_diabetes)
    model = make_pipeline(
        neighbors.KNeighborsTransformer(mode="distance"),
        neighbors.KNeighborsRegressor(metric="precomputed"),
    )
    with pytest.raises(UnsupportedEstimatorError, match="sparse matrix"):
        convert_to_onnx(model.fit(features, values), data=pd.DataFrame(features).add_prefix("x"))


def test_rows_without_neighbours_are_refused_as_scikit_learn_does() -> None:
    features, classes = scaled(load_wine)
    model = neighbors.RadiusNeighborsClassifier(2.5).fit(features, classes)
    predictor = OnnxPredictor(convert_to_onnx(model, data=features).model)
    with pytest.raises(SignatureError, match="refuses these rows"):
        predictor.predict(features + 100.0)


@pytest.mark.parametrize("load", [load_digits, load_iris])
@pytest.mark.parametrize(
    "estimator",
    [
        neighbors.KNeighborsClassifier(),
        neighbors.KNeighborsClassifier(15, algorithm="ball_tree"),
        neighbors.LocalOutlierFactor(novelty=True),
    ],
    ids=repr,
)
def test_data_with_many_equal_distances(estimator: Any, load: Any, exact: Any) -> None:
    features, classes = load(return_X_y=True)
    exact(estimator.fit(features, classes), features)
