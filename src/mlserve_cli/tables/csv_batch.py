"""The model's columns of a block of CSV as a batch, parsed by pyarrow with types given."""

import re
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
from numpy.typing import NDArray

from mlserve_cli.errors import EngineError
from mlserve_cli.signature import Column, DType, Layout, Signature
from mlserve_cli.tables import buffers
from mlserve_cli.tables.fault import TO_UTF_8, RowFaultError, shown
from mlserve_cli.tables.matching import Matching
from mlserve_cli.tables.records import Records, count_lines
from mlserve_cli.tables.values import (
    NULL_SPELLINGS,
    ConversionError,
    to_bools,
    to_categories,
    to_floats,
    to_integers,
)

if TYPE_CHECKING:
    from mlserve_cli.inference.predictor import Batch

_BOM = b"\xef\xbb\xbf"
_TEXT = pa.dictionary(pa.int32(), pa.string())
_BYTES = pa.binary()
_REFUSED_COLUMN = re.compile(r"In CSV column #(\d+)")
_DECIMAL_COMMA = re.compile(r"[+-]?\d[\d.,]*,\d[\d.,]*")
_UTF_8_TEXT = "text in UTF-8"
_MISSING = "a value; the model takes no missing ones here"


class CsvBatchReader:
    """Parses the model's columns of blocks. Safe to use from several threads at once.

    Args:
        matching: Where the model's columns stand in the file.
        signature: What the model takes.
        delimiter: What separates two fields.
    """

    def __init__(self, matching: Matching, signature: Signature, delimiter: str) -> None:
        self.delimiter = delimiter
        self._signature = signature
        # Columns are parsed under their position, since names may repeat or be missing.
        self._all = [str(position) for position in range(matching.width)]
        self._taken = [str(position) for position in matching.positions]
        self._types = {
            name: _arrow_type(column, signature.layout)
            for name, column in zip(self._taken, signature.columns, strict=True)
        }
        self._integers = [name for name, kind in self._types.items() if kind == pa.int64()]
        # Columns that pyarrow once refused a value of. They are read as bytes and converted value
        # by value from then on, which gives the same values without parsing each block twice.
        self._lenient: frozenset[str] = frozenset()

    def read(self, data: bytes, records: Records) -> "Batch":
        """The batch of a block.

        Args:
            data: The block.
            records: Where its records lie; at least one.

        Raises:
            RowFaultError: The first row that does not fit the signature.
            EngineError: pyarrow counts other rows than `records`.
        """
        table = self._parse(data, records)
        if table.num_rows != len(records):
            raise EngineError(
                f"The CSV reader finds {table.num_rows} rows in a block where the record scanner "
                f"finds {len(records)}; this is an error in mlserve, and no row was scored wrongly."
            )
        arrays, faults = [], []
        for name, column in zip(self._taken, self._signature.columns, strict=True):
            chunk = table.column(name).combine_chunks()
            try:
                arrays.append(_values(chunk, column, self._signature.layout))
            except ConversionError as error:
                faults.append((_first(error, chunk, column, self._signature.layout), column))
        if faults:
            _refuse(data, records, min(faults, key=lambda fault: fault[0].row))
        return self._laid_out(arrays, len(records))

    def _laid_out(self, arrays: list[NDArray[Any]], rows: int) -> "Batch":
        if self._signature.layout is Layout.FRAME:
            return dict(zip(self._signature.names, arrays, strict=True))
        matrix = np.empty((rows, len(arrays)))
        for position, values in enumerate(arrays):
            matrix[:, position] = values
        return matrix

    def _parse(self, data: bytes, records: Records) -> pa.Table:
        lenient = self._lenient
        if self._integers and (b"0x" in data or b"0X" in data):
            # pyarrow reads 0x10 as the integer 16; nothing else here does.
            lenient |= set(self._integers)
        while True:
            try:
                table = self._parse_once(data, records, lenient)
            except pa.ArrowInvalid as error:
                found = _REFUSED_COLUMN.search(str(error))
                refused = {found[1]} if found else set(self._taken)
                if refused <= lenient:
                    raise EngineError(f"The CSV reader failed: {error}") from error
            else:
                refused = {name for name in self._taken if _has_odd_nan(table.column(name))}
                if not refused:
                    return table
            lenient |= refused
            self._lenient |= refused

    def _parse_once(self, data: bytes, records: Records, lenient: frozenset[str]) -> pa.Table:
        bad: list[pa_csv.InvalidRow] = []

        def refuse(row: pa_csv.InvalidRow) -> str:
            bad.append(row)
            return "error"

        # pyarrow drops a byte order mark at the start of any buffer; ours may start mid-file.
        guarded = b"\n" + data if data.startswith(_BOM) else data
        try:
            return pa_csv.read_csv(
                pa.py_buffer(guarded),
                read_options=pa_csv.ReadOptions(
                    use_threads=False, column_names=self._all, block_size=len(guarded) + 1
                ),
                parse_options=pa_csv.ParseOptions(
                    delimiter=self.delimiter, newlines_in_values=True, invalid_row_handler=refuse
                ),
                convert_options=pa_csv.ConvertOptions(
                    include_columns=self._taken,
                    column_types={**self._types, **dict.fromkeys(lenient, _BYTES)},
                    null_values=NULL_SPELLINGS,
                    strings_can_be_null=True,
                ),
            )
        except pa.ArrowInvalid as error:
            if not bad:
                raise
            row = bad[0].number - 1
            raise RowFaultError(
                row,
                count_lines(data[: records.starts[row]]),
                f"found {_fields(bad[0].actual_columns)}, expected {bad[0].expected_columns}.",
            ) from error


