"""Columns of records: numbers and texts, some of which may be missing."""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class ColumnKind(StrEnum):
    """What the values of a column are; times are microseconds since 1970."""

    FLOAT64 = "float64"
    INT64 = "int64"
    BOOL = "bool"
    STRING = "string"
    TIME = "time"


_DTYPES: dict[ColumnKind, type[np.generic]] = {
    ColumnKind.FLOAT64: np.float64,
    ColumnKind.INT64: np.int64,
    ColumnKind.BOOL: np.bool_,
}


class Column(NamedTuple):
    """Values of one column.

    Attributes:
        values: Numbers of shape `(rows,)`, or texts in UTF-8. What stands where one is missing has
            no meaning.
        valid: Which are not missing, shape `(rows,)`; None where none is.
    """

    values: "NDArray[Any] | list[bytes]"
    valid: NDArray[np.bool_] | None = None

    def present(self) -> "NDArray[Any] | list[bytes]":
        """The values that are not missing."""
        if self.valid is None:
            return self.values
        if isinstance(self.values, list):
            return [
                value for value, is_valid in zip(self.values, self.valid, strict=True) if is_valid
            ]
        return self.values[self.valid]

    def objects(self, places: Sequence[int]) -> list[Any]:
        """The values at some places as objects of Python; None for missing ones."""
        if isinstance(self.values, list):
            found: list[Any] = [self.values[place].decode(errors="replace") for place in places]
        else:
            found = self.values[places].tolist()
        if self.valid is None:
            return found
        flags = self.valid[places].tolist()
        return [value if is_valid else None for value, is_valid in zip(found, flags, strict=True)]


def column_of(values: NDArray[Any], kind: ColumnKind) -> Column:
    """Values as a column of another kind.

    Args:
        values: Shape `(rows,)`. None is missing among objects, and NaN among numbers that become
            integers or truth values.
        kind: Not a time.

    Raises:
        ValueError: A value is none of that kind.
        TypeError: The same.
        OverflowError: An integer is too large.
    """
    if kind is ColumnKind.STRING:
        return texts(None if value is None else str(value) for value in values.tolist())
    dtype = _DTYPES[kind]
    if values.dtype == np.object_:
        valid = np.array([value is not None for value in values], np.bool_)
        known = np.array([0 if value is None else value for value in values], dtype)
        return _column(known, valid)
    if values.dtype.kind == "f" and kind is not ColumnKind.FLOAT64:
        valid = ~np.isnan(values)
        return _column(np.where(valid, values, 0).astype(dtype), valid)
    return Column(values.astype(dtype, copy=False))


def texts(values: "Iterable[str | bytes | None]") -> Column:
    """Texts, given as they are or in UTF-8, as a column."""
    found = list(values)
    # Labels and names repeat.
    encoded = {
        value: value.encode(errors="replace") if isinstance(value, str) else value or b""
        for value in set(found)
    }
    valid = None
    if None in encoded:
        valid = np.array([value is not None for value in found], np.bool_)
    return Column([encoded[value] for value in found], valid)


def _column(values: NDArray[Any], valid: NDArray[np.bool_]) -> Column:
    return Column(values, None if valid.all() else valid)
