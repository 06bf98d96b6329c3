from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.neighbors import KNeighborsRegressor

from mlserve_cli.conversion.result import Options
from mlserve_cli.conversion.writing import write_model
from mlserve_cli.inference.describe import describe_estimator
from mlserve_cli.inference.onnx import OnnxPredictor

SEARCHES = [
    {"algorithm": "brute"},
    {"algorithm": "kd_tree", "leaf_size": 3},
    {"algorithm": "kd_tree", "leaf_size": 30},
    {"algorithm": "kd_tree", "leaf_size": 2, "p": 1},
    {"algorithm": "kd_tree", "leaf_size": 2, "metric": "chebyshev"},
    {"algorithm": "ball_tree", "leaf_size": 2, "metric": "manhattan"},
]


@pytest.mark.parametrize("search", SEARCHES, ids=repr)
@given(
    seed=st.integers(0, 10**6),
    count=st.integers(1, 17),
    features=st.integers(1, 4),
    size=st.integers(1, 4),
)
@settings(max_examples=25, deadline=None)
def test_the_same_rows_count_where_many_are_equally_near(
    search: Any, seed: int, count: int, features: int, size: int
) -> None:
    random = np.random.default_rng(seed)
    points = random.integers(0, size + 1, (60, features)).astype(np.float64)
    rows = random.integers(0, size + 1, (40, features)).astype(np.float64)
    # The mean of powers of two tells which rows it was made of.
    values = 2.0 ** np.arange(-30.0, 30.0)
    random.shuffle(values)
    model = KNeighborsRegressor(count, **search).fit(points, values)
    signature = describe_estimator(model)
    onnx = write_model(model, signature, Options())
    found = OnnxPredictor(onnx, signature).predict(rows).labels
    np.testing.assert_allclose(found, model.predict(rows), rtol=1e-15)
