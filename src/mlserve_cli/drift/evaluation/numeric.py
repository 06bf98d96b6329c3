"""Checks of the distribution of numbers."""

import math
from typing import TYPE_CHECKING, assert_never

import numpy as np

from mlserve_cli.drift.counting import axis
from mlserve_cli.drift.counting.numbers import NumberCounts
from mlserve_cli.drift.evaluation.pair import NumberPair
from mlserve_cli.drift.report import Check, Measure
from mlserve_cli.drift.rule import Method, Rule
from mlserve_cli.drift.statistics import chi_squared, distances, kolmogorov_smirnov, transport
from mlserve_cli.drift.statistics.combined import numeric_p
from mlserve_cli.drift.statistics.quantile_bins import bin_count, probabilities

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Counts = NDArray[np.int64]

# Interquartile range of the standard normal distribution.
_NORMAL_IQR = 1.349


def distribution_check(pair: NumberPair, rule: Rule) -> Check | None:
    """Compares both distributions as the rule says; None where a side has no values."""
    if pair.supremum is None:
        return None
    threshold = rule.effect_of(pair.name)
    match rule.method:
        case Method.AUTO:
            # On the same bins total variation sees a shift of a quarter of a standard deviation
            # more often than PSI does.
            tests = [_ks(pair, threshold), _binned(pair, Method.PSI, threshold)]
            return _combined(tests, _binned(pair, Method.CHI2, threshold))
        case Method.KS:
            return _combined([_ks(pair, threshold)])
        case Method.PSI | Method.JS | Method.CHI2 | Method.HELLINGER:
            return _combined([_binned(pair, rule.method, threshold)])
        case Method.WASSERSTEIN | Method.ENERGY:
            tests = [_ks(pair, None), _binned(pair, Method.PSI, None)]
            return _combined(tests, _moved(pair, rule.method, threshold))
        case Method.CVM | Method.AD:
            return _combined([_ranked(pair, rule.method)], _ks(pair, threshold))
        case _:
            assert_never(rule.method)


def _combined(tests: "Sequence[Measure | None]", effect: Measure | None = None) -> Check | None:
    """One check of up to two tests.

    Args:
        tests: Measures with p-values; None for those that have too few rows.
        effect: The measure that decides, where it is none of the tests.
    """
    done = [test for test in tests if test is not None]
    p_values = [test.p_value for test in done if test.p_value is not None]
    if not p_values:
        return None
    p_value = p_values[0] if len(p_values) == 1 else numeric_p(*p_values)
    if effect is not None:
        done = [Measure(effect.name, effect.value, effect.threshold), *done]
    done.sort(key=lambda measure: -_weight(measure))
    return Check("distribution", tuple(done), p_value, None, False, False, "")


def _weight(measure: Measure) -> float:
    """How far a measure is above its threshold."""
    if measure.threshold is None:
        return -1.0
    return measure.value / max(measure.threshold, 1e-300)


def _ks(pair: NumberPair, threshold: float | None) -> Measure:
    assert pair.supremum is not None
    distance = pair.supremum.distance
    p_value = kolmogorov_smirnov.p_value(distance, pair.reference.finite, pair.current.finite)
    return Measure("ks", distance, threshold, p_value)


def _binned(pair: NumberPair, method: Method, threshold: float | None) -> Measure | None:
    """A chi-squared test on quantile bins of the reference, with a distance on the same bins."""
    bins = bin_count(pair.reference.finite, pair.current.finite)
    if bins < 2:
        return None
    reference, current = quantile_counts(pair, bins)
    test = chi_squared.on_quantile_bins(reference, current)
    return Measure(*binned_distance(method, reference, current), threshold, test.p_value)


def binned_distance(method: Method, reference: "Counts", current: "Counts") -> tuple[str, float]:
    """The distance that a method takes for its effect, with its name."""
    match method:
        case Method.PSI:
            return "psi", distances.psi(reference, current)
        case Method.JS:
            return "jensen_shannon", distances.jensen_shannon(reference, current)
        case Method.HELLINGER:
            return "hellinger", distances.hellinger(reference, current)
        case _:
            return "total_variation", distances.total_variation(reference, current)


