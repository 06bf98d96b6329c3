"""Distances between two tables of counts: how much has changed, whatever the number of rows.

Counts are rows per bin or category, in the same order for both samples, shape `(cells,)`. Each
sample has at least one row; callers see to that.
"""

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

# An empty cell counts as half a row in the population stability index.
_EMPTY = 0.5


def psi(reference_counts: "ArrayLike", current_counts: "ArrayLike") -> float:
    """Population stability index, the symmetric Kullback-Leibler divergence, in nats from 0.

    A cell that is empty in one sample counts as half a row there: less than one could have seen,
    and of the right order in samples of any size. Without drift the index is about `psi_noise`, so
    that it means little by itself in small samples.

    S. Kullback, R. A. Leibler, Annals of Mathematical Statistics 22, 1951.
    """
    reference, current = _counts(reference_counts), _counts(current_counts)
    seen = (reference > 0) | (current > 0)
    first = np.maximum(reference[seen], _EMPTY) / reference.sum()
    second = np.maximum(current[seen], _EMPTY) / current.sum()
    return float(((second - first) * np.log(second / first)).sum())


def psi_noise(cells: int, reference_rows: int, current_rows: int) -> float:
    """Expected population stability index of two samples of one distribution."""
    return (cells - 1) * (1 / reference_rows + 1 / current_rows)


def total_variation(reference_counts: "ArrayLike", current_counts: "ArrayLike") -> float:
    """Share of rows that would have to change their cell, from 0 to 1."""
    first, second = _shares(reference_counts), _shares(current_counts)
    return min(1.0, float(np.abs(first - second).sum()) / 2)


def jensen_shannon(reference_counts: "ArrayLike", current_counts: "ArrayLike") -> float:
    """Jensen-Shannon distance to base 2, from 0 to 1.

    The square root of the divergence, as `scipy.spatial.distance.jensenshannon`, which it is tested
    against. D. M. Endres, J. E. Schindelin, IEEE Transactions on Information Theory 49, 2003.
    """
    first, second = _shares(reference_counts), _shares(current_counts)
    middle = (first + second) / 2
    divergence = (_relative_entropy(first, middle) + _relative_entropy(second, middle)) / 2
    return min(1.0, math.sqrt(max(0.0, divergence / math.log(2))))


def hellinger(reference_counts: "ArrayLike", current_counts: "ArrayLike") -> float:
    """Hellinger distance, from 0 to 1. E. Hellinger, Journal fuer Mathematik 136, 1909."""
    first, second = _shares(reference_counts), _shares(current_counts)
    return min(1.0, math.sqrt(float(((np.sqrt(first) - np.sqrt(second)) ** 2).sum()) / 2))


def cramers_v(reference_counts: "ArrayLike", current_counts: "ArrayLike") -> float:
    """Association of category and sample, from 0 to 1, without the bias of small samples.

    W. Bergsma, "A bias-correction for Cramer's V and Tschuprow's T", Journal of the Korean
    Statistical Society 42, 2013.
    """
    table = np.array([_counts(reference_counts), _counts(current_counts)])
    table = table[:, table.any(axis=0)]
    rows, cells = table.sum(), table.shape[1]
    if cells < 2:
        return 0.0
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / rows
    association = float(((table - expected) ** 2 / expected).sum()) / rows
    corrected = max(0.0, association - (cells - 1) / (rows - 1))
    # The two samples are the smaller side of the table: cells can only be as many or more.
    largest = min(cells - (cells - 1) ** 2 / (rows - 1), 2 - 1 / (rows - 1)) - 1
    return min(1.0, math.sqrt(corrected / largest)) if largest > 0 else 0.0


def _counts(counts: "ArrayLike") -> "NDArray[np.float64]":
    return np.asarray(counts, dtype=np.float64)


def _shares(counts: "ArrayLike") -> "NDArray[np.float64]":
    values = _counts(counts)
    shares: NDArray[np.float64] = values / values.sum()
    return shares


def _relative_entropy(shares: "NDArray[np.float64]", other: "NDArray[np.float64]") -> float:
    held = shares > 0
    return float((shares[held] * np.log(shares[held] / other[held])).sum())
