from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_wine
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture
from sklearn.preprocessing import StandardScaler

from mlserve_cli.conversion.files import create_inference_session

KINDS = ["full", "tied", "diag", "spherical"]
MODELS = [
    lambda kind: GaussianMixture(n_components=3, covariance_type=kind, random_state=0),
    lambda kind: BayesianGaussianMixture(
        n_components=3, covariance_type=kind, random_state=0, max_iter=500
    ),
    lambda kind: BayesianGaussianMixture(
        n_components=3,
        covariance_type=kind,
        weight_concentration_prior_type="dirichlet_distribution",
        random_state=0,
        max_iter=500,
    ),
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("make", MODELS, ids=["plain", "process", "distribution"])
def test_mixtures_are_exact(make: Any, kind: str, exact: Any) -> None:
    features = StandardScaler().fit_transform(load_wine(return_X_y=True)[0])
    model = make(kind).fit(features)
    conversion = exact(model, features)
    session = create_inference_session(conversion.model)
    for rows in (features, features * 100.0):
        (found,) = session.run(["probabilities"], {"features": rows})
        np.testing.assert_allclose(found, model.predict_proba(rows), rtol=0, atol=1e-9)
