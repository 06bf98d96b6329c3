"""The exact Kolmogorov-Smirnov distance of two columns that are too long to be sorted.

Bins say the distance at their edges and bound it inside. Only where it could be larger inside are
values looked at, in a second pass: some one in a hundred. Where even those are too many to be kept,
their bins are divided and counted again, until they are few.

Data that are the same nearly everywhere have nearly the same distance everywhere, and no stretch
can be left out. There, stretches that could add next to nothing are passed over; `bound` tells how
much.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from mlserve_cli.drift.counting import ordered
from mlserve_cli.drift.counting.intervals import Intervals, bracket, intervals_of_bins
from mlserve_cli.drift.counting.numbers import NumberCounts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Keys = NDArray[np.int64]
    Counts = NDArray[np.int64]

# Keys that wait to be merged with those found before.
_WAITING = 1 << 15
# Where more stretches are left, those are passed over that could add no more than the second
# number. Each of the others has as large a share of one side, so that there are not many of them.
_MOST_OPEN, _PASSED_OVER = 1 << 15, 2.0**-15


@dataclass(slots=True)
class _Gathered:
    """Different keys inside some stretches, ascending, and how often each occurs."""

    limit: int
    keys: "Keys" = field(default_factory=lambda: np.empty(0, np.int64))
    counts: "Counts" = field(default_factory=lambda: np.empty(0, np.int64))
    too_many: bool = False
    _waiting: "list[Keys]" = field(default_factory=list)
    _waiting_rows: int = 0

    def add(self, keys: "Keys") -> None:
        if self.too_many:
            return
        self._waiting.append(keys)
        self._waiting_rows += len(keys)
        if self._waiting_rows > _WAITING:
            self.merge()

    def merge(self) -> None:
        """Takes up the keys that wait."""
        if not self._waiting:
            return
        keys, counts = np.unique(np.concatenate(self._waiting), return_counts=True)
        self._waiting, self._waiting_rows = [], 0
        merged, places = np.unique(np.concatenate([self.keys, keys]), return_inverse=True)
        total = np.zeros(len(merged), np.int64)
        np.add.at(total, places, np.concatenate([self.counts, counts]))
        self.keys, self.counts = merged, total
        if len(merged) > self.limit:
            self.too_many = True
            self.keys, self.counts = self.keys[:0], self.counts[:0]


class Supremum:
    """Searches the largest distance of one column, by as many passes as it needs.

    A pass is: `add` with every block of both sides, then `finish`.

    Args:
        reference: Counts of the reference, in bins.
        current: Counts of the current data, on the same axis.
        limit: Different values of one side that may be kept in memory; 0 where there are no values
            to look at, so that the bins have to do.

    Attributes:
        distance: The largest distance found.
        bound: What it cannot exceed: the same in the end, or 0.00003 more where the two sides are
            nearly the same in a long stretch; what the bins say where there is nothing but them.
    """

    def __init__(self, reference: NumberCounts, current: NumberCounts, limit: int) -> None:
        assert reference.counts is not None
        assert current.counts is not None
        self._totals = reference.finite, current.finite
        found = bracket(reference.counts, current.counts, self._totals)
        self.distance = found.distance
        self.bound = max(found.distance, float(found.inside.max(initial=0)))
        self._limit = limit
        self._open: Intervals | None = None
        self._divided: tuple[Intervals, NDArray[np.intp]] | None = None
        self._passed_over = 0.0
        wanted = found.inside > found.distance
        wanted = self._without_near(wanted, found.inside, (reference.counts, current.counts))
        bins = np.flatnonzero(wanted)
        if len(bins) and limit:
            self._open = intervals_of_bins(reference.axis, bins, reference.counts, current.counts)
            if self._passed_over:
                # Their values are too many as well.
                self._divided = self._open.divided()
            self._begin()
        elif self._passed_over and not len(bins):
            self.bound = self._passed_over

    @property
    def done(self) -> bool:
        """Whether there is no more to be found."""
        return self._open is None

    def _begin(self) -> None:
        assert self._open is not None
        low, high = ordered.to_values(np.array([self._open.first[0], self._open.last[-1]]))
        self._low, self._high = float(low), float(high)
        self._sides = [_Gathered(self._limit), _Gathered(self._limit)]
        if self._divided is not None:
            parts, _ = self._divided
            self._counts = [np.zeros(len(parts), np.int64) for _ in range(2)]

    def add(self, side: int, block: "NDArray[Any]") -> None:
        """Takes what it needs of a block: 0 for the reference, 1 for the current data."""
        # In single precision the limits are rounded, which keeps all values between them.
        with np.errstate(over="ignore"):
            near = block[(block >= self._low) & (block <= self._high)]
        if not len(near):
            return
        keys = ordered.to_keys(near.astype(np.float64))
        if self._divided is not None:
            parts, _ = self._divided
            _, places = parts.places(keys)
            self._counts[side] += np.bincount(places, minlength=len(parts))
            return
        assert self._open is not None
        inside, _ = self._open.places(keys)
        self._sides[side].add(keys[inside])

    def finish(self) -> None:
        """Ends a pass."""
        assert self._open is not None
        if self._divided is not None:
            self._narrow()
            return
        for side in self._sides:
            side.merge()
        if any(side.too_many for side in self._sides):
            self._divided = self._open.divided()
            self._begin()
            return
        self._end(self._distance_inside(self._open))

    def _end(self, distance: float = 0.0) -> None:
        self.distance = max(self.distance, distance)
        self.bound = max(self.distance, self._passed_over)
        self._open = None

    def _without_near(
        self,
        wanted: "NDArray[np.bool_]",
        inside: "NDArray[np.float64]",
        counts: "tuple[Counts, Counts]",
    ) -> "NDArray[np.bool_]":
        """Which of the wanted stretches are looked at, where they are too many for memory."""
        if np.count_nonzero(wanted) <= _MOST_OPEN:
            return wanted
        if max(int(side[wanted].sum()) for side in counts) <= self._limit:
            return wanted
        near = wanted & (inside <= self.distance + _PASSED_OVER)
        self._passed_over = max(self._passed_over, float(inside[near].max(initial=0)))
        return wanted & ~near

    def _narrow(self) -> None:
        """Keeps the parts that can still hold something larger."""
        assert self._divided is not None
        parts, parents = self._divided
        firsts = np.searchsorted(parents, np.arange(parents[-1] + 1))
        below = []
        for base, counts in zip(
            (parts.below_reference, parts.below_current), self._counts, strict=True
        ):
            before = np.cumsum(counts) - counts
            below.append(base + before - before[firsts][parents])
        found = bracket(self._counts[0], self._counts[1], self._totals, (below[0], below[1]))
        self.distance = max(self.distance, found.distance)
        # The distance inside of a part with a single value is that at its edges.
        wanted = (found.inside > self.distance) & (parts.first < parts.last)
        wanted = self._without_near(wanted, found.inside, (self._counts[0], self._counts[1]))
        self._divided = None
        if wanted.any():
            self._open = Intervals(
                parts.first[wanted], parts.last[wanted], below[0][wanted], below[1][wanted]
            )
            self._begin()
        else:
            self._end()

    def _distance_inside(self, stretches: Intervals) -> float:
        pooled = np.union1d(self._sides[0].keys, self._sides[1].keys)
        if not len(pooled):
            return 0.0
        _, places = stretches.places(pooled)
        shares = []
        below = stretches.below_reference, stretches.below_current
        for gathered, base, rows in zip(self._sides, below, self._totals, strict=True):
            running = np.concatenate([[0], np.cumsum(gathered.counts)])
            reached = running[np.searchsorted(gathered.keys, pooled, side="right")]
            started = running[np.searchsorted(gathered.keys, stretches.first)]
            shares.append((base[places] + reached - started[places]) / rows)
        return float(np.abs(shares[0] - shares[1]).max())
