"""The counts of both sides of one column, ready to be compared."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mlserve_cli.drift.counting.numbers import FEW_VALUES, NumberCounts
from mlserve_cli.drift.counting.texts import TextCounts
from mlserve_cli.drift.report import Kind

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mlserve_cli.drift.counting.supremum import Supremum


@dataclass(frozen=True, slots=True)
class NumberPair:
    """A column of numbers that are compared by their order.

    Attributes:
        name: Name of the column.
        kind: `NUMERIC` or `TIME`.
        reference: Counts in bins.
        current: Counts in the same bins.
        supremum: Their largest distance; None where one side has no values.
    """

    name: str
    kind: Kind
    reference: NumberCounts
    current: NumberCounts
    supremum: "Supremum | None"


@dataclass(frozen=True, slots=True)
class Table:
    """Rows by category on both sides.

    Attributes:
        labels: The categories; empty where rows are only known by the hash of their text.
        reference: Rows of each, shape `(categories,)`.
        current: The same of the current data.
        distinct: How many categories either side has, at least.
    """

    labels: tuple[str, ...]
    reference: "NDArray[np.int64]"
    current: "NDArray[np.int64]"
    distinct: tuple[int, int]


@dataclass(frozen=True, slots=True)
class CategoryPair:
    """A column of categories.

    Attributes:
        name: Name of the column.
        kind: `DISCRETE`, `BOOLEAN` or `TEXT`.
        reference: Counts by value.
        current: Counts by value.
        table: Both side by side.
        listed: Those categories that are known by name, for display; the same as `table` where
            those are all.
    """

    name: str
    kind: Kind
    reference: NumberCounts | TextCounts
    current: NumberCounts | TextCounts
    table: Table
    listed: Table


def few_values(reference: NumberCounts, current: NumberCounts) -> bool:
    """Whether both sides together have so few different whole numbers that they are categories."""
    if reference.values is None or current.values is None:
        return False
    return len(reference.values.keys() | current.values.keys()) <= FEW_VALUES


def number_categories(
    name: str, kind: Kind, reference: NumberCounts, current: NumberCounts
) -> CategoryPair:
    """Categories that are whole numbers or truth values, in their order."""
    assert reference.values is not None
    assert current.values is not None
    values = sorted(reference.values.keys() | current.values.keys())
    labels = tuple(label_of(value, kind) for value in values)
    table = Table(
        labels,
        np.array([reference.values.get(value, 0) for value in values], np.int64),
        np.array([current.values.get(value, 0) for value in values], np.int64),
        (len(reference.values), len(current.values)),
    )
    return CategoryPair(name, kind, reference, current, table, table)


def text_categories(name: str, reference: TextCounts, current: TextCounts) -> CategoryPair:
    """Categories that are text, by falling number of rows on both sides."""
    counts = {
        label: reference.labels.get(label, 0) + current.labels.get(label, 0)
        for label in reference.labels.keys() | current.labels.keys()
    }
    labels = sorted(counts, key=lambda label: (-counts[label], label))
    listed = Table(
        tuple(labels),
        np.array([reference.labels.get(label, 0) for label in labels], np.int64),
        np.array([current.labels.get(label, 0) for label in labels], np.int64),
        (len(reference.labels), len(current.labels)),
    )
    table = listed
    if reference.groups is not None or current.groups is not None:
        table = Table((), reference.by_group(), current.by_group(), listed.distinct)
    return CategoryPair(name, Kind.TEXT, reference, current, table, listed)


def label_of(value: float, kind: Kind) -> str:
    """A number or truth value as a category is called."""
    if kind is Kind.BOOLEAN and value in (0.0, 1.0):
        return "true" if value else "false"
    return f"{value:.0f}"
