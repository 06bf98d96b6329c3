"""The few cells that a column's values are counted in, window by window."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mlserve_cli.drift.counting.numbers import NumberCounts
from mlserve_cli.drift.evaluation.pair import CategoryPair, NumberPair
from mlserve_cli.drift.report import Kind
from mlserve_cli.drift.sources.interface import Texts
from mlserve_cli.drift.statistics.quantile_bins import BINS, MINIMUM_EXPECTED, probabilities

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Rows of a category in a window from which it has a cell of its own.
_EXPECTED_OF_CATEGORY = 5.0


@dataclass(frozen=True, slots=True)
class Cells:
    """Cells of one column: the last one is for missing values and infinities.

    Attributes:
        pair: The column.
        edges: For numbers compared by order: last bin of the axis in each cell but the last one.
        categories: For others: the cell of each category; all others share the last but one.
        reference: Rows of the reference in each cell, shape `(cells,)`.
    """

    pair: NumberPair | CategoryPair
    edges: "NDArray[np.intp]"
    categories: dict[Any, int]
    reference: "NDArray[np.int64]"

    @classmethod
    def of(cls, pair: NumberPair | CategoryPair, window_rows: int) -> "Cells | None":
        """Cells that a window of so many rows fills; None where the reference has no values."""
        if pair.kind is Kind.TIME:
            return None
        if isinstance(pair, NumberPair):
            return cls._of_numbers(pair, window_rows)
        return cls._of_categories(pair, window_rows)

    @classmethod
    def _of_numbers(cls, pair: NumberPair, window_rows: int) -> "Cells | None":
        counts = pair.reference
        if not counts.finite or counts.counts is None:
            return None
        bins = int(max(2, min(BINS, min(window_rows, counts.finite) // MINIMUM_EXPECTED)))
        below = np.cumsum(counts.counts)
        ends = np.unique(np.searchsorted(below, np.ceil(probabilities(bins) * counts.finite)))
        ends = ends[below[ends] < below[-1]]
        inside = np.diff(below[ends], prepend=0, append=below[-1])
        return cls(pair, ends, {}, np.append(inside, counts.rows - counts.finite))

    @classmethod
    def _of_categories(cls, pair: CategoryPair, window_rows: int) -> "Cells | None":
        counts = pair.reference
        rows: dict[Any, int] = (
            dict(counts.values or {}) if isinstance(counts, NumberCounts) else dict(counts.labels)
        )
        if not sum(rows.values()) or not pair.table.labels:
            # Text that is only known by its hash looks like an identifier.
            return None
        ranked = sorted(rows, key=lambda key: -rows[key])
        enough = _EXPECTED_OF_CATEGORY / window_rows * counts.rows
        # Even of rare categories one is told from the others.
        frequent = [key for k, key in enumerate(ranked[: BINS - 1]) if not k or rows[key] >= enough]
        inside = [rows[key] for key in frequent]
        there = sum(rows.values())
        reference = np.array([*inside, there - sum(inside), counts.rows - there], np.int64)
        return cls(
            pair, np.empty(0, np.intp), {key: k for k, key in enumerate(frequent)}, reference
        )

    def places(self, values: "NDArray[Any] | Texts") -> "NDArray[np.intp]":
        """The cell of each value, shape `(rows,)`."""
        if isinstance(values, Texts):
            other = len(self.categories)
            by_label = [self.categories.get(label, other) for label in values.labels]
            cells: NDArray[np.intp] = np.array([*by_label, other + 1], np.intp)[values.codes]
            return cells
        numbers = np.asarray(values, np.float64)
        known = np.isfinite(numbers)
        found = np.full(len(numbers), len(self.reference) - 1, np.intp)
        found[known] = self._of_finite(numbers[known])
        return found

    def _of_finite(self, numbers: "NDArray[np.float64]") -> "NDArray[np.intp]":
        if isinstance(self.pair, NumberPair):
            bins = self.pair.reference.axis.indices(numbers)
            found: NDArray[np.intp] = np.searchsorted(self.edges, bins, side="left")
            return found
        different, place = np.unique(numbers, return_inverse=True)
        other = len(self.categories)
        by_value = [self.categories.get(value, other) for value in different.tolist()]
        return np.array(by_value, np.intp)[place]
