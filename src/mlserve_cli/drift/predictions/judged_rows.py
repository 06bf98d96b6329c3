"""Predictions and the truth of one side, from a seeded sample of its rows."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mlserve_cli.drift.rows.sample import row_limit, sample_rows
from mlserve_cli.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from mlserve_cli.drift.matching import Pair
    from mlserve_cli.drift.predictions.columns import PredictionColumns
    from mlserve_cli.drift.sources.interface import Dataset

MOST_ROWS = 50_000


@dataclass(frozen=True, slots=True)
class JudgedRows:
    """Rows without any missing value; text is of type object.

    Attributes:
        truth: What was true, shape `(rows,)`.
        predicted: What was predicted, shape `(rows,)`; None where only probabilities are known.
        probabilities: Shape `(rows, columns)`, maybe without columns.
    """

    truth: "NDArray[Any]"
    predicted: "NDArray[Any] | None"
    probabilities: "NDArray[np.float64]"


def judged_rows(
    data: "Dataset", target: "Pair", columns: "PredictionColumns", side: int
) -> JudgedRows:
    """A sample of the rows whose truth and predictions are known.

    Args:
        data: One side.
        target: The column with the truth.
        columns: The predictions.
        side: 0 for the reference, 1 for the current data.

    Raises:
        UsageError: It is not clear which column is the prediction.
        InputError: There is no such row, or the data cannot be read.
    """
    label = columns.label
    pairs = [target, *([label] if label else []), *columns.probabilities]
    found = known_rows(data, pairs, side)
    first = 2 if label else 1
    shares = np.column_stack(found[first:]) if found[first:] else np.empty((len(found[0]), 0))
    return JudgedRows(found[0], found[1] if label else None, shares)


def known_rows(data: "Dataset", pairs: "Sequence[Pair]", side: int) -> "list[NDArray[Any]]":
    """Columns of a sample, of rows that lack none of the values.

    Raises:
        InputError: There is no such row, or the data cannot be read.
    """
    places = [pair.current_position if side else pair.reference_position for pair in pairs]
    found = sample_rows(data, places, row_limit(len(pairs), MOST_ROWS), seed=side)
    known = np.ones(len(found[0]), bool)
    for values in found:
        is_text = values.dtype == object
        known &= [value is not None for value in values] if is_text else np.isfinite(values)
    if not known.any():
        names = ", ".join(repr(pair.name) for pair in pairs)
        raise InputError(
            f"{data.name} has no row with a value in {names}.",
            hint="Name other columns with --predictions or --target, or leave these options out.",
        )
    return [values[known] for values in found]
