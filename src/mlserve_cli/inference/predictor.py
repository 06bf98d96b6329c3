"""One interface over every engine that can score a batch."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from mlserve_cli.signature import Signature

    # A matrix of shape (rows, features), or one array of shape (rows,) per column name. Numbers are
    # float64 or int64 arrays with NaN for missing; bools are bool arrays; text is an object array
    # of str; where values are missing, bools and text are object arrays with None in those places.
    Batch = NDArray[np.float64] | Mapping[str, NDArray[Any]]


# From so many rows of a call on, what is made ready for many may pay.
MANY_ROWS = 200


class Engine(StrEnum):
    """Where scoring runs."""

    SKLEARN = "sklearn"
    ONNX = "onnx"


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a model says about a batch.

    Attributes:
        labels: Predicted values, shape `(rows,)`, or `(rows, outputs)` for several outputs.
        probabilities: Shape `(rows, classes)`, or None where they were not asked for.
    """

    labels: "NDArray[Any]"
    probabilities: "NDArray[np.float64] | None" = None


class Predictor(Protocol):
    """A loaded model that scores batches. Safe to call from several threads at once."""

    @property
    def engine(self) -> Engine:
        """Where scoring runs."""

    @property
    def signature(self) -> "Signature":
        """What the model takes and returns."""

    def predict(self, batch: "Batch", *, probabilities: bool = False) -> Prediction:
        """Scores a batch.

        Args:
            batch: Laid out as `signature.layout` says, columns in the signature's order.
            probabilities: Whether to compute class probabilities too.

        Raises:
            SignatureError: The model does not take these values.
            EngineError: The model failed for another reason.
        """

    def decision_function(self, batch: "Batch") -> "NDArray[np.float64]":
        """Raw scores, shape `(rows,)` or `(rows, len(signature.decision))`.

        Raises:
            UsageError: The model has no raw scores.
        """
