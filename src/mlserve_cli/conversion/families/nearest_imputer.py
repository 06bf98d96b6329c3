"""Imputation from the nearest training rows."""

from typing import TYPE_CHECKING, Any

import numpy as np

from mlserve_cli.conversion.distances import Metric, folded
from mlserve_cli.conversion.families.imputers import is_missing
from mlserve_cli.conversion.families.neighbours import inverse_distances
from mlserve_cli.conversion.graph import Kind
from mlserve_cli.conversion.table import Table

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mlserve_cli.conversion.graph import Tensor
    from mlserve_cli.conversion.translator import Score, Transform, Translator


def _impute(translator: "Translator", imputer: Any, table: Table) -> Table:
    if callable(imputer.metric) or callable(imputer.weights):
        raise translator.unsupported("KNNImputer with a Python function has no ONNX form.")
    x = table.real()
    if not is_missing(imputer.missing_values):
        holes = x.equals(float(imputer.missing_values))
        x = holes.where(translator.graph.constant(np.nan), x)
    known = np.where(imputer._mask_fit_X, np.nan, imputer._fit_X)
    far = _distances(x, known)
    columns = []
    for position in range(table.width):
        if imputer._valid_mask[position]:
            columns.append(
                _column(imputer, x.columns(position, position + 1), far, known, position)
            )
        elif imputer.keep_empty_features:
            columns.append(x.columns(position, position + 1).is_nan().cast(Kind.REAL) * 0.0)
    filled = Table.of(translator.graph.concatenate(columns), len(columns))
    if not imputer.add_indicator:
        return filled
    return Table.concatenate([filled, translator.transform(imputer.indicator_, table)])


def _distances(x: "Tensor", known: "NDArray[np.float64]") -> "Tensor":
    """Euclidean distances over what both rows have, scaled up; infinite where that is nothing."""

    def measure(row: "Tensor", points: "Tensor") -> "Tensor":
        difference = row - points
        square = difference * difference
        return square.is_nan().where(square.graph.constant(0.0), square)

    present = (~x.is_nan()).cast(Kind.REAL) @ (~np.isnan(known)).astype(np.float64).T
    nothing = present.equals(0.0)
    sums = folded(x, known, Metric(measure))
    far = (sums / nothing.where(present + 1.0, present) * float(known.shape[1])).apply("Sqrt")
    return nothing.where(far.graph.constant(np.inf), far)


def _column(
    imputer: Any, column: "Tensor", far: "Tensor", known: "NDArray[np.float64]", position: int
) -> "Tensor":
    """One column, its holes filled with the mean of the nearest training rows that have it."""
    graph = column.graph
    donors = np.flatnonzero(~np.isnan(known[:, position]))
    values = known[donors, position]
    count = min(imputer.n_neighbors, len(donors))
    if len(donors) < len(known):
        far = far.gather(donors, axis=1)
    limits = (far, graph.constant([count], Kind.INT64))
    nearest, index = graph.add_many("TopK", limits, (far.kind, Kind.INT64), largest=0)
    reached = (nearest < np.inf).cast(Kind.REAL)
    weights = reached
    if imputer.weights == "distance":
        weights = inverse_distances(nearest) * reached
    total = weights.row_sum(count)
    mean = (graph.constant(values).gather(index) * weights).row_sum(count) / total
    mean = reached.reduce("Max").equals(0.0).where(graph.constant(values.mean()), mean)
    return column.is_nan().where(mean, column)


TRANSFORMS: "dict[str, Transform]" = {"sklearn.KNNImputer": _impute}
SCORES: "dict[str, Score]" = {}
