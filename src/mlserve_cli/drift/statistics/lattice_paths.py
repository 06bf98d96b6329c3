"""Exact law of the two-sample Kolmogorov-Smirnov statistic, by counting lattice paths.

Two samples of one continuous distribution, pooled and sorted, are a path from (0, 0) to
(first rows, second rows), all paths alike likely. The statistic reaches `d` where the path leaves a
band around the diagonal. J. L. Hodges, "The significance probability of the Smirnov two-sample
test", Arkiv foer Matematik 3, 1958. As T. Viehmann proposes (arXiv:2102.08037), paths that leave
are counted rather than those that stay, so that small probabilities keep their digits.
"""

import functools
import math
from typing import TYPE_CHECKING

import numpy as np

from mlserve_cli.drift.statistics import binomial

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Weights = NDArray[np.float64]

# Where the share of paths that leave on one side is about `exp(-2 x)`, that of those which leave on
# both is about `exp(-8 x)`; from this `x` on it is below the last digit.
_ONE_SIDE_FROM = 7.0
# Weights inside one block are scaled by up to e to this power; doubles hold e to the 709th.
_BLOCK_RANGE = 400.0


def probability_outside(d: float, first_rows: int, second_rows: int) -> float:
    """Probability that two samples of one continuous distribution are at least `d` apart.

    Takes time in proportion to the smaller sample, times the width of the band. There is a short
    sum for equal sizes, and for small probabilities where one size divides the other.

    Args:
        d: From 0 to 1; taken for the nearest value that the statistic can have.
        first_rows: At least one.
        second_rows: At least one.
    """
    height = round(d * math.lcm(first_rows, second_rows))
    return _outside(height, *sorted((first_rows, second_rows)))


# A stream is compared window by window: few sizes, and of a statistic that has few values.
@functools.lru_cache(maxsize=1024)
def _outside(height: int, columns: int, rows: int) -> float:
    if height == 0:
        return 1.0
    if rows == columns:
        return _square(rows, height)
    d = height / math.lcm(columns, rows)
    leaves_once = d > 0.5 or d * d * columns * rows / (columns + rows) >= _ONE_SIDE_FROM
    if rows % columns == 0 and leaves_once:
        return min(1.0, 2 * _above(columns, rows, height))
    return _oblong(columns, rows, height)


def _square(rows: int, height: int) -> float:
    """Paths by the reflection principle: `2 (P(1) - P(2) + P(3) ...)`.

    `P(k)` is the share of paths that end `k * height` off the corner.
    """
    steps = np.arange(rows // height * height, dtype=np.float64)
    reached = np.multiply.accumulate((rows - steps) / (rows + steps + 1))
    shares = reached[height - 1 :: height]
    shares[1::2] *= -1
    return min(1.0, 2 * math.fsum(shares))


def _above(columns: int, rows: int, height: int) -> float:
    """Share of paths that leave the band above, `rows` being a multiple of `columns`.

    Such a path meets the band's edge in a first point. By the hitting time theorem those that meet
    it after `steps` steps are `height / steps` of all paths to that point. R. van der Hofstad and
    M. Keane, "An elementary proof of the hitting time theorem", 2008.
    """
    slope, step = rows // columns, columns / (columns + rows)
    column = np.arange((rows - height) // slope + 1)
    row = column * slope + height
    first = binomial.weight(column, row, step) * height / (column + row)
    rest = binomial.weight(columns - column, rows - row, step)
    return float((first * rest).sum() / binomial.weight(columns, rows, step))


def _oblong(columns: int, rows: int, height: int) -> float:
    """Paths that leave the band on either side of the middle, `columns` being the smaller number.

    A path is weighed as a walk that steps to the right with probability `columns / (columns +
    rows)`, so that sums of weights are probabilities and stay within the range of doubles. Turned
    by half a turn the band is itself: the paths of one half tell about the other one. Every path
    crosses the middle by one step to the right, from the column `left`.
    """
    step = columns / (columns + rows)
    left = (columns - 1) // 2
    low, high = _band(np.arange(columns - left), columns, rows, height)
    if np.any(low >= high):
        return 1.0
    before, after = _weights_outside(low, high, rows, step, (left, columns - 1 - left))
    all_before = _column_weights(left, rows, step)
    all_after = _column_weights(columns - 1 - left, rows, step)
    leaving = before * all_after[::-1] + all_before * after[::-1] - before * after[::-1]
    return min(1.0, float(leaving.sum() * step / binomial.weight(columns, rows, step)))


def _band(
    column: "NDArray[np.int64]", columns: int, rows: int, height: int
) -> "tuple[NDArray[np.int64], NDArray[np.int64]]":
    """First row inside the band, and first row above it, in each column."""
    common = math.gcd(columns, rows)
    centre, width = column * (rows // common), columns // common
    low = np.maximum(0, (centre - height) // width + 1)
    high = np.minimum(rows + 1, -((-centre - height) // width))
    return low, high


def _weights_outside(
    low: "NDArray[np.int64]",
    high: "NDArray[np.int64]",
    rows: int,
    step: float,
    wanted: tuple[int, int],
) -> "tuple[Weights, Weights]":
    """Weight of the paths to each point of two columns that have left the band on their way.

    With the weight at row `j` divided by `(1 - step)**j`, one column is the cumulative sum of the
    one before. Rows are held in blocks, each scaled by its first row, since that power overflows.
    """
    block = max(1, int(_BLOCK_RANGE / -math.log1p(-step)))
    over_block = (1 - step) ** block
    scale = (1 - step) ** -(np.arange(rows + 1) % block).astype(np.float64)
    paths = _from_above(high, rows, step) * scale
    below = (_from_below(low, step) * scale[low]).tolist()
    columns = []
    for column, (start, top) in enumerate(zip(low.tolist(), high.tolist(), strict=True)):
        carry = below[column]
        # Column 0 has no column to its left: its points inside the band cannot have left it.
        position = start if column else top
        while position < top:
            stop = min(top, position - position % block + block)
            part = paths[position:stop]
            part *= step
            part[0] += carry
            np.add.accumulate(part, out=part)
            carry = part[-1] * over_block
            position = stop
        if column in wanted:
            weights = _column_weights(column, rows, step).copy()
            weights[start:top] = (paths / scale)[start:top]
            columns.append(weights)
    return columns[0], columns[-1]


# Columns of a table have as many rows as each other.
@functools.lru_cache(maxsize=4)
def _column_weights(column: int, rows: int, step: float) -> "Weights":
    """Weight of all paths to each point of a column; not to be changed."""
    weights = binomial.weight(column, np.arange(rows + 1), step)
    weights.setflags(write=False)
    return weights


def _from_above(high: "NDArray[np.int64]", rows: int, step: float) -> "Weights":
    """Weight of all paths to the last point above the band in each row that enters it."""
    row = np.arange(high[0], high[-1])
    weights = np.zeros(rows + 1)
    weights[row] = binomial.weight(np.searchsorted(high, row, side="right") - 1, row, step)
    return weights


def _from_below(low: "NDArray[np.int64]", step: float) -> "Weights":
    """Weight of all paths that enter the band in each column from the point below it."""
    weights = binomial.weight(np.arange(len(low)), np.maximum(low - 1, 0), step) * (1 - step)
    return np.where(low > 0, weights, 0.0)
