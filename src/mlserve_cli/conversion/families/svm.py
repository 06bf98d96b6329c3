"""Support vector machines with kernels, as libsvm computes them."""

from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from mlserve_cli.conversion.distances import squared_distances
from mlserve_cli.conversion.families.linear import outliers
from mlserve_cli.conversion.graph import Kind
from mlserve_cli.conversion.labels import classified
from mlserve_cli.conversion.loops import repeat
from mlserve_cli.conversion.translator import Scores

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from mlserve_cli.conversion.graph import Tensor
    from mlserve_cli.conversion.table import Table
    from mlserve_cli.conversion.translator import Score, Transform, Translator

# Constants of libsvm: bounds of the probability of one class against another, and where the search
# for probabilities that agree with all pairs ends.
_LEAST_PROBABILITY = 1e-7
_TOLERANCE = 0.005
_STEPS = 100


def _dense(values: Any) -> "NDArray[np.float64]":
    return np.asarray(values.toarray() if hasattr(values, "toarray") else values, np.float64)


def _kernel(translator: "Translator", estimator: Any, table: "Table") -> "Tensor":
    """Similarity to each support vector, shape `(rows, support vectors)`."""
    if callable(estimator.kernel):
        raise translator.unsupported("A kernel that is a Python function has no ONNX form.")
    if estimator.kernel == "precomputed":
        return table.select(estimator.support_.tolist()).real()
    x, vectors = table.real(), _dense(estimator.support_vectors_)
    gamma = float(estimator._gamma)  # noqa: SLF001
    if estimator.kernel == "rbf":
        return (squared_distances(x, vectors) * -gamma).apply("Exp")
    product = x @ vectors.T
    if estimator.kernel == "linear":
        return product
    shifted = product * gamma + float(estimator.coef0)
    return shifted.apply("Tanh") if estimator.kernel == "sigmoid" else shifted ** estimator.degree


def _sum(translator: "Translator", estimator: Any, table: "Table") -> "Tensor":
    """The only score of a regressor or outlier detector, shape `(rows, 1)`."""
    coefficients = _dense(estimator._dual_coef_).reshape(-1, 1)  # noqa: SLF001
    kernel = _kernel(translator, estimator, table)
    return kernel @ coefficients + np.ravel(estimator._intercept_)  # noqa: SLF001


def _pairs(translator: "Translator", estimator: Any, table: "Table") -> "Tensor":
    """Scores of the first of each two classes against the second, shape `(rows, pairs)`."""
    dual = _dense(estimator._dual_coef_)  # noqa: SLF001
    ends = np.cumsum(estimator.n_support_)
    pairs = list(combinations(range(len(estimator.classes_)), 2))
    coefficients = np.zeros((dual.shape[1], len(pairs)))
    for position, (first, second) in enumerate(pairs):
        for one, other in ((first, second - 1), (second, first)):
            vectors = slice(ends[one] - estimator.n_support_[one], ends[one])
            coefficients[vectors, position] = dual[other, vectors]
    kernel = _kernel(translator, estimator, table)
    return kernel @ coefficients + estimator._intercept_  # noqa: SLF001


def _votes(scores: "Tensor", classes: int) -> "tuple[Tensor, Tensor]":
    """How many pairs each class wins, and the sum of its scores, each `(rows, classes)`."""
    pairs = list(combinations(range(classes), 2))
    sides = np.zeros((2, len(pairs), classes))
    for position, pair in enumerate(pairs):
        sides[[0, 1], position, pair] = 1.0
    won = (scores > 0.0).cast(Kind.REAL)
    return won @ sides[0] + (1.0 - won) @ sides[1], scores @ (sides[0] - sides[1])


def _ovr_decision(scores: "Tensor", classes: int) -> "Tensor":
    # Unlike the label, a score of exactly 0 is a vote for the first class here.
    votes, confidences = _votes(scores, classes)
    tied = scores.equals(0.0).cast(Kind.REAL)
    shift = _votes(scores.graph.constant([[1.0] * (classes * (classes - 1) // 2)]), classes)[1]
    del shift, tied
    return votes + confidences / ((confidences.apply("Abs") + 1.0) * 3.0)
