"""When a course of numbers, one for each window of time, changed its level.

A. N. Pettitt, "A non-parametric approach to the change-point problem", Applied Statistics 28, 1979,
with each split weighed by the windows on its sides, and repeated on the parts. Ranks make it
indifferent to the scale and to single outliers. No window is compared with a threshold that it has
helped to set: significance is against the same windows in random order.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Array = NDArray[np.float64]

_ORDERS = 1_999
# Fewer windows have too few orders for any to be significant.
_FEWEST = 6


@dataclass(frozen=True, slots=True)
class ChangePoint:
    """A window from which on the level is another.

    Attributes:
        position: Number of the first window of the new level, from 1; 0 is the first of all.
        p_value: Share of random orders of the windows with as large a change.
        before: Median of the windows since the change before.
        after: Median of the windows up to the next change.
    """

    position: int
    p_value: float
    before: float
    after: float


def find_change_points(
    values: "ArrayLike", alpha: float = 0.01, *, seed: int = 0
) -> tuple[ChangePoint, ...]:
    """Changes of level, in the order of time.

    Args:
        values: One number per window, in the order of time, without NaN, shape `(windows,)`.
        alpha: Level of significance of each split.
        seed: Of the random orders.
    """
    course = np.asarray(values, dtype=np.float64)
    generator = np.random.default_rng(seed)
    splits = sorted(_splits(course, 0, alpha, generator))
    edges = [0, *(position for position, _ in splits), len(course)]
    return tuple(
        ChangePoint(
            position,
            p_value,
            before=float(np.median(course[edges[place] : position])),
            after=float(np.median(course[position : edges[place + 2]])),
        )
        for place, (position, p_value) in enumerate(splits)
    )


def _splits(
    course: "Array", start: int, alpha: float, generator: "np.random.Generator"
) -> list[tuple[int, float]]:
    """Positions of all significant splits and their p-values, `start` being that of the first."""
    if len(course) < _FEWEST:
        return []
    ordered = np.sort(course)
    below = np.searchsorted(ordered, course, side="left")
    # Twice the mean rank of equal values, less one.
    ranks = (below + np.searchsorted(ordered, course, side="right")).astype(np.float64)
    strengths = _strengths(ranks)
    orders = generator.permuted(np.tile(ranks, (_ORDERS, 1)), axis=1)
    as_strong = _strengths(orders).max(axis=1) >= strengths.max() - 1e-9
    p_value = (1 + int(as_strong.sum())) / (1 + _ORDERS)
    if p_value > alpha:
        return []
    cut = 1 + int(_strengths(_fenced(course, ranks)).argmax())
    return [
        (start + cut, p_value),
        *_splits(course[:cut], start, alpha, generator),
        *_splits(course[cut:], start + cut, alpha, generator),
    ]


def _fenced(course: "Array", ranks: "Array") -> "Array":
    """The course, outliers moved to Tukey's fences: ranks tell that a level changed, not where."""
    lower, upper = np.quantile(course, [0.25, 0.75])
    reach = 1.5 * (upper - lower)
    return np.clip(course, lower - reach, upper + reach) if reach > 0 else ranks


def _strengths(course: "Array") -> "Array":
    """How far the means on both sides of each split differ, in units of their standard error."""
    windows = course.shape[-1]
    left = np.arange(1, windows)
    sums = np.cumsum(course - course.mean(axis=-1, keepdims=True), axis=-1)[..., :-1]
    strengths: Array = np.abs(sums) / np.sqrt(left * (windows - left))
    return strengths
