"""Rows of both sides as numbers.

Text is coded by how frequent it is on both sides together, which does not tell them apart.
"""

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Array = NDArray[np.float64]

# Categories that have a code of their own, and the rows they need; the others share one.
_CODES, _CODE_ROWS = 50, 5
# Categories that have a column of their own, and the share of rows from which they do.
_INDICATORS = 10
_INDICATOR_SHARE = 0.01

_LARGE = 1e100


@dataclass(frozen=True, slots=True)
class Encoded:
    """Both sides as matrices; missing values are NaN.

    Attributes:
        codes: Of each side, shape `(rows, columns)`: text by its rank, for trees.
        indicators: Of each side, shape `(rows, more columns)`: a column of 0 and 1 for each
            frequent category, for what measures distances.
    """

    codes: "tuple[Array, Array]"
    indicators: "tuple[Array, Array]"


def encode(reference: "Sequence[NDArray[Any]]", current: "Sequence[NDArray[Any]]") -> Encoded:
    """Both sides as matrices.

    Args:
        reference: Columns as `sample_rows` gives them.
        current: The same columns of the other side.
    """
    split = len(reference[0])
    codes, indicators = [], []
    for first, second in zip(reference, current, strict=True):
        column = np.concatenate([first, second])
        if column.dtype != object:
            numbers = _scaled(np.where(np.isfinite(column), column, np.nan))
            codes.append(numbers)
            indicators.append(numbers)
            continue
        ranked = _by_rank(column)
        codes.append(ranked)
        frequent = [ranked == rank for rank in range(_INDICATORS)]
        indicators += [is_it.astype(np.float64) for is_it in frequent if _counts(is_it)]
    if not indicators:
        # Every text is rare: nothing that distances could be measured by.
        indicators.append(np.zeros(len(codes[0])))
    return Encoded(_parted(codes, split), _parted(indicators, split))


def _scaled(numbers: "Array") -> "Array":
    """The same in another unit where squares would be infinite."""
    top = float(np.nanmax(np.abs(numbers), initial=0.0))
    return numbers / top if top > _LARGE else numbers


def _counts(is_it: "NDArray[np.bool_]") -> bool:
    return bool(is_it.mean() >= _INDICATOR_SHARE)


def _by_rank(texts: "NDArray[Any]") -> "Array":
    counts = Counter(text for text in texts.tolist() if text is not None)
    coded = [text for text in counts if counts[text] >= _CODE_ROWS]
    coded.sort(key=lambda text: (-counts[text], text))
    ranks: dict[Any, float] = {text: float(k) for k, text in enumerate(coded[:_CODES])}
    ranks[None] = np.nan
    return np.array([ranks.get(text, float(_CODES)) for text in texts.tolist()])


def _parted(columns: "list[Array]", split: int) -> "tuple[Array, Array]":
    matrix = np.column_stack(columns)
    return matrix[:split], matrix[split:]
