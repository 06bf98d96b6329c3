"""Samples of rows, and columns on one scale."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Rows = NDArray[np.float64]


def sample(rows: "Rows", limit: int, generator: "np.random.Generator") -> "Rows":
    """At most `limit` rows, drawn without replacement, in random order."""
    chosen = generator.permutation(len(rows))[:limit]
    return np.asarray(rows, dtype=np.float64)[chosen]


def standardized(rows: "Rows", of: "Rows") -> "Rows":
    """Rows in units of the standard deviation of each column of `of`, from its mean there.

    Missing values take the mean, values beyond 10 standard deviations are moved there, and a
    constant column keeps its unit.
    """
    known = np.isfinite(of)
    counts = np.maximum(known.sum(axis=0), 1)
    filled = np.where(known, of, 0.0)
    means = filled.sum(axis=0) / counts
    deviations = np.sqrt((np.where(known, of - means, 0.0) ** 2).sum(axis=0) / counts)
    scaled = (rows - means) / np.where(deviations > 0, deviations, 1.0)
    return np.clip(np.where(np.isfinite(scaled), scaled, 0.0), -10, 10)
