from typing import Any

import numpy as np
import pytest
from sklearn import decomposition, random_projection
from sklearn.datasets import load_digits, load_wine
from sklearn.preprocessing import StandardScaler

from mlserve_cli.conversion.convert import convert_to_onnx
from mlserve_cli.errors import UnsupportedEstimatorError

MODELS = [
    decomposition.PCA(),
    decomposition.PCA(4, whiten=True),
    decomposition.PCA(4, svd_solver="covariance_eigh"),
    decomposition.IncrementalPCA(4),
    decomposition.IncrementalPCA(4, whiten=True),
    decomposition.TruncatedSVD(5, random_state=0),
    decomposition.FactorAnalysis(4),
    decomposition.FastICA(4, random_state=0, max_iter=1000),
    decomposition.FastICA(random_state=0, max_iter=1000, whiten=False, tol=1.0),
    decomposition.SparsePCA(4, random_state=0, max_iter=50),
    decomposition.SparsePCA(20, random_state=0, max_iter=20, ridge_alpha=0.1),
    decomposition.MiniBatchSparsePCA(4, random_state=0, max_iter=50),
    random_projection.GaussianRandomProjection(5, random_state=0),
    random_projection.SparseRandomProjection(5, random_state=0),
    random_projection.SparseRandomProjection(5, random_state=0, dense_output=True),
]


def wine() -> Any:
    return StandardScaler().fit_transform(load_wine(return_X_y=True)[0])


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("model", MODELS, ids=repr)
def test_decompositions_are_exact(model: Any, exact: Any) -> None:
    features = wine()
    exact(model.fit(features), features)


def test_components_without_variance_are_whitened_as_they_are(exact: Any) -> None:
    features, _ = load_digits(return_X_y=True)
    features = np.column_stack([features[:300], np.ones(300)])
    model = decomposition.PCA(3, whiten=True).fit(features)
    exact(model, features)


@pytest.mark.parametrize("split", [False, True])
@pytest.mark.parametrize("positive", [False, True])
@pytest.mark.parametrize("alpha", [None, 0.3])
def test_codes_by_threshold_are_exact(
    alpha: float | None, positive: bool, split: bool, exact: Any
) -> None:
    features = wine()
    settings: dict[str, Any] = {
        "transform_algorithm": "threshold",
        "transform_alpha": alpha,
        "split_sign": split,
    }
    learnt = decomposition.DictionaryLearning(
        5, alpha=0.7, max_iter=5, random_state=0, positive_code=positive,
        fit_algorithm="cd", **settings,
    )  # fmt: skip
    exact(learnt.fit(features), features)
    batches = decomposition.MiniBatchDictionaryLearning(
        5, max_iter=5, random_state=0, positive_code=positive, fit_algorithm="cd", **settings
    )
    exact(batches.fit(features), features)
    given = decomposition.SparseCoder(learnt.components_, positive_code=positive, **settings)
    exact(given.fit(features), features)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (decomposition.NMF(3, random_state=0, max_iter=1000), "optimisation"),
        (decomposition.MiniBatchNMF(3, random_state=0), "optimisation"),
        (decomposition.LatentDirichletAllocation(3, random_state=0), "optimisation"),
        (decomposition.DictionaryLearning(3, random_state=0, max_iter=5), "'threshold' does not"),
    ],
    ids=repr,
)
def test_problems_of_optimisation_are_refused(model: Any, reason: str) -> None:
    features = np.abs(wine())
    with pytest.raises(UnsupportedEstimatorError, match=reason):
        convert_to_onnx(model.fit(features), data=features)
