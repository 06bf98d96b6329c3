"""Turns scores into classes the way classifiers do."""

from typing import TYPE_CHECKING, Any

import numpy as np

from mlserve_cli.conversion.graph import Kind
from mlserve_cli.conversion.translator import Scores

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from mlserve_cli.conversion.graph import Graph, Tensor


def label_constant(graph: "Graph", classes: "ArrayLike") -> "Tensor":
    """Classes as a constant: INT64, STRING, BOOL, or REAL for fractions."""
    values = np.asarray(classes)
    if values.dtype.kind in "iu":
        return graph.constant(values, Kind.INT64)
    if values.dtype.kind == "b":
        return graph.constant(values, Kind.BOOL)
    if values.dtype.kind == "f":
        return graph.constant(values)
    return graph.constant([str(value) for value in values], Kind.STRING)


def classified(classes: "ArrayLike", index: "Tensor", **scores: Any) -> Scores:
    """Scores of a classifier whose label is the class at a position."""
    constant = label_constant(index.graph, classes)
    return Scores(labels=constant.gather(index), index=index, **scores)


def from_probabilities(
    classes: "ArrayLike", probabilities: "Tensor", decision: "Tensor | None" = None
) -> Scores:
    """Scores of a classifier that predicts the first of the most probable classes."""
    return _within(classes, probabilities.argmax(), probabilities=probabilities, decision=decision)


def from_decision(
    classes: "ArrayLike", decision: "Tensor", probabilities: "Tensor | None" = None
) -> Scores:
    """Scores of a classifier that predicts the largest score, or, of one score, its sign.

    Args:
        classes: In the order of the scores.
        decision: Shape `(rows, 1)` for two classes, else `(rows, classes)`.
        probabilities: Shape `(rows, classes)`, where the classifier has any.
    """
    binary = np.size(classes) <= 2
    index = (decision > 0.0).cast(Kind.INT64).reshape([-1]) if binary else decision.argmax()
    return _within(classes, index, probabilities=probabilities, decision=decision)


def _within(classes: "ArrayLike", index: "Tensor", **scores: Any) -> Scores:
    """As `classified`, for a position that is never beyond the last class."""
    values = np.asarray(classes)
    if values.dtype.kind in "iu" and np.array_equal(values, np.arange(values.size)):
        # Classes that are their positions need not be looked up.
        return Scores(labels=index, index=index, **scores)
    return classified(classes, index, **scores)


def two_columns(positive: "Tensor") -> "Tensor":
    """Probabilities of both classes, shape `(rows, 2)`, from those of the second, `(rows, 1)`."""
    return positive.graph.concatenate([1.0 - positive, positive])


def sigmoid_pair(decision: "Tensor") -> "Tensor":
    """Logistic probabilities of two classes from one score of shape `(rows, 1)`."""
    return two_columns(sigmoid(decision))


def sigmoid(values: "Tensor") -> "Tensor":
    """The logistic function, in the form of `scipy.special.expit`: the same to the last bit or two.

    ONNX Runtime's own operator is 0 below -37, where the function is still 1e-17, and shares of
    such values are wanted.
    """
    return 1.0 / ((-values).apply("Exp") + 1.0)


def softmax(decision: "Tensor") -> "Tensor":
    """Probabilities in proportion to the exponential of each score."""
    return decision.apply("Softmax", axis=1)


def normalized(values: "Tensor", width: int) -> "Tensor":
    """Rows of so many columns, divided by their sums."""
    return values / values.row_sum(width)
