"""The models that are served, and requests with the estimator's own answers."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, assert_never

import joblib
import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mlserve_cli import convert_onnx, save_model

_ROWS = 4000
_COLUMNS = 20
# Different bodies that are sent in turn.
_QUESTIONS = 16


class ModelKind(StrEnum):
    """A model to serve."""

    LOGISTIC = "logistic"
    FOREST = "forest"


TITLES = {
    ModelKind.LOGISTIC: "scaler and logistic regression",
    ModelKind.FOREST: "forest of 100 trees",
}


@dataclass(frozen=True, slots=True)
class Question:
    """Rows to ask for, with the right answers.

    Attributes:
        rows: What is asked.
        labels: Shape `(rows,)`.
        probabilities: Shape `(rows, classes)`.
    """

    rows: list[list[float]]
    labels: NDArray[np.int64]
    probabilities: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Model:
    """A fitted model with data.

    Attributes:
        estimator: The model.
        data: Rows like those it was fitted on, shape `(rows, features)`.
    """

    estimator: Any
    data: NDArray[np.float64]

    def questions(self, rows: int) -> list[Question]:
        """Requests of so many rows each."""
        found = []
        for start in range(0, _QUESTIONS * rows, rows):
            part = self.data[start : start + rows]
            probabilities = self.estimator.predict_proba(part)
            labels = self.estimator.predict(part)
            found.append(Question(part.tolist(), labels, probabilities))
        return found


def fit(kind: ModelKind) -> Model:
    """A model of three classes on 20 numbers."""
    data, classes = make_classification(
        _ROWS, _COLUMNS, n_informative=12, n_classes=3, random_state=0
    )
    data = data.round(4)
    match kind:
        case ModelKind.LOGISTIC:
            estimator = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
        case ModelKind.FOREST:
            estimator = RandomForestClassifier(100, random_state=0)
        case _:
            assert_never(kind)
    return Model(estimator.fit(data, classes), data)


def save(model: Model, folder: Path) -> None:
    """Writes `model.joblib` for all servers and the artifact with ONNX for ours."""
    joblib.dump(model.estimator, folder / "model.joblib")
    save_model(model.estimator, name="model", models=folder / "models")
    convert_onnx("model", models=folder / "models")
