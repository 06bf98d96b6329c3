"""Columns with dictionaries, of which each block has a copy of its own or shares a large one."""

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlserve_cli.tables import buffers

# Smaller ones are kept whole, with the values that no row has: categories are part of a type.
_LARGE_BYTES = 1 << 20


def with_small_dictionaries(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The same rows, of which large dictionaries hold only the values that occur, in their order.

    Each group of rows in a Parquet file has its own dictionary, so that a large one would be
    written many times.
    """
    return _with(batch, _small)


def without_dictionaries(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The same rows with plain values: an Arrow file has room for one dictionary per column."""
    return _with(batch, lambda column: column.dictionary_decode())


def _with(batch: pa.RecordBatch, change: Callable[[pa.Array], pa.Array]) -> pa.RecordBatch:
    columns = [
        change(column) if pa.types.is_dictionary(column.type) else column
        for column in batch.columns
    ]
    fields = [
        field.with_type(column.type) for field, column in zip(batch.schema, columns, strict=True)
    ]
    schema = pa.schema(fields, batch.schema.metadata)
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _small(column: pa.DictionaryArray) -> pa.DictionaryArray:
    if column.dictionary.nbytes < _LARGE_BYTES:
        return column
    indices = column.indices.cast(pa.int64()).fill_null(-1)
    places = buffers.numbers(indices, np.int64)
    used = np.unique(places)
    used = used[used >= 0]
    moved = np.searchsorted(used, places)
    missing = buffers.from_numpy((places < 0).view(np.uint8)).cast(pa.bool_())
    values = pc.if_else(missing, pa.nulls(1, pa.int64())[0], buffers.from_numpy(moved))
    return pa.DictionaryArray.from_arrays(
        values.cast(column.type.index_type),
        column.dictionary.take(buffers.from_numpy(used)),
        ordered=column.type.ordered,
    )
