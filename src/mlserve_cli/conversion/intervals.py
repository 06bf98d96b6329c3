"""Which interval between sorted edges a value falls into, and interpolation between the edges."""

from typing import TYPE_CHECKING

import numpy as np

from mlserve_cli.conversion.ensemble import Tree, Weighted, tree_sum
from mlserve_cli.conversion.graph import Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from mlserve_cli.conversion.graph import Tensor


def interval_numbers(x: "Tensor", edges: "Sequence[NDArray[np.float64]]") -> "Tensor":
    """How many edges of its column each value reaches, INT64 of shape `(rows, columns)`.

    One balanced tree of comparisons per column: as exact as a binary search, and of no more memory
    than the result. NaN reaches every edge.

    Args:
        x: REAL, shape `(rows, columns)`.
        edges: In increasing order, for each column.
    """
    searches = [_search(one, column) for column, one in enumerate(edges)]
    return tree_sum(x, searches, len(searches)).cast(Kind.INT64)


def _search(edges: "NDArray[np.float64]", column: int) -> Weighted:
    count = len(edges)
    # Nodes 0 to count - 1 compare with the edge in the middle of a range, the others are leaves.
    thresholds, weights = np.zeros(2 * count + 1), np.zeros(2 * count + 1)
    left, right = np.full(2 * count + 1, -1), np.full(2 * count + 1, -1)
    free = iter(range(count))
    waiting = [(0, count, np.array([-1]), 0)]
    while waiting:
        start, stop, parents, parent = waiting.pop()
        if start == stop:
            node = count + start
            weights[node] = float(start)
        else:
            node, middle = next(free), (start + stop) // 2
            thresholds[node] = edges[middle]
            waiting += [(middle + 1, stop, right, node), (start, middle, left, node)]
        parents[parent] = node
    tree = Tree(
        np.full(2 * count + 1, column),
        thresholds,
        left,
        right,
        np.zeros(2 * count + 1, dtype=bool),
        strict=True,
    )
    return Weighted(tree, weights, column)


def interpolated(
    x: "Tensor", edges: "Sequence[NDArray[np.float64]]", values: "Sequence[NDArray[np.float64]]"
) -> "Tensor":
    """Linear interpolation in each column as `numpy.interp` computes it, shape `(rows, columns)`.

    Args:
        x: REAL, shape `(rows, columns)`.
        edges: In increasing order, for each column; equal ones make a step.
        values: At the edges. Beyond them the outermost ones are kept.
    """
    graph = x.graph
    # Intervals of all columns in one row, each column's between two of slope 0.
    starts = np.cumsum([0, *(len(one) + 1 for one in edges)])[:-1]
    number = interval_numbers(x, edges) + starts[None, :]
    slope = np.concatenate([_slopes(*one) for one in zip(edges, values, strict=True)])
    place = np.concatenate([np.append(one[:1], one) for one in edges])
    height = np.concatenate([np.append(one[:1], one) for one in values])
    first = graph.constant([[one[0] for one in edges]])
    last = graph.constant([[one[-1] for one in edges]])
    inside = (x < first).where(first, (x > last).where(last, x))
    gathered = [graph.constant(one).gather(number) for one in (slope, place, height)]
    return gathered[0] * (inside - gathered[1]) + gathered[2]


def _slopes(edges: "NDArray[np.float64]", values: "NDArray[np.float64]") -> "NDArray[np.float64]":
    steps = np.diff(edges)
    slopes = np.divide(np.diff(values), steps, out=np.zeros(len(steps)), where=steps > 0)
    return np.concatenate([[0.0], slopes, [0.0]])
