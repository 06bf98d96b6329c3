from typing import Any

import numpy as np
import pytest
from sklearn import cluster
from sklearn.datasets import load_digits, load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mlserve_cli.conversion.convert import convert_to_onnx
from mlserve_cli.conversion.files import create_inference_session
from mlserve_cli.errors import UnsupportedEstimatorError

SPACES = [
    cluster.KMeans(5, n_init=1, random_state=0),
    cluster.MiniBatchKMeans(5, n_init=1, random_state=0),
    cluster.BisectingKMeans(6, random_state=0),
    cluster.BisectingKMeans(1, random_state=0),
    cluster.Birch(n_clusters=3),
    cluster.Birch(n_clusters=None, threshold=2.0),
]
MODELS = [*SPACES, cluster.MeanShift(), cluster.AffinityPropagation(random_state=0)]
POOLS = [np.mean, np.max, np.min, np.median, np.amax, np.amin]


def wine() -> Any:
    return StandardScaler().fit_transform(load_wine(return_X_y=True)[0])


@pytest.mark.parametrize("model", MODELS, ids=repr)
def test_clusters_are_exact(model: Any, exact: Any) -> None:
    features = wine()
    exact(model.fit(features), features)


@pytest.mark.parametrize("model", SPACES, ids=repr)
def test_distances_from_centers_are_exact(model: Any, exact: Any) -> None:
    features, classes = load_wine(return_X_y=True)
    # Distances of rows that are centers themselves are errors of rounding, in scikit-learn too.
    rounding = 1e-6 if isinstance(model, cluster.Birch) else 1e-11
    pipeline = make_pipeline(StandardScaler(), model, LogisticRegression(max_iter=5000))
    exact(pipeline.fit(features, classes), features, rounding=rounding)


def test_the_label_of_rows_when_there_are_no_clusters(exact: Any) -> None:
    model = cluster.AffinityPropagation(random_state=0).fit(wine())
    model.cluster_centers_ = np.empty((0, 13))
    with pytest.warns(match="cluster centers"):
        exact(model, wine())


@pytest.mark.parametrize("pool", POOLS, ids=lambda pool: pool.__name__)
def test_pooled_features_are_exact(pool: Any, exact: Any) -> None:
    features, _ = load_digits(return_X_y=True)
    features = features[:300]
    for clusters in (1, 7):
        model = cluster.FeatureAgglomeration(clusters, pooling_func=pool)
        exact(model.fit(features), features)


def test_sums_of_features_are_those_of_scikit_learn() -> None:
    # Their last bits depend on how numpy lays out a selection; these numbers are whole.
    features, _ = load_digits(return_X_y=True)
    model = cluster.FeatureAgglomeration(5, pooling_func=np.sum).fit(features)
    session = create_inference_session(convert_to_onnx(model, data=features).model)
    (found,) = session.run(None, {"features": features})
    np.testing.assert_array_equal(found, model.transform(features))


def test_pools_and_precisions_without_onnx_form_are_refused() -> None:
    features = wine()
    model = cluster.FeatureAgglomeration(pooling_func=lambda x, axis: np.ptp(x, axis=axis))
    with pytest.raises(UnsupportedEstimatorError, match="pools with"):
        convert_to_onnx(model.fit(features), data=features)
    single = cluster.KMeans(3, n_init=1).fit(features.astype(np.float32))
    with pytest.raises(UnsupportedEstimatorError, match="single precision"):
        convert_to_onnx(single, data=features)
