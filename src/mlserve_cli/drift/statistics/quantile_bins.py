"""Bins that hold about the same share of the reference each."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

BINS = 20
MINIMUM_EXPECTED = 10.0


def bin_count(
    reference_rows: int,
    current_rows: int,
    *,
    bins: int = BINS,
    minimum_expected: float = MINIMUM_EXPECTED,
) -> int:
    """Bins so that each is expected to hold `minimum_expected` rows of the smaller sample.

    At most `bins`, at least 1: with one bin there is nothing to test.
    """
    return int(max(1, min(bins, min(reference_rows, current_rows) // minimum_expected)))


def probabilities(bins: int) -> "NDArray[np.float64]":
    """The inner quantiles that divide a sample into `bins` parts, shape `(bins - 1,)`."""
    return np.arange(1, bins) / bins


def edges(reference_sorted: "NDArray[np.generic]", bins: int) -> "NDArray[np.generic]":
    """Inner edges of bins that share the reference equally, ascending, each a value of it.

    Bin `i` holds the values above edge `i - 1` and up to edge `i`, both ends open outwards. Where
    a value takes more than one bin's share, bins fall together; there are at most `bins - 1` edges.

    Args:
        reference_sorted: Ascending values without NaN, shape `(rows,)`, at least one.
        bins: How many bins are wanted, from `bin_count`.
    """
    positions = np.ceil(probabilities(bins) * len(reference_sorted)).astype(np.intp) - 1
    found = np.unique(reference_sorted[np.maximum(positions, 0)])
    # Nothing of the reference lies above its maximum.
    inner: NDArray[np.generic] = found[found < reference_sorted[-1]]
    return inner


def counts(
    values_sorted: "NDArray[np.generic]", inner: "NDArray[np.generic]"
) -> "NDArray[np.int64]":
    """Values in each bin, shape `(edges + 1,)`.

    Args:
        values_sorted: Ascending values without NaN.
        inner: Inner edges from `edges`.
    """
    below = np.searchsorted(values_sorted, inner, side="right")
    return np.diff(np.concatenate([[0], below, [len(values_sorted)]])).astype(np.int64)
