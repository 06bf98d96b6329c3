"""Rows of one or more requests scored in one call of a model."""

from enum import Flag, auto
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from mlserve_cli.errors import EngineError, MlserveError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from mlserve_cli.inference.predictor import Batch
    from mlserve_cli.serving.model import LoadedModel
    from mlserve_cli.serving.rows import Rows


class Wanted(Flag):
    """What a request asks of the model."""

    LABELS = auto()
    PROBABILITIES = auto()
    DECISION = auto()


class Scored:
    """What the model says about the rows of a micro-batch.

    Args:
        labels: Shape `(rows,)` or `(rows, outputs)`; None where nobody asked.
        probabilities: Shape `(rows, classes)`; None where nobody asked.
        decision: Shape `(rows,)` or `(rows, columns)`; None where nobody asked.
    """

    __slots__ = ("_highest_list", "_label_list", "decision", "labels", "probabilities")

    def __init__(
        self,
        labels: "NDArray[Any] | None",
        probabilities: "NDArray[np.float64] | None" = None,
        decision: "NDArray[np.float64] | None" = None,
    ) -> None:
        self.labels = labels
        self.probabilities = probabilities
        self.decision = decision
        # `cached_property` takes a lock each time it finds nothing.
        self._label_list: list[Any] | None = None
        self._highest_list: list[float] | None = None

    @property
    def label_list(self) -> list[Any]:
        """The labels as Python values, made once for all requests of the micro-batch."""
        if self._label_list is None:
            self._label_list = [] if self.labels is None else self.labels.tolist()
        return self._label_list

    @property
    def highest_list(self) -> list[float]:
        """The largest probability of each row."""
        if self._highest_list is None:
            found = self.probabilities
            self._highest_list = [] if found is None else found.max(axis=1).tolist()
        return self._highest_list


def score(model: "LoadedModel", parts: "Sequence[Rows]", wanted: Wanted, max_rows: int) -> Scored:
    """Scores the rows of several requests together.

    Args:
        model: The model.
        parts: Rows of each request, of the same kinds.
        wanted: What all of them ask for.
        max_rows: Rows that one call of the model takes at the most.

    Raises:
        MlserveError: The model does not take one of the rows, or failed.
    """
    batch = model.reader.merge(parts)
    rows = sum(part.count for part in parts)
    if rows <= max_rows:
        return score_batch(model, batch, rows, wanted)
    pieces = [
        score_batch(
            model, _slice(batch, start, start + max_rows), min(max_rows, rows - start), wanted
        )
        for start in range(0, rows, max_rows)
    ]
    return Scored(
        _joined([piece.labels for piece in pieces]),
        _joined([piece.probabilities for piece in pieces]),
        _joined([piece.decision for piece in pieces]),
    )


def score_batch(model: "LoadedModel", batch: "Batch", rows: int, wanted: Wanted) -> Scored:
    """Scores merged rows, in one call of the model.

    Args:
        model: The model.
        batch: The rows.
        rows: How many there are.
        wanted: What is asked.

    Raises:
        MlserveError: The model does not take one of the rows, or failed.
    """
    if rows == 1:
        # One row alone takes another path through BLAS than the same row among others and may
        # differ in the last bit; two equal rows take the common one.
        batch = _twice(batch)
    labels = probabilities = decision = None
    predicts, with_probabilities, decides = _methods(wanted)
    try:
        if predicts:
            prediction = model.predictor.predict(batch, probabilities=with_probabilities)
            labels, probabilities = prediction.labels[:rows], prediction.probabilities
            probabilities = None if probabilities is None else probabilities[:rows]
        if decides:
            decision = model.predictor.decision_function(batch)[:rows]
    except MlserveError:
        raise
    # Whatever a model raises, every waiting caller must be answered.
    except Exception as error:
        raise EngineError(f"The model failed while scoring: {type(error).__name__}.") from error
    return Scored(labels, probabilities, decision)


@cache
def _methods(wanted: Wanted) -> tuple[bool, bool, bool]:
    """Whether to predict, with probabilities, and to decide: flags are slow to take apart."""
    with_probabilities = Wanted.PROBABILITIES in wanted
    predicts = with_probabilities or Wanted.LABELS in wanted
    return predicts, with_probabilities, Wanted.DECISION in wanted


def _twice(batch: "Batch") -> "Batch":
    if isinstance(batch, np.ndarray):
        return np.concatenate((batch, batch))
    return {name: np.concatenate((values, values)) for name, values in batch.items()}


def _slice(batch: "Batch", start: int, stop: int) -> "Batch":
    if isinstance(batch, np.ndarray):
        return batch[start:stop]
    return {name: values[start:stop] for name, values in batch.items()}


def _joined(parts: "list[NDArray[Any] | None]") -> Any:
    return (
        None if parts[0] is None else np.concatenate([part for part in parts if part is not None])
    )
