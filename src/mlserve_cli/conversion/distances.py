"""Distances and kernels between the rows of a batch and fixed points, from exact differences.

The expansion `|x|^2 - 2xy + |y|^2` is faster and loses half of the digits where two points are
close, which is where nearest neighbours are.
"""

from typing import TYPE_CHECKING

import numpy as np

from mlserve_cli.conversion.graph import Kind, Tensor
from mlserve_cli.conversion.loops import for_each_row

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike


def squared_distances(x: Tensor, points: "ArrayLike") -> Tensor:
    """Squared Euclidean distances, shape `(rows, points)`."""
    return folded(x, points, lambda difference: difference * difference)


def folded(
    x: Tensor, points: "ArrayLike", measure: "Callable[[Tensor], Tensor]", fold: str = "Sum"
) -> Tensor:
    """A sum, or another reduction, over the features of what is made of each difference.

    Args:
        x: Shape `(rows, features)`.
        points: Shape `(points, features)`.
        measure: Is given differences, feature by feature.
        fold: Reduction of the features.
    """
    return compared(x, points, lambda row, fixed: measure(row - fixed), fold)


def compared(
    x: Tensor,
    points: "ArrayLike",
    measure: "Callable[[Tensor, Tensor], Tensor]",
    fold: str = "Sum",
) -> Tensor:
    """Like `folded`, of what is made of a row and the points, shape `(features, points)`.

    The row has to be the first operand wherever it meets the points.
    """
    # Features come first, so that they are summed one after the other, as compiled loops do.
    fixed = x.graph.constant(np.asarray(points, np.float64).T, Kind.REAL)

    def write(row: Tensor) -> Tensor:
        return measure(row, fixed).reduce(fold, 0, keep=False)

    return for_each_row(x, write)
