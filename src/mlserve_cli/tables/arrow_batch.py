"""Columns of Arrow as the batch that a model takes."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlserve_cli.signature import Column, Layout, Signature
from mlserve_cli.tables import buffers
from mlserve_cli.tables.column_values import (
    BYTES,
    TEXT,
    all_errors,
    arrow_type,
    column_values,
    first_error,
    hint_for,
)
from mlserve_cli.tables.fault import RowFaultError, shown
from mlserve_cli.tables.values import ConversionError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mlserve_cli.inference.predictor import Batch

_Fault = tuple[ConversionError, Column]


def to_batch(
    chunks: Sequence[pa.Array],
    signature: Signature,
    rows: int,
    lines_before: Callable[[int], int | None],
) -> "Batch":
    """The batch of a block.

    Args:
        chunks: The model's columns in its order, each of the type that `column_values` takes.
        signature: What the model takes.
        rows: How many rows there are.
        lines_before: Line ends in the block before a row; None where there are no lines.

    Raises:
        RowFaultError: The first row that does not fit the signature.
    """
    arrays: list[NDArray[Any]] = []
    faults: list[_Fault] = []
    for chunk, column in zip(chunks, signature.columns, strict=True):
        try:
            arrays.append(column_values(chunk, column, signature.layout))
        except ConversionError as error:
            faults.append((first_error(error, chunk, column, signature.layout), column))
    if faults:
        first = min(faults, key=lambda fault: fault[0].row)
        raise _fault(first, lines_before(first[0].row)) from first[0]
    if signature.layout is Layout.FRAME:
        return dict(zip(signature.names, arrays, strict=True))
    matrix = np.empty((rows, len(arrays)))
    for position, values in enumerate(arrays):
        matrix[:, position] = values
    return matrix


def find_faults(
    chunks: Sequence[pa.Array], signature: Signature, lines_before: Callable[[int], int | None]
) -> list[RowFaultError]:
    """All rows that do not fit the signature, in order, each with its first fault.

    Args:
        chunks: See `to_batch`.
        signature: What the model takes.
        lines_before: See `to_batch`.
    """
    faults: dict[int, _Fault] = {}
    for chunk, column in zip(chunks, signature.columns, strict=True):
        for error in all_errors(chunk, column, signature.layout):
            faults.setdefault(error.row, (error, column))
    return [_fault(faults[row], lines_before(row)) for row in sorted(faults)]


def readable(array: pa.Array, column: Column, layout: Layout) -> pa.Array | None:
    """A column of any type as one that `column_values` takes; None where it cannot be.

    Args:
        array: As it stands in the file.
        column: What the model takes.
        layout: How the model takes it.
    """
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if _is_text(array.type):
        return array.cast(TEXT if arrow_type(column, layout) == TEXT else BYTES)
    try:
        if arrow_type(column, layout) == TEXT:
            return _nan_as_null(array).cast(pa.string()).dictionary_encode()
        if pa.types.is_floating(array.type) and arrow_type(column, layout) == pa.int64():
            # A whole number that is stored as a float is one; any other is for the model to judge.
            return array.cast(pa.string()).cast(BYTES)
        if pa.types.is_temporal(array.type):
            return None
        # Whole numbers beyond 2**53 become the nearest float, as they do in CSV.
        return array.cast(arrow_type(column, layout), safe=False)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return None


def to_arrow(values: "NDArray[Any]") -> pa.Array:
    """An array of shape `(rows,)` as a column; NaN and None are null."""
    if values.dtype == np.bool_:
        return buffers.from_numpy(values.view(np.uint8)).cast(pa.bool_())
    if values.dtype.kind in "iu":
        return buffers.from_numpy(values)
    if values.dtype.kind == "f":
        return _nan_as_null(buffers.from_numpy(values))
    plain = values.tolist()
    kinds = {type(value) for value in plain} - {type(None)}
    if kinds <= {bool} or kinds <= {int}:
        return pa.array(plain, pa.bool_() if kinds == {bool} else None)
    return pa.array([None if value is None else str(value) for value in plain], pa.string())


def _is_text(kind: pa.DataType) -> bool:
    return any(
        is_kind(kind)
        for is_kind in (
            *(pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view),
            *(pa.types.is_binary, pa.types.is_large_binary),
        )
    )


def _nan_as_null(array: pa.Array) -> pa.Array:
    """NaN is a missing value here, as it is to pandas."""
    if not pa.types.is_floating(array.type):
        return array
    nothing = pa.nulls(1, array.type)[0]
    return pc.if_else(pc.is_nan(array), nothing, array)


def _fault(found: _Fault, lines: int | None) -> RowFaultError:
    error, column = found
    shown_value = f"found {shown(error.value)}" if error.value else "found a missing value"
    return RowFaultError(
        error.row,
        lines,
        f"{shown_value}, expected {error.expected}.",
        column=column.name,
        hint=hint_for(error),
    )
