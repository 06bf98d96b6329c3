"""Support vector machines with kernels, as libsvm computes them."""

from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from mlserve_cli.conversion.distances import squared_distances
from mlserve_cli.conversion.families.linear import outliers
from mlserve_cli.conversion.graph import Kind
from mlserve_cli.conversion.labels import classified, sigmoid
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
    gamma = float(estimator._gamma)
    if estimator.kernel == "rbf":
        return (squared_distances(x, vectors) * -gamma).apply("Exp")
    product = x @ vectors.T
    if estimator.kernel == "linear":
        return product
    shifted = product * gamma + float(estimator.coef0)
    return shifted.apply("Tanh") if estimator.kernel == "sigmoid" else shifted**estimator.degree


def _sum(translator: "Translator", estimator: Any, table: "Table") -> "Tensor":
    """The only score of a regressor or outlier detector, shape `(rows, 1)`."""
    coefficients = _dense(estimator._dual_coef_).reshape(-1, 1)
    kernel = _kernel(translator, estimator, table)
    return kernel @ coefficients + np.ravel(estimator._intercept_)


def _pairs(translator: "Translator", estimator: Any, table: "Table") -> "Tensor":
    """Scores of the first of each two classes against the second, shape `(rows, pairs)`."""
    dual = _dense(estimator._dual_coef_)
    ends = np.cumsum(estimator.n_support_)
    pairs = list(combinations(range(len(estimator.classes_)), 2))
    coefficients = np.zeros((dual.shape[1], len(pairs)))
    for position, (first, second) in enumerate(pairs):
        for one, other in ((first, second - 1), (second, first)):
            vectors = slice(ends[one] - estimator.n_support_[one], ends[one])
            coefficients[vectors, position] = dual[other, vectors]
    kernel = _kernel(translator, estimator, table)
    return kernel @ coefficients + np.ravel(estimator._intercept_)


def _sides(classes: int) -> "tuple[NDArray[np.float64], NDArray[np.float64]]":
    """Which class stands first and which second in each pair, `(pairs, classes)` each."""
    pairs = list(combinations(range(classes), 2))
    every = np.eye(classes)
    return every[[pair[0] for pair in pairs]], every[[pair[1] for pair in pairs]]


def _votes(first_wins: "Tensor", classes: int) -> "Tensor":
    first, second = _sides(classes)
    won = first_wins.cast(Kind.REAL)
    return won @ first + (1.0 - won) @ second


def _one_versus_rest(scores: "Tensor", classes: int) -> "Tensor":
    first, second = _sides(classes)
    confidences = scores @ (first - second)
    # A score of exactly 0 counts for the first class here, and for the second in labels.
    votes = _votes(scores >= 0.0, classes)
    return votes + confidences / ((confidences.apply("Abs") + 1.0) * 3.0)


def _classifier(translator: "Translator", estimator: Any, table: "Table") -> Scores:
    scores = _pairs(translator, estimator, table)
    classes = len(estimator.classes_)
    decision = -scores if classes == 2 else scores
    if classes > 2 and estimator.decision_function_shape == "ovr":
        decision = _one_versus_rest(scores, classes)
    index = _votes(scores > 0.0, classes).argmax()
    if estimator.break_ties and classes > 2:
        if estimator.decision_function_shape == "ovo":
            raise translator.unsupported("break_ties needs decision_function_shape='ovr'.")
        index = decision.argmax()
    probabilities = None
    if estimator._probA.size:
        probabilities = _probabilities(scores, estimator, classes)
    return classified(estimator.classes_, index, probabilities=probabilities, decision=decision)


def _probabilities(scores: "Tensor", estimator: Any, classes: int) -> "Tensor":
    """Probabilities that agree best with those of all pairs, as far as libsvm looks for them."""
    graph = scores.graph
    shares = sigmoid(-(scores * estimator._probA + estimator._probB))
    limits = graph.constant(_LEAST_PROBABILITY), graph.constant(1.0 - _LEAST_PROBABILITY)
    pairwise = graph.add("Clip", shares, *limits)
    against, diagonal = _coupling(pairwise, classes)
    start = scores.columns(0, 1) * 0.0 + np.full((1, classes), 1.0 / classes)

    def step(states: "Sequence[Tensor]") -> "tuple[Tensor, Sequence[Tensor]]":
        (shares,) = states
        products = [(shares * row).row_sum(classes) for row in against]
        slopes = shares.graph.concatenate(products)
        total = (shares * slopes).row_sum(classes)
        error = (slopes - total).apply("Abs").reduce("Max")
        active = error >= _TOLERANCE / classes
        moved = _moved(shares, slopes, total, against, diagonal)
        going = active.cast(Kind.REAL).reduce("Sum", 0, keep=False).reduce("Sum", 0, keep=False)
        return going > 0.5, [active.where(moved, shares)]

    return repeat([start], [classes], max(_STEPS, classes), step)[0]


def _coupling(pairwise: "Tensor", classes: int) -> "tuple[list[Tensor], list[Tensor]]":
    """Rows of the matrix Q of Wu, Lin and Weng (2004), and its diagonal."""
    pairs = list(combinations(range(classes), 2))
    positions = {pair: number for number, pair in enumerate(pairs)}
    positions |= {(j, i): number + len(pairs) for (i, j), number in positions.items()}
    every = pairwise.graph.concatenate([pairwise, 1.0 - pairwise, pairwise.columns(0, 1) * 0.0])
    rows, diagonal = [], []
    for one in range(classes):
        others = [(other, one) for other in range(classes)]
        lost = every.gather([positions.get(pair, -1) for pair in others], axis=1)
        won = every.gather([positions.get(pair[::-1], -1) for pair in others], axis=1)
        square = (lost * lost).row_sum(classes)
        diagonal.append(square)
        rows.append(square * np.eye(classes)[[one]] - lost * won)
    return rows, diagonal


def _moved(
    shares: "Tensor",
    slopes: "Tensor",
    total: "Tensor",
    against: "Sequence[Tensor]",
    diagonal: "Sequence[Tensor]",
) -> "Tensor":
    """Shares after each has been moved to its own optimum, one after the other."""
    for one, (row, square) in enumerate(zip(against, diagonal, strict=True)):
        slope = slopes.columns(one, one + 1)
        change = (total - slope) / square
        scale = change + 1.0
        total = (total + change * (change * square + slope * 2.0)) / scale / scale
        slopes = (slopes + change * row) / scale
        shares = (shares + change * np.eye(len(against))[[one]]) / scale
    return shares


def _regressor(translator: "Translator", estimator: Any, table: "Table") -> Scores:
    return Scores(labels=_sum(translator, estimator, table))


def _one_class(translator: "Translator", estimator: Any, table: "Table") -> Scores:
    return outliers(_sum(translator, estimator, table), strict=True)


TRANSFORMS: "dict[str, Transform]" = {}
SCORES: "dict[str, Score]" = {
    "sklearn.SVC": _classifier,
    "sklearn.NuSVC": _classifier,
    "sklearn.SVR": _regressor,
    "sklearn.NuSVR": _regressor,
    "sklearn.OneClassSVM": _one_class,
}
