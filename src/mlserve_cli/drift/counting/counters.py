"""Counters for the columns of a comparison, with bins where the values are."""

from typing import TYPE_CHECKING, Any

import numpy as np

from mlserve_cli.drift.counting.axis import bins_for, choose_axis
from mlserve_cli.drift.counting.numbers import NumberCounts
from mlserve_cli.drift.counting.scan import count
from mlserve_cli.drift.counting.texts import TextCounts
from mlserve_cli.drift.counting.thinned import ThinnedSample
from mlserve_cli.drift.report import Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from mlserve_cli.drift.matching import Pair
    from mlserve_cli.drift.sources.interface import Dataset

    Counts = NumberCounts | TextCounts

# Rows of either side that decide where the bins are, fewer where there are many columns.
_SAMPLE_ROWS = 8_192
_SAMPLE_VALUES = 1 << 21
# Values of either side that are kept for quantiles and drawings, fewer likewise.
_KEPT_ROWS = 8_192
_KEPT_VALUES = 1 << 20
_FEWEST = 256
# Share of the reference beyond the ends of an axis from which the axis is in the wrong place.
_OUTSIDE = 0.02


def count_reference(
    pairs: "Sequence[Pair]", reference: "Dataset", current: "Dataset | None"
) -> "list[Counts]":
    """The counted columns of the reference.

    Args:
        pairs: The columns.
        reference: Decides where the bins are.
        current: May widen their range, where it is known.

    Raises:
        InputError: The reference cannot be read, or holds values that cannot be compared.
    """
    positions = [pair.reference_position for pair in pairs]
    counters = _empty_counters(pairs, reference, current)
    count(reference, positions, counters)
    # The sample of a file that is sorted, and cannot be read but from its start, misleads.
    misplaced = [place for place, counts in enumerate(counters) if _is_misplaced(counts)]
    for place in misplaced:
        counters[place] = _moved(counters[place])
    count(reference, [positions[p] for p in misplaced], [counters[p] for p in misplaced])
    return counters


def _is_misplaced(counts: "Counts") -> bool:
    if isinstance(counts, TextCounts) or counts.counts is None:
        return False
    outside = counts.counts[0] + counts.counts[-1]
    return bool(outside > _OUTSIDE * max(1, counts.finite)) and not counts.sample.complete


def _moved(counts: "Counts") -> NumberCounts:
    """An empty counter with bins where the values were."""
    assert isinstance(counts, NumberCounts)
    values = counts.sample.values()
    axis = choose_axis(values, values[:0], counts.axis.bins)
    return NumberCounts(counts.name, axis, ThinnedSample(counts.sample.limit))


def _empty_counters(
    pairs: "Sequence[Pair]", reference: "Dataset", current: "Dataset | None"
) -> "list[Counts]":
    columns = max(1, len(pairs))
    rows = max(_FEWEST, min(_SAMPLE_ROWS, _SAMPLE_VALUES // columns))
    samples = reference.sample([pair.reference_position for pair in pairs], rows)
    others: list[Any] = [[] for _ in pairs]
    if current is not None:
        others = current.sample([pair.current_position for pair in pairs], rows)
    longest = max((len(sample) for sample in (*samples, *others)), default=0)
    # Fewer values than were asked for are all there are.
    known = 2 * longest if current is not None and longest < rows else None
    bins = bins_for(columns, known)
    kept = max(_FEWEST, min(_KEPT_ROWS, _KEPT_VALUES // columns))
    counters: list[Counts] = []
    for pair, sample, other in zip(pairs, samples, others, strict=True):
        if pair.kind is Kind.TEXT:
            counters.append(TextCounts())
            continue
        axis = choose_axis(_finite(sample), _finite(other), bins)
        counters.append(NumberCounts(pair.name, axis, ThinnedSample(kept)))
    return counters


def _finite(values: Any) -> "NDArray[np.float64]":
    numbers = np.asarray(values, np.float64)
    return numbers[np.isfinite(numbers)]


def counter_like(counts: "Counts") -> "Counts":
    """An empty counter for the other side of a column that has been counted."""
    if isinstance(counts, TextCounts):
        return TextCounts()
    limits = (counts.minimum, counts.maximum) if counts.finite else None
    sample = ThinnedSample(max(_FEWEST, counts.sample.limit))
    return NumberCounts(counts.name, counts.axis, sample, limits=limits)
