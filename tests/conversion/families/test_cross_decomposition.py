from typing import Any

import numpy as np
import pytest
from sklearn.cross_decomposition import CCA, PLSSVD, PLSCanonical, PLSRegression
from sklearn.datasets import load_linnerud
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline

MODELS = [PLSRegression(2), PLSRegression(1, scale=False), PLSCanonical(2), CCA(2), PLSSVD(2)]


@pytest.mark.parametrize("model", MODELS, ids=repr)
def test_predictions_and_projections_are_exact(model: Any, exact: Any) -> None:
    features, values = load_linnerud(return_X_y=True)
    exact(model.fit(features, values), features)
    # The projection replaces the training targets, so that the pipeline needs no second answer.
    pipeline = make_pipeline(model, LinearRegression())
    pipeline.steps[1][1].fit(model.transform(features), values)
    exact(pipeline, features)


def test_one_target_is_exact(exact: Any) -> None:
    features, values = load_linnerud(return_X_y=True)
    model = PLSRegression(2).fit(features, values[:, 0])
    assert model.predict(features).ndim == 1
    exact(model, features)
    exact(PLSRegression(1).fit(features, np.sqrt(values[:, :1])), features)
