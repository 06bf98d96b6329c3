"""Predictors that need no model."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mlserve_cli.inference.predictor import Engine, Prediction
from mlserve_cli.signature import Signature

if TYPE_CHECKING:
    from mlserve_cli.inference.predictor import Batch

Scoring = Callable[["Batch"], NDArray[Any]]


def spelled_out(batch: "Batch") -> NDArray[Any]:
    """A label per row that tells every value of the row."""
    columns = list(batch.values()) if isinstance(batch, Mapping) else list(batch.T)
    rows = zip(*(column.tolist() for column in columns), strict=True)
    labels = [" ".join(map(repr, row)) for row in rows]
    return np.array([*labels, None], np.object_)[:-1]


class FakePredictor:
    """Scores with plain functions."""

    engine = Engine.SKLEARN

    def __init__(
        self,
        signature: Signature,
        labels: Scoring = spelled_out,
        probabilities: Scoring | None = None,
        decision: Scoring | None = None,
    ) -> None:
        self.signature = signature
        self._labels = labels
        self._probabilities = probabilities
        self._decision = decision

    def predict(self, batch: "Batch", *, probabilities: bool = False) -> Prediction:
        wanted = self._probabilities if probabilities else None
        return Prediction(self._labels(batch), None if wanted is None else wanted(batch))

    def decision_function(self, batch: "Batch") -> NDArray[np.float64]:
        assert self._decision is not None
        return self._decision(batch)


@pytest.fixture(scope="session")
def fake() -> type[FakePredictor]:
    """The class of the fake predictors."""
    return FakePredictor
