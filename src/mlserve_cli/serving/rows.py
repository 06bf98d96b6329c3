"""Rows of a request, checked against the signature and ready to be scored with others."""

import struct
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from mlserve_cli.errors import SignatureError
from mlserve_cli.serving.columns import check_missing, column_array, describe
from mlserve_cli.signature import DType, Layout

if TYPE_CHECKING:
    from mlserve_cli.inference.predictor import Batch
    from mlserve_cli.signature import Signature

_FLOAT64_BYTES = 8
# Names that an error message lists.
_SHOWN_NAMES = 10


class Rows(msgspec.Struct, frozen=True, gc=False):
    """Checked rows.

    Attributes:
        count: How many.
        data: For a matrix model the row-major float64 numbers as bytes, so that merging requests is
            one join; else one array per column.
        kinds: Array types by column; only rows of the same kinds are merged, since an int64 column
            would turn into floats beside a row with a missing value. Empty for a matrix model.
    """

    count: int
    data: bytes | dict[str, NDArray[Any]]
    kinds: str = ""


class RowReader:
    """Turns what a request holds into `Rows`.

    Every method raises `SignatureError` for rows that do not fit, naming row and column.

    Args:
        signature: What the model takes.
    """

    def __init__(self, signature: "Signature") -> None:
        self.signature = signature
        self.width = len(signature.columns)
        self.is_matrix = signature.layout is Layout.MATRIX
        # Whether every number fits every column; a matrix may have columns of whole numbers.
        self.takes_numbers = self.is_matrix and all(
            column.dtype is DType.FLOAT64 for column in signature.columns
        )
        self._names = frozenset(signature.names)
        # Checks the number of values as it packs them.
        self.pack = struct.Struct(f"{self.width}d").pack
        self._checks_missing = any(column.missing is False for column in signature.columns)

    def from_row(self, values: Sequence[Any]) -> Rows:
        """One row, values in the order of the signature's columns."""
        return self.from_rows([values])

    def from_rows(self, rows: Sequence[Any]) -> Rows:
        """Rows by position."""
        _some(rows)
        for position, row in enumerate(rows, 1):
            if not isinstance(row, list | tuple):
                raise SignatureError(
                    f"Row {position}: found {describe(row)}, expected a list of {self.width} "
                    "values.",
                    row=position,
                )
            if len(row) != self.width:
                raise SignatureError(
                    f"Row {position}: found {_count(len(row), 'value')}, expected {self.width} "
                    f"({_listed(self.signature.names)}).",
                    row=position,
                )
        return self._from_lists(list(zip(*rows, strict=True)))

    def from_records(self, records: Sequence[Any]) -> Rows:
        """Rows by column name, in any order; each row has its own mapping."""
        _some(records)
        for position, record in enumerate(records, 1):
            if not isinstance(record, dict):
                raise SignatureError(
                    f"Row {position}: found {describe(record)}, expected an object with the "
                    f"columns {_listed(self.signature.names)}.",
                    row=position,
                )
            if record.keys() != self._names:
                self._check_names(record.keys(), position)
        return self._from_lists(
            [[record[name] for record in records] for name in self.signature.names]
        )

    def from_columns(self, columns: Mapping[str, Sequence[Any] | NDArray[Any]]) -> Rows:
        """Columns by name, in any order; numbers may come as arrays."""
        self._check_names(columns.keys(), None)
        lengths = {len(values) for values in columns.values()}
        if len(lengths) != 1:
            raise SignatureError("The columns differ in their number of rows.")
        if lengths == {0}:
            _some(())
        return self._from_lists([columns[name] for name in self.signature.names])

    def from_matrix(self, matrix: NDArray[Any]) -> Rows:
        """A matrix of numbers, shape `(rows, features)`."""
        if matrix.ndim != 2 or matrix.shape[1] != self.width:
            found = " x ".join(map(str, matrix.shape))
            raise SignatureError(
                f"Found values of shape {found}, expected rows of {self.width} values."
            )
        if not self.is_matrix:
            return self._from_lists(list(matrix.T))
        _some(matrix)
        if matrix.dtype.kind not in "fiu":
            return self._from_lists(list(matrix.T))
        numbers = np.ascontiguousarray(matrix, np.float64)
        if self._checks_missing and np.isnan(numbers).any():
            for column, values in zip(self.signature.columns, numbers.T, strict=True):
                check_missing(values, column)
        return Rows(len(matrix), numbers.tobytes())

    def from_numbers(self, numbers: bytes) -> Rows:
        """Rows of a matrix model: float64 numbers, row after row, none of them missing."""
        return Rows(len(numbers) // (_FLOAT64_BYTES * self.width), numbers)

    def merge(self, parts: Sequence[Rows]) -> "Batch":
        """The rows of several requests as one batch."""
        first = parts[0].data
        if isinstance(first, bytes):
            return self.packed([part.data for part in parts])  # type: ignore[misc]
        if len(parts) == 1:
            return first
        return {
            name: np.concatenate([_column(part, name) for part in parts])
            for name in self.signature.names
        }

    def packed(self, rows: "Sequence[bytes]") -> "NDArray[np.float64]":
        """Rows of a matrix model, given as `Rows.data`, as one matrix."""
        # A bytearray, since some estimators refuse arrays they may not write to.
        return np.frombuffer(bytearray().join(rows), np.float64).reshape(-1, self.width)

    def _from_lists(self, columns: Sequence[Any]) -> Rows:
        arrays = [
            self._checked(values, position)
            if isinstance(values, np.ndarray)
            else column_array(values, self.signature.columns[position])
            for position, values in enumerate(columns)
        ]
        count = len(arrays[0])
        if self.is_matrix:
            matrix = np.empty((count, self.width), np.float64)
            for position, values in enumerate(arrays):
                matrix[:, position] = values
            return Rows(count, matrix.tobytes())
        named = dict(zip(self.signature.names, arrays, strict=True))
        return Rows(count, named, "".join(array.dtype.char for array in arrays))

    def _checked(self, values: NDArray[Any], position: int) -> NDArray[Any]:
        column = self.signature.columns[position]
        if column.dtype is DType.FLOAT64 and values.dtype.kind in "fiu":
            numbers = values.astype(np.float64)
            check_missing(numbers, column)
            return numbers
        listed = values.tolist()
        if values.dtype.kind == "f":
            # NaN is the missing number, and the only value that differs from itself.
            listed = [None if value != value else value for value in listed]  # noqa: PLR0124
        return column_array(listed, column)

    def _check_names(self, found: Any, row: int | None) -> None:
        place = "" if row is None else f"Row {row}: "
        missing = [name for name in self.signature.names if name not in found]
        if missing:
            raise SignatureError(
                f"{place}column '{missing[0]}' is missing; "
                f"expected the columns {_listed(self.signature.names)}.",
                row=row,
                column=missing[0],
            )
        unknown = sorted(name for name in found if name not in self._names)
        if unknown:
            raise SignatureError(
                f"{place}found {describe(unknown[0])} as a column, which the model does not know; "
                f"expected {_listed(self.signature.names)}.",
                row=row,
            )


def _column(part: Rows, name: str) -> NDArray[Any]:
    assert isinstance(part.data, dict)
    return part.data[name]


def _some(rows: Any) -> None:
    if not len(rows):
        raise SignatureError("Found no rows, expected at least one.")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_SHOWN_NAMES])
    return shown if len(names) <= _SHOWN_NAMES else f"{shown}, ... {len(names)} in all"
