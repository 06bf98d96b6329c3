"""How successes fall on two samples when both share one proportion."""

from typing import TYPE_CHECKING

import numpy as np

from mlserve_cli.drift.statistics import binomial

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

# Tables as likely as the observed one, up to rounding, count as at least as extreme.
_ALIKE = 1 + 1e-9


def probabilities(successes: int, first_rows: int, second_rows: int) -> "NDArray[np.float64]":
    """Probability of each number of successes in the first sample, from the lowest possible one.

    Shape `(highest possible - lowest possible + 1,)`, the lowest being `max(0, successes -
    second_rows)`.

    Args:
        successes: In both samples, at least one, and fewer than all rows.
        first_rows: Rows of the first sample, at least one.
        second_rows: Rows of the second sample, at least one.
    """
    hits = np.arange(max(0, successes - second_rows), min(successes, first_rows) + 1)
    rows = first_rows + second_rows
    share = successes / rows
    first = binomial.probability(hits, first_rows, share)
    second = binomial.probability(successes - hits, second_rows, share)
    return first * second / binomial.probability(successes, rows, share)


def exact_p(table: "ArrayLike") -> float:
    """Two-sided p-value of Fisher's exact test of two proportions; 1 where a margin is empty.

    Tables that are at most as likely as the observed one count, as in `scipy.stats.fisher_exact`,
    which it is tested against. Takes time and memory in proportion to the smallest margin.

    Args:
        table: Successes and failures of either sample, shape `(2, 2)`.
    """
    counts = np.asarray(table, dtype=np.int64)
    rows, columns = counts.sum(axis=1), counts.sum(axis=0)
    if not rows.all() or not columns.all():
        return 1.0
    # The p-value stays when samples and outcomes change places: the rarest is taken for success.
    if rows.min() < columns.min():
        counts, rows, columns = counts.T, columns, rows
    success = int(columns.argmin())
    successes, first_rows, second_rows = int(columns[success]), int(rows[0]), int(rows[1])
    likely = probabilities(successes, first_rows, second_rows)
    observed = likely[counts[0, success] - max(0, successes - second_rows)]
    return min(1.0, float(likely[likely <= observed * _ALIKE].sum()))
