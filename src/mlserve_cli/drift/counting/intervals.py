"""Stretches of one column in which the largest distance of two distributions may still lie."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mlserve_cli.drift.counting.axis import Axis, first_keys

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Keys = NDArray[np.int64]
    Counts = NDArray[np.int64]

# Parts that the stretches of one column are divided into, where their values are too many to keep.
_PARTS = 1 << 16


@dataclass(frozen=True, slots=True)
class Intervals:
    """Stretches of keys, ascending, none touching another, shape `(intervals,)` each.

    Attributes:
        first: Smallest key.
        last: Largest key.
        below_reference: Values of the reference below the stretch.
        below_current: Values of the current data below it.
    """

    first: "Keys"
    last: "Keys"
    below_reference: "Counts"
    below_current: "Counts"

    def __len__(self) -> int:
        return len(self.first)

    def places(self, keys: "Keys") -> "tuple[NDArray[np.bool_], NDArray[np.intp]]":
        """Which keys lie in a stretch, and in which one those do."""
        found = np.searchsorted(self.first, keys, side="right") - 1
        inside = (found >= 0) & (keys <= self.last[found])
        return inside, found[inside]

    def divided(self) -> "tuple[Intervals, NDArray[np.intp]]":
        """The same stretches cut into many, and from which of these each comes.

        What lies below the new ones is still to be counted; they have that of their stretch.
        """
        parts = max(2, _PARTS // len(self))
        # As unsigned numbers, since a stretch may be longer than 63 bits can say.
        span = (self.last - self.first).view(np.uint64)[:, None]
        step = span // np.uint64(parts) + np.uint64(1)
        offsets = step * np.arange(parts, dtype=np.uint64)
        kept = offsets <= span
        starts = self.first.view(np.uint64)[:, None]
        first = (starts + offsets).view(np.int64)[kept]
        last = (starts + np.minimum(offsets + (step - np.uint64(1)), span)).view(np.int64)[kept]
        parents = np.repeat(np.arange(len(self)), kept.sum(axis=1))
        below = self.below_reference[parents], self.below_current[parents]
        return Intervals(first, last, *below), parents


@dataclass(frozen=True, slots=True)
class Bracket:
    """What is known about the largest distance.

    Attributes:
        distance: The largest distance at the edges of bins.
        inside: What the distance inside of each bin cannot exceed, shape `(bins,)`; 0 where it
            cannot exceed the distance at the bin's edges.
    """

    distance: float
    inside: "NDArray[np.float64]"


def bracket(
    reference: "Counts",
    current: "Counts",
    totals: tuple[int, int],
    below: "tuple[Counts, Counts] | None" = None,
) -> Bracket:
    """Bounds the largest distance of two distributions by the counts of their values in bins.

    Args:
        reference: Values of the reference in each bin, shape `(bins,)`.
        current: The same of the current data.
        totals: Values of either side in all.
        below: Values of either side below each bin; None where the bins hold everything.
    """
    rows, other_rows = totals
    if below is None:
        below = np.cumsum(reference) - reference, np.cumsum(current) - current
    before = below[0] / rows - below[1] / other_rows
    # By the quotient of whole numbers, as scipy has it: a sum of shares would differ in rounding.
    after = (below[0] + reference) / rows - (below[1] + current) / other_rows
    distance = max(float(np.abs(before).max(initial=0)), float(np.abs(after).max(initial=0)))
    inside = np.maximum(before + reference / rows, current / other_rows - before)
    # Where one side has no values the distance only rises, or only falls, up to the bin's edge.
    inside[(reference == 0) | (current == 0)] = 0
    return Bracket(distance, inside)


def intervals_of_bins(
    axis: Axis, bins: "NDArray[np.intp]", reference: "Counts", current: "Counts"
) -> Intervals:
    """The stretches that are these bins of an axis."""
    first = np.full(len(bins), -first_keys(axis, np.array([axis.bins]))[0])
    inner = bins > 0
    first[inner] = first_keys(axis, bins[inner])
    last = first_keys(axis, bins + 1) - 1
    below = np.cumsum(reference) - reference, np.cumsum(current) - current
    return Intervals(first, last, below[0][bins], below[1][bins])
