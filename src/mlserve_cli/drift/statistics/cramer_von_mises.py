"""The two-sample Cramer-von Mises test.

T. W. Anderson, "On the distribution of the two-sample Cramer-von Mises criterion", Annals of
Mathematical Statistics 33, 1962. Tested against `scipy.stats.cramervonmises_2samp`.
"""

import math
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from mlserve_cli.drift.statistics import limit_laws

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Up to here, on both sides, all orders of the rows are counted; the limit is scipy's.
_EXACT_ROWS = 20


def statistic(
    reference_sorted: "NDArray[np.generic]", current_sorted: "NDArray[np.generic]"
) -> float:
    """The criterion T, from the mean ranks of values in both samples together.

    Args:
        reference_sorted: Ascending values without NaN, shape `(reference rows,)`, at least two.
        current_sorted: The same of the other sample.
    """
    rows = len(reference_sorted), len(current_sorted)
    pooled = np.sort(np.concatenate([reference_sorted, current_sorted]), kind="stable")
    ranks = 0.0
    for sample in (reference_sorted, current_sorted):
        others_below = _mean_ranks(sample, pooled) - np.arange(1, len(sample) + 1)
        ranks += len(sample) * float((others_below**2).sum())
    product, total = math.prod(rows), sum(rows)
    return ranks / (product * total) - (4 * product - 1) / (6 * total)


def p_value(t: float, reference_rows: int, current_rows: int) -> float:
    """Probability of a criterion of at least `t`, from 0 to 1.

    Exact without ties up to 20 rows on either side, else of the limit law with the mean and the
    variance of these sample sizes.
    """
    product, total = reference_rows * current_rows, reference_rows + current_rows
    if max(reference_rows, current_rows) <= _EXACT_ROWS:
        return _exact(t, reference_rows, current_rows)
    mean = (1 + 1 / total) / 6
    squares = reference_rows**2 + current_rows**2
    summands = 4 * product * total - 3 * squares - 2 * product
    variance = (total + 1) * summands / (45 * total**2 * 4 * product)
    standard = 1 / 6 + (t - mean) / math.sqrt(45 * variance)
    return limit_laws.cramer_von_mises(standard)


def _mean_ranks(
    sample: "NDArray[np.generic]", pooled: "NDArray[np.generic]"
) -> "NDArray[np.float64]":
    first = np.searchsorted(pooled, sample, side="left")
    return (first + np.searchsorted(pooled, sample, side="right") + 1) / 2


def _exact(t: float, reference_rows: int, current_rows: int) -> float:
    """Share of all orders of the rows whose criterion is at least `t`.

    Y. Xiao, A. Gordon, A. Yakovlev, Journal of Statistical Software 17 (8), 2006: along a path of
    ranks the criterion is a sum of whole numbers, of which all values are counted.
    """
    common = math.lcm(reference_rows, current_rows)
    right, up = common // reference_rows, common // current_rows
    paths: list[Counter[int]] = [Counter() for _ in range(reference_rows + 1)]
    for row in range(current_rows + 1):
        for column in range(reference_rows + 1):
            reached = paths[column].copy() if row else Counter()
            if column:
                reached.update(paths[column - 1])
            if not row and not column:
                reached[0] = 1
            step = (right * column - up * row) ** 2
            paths[column] = Counter({total + step: count for total, count in reached.items()})
    product, rows = reference_rows * current_rows, reference_rows + current_rows
    # Without ties this is a whole number; a criterion with ties counts as the next one below.
    least = math.floor(t * rows**2 * common**2 / product + 1e-6)
    far = sum(count for total, count in paths[-1].items() if total >= least)
    return far / math.comb(rows, current_rows)
