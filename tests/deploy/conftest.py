"""A saved model in the current folder."""

from pathlib import Path

import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from mlserve_cli import save_model


@pytest.fixture
def project(in_tmp_path: Path) -> Path:
    """The current folder, with the model `iris` in `models`."""
    X, y = load_iris(return_X_y=True)
    save_model(LogisticRegression(max_iter=500).fit(X, y), name="iris", models="models")
    return in_tmp_path
