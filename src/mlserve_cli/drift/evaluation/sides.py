"""Each side of a column on its own, and both drawn on one axis."""

from typing import TYPE_CHECKING

import numpy as np

from mlserve_cli.drift.counting import axis
from mlserve_cli.drift.counting.numbers import NumberCounts
from mlserve_cli.drift.evaluation.numeric import quantiles
from mlserve_cli.drift.evaluation.pair import CategoryPair, NumberPair, label_of
from mlserve_cli.drift.report import QUANTILES, Categories, Histogram, Kind, Side

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mlserve_cli.drift.counting.texts import TextCounts

_DRAWN_BINS = 40
_DRAWN_CATEGORIES = 40
# Share of either side beyond the ends of a drawing.
_CUT = 0.005


def side_of(counts: "NumberCounts | TextCounts", dtype: str, kind: Kind) -> Side:
    """One side in numbers."""
    if not isinstance(counts, NumberCounts):
        only = next(iter(counts.labels)) if len(counts.labels) == 1 else None
        return Side(dtype, counts.rows, counts.missing, constant=only)
    if not counts.finite:
        return Side(dtype, counts.rows, counts.missing, sum(counts.infinite))
    mean, deviation = counts.moments() or (None, None)
    single = counts.minimum == counts.maximum
    number = f"{counts.minimum:.6g}" if kind is Kind.NUMERIC else label_of(counts.minimum, kind)
    return Side(
        dtype,
        counts.rows,
        counts.missing,
        sum(counts.infinite),
        constant=number if single else None,
        minimum=counts.minimum,
        maximum=counts.maximum,
        mean=mean,
        standard_deviation=deviation,
        quantiles=_quantiles(counts),
    )


def _quantiles(counts: NumberCounts) -> tuple[float, ...]:
    if counts.values is None:
        return quantiles(counts, QUANTILES)
    values = np.array(sorted(counts.values))
    below = np.cumsum([counts.values[value] for value in values.tolist()])
    places = np.searchsorted(below, np.ceil(np.array(QUANTILES) * below[-1]))
    return tuple(float(value) for value in values[places])


def histogram_of(pair: NumberPair) -> Histogram | None:
    """Both sides in the same bins; None where neither has values."""
    filled = [counts for counts in (pair.reference, pair.current) if counts.finite]
    if not filled:
        return None
    ends = [quantiles(counts, (_CUT, 1 - _CUT)) for counts in filled]
    low, high = min(end[0] for end in ends), max(end[1] for end in ends)
    if not low < high or not np.isfinite(high - low):
        low, high = min(counts.minimum for counts in filled), max(c.maximum for c in filled)
    if not low < high or not np.isfinite(high - low):
        width = max(abs(low), 1.0) / 2
        low, high = low - width, low + width
    edges = np.linspace(low, high, _DRAWN_BINS + 1)
    drawn = [_drawn(counts, edges) for counts in (pair.reference, pair.current)]
    return Histogram(tuple(edges.tolist()), drawn[0], drawn[1])


def _drawn(counts: NumberCounts, edges: "NDArray[np.float64]") -> tuple[int, ...]:
    """Rows in the bins of a drawing, which are much wider than those that were counted."""
    if counts.sample.complete:
        places = np.searchsorted(edges[1:-1], counts.sample.values(), side="right")
        return tuple(np.bincount(places, minlength=len(edges) - 1).tolist())
    assert counts.counts is not None
    inner = axis.edges(counts.axis)
    middles = np.concatenate([inner[:1], (inner[:-1] + inner[1:]) / 2, inner[-1:]])
    below = np.concatenate([[0], np.cumsum(counts.counts)])
    limits = below[np.searchsorted(middles, edges[1:-1])]
    return tuple(np.diff(limits, prepend=0, append=below[-1]).tolist())


def categories_of(pair: CategoryPair) -> Categories:
    """Both sides by category, whole numbers in their order and text by falling count."""
    listed = pair.listed
    shown = slice(0, _DRAWN_CATEGORIES)
    totals = int(pair.table.reference.sum()), int(pair.table.current.sum())
    first, second = listed.reference[shown].tolist(), listed.current[shown].tolist()
    return Categories(
        listed.labels[shown],
        tuple(first),
        tuple(second),
        totals[0] - sum(first),
        totals[1] - sum(second),
        *listed.distinct,
    )
