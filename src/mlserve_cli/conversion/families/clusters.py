"""Clusters of rows, by the nearest center, and of columns."""

from typing import TYPE_CHECKING, Any

import numpy as np

from mlserve_cli.conversion.graph import Kind
from mlserve_cli.conversion.table import Table
from mlserve_cli.conversion.translator import Scores

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from mlserve_cli.conversion.graph import Tensor
    from mlserve_cli.conversion.translator import Score, Transform, Translator

    Pool = Callable[[Tensor, int], Tensor]


def _comparable(x: "Tensor", centers: "NDArray[np.float64]") -> "Tensor":
    # Squared distances but for the part that is the same for every center, as scikit-learn
    # compares them.
    sizes: NDArray[np.float64] = (centers**2).sum(axis=1)
    return x @ (-2.0 * centers.T) + sizes


def expanded_distances(x: "Tensor", points: "NDArray[np.float64]") -> "Tensor":
    """Squared distances as `sklearn.metrics.euclidean_distances` computes them, with its errors.

    Args:
        x: Shape `(rows, features)`.
        points: Shape `(points, features)`.
    """
    sizes: NDArray[np.float64] = (points**2).sum(axis=1)
    squares = x @ (-2.0 * points.T) + (x * x).row_sum(points.shape[1]) + sizes
    return (squares < 0.0).where(squares * 0.0, squares)


def _centers(translator: "Translator", model: Any) -> "NDArray[np.float64]":
    name = "subcluster_centers_" if hasattr(model, "subcluster_centers_") else "cluster_centers_"
    centers = np.asarray(getattr(model, name))
    if centers.dtype != np.float64:
        kind = type(model).__name__
        raise translator.unsupported(f"{kind} was fitted in single precision.")
    return centers


def _nearest(translator: "Translator", model: Any, table: Table) -> Scores:
    centers = _centers(translator, model)
    x = table.real()
    if not len(centers):
        # Affinity propagation that has not converged has no centers.
        nothing = x.columns(0, 1).is_nan().cast(Kind.INT64) * 0 - 1
        return Scores(labels=nothing.reshape([-1]))
    index = _comparable(x, centers).argmin()
    labels = getattr(model, "subcluster_labels_", None)
    if labels is None:
        return Scores(labels=index)
    return Scores(labels=translator.graph.constant(labels, Kind.INT64).gather(index))


def _distances(translator: "Translator", model: Any, table: Table) -> Table:
    centers = _centers(translator, model)
    return Table.of(expanded_distances(table.real(), centers).apply("Sqrt"), len(centers))


def _bisecting(translator: "Translator", model: Any, table: Table) -> Scores:
    _centers(translator, model)
    x = table.real()
    mean = getattr(model, "_X_mean", 0.0)

    def descend(node: Any) -> "Tensor":
        if node.left is None:
            return translator.graph.constant([node.label], Kind.INT64)
        centers = np.vstack([node.left.center, node.right.center]) + mean
        left = _comparable(x, centers).argmin().equals(0)
        return left.where(descend(node.left), descend(node.right))

    labels = descend(model._bisecting_tree)
    if model._bisecting_tree.left is None:
        labels = x.columns(0, 1).is_nan().cast(Kind.INT64).reshape([-1]) * 0 + labels
    return Scores(labels=labels)


def _pooled(translator: "Translator", model: Any, table: Table) -> Table:
    pool = model.pooling_func
    name = getattr(pool, "__name__", repr(pool))
    if getattr(np, name, None) is not pool or name not in _POOLS:
        raise translator.unsupported(f"FeatureAgglomeration pools with {name}.")
    x = table.real()
    columns = []
    for label in np.unique(model.labels_):
        positions = np.flatnonzero(model.labels_ == label)
        columns.append(_POOLS[name](x.gather(positions, axis=1), len(positions)))
    return Table.of(translator.graph.concatenate(columns), len(columns))


def _median(x: "Tensor", width: int) -> "Tensor":
    graph = x.graph
    count = graph.constant([width // 2 + 1], Kind.INT64)
    lowest, _ = graph.add_many(
        "TopK", (x, count), (Kind.REAL, Kind.INT64), axis=1, largest=0, sorted=1
    )
    upper = lowest.columns(width // 2, width // 2 + 1)
    if width % 2:
        return upper
    return (lowest.columns(width // 2 - 1, width // 2) + upper) / 2.0


def _one_by_one(x: "Tensor", width: int) -> "Tensor":
    # The sum in the order of the columns, as scikit-learn makes it for means.
    axis = x.graph.constant(1, Kind.INT64)
    return x.graph.add("CumSum", x, axis).columns(width - 1, width)


def _reduction(name: str) -> "Pool":
    return lambda x, _: x.reduce(name)


_POOLS: "dict[str, Pool]" = {
    "amax": _reduction("Max"),
    "amin": _reduction("Min"),
    "max": _reduction("Max"),
    "mean": lambda x, width: _one_by_one(x, width) / float(width),
    "median": _median,
    "min": _reduction("Min"),
    "sum": lambda x, width: x.row_sum(width),
}
_CENTERS = ("AffinityPropagation", "Birch", "KMeans", "MeanShift", "MiniBatchKMeans")
_SPACES = ("BisectingKMeans", "Birch", "KMeans", "MiniBatchKMeans")

TRANSFORMS: "dict[str, Transform]" = {
    **{f"sklearn.{name}": _distances for name in _SPACES},
    "sklearn.FeatureAgglomeration": _pooled,
}
SCORES: "dict[str, Score]" = {
    **{f"sklearn.{name}": _nearest for name in _CENTERS},
    "sklearn.BisectingKMeans": _bisecting,
}
