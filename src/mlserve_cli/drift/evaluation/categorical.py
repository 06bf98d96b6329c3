"""Checks of the distribution of categories."""

from typing import TYPE_CHECKING

import numpy as np

from mlserve_cli.drift.evaluation.numeric import binned_distance
from mlserve_cli.drift.evaluation.pair import CategoryPair
from mlserve_cli.drift.report import Check, Kind, Measure
from mlserve_cli.drift.rule import Method, Rule
from mlserve_cli.drift.statistics import chi_squared, distances, kolmogorov_smirnov

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Counts = NDArray[np.int64]

_BINNED = {Method.PSI, Method.JS, Method.HELLINGER}


def distribution_check(pair: CategoryPair, rule: Rule) -> Check | None:
    """Compares the shares of the categories; None where a side has no values."""
    reference, current = pair.table.reference, pair.table.current
    if not reference.sum() or not current.sum():
        return None
    threshold = rule.effect_of(pair.name)
    if rule.method is Method.KS and pair.kind is not Kind.TEXT:
        return _by_order(reference, current, threshold)
    test = chi_squared.homogeneity(reference, current)
    method = rule.method if rule.method in _BINNED else Method.CHI2
    name, value = binned_distance(method, reference, current)
    measures = (
        Measure(name, value, threshold, test.p_value),
        Measure("cramers_v", distances.cramers_v(reference, current)),
        Measure("chi_squared", test.statistic),
    )
    return Check("distribution", measures, test.p_value, None, False, False, "")


def _by_order(reference: "Counts", current: "Counts", threshold: float) -> Check:
    rows = int(reference.sum()), int(current.sum())
    apart = np.cumsum(reference) / rows[0] - np.cumsum(current) / rows[1]
    distance = float(np.abs(apart).max())
    p_value = kolmogorov_smirnov.p_value(distance, *rows)
    measure = Measure("ks", distance, threshold, p_value)
    return Check("distribution", (measure,), p_value, None, False, False, "")
