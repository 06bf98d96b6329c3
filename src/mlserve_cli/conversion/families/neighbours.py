"""Models that look at the nearest training rows, or at those within a radius.

Where training rows are at the same distance, the same ones count as in scikit-learn, with two
exceptions that the verification of a conversion finds: by brute force, scikit-learn computes
Euclidean distances in a way that is off by some digits and breaks ties by that; and some metrics
leave the choice to `numpy.argpartition`.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mlserve_cli.conversion.distances import folded, metric_of
from mlserve_cli.conversion.families.linear import outliers
from mlserve_cli.conversion.graph import Kind
from mlserve_cli.conversion.labels import classified, label_constant, normalized
from mlserve_cli.conversion.nearest import nearest, visits_of_tree
from mlserve_cli.conversion.refusals import BEYOND
from mlserve_cli.conversion.table import Table
from mlserve_cli.conversion.translator import Scores

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from mlserve_cli.conversion.graph import Graph, Tensor
    from mlserve_cli.conversion.translator import Score, Transform, Translator


@dataclass(frozen=True, slots=True)
class Distances:
    """From each row of the batch to each training row.

    Attributes:
        order: Numbers in the order of the distances, shape `(rows, training rows)`.
        actual: The distances themselves.
        points: Number of training rows.
        limit: What `order` is at the radius, where there is one.
        visits: When a search in a tree comes to each training row, where there is a tree.
    """

    order: "Tensor"
    actual: "Tensor"
    points: int
    limit: float = 0.0
    visits: "Tensor | None" = None

    def nearest(self, count: int) -> "tuple[Tensor, Tensor]":
        """Positions and distances of the nearest training rows, each `(rows, count)`."""
        index = nearest(self.order, self.points, count, self.visits)
        return index, self.order.graph.add("GatherElements", self.actual, index, axis=1)


def distances(translator: "Translator", estimator: Any, table: Table) -> Distances:
    """Distances as the estimator measures them."""
    points, radius = estimator._fit_X, float(getattr(estimator, "radius", None) or 0.0)
    sparse = hasattr(points, "toarray")
    if estimator.metric == "precomputed":
        if sparse:
            raise translator.unsupported("Distances given as a sparse matrix have no ONNX form.")
        return Distances(table.real(), table.real(), points.shape[0], radius)
    x, points = table.real(), np.asarray(points.toarray() if sparse else points, np.float64)
    if estimator.effective_metric_ == "cosine":
        actual = _cosine(x, points)
        return Distances(actual, actual, len(points), radius)
    metric = metric_of(
        estimator.effective_metric_, estimator.effective_metric_params_, points.shape[1]
    )
    if metric is None:
        raise translator.unsupported(f"Metric {estimator.effective_metric_!r} has no ONNX form.")
    order = folded(x, points, metric)
    visits = visits_of_tree(x, estimator._tree, metric) if estimator._tree is not None else None
    return Distances(order, metric.root(order), len(points), metric.power(radius), visits)


def _cosine(x: "Tensor", points: "NDArray[np.float64]") -> "Tensor":
    lengths = np.sqrt((points * points).sum(axis=1, keepdims=True))
    norm = (x * x).row_sum(points.shape[1]).apply("Sqrt")
    unit = x / norm.equals(0.0).where(norm + 1.0, norm)
    similarity = unit @ (points / np.where(lengths == 0.0, 1.0, lengths)).T
    graph = x.graph
    return graph.add("Clip", 1.0 - similarity, graph.constant(0.0), graph.constant(2.0))


def _weights(translator: "Translator", estimator: Any, actual: "Tensor") -> "Tensor":
    """Of each neighbour: 1, or the inverse of its distance; 1 and 0 where there is a distance 0."""
    if estimator.weights in (None, "uniform"):
        return actual * 0.0 + 1.0
    if estimator.weights != "distance":
        raise translator.unsupported("Weights from a Python function have no ONNX form.")
    return inverse_distances(actual)


def inverse_distances(actual: "Tensor") -> "Tensor":
    """The inverse of each distance; in rows with a distance of 0, 1 for that and 0 for others."""
    inverse = 1.0 / actual
    infinite = actual.graph.add("IsInf", inverse, kind=Kind.BOOL).cast(Kind.REAL)
    return (infinite.reduce("Max") > 0.0).where(infinite, inverse)


def _targets(estimator: Any) -> "tuple[list[NDArray[Any]], NDArray[Any]]":
    """Classes of each output, and their positions, shape `(training rows, outputs)`."""
    classes, positions = estimator.classes_, estimator._y
    if not estimator.outputs_2d_:
        classes, positions = [classes], positions.reshape(-1, 1)
    return list(classes), positions


def _several(
    graph: "Graph", classes: "Sequence[NDArray[Any]]", shares: "Sequence[Tensor]"
) -> Scores:
    labels = [
        label_constant(graph, known).gather(share.argmax()).reshape([-1, 1])
        for known, share in zip(classes, shares, strict=True)
    ]
    return Scores(labels=graph.concatenate(labels), several=tuple(shares))


def _nearest_classifier(translator: "Translator", estimator: Any, table: Table) -> Scores:
    count = estimator.n_neighbors
    index, actual = distances(translator, estimator, table).nearest(count)
    weights = _weights(translator, estimator, actual).reshape([0, 1, count])
    classes, positions = _targets(estimator)
    shares = []
    for known, column in zip(classes, positions.T, strict=True):
        members = translator.graph.constant(np.eye(len(known))[column])
        votes = (weights @ members.gather(index)).reshape([0, len(known)])
        shares.append(normalized(votes, len(known)))
    if estimator.outputs_2d_:
        return _several(translator.graph, classes, shares)
    return classified(classes[0], shares[0].argmax(), probabilities=shares[0])


def _nearest_regressor(translator: "Translator", estimator: Any, table: Table) -> Scores:
    count = estimator.n_neighbors
    index, actual = distances(translator, estimator, table).nearest(count)
    weights = _weights(translator, estimator, actual)
    known = np.asarray(estimator._y, np.float64).reshape(len(estimator._y), -1)
    values = translator.graph.constant(known).gather(index)
    total = (weights.reshape([0, 1, count]) @ values).reshape([0, known.shape[1]])
    return Scores(labels=total / weights.row_sum(count))


def _within(translator: "Translator", estimator: Any, table: Table) -> "tuple[Tensor, Tensor]":
    """Weights of the training rows within the radius, and where there are none."""
    found = distances(translator, estimator, table)
    inside = found.order <= found.limit
    uniform = estimator.weights in (None, "uniform")
    # Far training rows are infinitely far, so that their weights are 0.
    actual = found.actual if uniform else inside.where(found.actual, np.inf)
    weights = _weights(translator, estimator, actual) * inside.cast(Kind.REAL)
    return weights, inside.cast(Kind.REAL).reduce("Sum").equals(0.0)


def _radius_classifier(translator: "Translator", estimator: Any, table: Table) -> Scores:
    weights, alone = _within(translator, estimator, table)
    classes, positions = _targets(estimator)
    labels, shares = [], []
    for number, (known, column) in enumerate(zip(classes, positions.T, strict=True)):
        votes = weights @ np.eye(len(known))[column]
        total = votes.row_sum(len(known))
        share = votes / total.equals(0.0).where(total + 1.0, total)
        index, choices = share.argmax(), known
        if estimator.outlier_label_ is None:
            # scikit-learn refuses rows without neighbours, and this makes ONNX Runtime refuse too.
            index = alone.reshape([-1]).where(index * 0 + BEYOND, index)
        else:
            outlier = estimator.outlier_label_[number]
            usual = (known == outlier).astype(np.float64)
            if _by_position(estimator):
                usual = (np.arange(len(known)) == estimator.outlier_label).astype(np.float64)
            share = alone.where(share * 0.0 + usual, share)
            index, choices = share.argmax(), np.append(known, [outlier])
            if not usual.any():
                index = alone.reshape([-1]).where(index * 0 + len(known), index)
        shares.append(share)
        labels.append(classified(choices, index, probabilities=share))
    if not estimator.outputs_2d_:
        return labels[0]
    columns = [one.labels.reshape([-1, 1]) for one in labels]
    return Scores(labels=translator.graph.concatenate(columns), several=tuple(shares))


def _by_position(estimator: Any) -> bool:
    """Whether scikit-learn takes the label of outliers for a position, as its fast path does."""
    from sklearn.metrics._pairwise_distances_reduction import RadiusNeighborsClassMode

    return bool(
        estimator.weights == "uniform"
        and estimator._fit_method == "brute"
        and not estimator.outputs_2d_
        and estimator.effective_metric_ in RadiusNeighborsClassMode.valid_metrics()
    )


def _radius_regressor(translator: "Translator", estimator: Any, table: Table) -> Scores:
    weights, _ = _within(translator, estimator, table)
    known = np.asarray(estimator._y, np.float64).reshape(len(estimator._y), -1)
    # Without neighbours, 0 / 0 is NaN, as scikit-learn answers.
    return Scores(labels=(weights @ known) / weights.row_sum(len(known)))


def _local_outliers(translator: "Translator", estimator: Any, table: Table) -> Scores:
    graph, count = translator.graph, estimator.n_neighbors_
    index, actual = distances(translator, estimator, table).nearest(count)
    reach = graph.constant(estimator._distances_fit_X_[:, count - 1]).gather(index)
    density = 1.0 / (graph.add("Max", actual, reach).row_sum(count) / float(count) + 1e-10)
    ratios = graph.constant(estimator._lrd).gather(index) / density
    return outliers(-ratios.row_sum(count) / float(count) - float(estimator.offset_))


def _nearest_graph(translator: "Translator", estimator: Any, table: Table) -> Table:
    # Each training row is its own neighbour at distance 0, which counts extra.
    by_distance = estimator.mode == "distance"
    found = distances(translator, estimator, table)
    index, actual = found.nearest(estimator.n_neighbors + by_distance)
    values = actual if by_distance else actual * 0.0 + 1.0
    zeros = found.actual * 0.0
    result = translator.graph.add("ScatterElements", zeros, index, values, axis=1)
    return Table.of(result, estimator.n_samples_fit_)


def _radius_graph(translator: "Translator", estimator: Any, table: Table) -> Table:
    found = distances(translator, estimator, table)
    inside = found.order <= found.limit
    result = inside.cast(Kind.REAL)
    if estimator.mode == "distance":
        result = inside.where(found.actual, 0.0)
    return Table.of(result, estimator.n_samples_fit_)


def _components(_: "Translator", estimator: Any, table: Table) -> Table:
    weights = estimator.components_
    return Table.of(table.real() @ weights.T, weights.shape[0])


TRANSFORMS: "dict[str, Transform]" = {
    "sklearn.KNeighborsTransformer": _nearest_graph,
    "sklearn.NeighborhoodComponentsAnalysis": _components,
    "sklearn.RadiusNeighborsTransformer": _radius_graph,
}
SCORES: "dict[str, Score]" = {
    "sklearn.KNeighborsClassifier": _nearest_classifier,
    "sklearn.KNeighborsRegressor": _nearest_regressor,
    "sklearn.LocalOutlierFactor": _local_outliers,
    "sklearn.RadiusNeighborsClassifier": _radius_classifier,
    "sklearn.RadiusNeighborsRegressor": _radius_regressor,
}
