"""Do rows still lie where the correlations of the reference put them?

Rows are written with the main components of the reference; what that loses grows when columns no
longer go together as they did.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mlserve_cli.drift.statistics import kolmogorov_smirnov
from mlserve_cli.drift.statistics.multivariate.sampling import sample, standardized

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

LARGEST_SAMPLE = 20_000
_EXPLAINED = 0.8


@dataclass(frozen=True, slots=True)
class Reconstruction:
    """Distances of rows from their images, in standard deviations of a column.

    Attributes:
        components: Main components that were kept.
        reference_error: Median distance of rows of the reference.
        current_error: Median distance of current rows.
        statistic: Kolmogorov-Smirnov distance of the two samples of distances.
        p_value: Of that distance.
    """

    components: int
    reference_error: float
    current_error: float
    statistic: float
    p_value: float


def pca_reconstruction(
    reference: "Array", current: "Array", *, limit: int = LARGEST_SAMPLE, seed: int = 0
) -> Reconstruction:
    """Compares how well the main components of the reference describe both samples.

    The components are those of one half of the reference and explain 80 % of its variance. The
    other half is compared: of rows that made the components the distances would be too small, and
    any new data look like drift.

    Args:
        reference: Shape `(rows, columns)`, at least four rows.
        current: The same of the other sample.
        limit: Rows of each sample that are used.
        seed: Of the samples.
    """
    generator = np.random.default_rng(seed)
    rows = sample(reference, limit, generator)
    fitted, held = rows[::2], rows[1::2]
    _, sizes, components = np.linalg.svd(standardized(fitted, fitted), full_matrices=False)
    variance = np.cumsum(sizes**2)
    kept = 1 + int(np.searchsorted(variance, _EXPLAINED * variance[-1]))
    # With all components nothing is lost, and nothing could be compared.
    kept = max(1, min(kept, len(sizes) - 1))
    errors = [
        np.sort(_distances(standardized(part, fitted), components[:kept]))
        for part in (held, sample(current, limit, generator))
    ]
    d = kolmogorov_smirnov.statistic(*errors)
    p_value = kolmogorov_smirnov.p_value(d, len(errors[0]), len(errors[1]))
    medians = [float(np.median(part)) for part in errors]
    return Reconstruction(kept, medians[0], medians[1], d, p_value)


def _distances(rows: "Array", components: "Array") -> "Array":
    lost = rows - rows @ components.T @ components
    # Rounded, so that rows without any loss are alike.
    distances: Array = np.round(np.sqrt((lost**2).mean(axis=1)), 9)
    return distances
