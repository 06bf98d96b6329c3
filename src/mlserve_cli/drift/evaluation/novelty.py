"""Are there more rows in new categories than chance explains?"""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Exponents that are tried, per row of the most frequent category.
_EXPONENTS = np.geomspace(1e-3, 1e3, 121)
# Logarithms of chances below which a category is counted apart.
_LOG_CHANCES = (-5.0, -10.0, -20.0, -40.0, -80.0, -700.0)


def new_rows_p(reference: "NDArray[np.int64]", current: "NDArray[np.int64]") -> float:
    """Upper bound of the probability of so many current rows in categories the reference lacks.

    Categories that are rare on both sides together are often new by chance, all the more where the
    reference is the smaller side. Without drift a category of `c` rows has them all on the current
    side with a probability of about `q**c`, where `q` is that side's share of all rows. For the sum
    of the rows of such categories this is Chernoff's bound (Annals of Mathematical Statistics 23,
    1952), which also holds since the categories compete for the rows: where one is new, another is
    less likely to be (K. Joag-Dev, F. Proschan, Annals of Statistics 11, 1983).

    Args:
        reference: Rows of each category, shape `(categories,)`.
        current: The same of the current data.
    """
    pooled = reference + current
    new = int(current[(reference == 0)].sum())
    if not new:
        return 1.0
    sizes, categories = np.unique(pooled[pooled > 0], return_counts=True)
    log_chance = sizes * np.log(float(current.sum()) / float(pooled.sum()))
    # Growing limits, since a category that is hardly ever new would spoil the bound for the others:
    # it is better counted apart, with the probability that it is new at all.
    return min(_bound(sizes, categories, log_chance, limit, new) for limit in _LOG_CHANCES)


def _bound(
    sizes: "NDArray[np.int64]",
    categories: "NDArray[np.int64]",
    log_chance: "NDArray[np.float64]",
    limit: float,
    new: int,
) -> float:
    """Chernoff's bound for categories above a chance, plus the chance of any other one."""
    likely = log_chance > limit
    others = float((categories[~likely] * np.exp(log_chance[~likely])).sum())
    sizes, categories, log_chance = sizes[likely], categories[likely], log_chance[likely]
    if int((sizes * categories).sum()) < new:
        return min(1.0, others)
    # One category of the size of what is new, or many of one row: the exponent suits either.
    exponents = np.concatenate([_EXPONENTS, _EXPONENTS / new])[:, None]
    growth = np.logaddexp(np.log1p(-np.exp(log_chance)), log_chance + exponents * sizes)
    bounds = (categories * growth).sum(axis=1) - exponents[:, 0] * new
    return min(1.0, others + float(np.exp(min(0.0, float(bounds.min())))))
