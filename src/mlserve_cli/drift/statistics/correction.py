"""Corrections of p-values for the number of tests."""

from typing import TYPE_CHECKING, assert_never

import numpy as np

from mlserve_cli.drift.choices import Correction
from mlserve_cli.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["Correction", "adjust"]


def adjust(
    p_values: "Sequence[float] | NDArray[np.float64]", method: "Correction | str" = Correction.BH
) -> "NDArray[np.float64]":
    """Adjusted p-values, shape `(tests,)`: a test is significant where its value is at most alpha.

    `bh` bounds the expected share of false findings (Benjamini and Hochberg, Journal of the Royal
    Statistical Society B 57, 1995), `bonferroni` and `holm` (Scandinavian Journal of Statistics 6,
    1979) the probability of any false finding. `bh` is tested against
    `scipy.stats.false_discovery_control`.

    Raises:
        UsageError: A p-value is NaN or outside of 0 to 1. A test that could not be carried out has
            no p-value and does not belong here.
    """
    raw = np.asarray(p_values, dtype=np.float64)
    # The comparison is false for NaN, too.
    if not np.all((raw >= 0) & (raw <= 1)):
        raise UsageError(f"A p-value lies between 0 and 1; found {raw.tolist()}.")
    order = np.argsort(raw, kind="stable")
    ascending, tests = raw[order], len(raw)
    match Correction(method):
        case Correction.BH:
            scaled = ascending * tests / np.arange(1, tests + 1)
            scaled = np.minimum.accumulate(scaled[::-1])[::-1]
        case Correction.BONFERRONI:
            scaled = ascending * tests
        case Correction.HOLM:
            scaled = np.maximum.accumulate(ascending * np.arange(tests, 0, -1))
        case Correction.NONE:
            scaled = ascending
        case unknown:
            assert_never(unknown)
    adjusted = np.empty_like(raw)
    adjusted[order] = np.minimum(scaled, 1.0)
    return adjusted
