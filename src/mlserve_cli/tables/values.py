"""Text turned into the values that a model's columns take, as pandas.read_csv turns it."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlserve_cli.signature import Column, DType, Label

# What pandas.read_csv takes for a missing value; a test compares the two.
NULL_SPELLINGS = (
    "",
    "#N/A",
    "#N/A N/A",
    "#NA",
    "-1.#IND",
    "-1.#QNAN",
    "-NaN",
    "-nan",
    "1.#IND",
    "1.#QNAN",
    "<NA>",
    "N/A",
    "NA",
    "NULL",
    "NaN",
    "None",
    "n/a",
    "nan",
    "null",
)
_TRUE = frozenset({"true", "t", "yes", "y", "on", "1", "1.0"})
_FALSE = frozenset({"false", "f", "no", "n", "off", "0", "0.0"})


class ConversionError(ValueError):
    """A value that its column cannot hold.

    Args:
        row: Its position in the converted values.
        value: The value as it stands in the file.
        expected: What the column holds, with an article.
    """

    def __init__(self, row: int, value: bytes | str, expected: str) -> None:
        super().__init__(row, value, expected)
        self.row = row
        self.value = value
        self.expected = expected


def number(text: bytes | str) -> float:
    """The number that `text` spells, as pandas.read_csv reads it.

    Raises:
        ValueError: It spells none.
    """
    # float() takes digits of all scripts in str, but only ASCII ones in bytes.
    spelled = text.encode() if isinstance(text, str) else text
    value = float(spelled)
    # float() takes 1_000 and nan; to pandas the one is text, and the other a spelling of missing.
    if math.isnan(value) or b"_" in spelled:
        raise ValueError(f"could not convert to a number: {text!r}")
    return value


def _integer(text: bytes) -> int | float:
    try:
        return int(text) if b"_" not in text else number(text)
    except ValueError:
        return number(text)


def to_floats(texts: Sequence[bytes | None]) -> NDArray[np.float64]:
    """Numbers, with NaN for missing.

    Raises:
        ConversionError: The first value that is no number.
    """
    values = np.empty(len(texts))
    for row, text in enumerate(texts):
        try:
            values[row] = np.nan if text is None else number(text)
        except ValueError:
            raise ConversionError(row, text or b"", "a number") from None
    return values


def to_integers(texts: Sequence[bytes | None]) -> "NDArray[np.int64] | NDArray[np.float64]":
    """Whole numbers; float64 where a value is missing, has a fraction or exceeds int64.

    Raises:
        ConversionError: The first value that is no number.
    """
    values: list[int | float] = []
    whole = True
    for row, text in enumerate(texts):
        try:
            value = float("nan") if text is None else _integer(text)
        except ValueError:
            raise ConversionError(row, text or b"", "a whole number") from None
        whole = whole and isinstance(value, int) and -(2**63) <= value < 2**63
        values.append(value)
    return np.array(values, np.int64) if whole else np.array(values, np.float64)


def to_bools(texts: Sequence[str | None], codes: NDArray[np.intp]) -> NDArray[Any]:
    """Truth values of dictionary-encoded text; an object array with None where any is missing.

    Args:
        texts: Distinct values.
        codes: Position of each row's value in `texts`.

    Raises:
        ConversionError: The first value that is no truth value.
    """
    meanings = np.empty(len(texts), np.object_)
    unknown = np.zeros(len(texts), np.bool_)
    for position, text in enumerate(texts):
        folded = "" if text is None else text.strip().lower()
        if folded in _TRUE or folded in _FALSE:
            meanings[position] = folded in _TRUE
        else:
            unknown[position] = text is not None
    if unknown.any() and (rows := np.flatnonzero(unknown[codes])).size:
        row = int(rows[0])
        raise ConversionError(row, texts[codes[row]] or "", "true or false")
    values = meanings[codes]
    return values if (values == None).any() else values.astype(np.bool_)  # noqa: E711


def to_categories(texts: Sequence[str | None], column: Column) -> list[Label | None]:
    """Each text as the category it spells; where it spells none, as the text itself.

    Numeric and boolean categories are compared by value, so that `1.0` is the category 1.
    """
    if column.dtype is not DType.CATEGORICAL or not column.categories:
        return list(texts)
    known = {str(category): category for category in column.categories}
    kinds = {type(category) for category in column.categories}
    return [None if text is None else known.get(text, _retyped(text, kinds)) for text in texts]


def _retyped(text: str, kinds: set[type]) -> Label:
    """`text` as a value of the only type in `kinds`, or unchanged where it is none."""
    folded = text.strip().lower()
    if kinds == {bool} and folded in _TRUE | _FALSE:
        return folded in _TRUE
    if kinds and kinds <= {int, float}:
        try:
            value = number(text)
        except ValueError:
            return text
        return int(value) if float not in kinds and value.is_integer() else value
    return text
