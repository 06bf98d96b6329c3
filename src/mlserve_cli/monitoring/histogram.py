"""Counts of values in buckets, from which quantiles come with a stated error."""

import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import pairwise

# Upper bounds of durations as they are shown, from 50 microseconds on.
SECONDS = (
    *(0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05),
    *(0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
)


def refined(bounds: Sequence[float], relative_error: float) -> tuple[float, ...]:
    """Bounds with further ones between them, so that a value in a bucket is known that well.

    The buckets are those of DDSketch (Masson, Rim and Lee 2019): each upper bound is at most
    `(1 + e) / (1 - e)` times the one before it. All given bounds are kept, so that counts below
    them stay exact.

    Args:
        bounds: Positive and ascending.
        relative_error: Largest relative error of a value that is estimated from its bucket.
    """
    growth = math.log((1 + relative_error) / (1 - relative_error))
    found = [bounds[0]]
    for low, high in pairwise(bounds):
        steps = math.ceil(math.log(high / low) / growth)
        found += [low * (high / low) ** (step / steps) for step in range(1, steps)]
        found.append(high)
    return tuple(found)


# Largest relative error of quantiles of durations between a microsecond and a quarter of an hour.
RELATIVE_ERROR = 0.01
FINE_SECONDS = refined((1e-6, *SECONDS, 1000.0), RELATIVE_ERROR)


class Histogram:
    """How many values fell into each bucket, and their sum.

    Bucket `i` holds the values in `(edges[i - 1], edges[i]]`; the last one holds what is larger
    than every edge. Memory does not grow with the number of values. Not for several threads at
    once.

    Args:
        edges: Upper bounds, ascending.
        counts: Counts so far, one more than edges.
        total: Sum of the values so far.
    """

    __slots__ = ("counts", "edges", "total")

    def __init__(
        self,
        edges: Sequence[float] = FINE_SECONDS,
        counts: Iterable[float] | None = None,
        total: float = 0.0,
    ) -> None:
        self.edges = edges
        self.counts = [0] * (len(edges) + 1) if counts is None else [int(count) for count in counts]
        self.total = total

    @property
    def count(self) -> int:
        """How many values there are."""
        return sum(self.counts)

    @property
    def mean(self) -> float:
        """Their mean; NaN without any."""
        count = self.count
        return self.total / count if count else math.nan

    def add(self, value: float) -> None:
        """Counts one value."""
        self.counts[bisect_left(self.edges, value)] += 1
        self.total += value

    def merge(self, other: "Histogram") -> None:
        """Adds what another histogram with the same edges has counted: of another process or time.

        Raises:
            ValueError: Its edges differ.
        """
        if other.edges != self.edges:
            raise ValueError("Histograms of different edges cannot be merged.")
        self.counts = [
            mine + theirs for mine, theirs in zip(self.counts, other.counts, strict=True)
        ]
        self.total += other.total

    def cumulated(self, bounds: Sequence[float]) -> list[int]:
        """How many values are at most each bound, and in the end how many there are.

        Args:
            bounds: Some of the edges, ascending.
        """
        found, total, position = [], 0, 0
        for bound in bounds:
            stop = bisect_left(self.edges, bound) + 1
            total += sum(self.counts[position:stop])
            found.append(total)
            position = stop
        return [*found, total + sum(self.counts[position:])]

    def quantile(self, share: float) -> float:
        """The smallest value that at least this share of the values does not exceed.

        It is off by at most the relative error that the edges were made for (see `refined`).
        Values below the first edge or above the last one are reported as that edge.

        Args:
            share: Between 0 and 1; 0.5 gives the median.

        Returns:
            The value; NaN where there is none.
        """
        wanted = max(1, math.ceil(share * self.count))
        total = 0
        for position, count in enumerate(self.counts):
            total += count
            if total >= wanted:
                return self._estimate(position)
        return math.nan

    def _estimate(self, position: int) -> float:
        if position == 0 or position == len(self.edges):
            return self.edges[min(position, len(self.edges) - 1)]
        low, high = self.edges[position - 1], self.edges[position]
        # The value whose relative distance from both ends is the same.
        return 2 * low * high / (low + high)
