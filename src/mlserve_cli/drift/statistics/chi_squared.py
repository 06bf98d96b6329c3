"""The chi-squared test that two tables of counts come from one distribution.

K. Pearson, "On the probability that two independent distributions of frequency are really samples
from the same population", Biometrika 8, 1911. Both samples vary: to take the reference for the
truth is the error that raises false alarms. Tested against `scipy.stats.chi2_contingency`.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mlserve_cli.drift.statistics import hypergeometric
from mlserve_cli.drift.statistics.chi_squared_law import tail

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Counts = NDArray[np.int64]

# Text with more categories than this is an identifier rather than a category.
LARGEST_TABLE = 1_000
MINIMUM_EXPECTED = 5.0
# What seeded random tables can be compared with.
_SPARSE_EXPECTED = 1.0
# Random tables, then again for p-values that the first number of them cannot tell from 0.
_SIMULATIONS = (2_000, 100_000)
_NEAR_ZERO = 0.01


@dataclass(frozen=True, slots=True)
class ChiSquared:
    """Outcome of a chi-squared test.

    Attributes:
        statistic: Pearson's chi-squared over the cells.
        degrees_of_freedom: One less than the cells; 0 where there was nothing to compare.
        p_value: Probability of a statistic at least that large without a difference.
        cells: Groups of categories that were compared.
        exact: Whether the p-value is an exact one, or a share of seeded random tables, because the
            counts are too sparse for the chi-squared law.
    """

    statistic: float
    degrees_of_freedom: int
    p_value: float
    cells: int
    exact: bool = False


def homogeneity(
    reference_counts: "ArrayLike",
    current_counts: "ArrayLike",
    *,
    minimum_expected: float = MINIMUM_EXPECTED,
    seed: int = 0,
) -> ChiSquared:
    """Tests whether two samples share one distribution over categories.

    Categories are grouped from the most to the least frequent in both samples together, until
    each group is expected to have `minimum_expected` rows in the smaller sample. Such a grouping
    does not see which sample a row is from, so that the test keeps its level. Beyond 1,000
    categories the rarest are one. Where fewer than two groups are left, groups of one expected row
    are tested, or the most frequent category against the rest: two groups by Fisher's exact test,
    more of them on random tables.

    Args:
        reference_counts: Rows of each category, shape `(categories,)`.
        current_counts: The same for the other sample, in the same order.
        minimum_expected: Smallest count that a group is to expect without a difference.
        seed: Of the random tables, and of the order of categories alike frequent.
    """
    table = np.array([reference_counts, current_counts], dtype=np.int64)
    table = table[:, table.any(axis=0)]
    if table.shape[1] < 2 or not table.any(axis=1).all():
        return ChiSquared(0.0, 0, 1.0, table.shape[1])
    generator = np.random.default_rng(seed)
    ranked = _by_rank(table, generator)
    grouped = _grouped(ranked, minimum_expected)
    if grouped.shape[1] > 1:
        statistic = float(_pearson(grouped[1], grouped))
        degrees = grouped.shape[1] - 1
        return ChiSquared(statistic, degrees, tail(statistic, degrees), degrees + 1)
    return _sparse(ranked, generator)


def on_quantile_bins(reference_counts: "ArrayLike", current_counts: "ArrayLike") -> ChiSquared:
    """Tests whether two samples share one distribution over bins cut at quantiles of the reference.

    Such bins fix what the reference counts, the more so the fewer its ties, and only the current
    counts vary: the contingency table's statistic then is too large where the reference is the
    smaller sample, and grouping bins by rank would see the difference. With many ties both counts
    vary, and a statistic of a fixed reference is too large. The smaller of the two is right in
    either case, by simulation.

    Args:
        reference_counts: Values in each bin, at least one, shape `(bins,)`.
        current_counts: The same for the other sample.
    """
    table = np.array([reference_counts, current_counts], dtype=np.int64)
    bins = table.shape[1]
    reference_rows, current_rows = table.sum(axis=1).tolist()
    if bins < 2 or not current_rows:
        return ChiSquared(0.0, 0, 1.0, bins)
    expected = table[0] * (current_rows / reference_rows)
    fixed = ((table[1] - expected) ** 2 / expected).sum() / (1 + current_rows / reference_rows)
    statistic = min(float(fixed), float(_pearson(table[1], table)))
    return ChiSquared(statistic, bins - 1, tail(statistic, bins - 1), bins)


def _by_rank(table: "Counts", generator: "np.random.Generator") -> "Counts":
    """Columns from the most to the least frequent, the rarest of very many as one.

    Columns alike frequent come in random order: callers list new categories last, and a group of
    nothing but new categories would look like drift.
    """
    shuffled = table[:, generator.permutation(table.shape[1])]
    ranked = shuffled[:, np.argsort(-shuffled.sum(axis=0), kind="stable")]
    if ranked.shape[1] <= LARGEST_TABLE:
        return ranked
    rest = ranked[:, LARGEST_TABLE:].sum(axis=1, keepdims=True)
    return np.hstack([ranked[:, :LARGEST_TABLE], rest])


def _grouped(ranked: "Counts", minimum_expected: float) -> "Counts":
    """Sums of neighbouring columns that each reach the expected count in the smaller sample."""
    pooled = ranked.sum(axis=0)
    smallest_total = minimum_expected * pooled.sum() / ranked.sum(axis=1).min()
    starts, total = [0], int(pooled[0])
    for position, count in enumerate(pooled[1:].tolist(), start=1):
        if total >= smallest_total:
            starts.append(position)
            total = 0
        total += count
    # What is left over at the end joins the group before it.
    if total < smallest_total and len(starts) > 1:
        starts.pop()
    return np.add.reduceat(ranked, starts, axis=1)


def _pearson(current: "Counts", table: "Counts") -> "NDArray[np.float64]":
    """The statistic of each row of `current`, in a table with the margins of `table`."""
    pooled = table.sum(axis=0)
    reference_rows, current_rows = table.sum(axis=1).tolist()
    rows = reference_rows + current_rows
    excess = current - pooled * (current_rows / rows)
    scale = (rows / reference_rows) * (rows / current_rows)
    return np.asarray((excess**2 / pooled).sum(axis=-1) * scale, dtype=np.float64)


def _sparse(ranked: "Counts", generator: "np.random.Generator") -> ChiSquared:
    table = _grouped(ranked, _SPARSE_EXPECTED)
    if table.shape[1] == 1:
        table = np.add.reduceat(ranked, [0, 1], axis=1)
    cells = table.shape[1]
    statistic = float(_pearson(table[1], table))
    if cells == 2:
        return ChiSquared(statistic, 1, hypergeometric.exact_p(table), 2, exact=True)
    p_value = 1.0
    for tables in _SIMULATIONS:
        p_value = _simulated(statistic, table, tables, generator)
        if p_value > _NEAR_ZERO:
            break
    return ChiSquared(statistic, cells - 1, p_value, cells, exact=True)


def _simulated(
    statistic: float, table: "Counts", tables: int, generator: "np.random.Generator"
) -> float:
    """Share of random tables with the same margins that are at least as far apart.

    The observed table is one of them, without which the p-value could be 0.
    """
    current_rows = int(table[1].sum())
    drawn = generator.multivariate_hypergeometric(
        table.sum(axis=0), current_rows, size=tables - 1, method="marginals"
    )
    # Equal tables must count as equal however their sums were rounded.
    as_far = _pearson(drawn, table) >= statistic * (1 - 1e-9)
    return (1 + int(as_far.sum())) / tables
