"""The nearest of fixed points, chosen among equals as the searches of scikit-learn choose.

They keep the nearest points so far in a heap with the farthest on top. A point at the distance of
the top does not enter, so that mostly the first of several equals stays; which of them leaves when
a nearer point comes depends on their places in the heap.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from mlserve_cli.conversion.distances import Metric, folded
from mlserve_cli.conversion.graph import Kind, Tensor
from mlserve_cli.conversion.loops import for_each_row, repeat

if TYPE_CHECKING:
    from collections.abc import Sequence


def nearest(order: Tensor, points: int, count: int, visits: Tensor | None = None) -> Tensor:
    """Positions of the nearest points, shape `(rows, count)`.

    Args:
        order: Numbers in the order of the distances, shape `(rows, points)`.
        points: Number of points.
        count: How many to find.
        visits: When the search comes to each point, shape `(rows, points)`, INT64; the first first
            where it is not given.
    """
    graph = order.graph
    if visits is not None:
        order = graph.add("ScatterElements", order, visits, order, axis=1)
    more = min(count + 1, points)
    size = graph.constant([more], Kind.INT64)
    values, found = graph.add_many("TopK", (order, size), (Kind.REAL, Kind.INT64), largest=0)
    if more > count:
        tied = values.columns(count - 1, count).equals(values.columns(count, count + 1))
        found = found.columns(0, count)
        if count > 1:
            found = _settled(order, points, found, tied.reshape([-1]), count)
    if visits is None:
        return found
    numbers = visits * 0 + np.arange(points)
    numbers = graph.add("ScatterElements", numbers, visits, numbers, axis=1)
    return graph.add("GatherElements", numbers, found, axis=1)


def _settled(order: Tensor, points: int, found: Tensor, tied: Tensor, count: int) -> Tensor:
    """The same positions, but from a heap in the rows where a tie decides."""
    graph = order.graph
    rows = graph.add("NonZero", tied, kind=Kind.INT64).reshape([-1])
    distances = order.gather(rows)
    # Places below the heap, so that every place has two below it.
    width = 2 * count + 1
    empty = np.where(np.arange(width) < count, np.inf, -np.inf)
    column = rows.reshape([-1, 1])
    values = column.cast(Kind.REAL) * 0.0 + np.zeros((1, width))
    values = (values < 1.0).where(graph.constant([empty]), values)
    numbers, last = column * 0 + np.zeros(width, np.int64), column * 0 - 1

    def step(states: "Sequence[Tensor]") -> "tuple[Tensor, Sequence[Tensor]]":
        values, numbers, last = states
        # Only points nearer than the top enter, so that the search goes on from one to the next.
        entering = (values.columns(0, 1) > distances) & (last < np.arange(points))
        entering_number = entering.cast(Kind.REAL)
        any_enters = entering_number.reduce("Max") > 0.5
        number = entering_number.argmax().reshape([-1, 1])
        value = number.graph.add("GatherElements", distances, number, axis=1)
        pushed, pushed_numbers = _pushed(values, numbers, value, number, count)
        after = [
            any_enters.where(pushed, values),
            any_enters.where(pushed_numbers, numbers),
            any_enters.where(number, last),
        ]
        return _any(any_enters), after

    states = repeat([values, numbers, last], [width, width, 1], points, step, start=_any(tied))
    settled = states[1].columns(0, count)
    return graph.add("ScatterND", found, column, settled)


def _any(mask: Tensor) -> Tensor:
    total = mask.cast(Kind.REAL).reshape([-1]).reduce("Sum", 0, keep=False)
    return total > 0.5


def _pushed(
    values: Tensor, numbers: Tensor, value: Tensor, number: Tensor, count: int
) -> tuple[Tensor, Tensor]:
    """The heap with its top replaced by a value, which then sinks to its place."""
    graph, places = values.graph, np.arange(2 * count + 1)
    place = number * 0
    for _ in range(count.bit_length() - 1):
        left = place * 2 + 1
        lower = [graph.add("GatherElements", values, left + side, axis=1) for side in (0, 1)]
        child = (lower[0] >= lower[1]).where(left, left + 1)
        largest = graph.add("Max", *lower)
        sinks = value < largest
        here = place.equals(places) & sinks
        rising = graph.add("GatherElements", numbers, child, axis=1)
        values, numbers = here.where(largest, values), here.where(rising, numbers)
        place = sinks.where(child, place)
    here = place.equals(places)
    return here.where(value, values), here.where(number, numbers)


def visits_of_tree(x: Tensor, tree: Any, metric: Metric) -> Tensor:
    """When a search in a k-d tree or ball tree comes to each point, shape `(rows, points)`.

    Of two branches it takes the one first that may have nearer points. Branches that it leaves out
    have none that would enter the heap, so that they change nothing.

    Args:
        x: Shape `(rows, features)`.
        tree: `KDTree` or `BallTree` of scikit-learn.
        metric: The distance that it was built with.
    """
    _, positions, nodes, bounds = (np.asarray(array) for array in tree.get_arrays())
    sizes = nodes["idx_end"] - nodes["idx_start"]
    least = _least_distances(x, nodes, bounds, metric)
    start = x.columns(0, 1).is_nan().cast(Kind.INT64) * 0
    level = np.array([0])
    while not nodes["is_leaf"][level].any():
        left, right = 2 * level + 1, 2 * level + 2
        left_first = least.gather(left, axis=1) <= least.gather(right, axis=1)
        waits_for_left = left_first.cast(Kind.INT64) * sizes[left]
        waits_for_right = (~left_first).cast(Kind.INT64) * sizes[right]
        both = x.graph.concatenate([start + waits_for_right, start + waits_for_left])
        start = both.gather(np.arange(2 * len(level)).reshape(2, -1).T.ravel(), axis=1)
        level = np.column_stack([left, right]).ravel()
    leaf_of, place_in = np.empty(len(positions), np.int64), np.empty(len(positions), np.int64)
    for number, leaf in enumerate(level):
        members = positions[nodes["idx_start"][leaf] : nodes["idx_end"][leaf]]
        leaf_of[members], place_in[members] = number, np.arange(len(members))
    return start.gather(leaf_of, axis=1) + place_in


def _least_distances(x: Tensor, nodes: Any, bounds: Any, metric: Metric) -> Tensor:
    """How near points in each node may be, as numbers in that order, shape `(rows, nodes)`."""
    if len(bounds) == 1:
        radius = np.asarray(nodes["radius"], np.float64)
        far = metric.root(folded(x, bounds[0], metric)) - radius
        return (far > 0.0).where(far, 0.0)
    low, high = (x.graph.constant(side.T) for side in bounds)

    def write(row: Tensor) -> Tensor:
        inside = row.graph.add("Min", row.graph.add("Max", row, low), high)
        return metric.measure(row, inside).reduce(metric.fold, 0, keep=False)

    return for_each_row(x, bounds.shape[2], write)
