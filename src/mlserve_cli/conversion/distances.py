"""Distances and kernels between the rows of a batch and fixed points, from exact differences.

The expansion `|x|^2 - 2xy + |y|^2` is faster and loses half of the digits where two points are
close, which is where nearest neighbours are.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mlserve_cli.conversion.graph import Kind, Tensor
from mlserve_cli.conversion.loops import for_each_row

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike

Measure = Callable[[Tensor, Tensor], Tensor]
Root = Callable[[Tensor], Tensor]


@dataclass(frozen=True, slots=True)
class Metric:
    """A distance in two steps.

    Attributes:
        measure: Is given a row, shape `(features, 1)`, and the points, `(features, points)`, and
            returns what each feature adds. The row has to be the first operand.
        fold: Reduction of the features.
        root: Makes distances of what the reduction gives, and keeps its order.
        power: The opposite of `root`, for one number.
    """

    measure: Measure
    fold: str = "Sum"
    root: Root = lambda folded: folded
    power: Callable[[float], float] = lambda distance: distance


def squared_distances(x: Tensor, points: "ArrayLike") -> Tensor:
    """Squared Euclidean distances, shape `(rows, points)`."""
    return folded(x, points, _EUCLIDEAN)


def folded(x: Tensor, points: "ArrayLike", metric: Metric) -> Tensor:
    """What orders points by their distance, shape `(rows, points)`; `metric.root` makes the rest.

    Args:
        x: Shape `(rows, features)`.
        points: Shape `(points, features)`.
        metric: The distance.
    """
    # Features come first, so that they are summed one after the other, as compiled loops do.
    values = np.asarray(points, np.float64)
    fixed = x.graph.constant(values.T)
    x.graph.takes(len(values) * 8)

    def write(row: Tensor) -> Tensor:
        return metric.measure(row, fixed).reduce(metric.fold, 0, keep=False)

    return for_each_row(x, values.shape[1], write)


def metric_of(name: Any, parameters: "Mapping[str, Any]", features: int) -> Metric | None:
    """The distance of that name in scikit-learn; None where there is none here.

    Args:
        name: Such as `euclidean`.
        parameters: Such as `p`.
        features: Number of features.
    """
    if not isinstance(name, str):
        return None
    if name == "minkowski":
        return _minkowski(float(parameters.get("p", 2)), parameters.get("w"))
    if name == "seuclidean" and "V" in parameters:
        return _scaled(np.asarray(parameters["V"], np.float64))
    if name == "mahalanobis":
        return _mahalanobis(parameters)
    if name == "hamming":
        return Metric(_unequal, root=lambda folded: folded / float(features))
    return _METRICS.get(name)


def _absolute(row: Tensor, points: Tensor) -> Tensor:
    return (row - points).apply("Abs")


def _square(row: Tensor, points: Tensor) -> Tensor:
    difference = row - points
    return difference * difference


def _unequal(row: Tensor, points: Tensor) -> Tensor:
    return (~row.equals(points)).cast(Kind.REAL)


def _canberra(row: Tensor, points: Tensor) -> Tensor:
    size = row.apply("Abs") + row.graph.add("Abs", points)
    return (row - points).apply("Abs") / size.equals(0.0).where(size + 1.0, size)


def _minkowski(p: float, weights: Any) -> Metric:
    if p == np.inf:
        return _METRICS["chebyshev"]
    if weights is None and p in (1.0, 2.0):
        return _METRICS["manhattan"] if p == 1.0 else _EUCLIDEAN
    column = None if weights is None else np.asarray(weights, np.float64).reshape(-1, 1)

    def measure(row: Tensor, points: Tensor) -> Tensor:
        powers = (row - points).apply("Abs") ** p
        return powers if column is None else powers * column

    return Metric(measure, root=lambda sums: sums ** (1.0 / p), power=lambda distance: distance**p)


def _scaled(variances: Any) -> Metric:
    column = variances.reshape(-1, 1)
    return Metric(lambda row, points: _square(row, points) / column, root=_root, power=np.square)


def _mahalanobis(parameters: "Mapping[str, Any]") -> Metric | None:
    inverse = parameters.get("VI")
    if inverse is None:
        if parameters.get("V") is None:
            return None
        inverse = np.linalg.inv(parameters["V"])

    def measure(row: Tensor, points: Tensor) -> Tensor:
        difference = row - points
        matrix = row.graph.constant(inverse)
        return difference * row.graph.add("MatMul", matrix, difference)

    return Metric(measure, root=_root, power=np.square)


def _root(sums: Tensor) -> Tensor:
    return sums.apply("Sqrt")


_EUCLIDEAN = Metric(_square, root=_root, power=np.square)
_MANHATTAN = Metric(_absolute)
_CHEBYSHEV = Metric(_absolute, "Max")
_METRICS = {
    "canberra": Metric(_canberra),
    "chebyshev": _CHEBYSHEV,
    "cityblock": _MANHATTAN,
    "euclidean": _EUCLIDEAN,
    "infinity": _CHEBYSHEV,
    "l1": _MANHATTAN,
    "l2": _EUCLIDEAN,
    "manhattan": _MANHATTAN,
    "sqeuclidean": Metric(_square),
}
