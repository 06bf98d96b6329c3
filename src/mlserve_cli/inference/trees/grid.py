"""Which interval a value lies in, for many values and columns at a time."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

# Cells of equal width for each point of the column that has most, the most cells of a column, and
# of all. 256 points at quantiles of a normal distribution mostly have one of their own then.
_CELLS_OF_A_POINT = 8
_MOST_CELLS = 2_048
_MOST_CELLS_OF_ALL = 1 << 16
# Columns with more points in some cell are searched by halving, which takes five times as long.
_POINTS_OF_A_CELL = 2


class Grid:
    """Finds intervals, numbered through all columns.

    A column of `n` points has `n + 2` intervals: up to and with each point, above all of them, and
    one for missing values.

    A value's cell never falls as the value grows, rounded as it may be. So the points of lower
    cells are below the value, those of higher cells are above it, and only the few of its own cell
    are compared with it.

    Args:
        points: Of each column, in ascending order.
    """

    def __init__(self, points: "Sequence[NDArray[np.float64]]") -> None:
        counts = np.array([some.size for some in points])
        self._count = min(
            int(counts.max()) * _CELLS_OF_A_POINT,
            _MOST_CELLS,
            max(1, _MOST_CELLS_OF_ALL // len(points)),
        )
        starts = np.cumsum(counts + 2) - counts - 2
        self._missing = (starts + counts + 1)[:, None]
        self._low = np.array([some[0] for some in points])[:, None]
        with np.errstate(over="ignore", invalid="ignore"):
            widths = np.array([[some[-1]] for some in points]) - self._low
            self._scale = np.divide(
                self._count, widths, out=np.zeros_like(widths), where=widths > 0
            )
        self._scale[~np.isfinite(self._scale)] = 0.0
        self._first_cells = (np.arange(len(points)) * self._count)[:, None]
        cells = [self._cells(some[None], slice(k, k + 1))[0] for k, some in enumerate(points)]
        held = [
            np.bincount(some - k * self._count, minlength=self._count)
            for k, some in enumerate(cells)
        ]
        self._searched = {
            k: (int(starts[k]), points[k])
            for k, some in enumerate(held)
            if some.max() > _POINTS_OF_A_CELL
        }
        # Intervals below each cell, and its points; infinity where there is none.
        below = [np.cumsum(some) - some + start for some, start in zip(held, starts, strict=True)]
        self._below = np.concatenate(below).astype(np.intp)
        self._points = np.full((_POINTS_OF_A_CELL, self._below.size), np.inf)
        for k, (some, own, start) in enumerate(zip(points, cells, starts, strict=True)):
            if k not in self._searched:
                place = np.arange(some.size) + start - self._below[own]
                self._points[place, own] = some
        self._points = self._points[: max(some.max() for some in held)]

    def find(self, columns: "NDArray[np.float64]") -> "NDArray[np.intp]":
        """The interval of each value.

        Args:
            columns: Values of shape `(columns, rows)`.
        """
        cells = self._cells(columns, slice(None))
        found = self._below.take(cells)
        for points in self._points:
            found += columns > points.take(cells)
        for column, (start, points) in self._searched.items():
            found[column] = np.searchsorted(points, columns[column])
            found[column] += start
        missing = np.isnan(columns)
        if missing.any():
            np.copyto(found, self._missing, where=missing)
        return found

    def _cells(self, columns: "NDArray[np.float64]", of: slice) -> "NDArray[np.intp]":
        with np.errstate(over="ignore", invalid="ignore"):
            places = columns - self._low[of]
            places *= self._scale[of]
        # Missing values are in the first cell.
        np.fmax(places, 0.0, out=places)
        np.fmin(places, self._count - 1, out=places)
        cells: NDArray[np.intp] = places.astype(np.intp)
        cells += self._first_cells[of]
        return cells
