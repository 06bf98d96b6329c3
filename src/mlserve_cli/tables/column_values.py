"""A column of Arrow as the array that a model takes."""

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlserve_cli.signature import Column, DType, Layout
from mlserve_cli.tables import buffers
from mlserve_cli.tables.fault import TO_UTF_8
from mlserve_cli.tables.values import (
    ConversionError,
    to_bools,
    to_categories,
    to_floats,
    to_integers,
)

# How text arrives: its distinct values, or byte strings that are converted one by one.
TEXT = pa.dictionary(pa.int32(), pa.string())
BYTES = pa.binary()
_DECIMAL_COMMA = re.compile(r"[+-]?\d[\d.,]*,\d[\d.,]*")
# Converting fewer values at once costs as much.
_LEAST_PIECE = 8
_UTF_8_TEXT = "text in UTF-8"
_MISSING = "a value; the model takes no missing ones here"


def arrow_type(column: Column, layout: Layout) -> pa.DataType:
    """The Arrow type in which a column is read."""
    if column.dtype is DType.INT64 and layout is Layout.FRAME:
        return pa.int64()
    if column.dtype.is_number or (layout is Layout.MATRIX and column.dtype is not DType.BOOL):
        return pa.float64()
    return TEXT


def column_values(chunk: pa.Array, column: Column, layout: Layout) -> NDArray[Any]:
    """A parsed column as the array that its dtype asks for; for a matrix it may be read-only.

    Raises:
        ConversionError: The first value that the column cannot hold.
    """
    kind = arrow_type(column, layout)
    if kind == TEXT:
        values = _text_values(*_distinct(chunk), column)
    elif chunk.type == BYTES:
        texts = chunk.to_pylist()
        values = to_integers(texts) if kind == pa.int64() else to_floats(texts)
    else:
        values = buffers.numbers(chunk, np.int64 if kind == pa.int64() else np.float64)
        valid = buffers.validity(chunk)
        if valid is not None:
            values = np.where(valid, values, np.nan)
        elif layout is Layout.FRAME:
            # Arrow's memory is read-only, which some estimators do not take.
            values = values.copy()
    _check_missing(values, column)
    return values


def first_error(
    error: ConversionError, chunk: pa.Array, column: Column, layout: Layout
) -> ConversionError:
    """The first error of a column of which one is known: another kind may come earlier."""
    try:
        column_values(chunk.slice(0, error.row), column, layout)
    except ConversionError as earlier:
        return earlier
    return error


def all_errors(chunk: pa.Array, column: Column, layout: Layout) -> Iterator[ConversionError]:
    """All values that a column cannot hold, in order.

    The work is linear: the pieces that are converted at once shrink where errors are found, and
    grow again where none are.
    """
    start, size = 0, len(chunk)
    while start < len(chunk):
        piece = chunk.slice(start, size)
        if chunk.type == TEXT:
            # With a dictionary of its own, since all of it is looked at.
            piece = piece.dictionary_decode().dictionary_encode()
        try:
            column_values(piece, column, layout)
        except ConversionError as error:
            first = first_error(error, piece, column, layout)
            start += first.row + 1
            size = max(_LEAST_PIECE, size // 2)
            yield ConversionError(start - 1, first.value, first.expected)
        else:
            start, size = start + size, 2 * size


def _distinct(chunk: pa.Array) -> tuple[list[str | None], NDArray[np.intp]]:
    """Distinct texts, the last of which is None, and the position of each row's text in them."""
    if chunk.type == BYTES:
        texts = [_decoded(row, text) for row, text in enumerate(chunk.to_pylist())]
        return [*texts, None], np.arange(len(texts))
    texts = [*chunk.dictionary.to_pylist(), None]
    codes = buffers.numbers(chunk.indices, np.int32)
    valid = buffers.validity(chunk)
    codes = codes.astype(np.intp) if valid is None else np.where(valid, codes, len(texts) - 1)
    return texts, codes


def _decoded(row: int, text: bytes | None) -> str | None:
    try:
        return None if text is None else text.decode()
    except UnicodeDecodeError as error:
        raise ConversionError(row, text or b"", _UTF_8_TEXT) from error


def _text_values(texts: list[str | None], codes: NDArray[np.intp], column: Column) -> NDArray[Any]:
    if column.dtype is DType.BOOL:
        return to_bools(texts, codes)
    distinct = np.empty(len(texts), np.object_)
    distinct[:] = to_categories(texts, column)
    values: NDArray[Any] = distinct[codes]
    return values


def _check_missing(values: NDArray[Any], column: Column) -> None:
    """Raises ConversionError for the first value that the model is known not to take."""
    if values.dtype.kind == "f":
        if np.isfinite(values).all():
            return
        if column.missing is False and (rows := np.flatnonzero(np.isnan(values))).size:
            raise ConversionError(int(rows[0]), b"", _MISSING)
        if column.infinite is False and (rows := np.flatnonzero(np.isinf(values))).size:
            raise ConversionError(int(rows[0]), str(values[rows[0]]), "a finite number")
    elif values.dtype == np.object_ and column.missing is False:
        rows = np.flatnonzero(values == None)  # noqa: E711
        if rows.size:
            raise ConversionError(int(rows[0]), b"", _MISSING)


def hint_for(error: ConversionError) -> str | None:
    """What to do about a value that its column cannot hold."""
    if error.expected == _UTF_8_TEXT:
        return TO_UTF_8
    value = error.value if isinstance(error.value, str) else error.value.decode(errors="replace")
    if _DECIMAL_COMMA.fullmatch(value.strip()):
        return "Numbers are written with a decimal point, and without separators of thousands."
    return None
