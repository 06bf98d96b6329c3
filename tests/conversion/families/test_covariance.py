from typing import Any

import numpy as np
import pytest
from sklearn.covariance import EllipticEnvelope
from sklearn.datasets import load_diabetes


@pytest.mark.parametrize("centered", [False, True])
@pytest.mark.parametrize("contamination", [0.02, 0.3])
def test_elliptic_envelopes_are_exact(centered: bool, contamination: float, exact: Any) -> None:
    features, _ = load_diabetes(return_X_y=True)
    features = features[:, [0, 2, 3]] + 0.01 * np.arange(3)
    model = EllipticEnvelope(assume_centered=centered, contamination=contamination, random_state=0)
    exact(model.fit(features), features)
