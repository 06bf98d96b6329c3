"""Proof that a saved file predicts what its source predicts."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mlserve_cli.errors import ArtifactError, MlserveError
from mlserve_cli.inference.describe import plausible_row
from mlserve_cli.inference.estimator import EstimatorPredictor, can_score
from mlserve_cli.inference.frames import to_batch
from mlserve_cli.inference.predictor import Prediction

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from mlserve_cli.inference.predictor import Batch, Predictor

# The same arithmetic in another order of summation (threads) may differ in the last bits.
_RELATIVE = 1e-9


@dataclass(frozen=True, slots=True)
class SamePredictions:
    """What the source predicted on some rows, to hold a copy against.

    Attributes:
        batch: The rows.
        expected: What the source predicted; None where it cannot score them.
        rows: How many rows of real data they are.
    """

    batch: "Batch"
    expected: Prediction | None
    rows: int

    def verify(self, copy: "Predictor", name: str) -> None:
        """Raises `ArtifactError` unless a copy predicts the same on every row."""
        if self.expected is None:
            return
        found = copy.predict(self.batch, probabilities=self.expected.probabilities is not None)
        differing = ~_same(self.expected.labels, found.labels)
        if self.expected.probabilities is not None and found.probabilities is not None:
            differing |= ~_same(self.expected.probabilities, found.probabilities)
        if differing.any():
            first = int(np.flatnonzero(differing)[0])
            raise ArtifactError(
                f"{name} does not predict what its source predicts: {int(differing.sum())} of "
                f"{len(differing)} rows differ, the first is row {first + 1}: "
                f"{found.labels[first]!r} instead of {self.expected.labels[first]!r}.",
                hint="Try another --format, or check that the model's predictions do not depend "
                "on chance or on state outside of it.",
            )


def expect_from_estimator(
    predictor: EstimatorPredictor, inputs: "pd.DataFrame | None"
) -> SamePredictions:
    """What an estimator itself predicts on the rows as the user has them."""
    signature = predictor.signature
    if not can_score(predictor.estimator):
        return SamePredictions(plausible_row(signature), None, 0)
    if inputs is None:
        batch = plausible_row(signature)
        try:
            expected = predictor.predict(batch, probabilities=signature.probabilities)
        except MlserveError:
            # A made-up row may be refused; then loading is all that can be checked.
            return SamePredictions(batch, None, 0)
        return SamePredictions(batch, expected, 0)
    batch = to_batch(inputs, signature)
    expected = predictor.predict(batch, probabilities=signature.probabilities)
    if hasattr(predictor.estimator, "feature_names_in_"):
        _check_transport(predictor, inputs, expected.labels)
    return SamePredictions(batch, expected, len(inputs))


def expect_from_predictor(predictor: "Predictor", inputs: "pd.DataFrame") -> SamePredictions:
    """What a predictor predicts on rows of real data."""
    batch = to_batch(inputs, predictor.signature)
    expected = predictor.predict(batch, probabilities=predictor.signature.probabilities)
    return SamePredictions(batch, expected, len(inputs))


def _check_transport(
    predictor: EstimatorPredictor, inputs: "pd.DataFrame", found: "NDArray[Any]"
) -> None:
    """Raises `ArtifactError` where a frame rebuilt from the signature is scored differently."""
    names = predictor.estimator.feature_names_in_
    rows = inputs.set_axis(names, axis=1)
    expected = predictor.score(rows)
    differing = ~_same(expected, found)
    if differing.any():
        first = int(np.flatnonzero(differing)[0])
        raise ArtifactError(
            "The model depends on details of the data's types that a signature does not carry: "
            f"{int(differing.sum())} of {len(inputs)} rows are predicted differently from plain "
            f"numbers, bools and text, the first is row {first + 1}.",
            hint="Fit it on columns of numpy dtypes, text or pandas categories.",
        )


def _same(first: "NDArray[Any]", second: "NDArray[Any]") -> "NDArray[np.bool_]":
    """Which rows are the same in both."""
    if first.shape != second.shape:
        return np.zeros(len(first), np.bool_)
    if first.dtype.kind == "f" and second.dtype.kind == "f":
        equal = np.isclose(first, second, rtol=_RELATIVE, atol=1e-12, equal_nan=True)
    else:
        equal = np.asarray(first == second, np.bool_)
    rows: NDArray[np.bool_] = equal.reshape(len(equal), -1).all(axis=1)
    return rows