def quantile_counts(pair: NumberPair, bins: int) -> "tuple[Counts, Counts]":
    """Values of both sides in bins that hold about the same share of the reference each.

    The bins are made of those of the axis. Where a value takes more than one bin's share, bins fall
    together.
    """
    assert pair.reference.counts is not None
    assert pair.current.counts is not None
    below = np.cumsum(pair.reference.counts)
    wanted = np.ceil(probabilities(bins) * pair.reference.finite)
    ends = np.unique(np.searchsorted(below, wanted))
    ends = ends[below[ends] < below[-1]]
    starts = np.concatenate([[0], ends + 1])
    return (
        np.add.reduceat(pair.reference.counts, starts),
        np.add.reduceat(pair.current.counts, starts),
    )


def _moved(pair: NumberPair, method: Method, threshold: float) -> Measure:
    """How far values have moved, in units of the reference's robust standard deviation."""
    first, second, edges = _histograms(pair)
    unit = _unit(pair)
    if method is Method.WASSERSTEIN:
        value = transport.binned_wasserstein(first, second, edges)
        return Measure("wasserstein", _in_units(value, unit), threshold)
    value = transport.binned_energy(first, second, edges)
    return Measure("energy", _in_units(value, math.sqrt(unit)), threshold)


def _in_units(value: float, unit: float) -> float:
    if not value:
        return 0.0
    # JSON has no infinity; no distance of doubles is as large as this.
    return min(value / unit, 1e300) if unit else 1e300


def _unit(pair: NumberPair) -> float:
    low, high = quantiles(pair.reference, (0.25, 0.75))
    moments = pair.reference.moments()
    return (high - low) / _NORMAL_IQR or (moments[1] if moments else 0.0)


def _histograms(pair: NumberPair) -> "tuple[Counts, Counts, NDArray[np.float64]]":
    """Both sides in fine bins whose outermost edges are the smallest and largest values."""
    assert pair.reference.counts is not None
    assert pair.current.counts is not None
    inner = axis.edges(pair.reference.axis)
    low = min(pair.reference.minimum, pair.current.minimum, float(inner[0]))
    high = max(pair.reference.maximum, pair.current.maximum, float(inner[-1]))
    return pair.reference.counts, pair.current.counts, np.concatenate([[low], inner, [high]])


def _ranked(pair: NumberPair, method: Method) -> Measure | None:
    """Cramer-von Mises or Anderson-Darling on the order of the fine bins."""
    from mlserve_cli.drift.statistics import anderson_darling, cramer_von_mises

    if min(pair.reference.finite, pair.current.finite) < 2:
        return None
    assert pair.reference.counts is not None
    assert pair.current.counts is not None
    # Values in the same bin count as equal, of which there are few.
    places = np.arange(pair.reference.axis.bins)
    first = np.repeat(places, pair.reference.counts)
    second = np.repeat(places, pair.current.counts)
    if method is Method.CVM:
        t = cramer_von_mises.statistic(first, second)
        return Measure("cvm", t, None, cramer_von_mises.p_value(t, len(first), len(second)))
    a = anderson_darling.statistic(first, second)
    return Measure("ad", a, None, anderson_darling.p_value(a))


def quantiles(counts: NumberCounts, wanted: "Sequence[float]") -> tuple[float, ...]:
    """Quantiles of the finite values of one side, at least one.

    Exact where all values are in the sample, else interpolated inside of a fine bin.
    """
    sample = counts.sample.values()
    if counts.sample.complete or counts.counts is None:
        return tuple(float(value) for value in np.quantile(sample, wanted))
    below = np.cumsum(counts.counts)
    found = []
    for share in wanted:
        place = int(np.searchsorted(below, max(1.0, share * below[-1])))
        if place in (0, len(below) - 1):
            # Beyond the axis the sample knows more.
            found.append(float(np.quantile(sample, share)))
            continue
        inside = float(share * below[-1] - below[place - 1]) / max(1, int(counts.counts[place]))
        low, high = axis.edge(counts.axis, place - 1), axis.edge(counts.axis, place)
        value = low + (high - low) * min(1.0, max(0.0, inside))
        found.append(min(max(value, counts.minimum), counts.maximum))
    return tuple(found)
