"""Parquet bodies, as MLflow's clients send them."""

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from mlserve_cli.errors import InputError, SignatureError
from mlserve_cli.serving.protocols.parquet_pages import check_size
from mlserve_cli.tables.buffers import numbers, validity

if TYPE_CHECKING:
    from mlserve_cli.serving.rows import RowReader, Rows

# Bounds of the footer: bytes of one text, entries of one list.
_MAX_FOOTER_TEXT = 16 << 20
_MAX_FOOTER_LIST = 100_000
# How pandas calls the row names that it writes beside the columns.
_ROW_NAMES = re.compile(r"__index_level_\d+__")


def read_parquet(body: bytes, reader: "RowReader") -> "Rows":
    """The rows of a Parquet body; columns that the model does not take are not read.

    Raises:
        InputError: It is no Parquet file, or one that is damaged.
        TooLargeError: It holds more values than a request may.
        SignatureError: The rows do not fit the model.
    """
    try:
        names = _chosen(_opened(body), reader)
        check_size(body, len(names))
        # Text as positions in a dictionary: one long text in each row takes no more than itself.
        file = _opened(body, names)
        table = file.read(columns=names, use_threads=False, use_pandas_metadata=False)
        # Positions within their dictionaries, and text in UTF-8.
        table.validate(full=True)
        columns = {name: _values(table.column(name)) for name in names}
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        # What pyarrow says may hold paths of the machine that it was built on.
        raise InputError("The body is not a Parquet file, or a damaged one.") from error
    if not reader.signature.named:
        columns = dict(zip(reader.signature.names, columns.values(), strict=True))
    return reader.from_columns(columns)


def _opened(body: bytes, dictionaries: list[str] | None = None) -> Any:
    return pq.ParquetFile(
        pa.BufferReader(body),
        read_dictionary=dictionaries,
        thrift_string_size_limit=_MAX_FOOTER_TEXT,
        thrift_container_size_limit=_MAX_FOOTER_LIST,
    )


def _chosen(file: Any, reader: "RowReader") -> list[str]:
    """Names of the columns to read, in the model's order."""
    schema = file.schema_arrow
    names = list(reader.signature.names)
    if not reader.signature.named:
        names = [name for name in schema.names if not _ROW_NAMES.fullmatch(name)]
        if len(names) != reader.width:
            raise SignatureError(
                f"Found {len(names)} columns in the Parquet body, expected {reader.width}."
            )
    paths = [file.schema.column(position).path for position in range(len(file.schema))]
    for name in names:
        if name not in schema.names:
            raise SignatureError(
                f"The Parquet body has no column '{name}', which the model takes.", column=name
            )
        # pyarrow reads nested columns by the start of their path.
        alike = [path for path in paths if path == name or path.startswith(f"{name}.")]
        if alike != [name] or schema.names.count(name) != 1:
            raise InputError(f"The Parquet column '{name[:60]}' is nested or comes twice.")
        kind = schema.field(name).type
        if not _is_read(kind):
            raise SignatureError(
                f"The Parquet column '{name[:60]}' holds {str(kind)[:40]}, expected numbers, "
                "booleans or text.",
                column=name[:60],
            )
    return names


def _is_read(kind: pa.DataType) -> bool:
    types = pa.types
    if types.is_dictionary(kind):
        kind = kind.value_type
    is_number = types.is_integer(kind) or types.is_floating(kind)
    is_text = types.is_string(kind) or types.is_large_string(kind)
    return bool(is_number or is_text or types.is_boolean(kind) or types.is_null(kind))


def _values(column: pa.ChunkedArray) -> list[Any] | NDArray[Any]:
    """The values of a column: an array of numbers, or a list of booleans or text."""
    kind = column.type
    if pa.types.is_null(kind):
        return [None] * len(column)
    if pa.types.is_dictionary(kind):
        return [value for chunk in column.chunks for value in _spelled(chunk)]
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        parts = [_numbers(chunk) for chunk in column.chunks]
        values = np.concatenate(parts) if parts else np.empty(0)
        if values.dtype.kind == "f" and np.isinf(values).any():
            raise SignatureError("The Parquet body holds infinity, expected finite numbers.")
        return values
    listed: list[Any] = column.to_pylist()
    return listed


def _spelled(chunk: pa.DictionaryArray) -> list[Any]:
    meanings = [*chunk.dictionary.to_pylist(), None]
    positions = numbers(chunk.indices, chunk.indices.type.to_pandas_dtype()).copy()
    present = validity(chunk.indices)
    if present is not None:
        positions[~present] = len(meanings) - 1
    return [meanings[position] for position in positions.tolist()]


def _numbers(chunk: pa.Array) -> NDArray[Any]:
    values = numbers(chunk, chunk.type.to_pandas_dtype())
    present = validity(chunk)
    return values if present is None else np.where(present, values, np.nan)