def _arrow_type(column: Column, layout: Layout) -> pa.DataType:
    if column.dtype is DType.INT64 and layout is Layout.FRAME:
        return pa.int64()
    if column.dtype.is_number or (layout is Layout.MATRIX and column.dtype is not DType.BOOL):
        return pa.float64()
    return _TEXT


def _has_odd_nan(column: pa.ChunkedArray) -> bool:
    """Whether pyarrow took NAN or nan(x) for a number; what is a missing value is null here."""
    if column.type != pa.float64():
        return False
    chunk = column.combine_chunks()
    values, valid = buffers.numbers(chunk, np.float64), buffers.validity(chunk)
    return bool(np.isnan(values if valid is None else values[valid]).any())


def _values(chunk: pa.Array, column: Column, layout: Layout) -> NDArray[Any]:
    """A parsed column as the array that its dtype asks for.

    Raises:
        ConversionError: The first value that the column cannot hold.
    """
    kind = _arrow_type(column, layout)
    if kind == _TEXT:
        values = _text_values(*_distinct(chunk), column)
    elif chunk.type == _BYTES:
        texts = chunk.to_pylist()
        values = to_integers(texts) if kind == pa.int64() else to_floats(texts)
    else:
        values = buffers.numbers(chunk, np.int64 if kind == pa.int64() else np.float64)
        valid = buffers.validity(chunk)
        # Arrow's memory is read-only, which some estimators do not take.
        values = values.copy() if valid is None else np.where(valid, values, np.nan)
    _check_missing(values, column)
    return values


def _first(
    error: ConversionError, chunk: pa.Array, column: Column, layout: Layout
) -> ConversionError:
    """The first error of a column of which one is known: another kind may come earlier."""
    try:
        _values(chunk.slice(0, error.row), column, layout)
    except ConversionError as earlier:
        return earlier
    return error


def _distinct(chunk: pa.Array) -> tuple[list[str | None], NDArray[np.intp]]:
    """Distinct texts, the last of which is None, and the position of each row's text in them."""
    if chunk.type == _BYTES:
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
        if column.missing is False and (rows := np.flatnonzero(np.isnan(values))).size:
            raise ConversionError(int(rows[0]), b"", _MISSING)
        if column.infinite is False and (rows := np.flatnonzero(np.isinf(values))).size:
            raise ConversionError(int(rows[0]), str(values[rows[0]]), "a finite number")
    elif values.dtype == np.object_ and column.missing is False:
        rows = np.flatnonzero(values == None)  # noqa: E711
        if rows.size:
            raise ConversionError(int(rows[0]), b"", _MISSING)


def _refuse(data: bytes, records: Records, fault: tuple[ConversionError, Column]) -> NoReturn:
    error, column = fault
    found = f"found {shown(error.value)}" if error.value else "found a missing value"
    raise RowFaultError(
        error.row,
        count_lines(data[: records.starts[error.row]]),
        f"{found}, expected {error.expected}.",
        column=column.name,
        hint=_hint(error),
    ) from error


def _hint(error: ConversionError) -> str | None:
    if error.expected == _UTF_8_TEXT:
        return TO_UTF_8
    value = error.value if isinstance(error.value, str) else error.value.decode(errors="replace")
    if _DECIMAL_COMMA.fullmatch(value.strip()):
        return "Numbers are written with a decimal point, and without separators of thousands."
    return None


def _fields(count: int) -> str:
    return "1 field" if count == 1 else f"{count} fields"
