"""Files of typed rows, opened: Parquet, Arrow IPC and Feather, npy and npz."""

import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from mlserve_cli.errors import InputError, UsageError
from mlserve_cli.tables import buffers
from mlserve_cli.tables.formats import Format
from mlserve_cli.tables.mapped import Forgetting, map_file

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mlserve_cli.tables.arrow_table import RecordBatches
    from mlserve_cli.tables.source import Source

# Rows that are read and scored at once, whatever the file's own groups are.
_VALUES_PER_BATCH = 1 << 17
_READ_BYTES = 1 << 16
_LEAST_ROWS, _MOST_ROWS = 256, 1 << 16


def open_arrow_file(source: "Source", format_: Format) -> "RecordBatches":
    """Opens a file of typed rows.

    Raises:
        InputError: It is damaged or of another format.
        UsageError: It is compressed as a whole.
    """
    if source.is_compressed:
        raise UsageError(
            f"{source.name}: {format_} files are compressed inside, not as a whole.",
            hint=f"Unpack it first: gunzip, zstd -d or bunzip2 {source.name}",
        )
    with _reading(source.name, format_):
        match format_:
            case Format.PARQUET:
                return _Parquet(source)
            case Format.ARROW:
                return _Arrow(source)
            case _:
                return _Matrix(source, format_)


class _Parquet:
    named = True

    def __init__(self, source: "Source") -> None:
        import pyarrow.parquet as pq

        self._name = source.name
        # With a buffer pages are read one by one, not a whole group of rows at once.
        self._file = pq.ParquetFile(
            source.random_access(),
            # Elsewhere many small reads take longer than few large ones.
            pre_buffer=source.uri is not None,
            buffer_size=_READ_BYTES if source.uri is None else 0,
            page_checksum_verification=True,
        )
        self.schema = self._file.schema_arrow
        self._rows = _rows_per_batch(len(self.schema))

    def read(self, start: int) -> Iterator[pa.RecordBatch]:
        metadata = self._file.metadata
        before, group = 0, 0
        while group < metadata.num_row_groups:
            rows = metadata.row_group(group).num_rows
            if before + rows > start:
                break
            before, group = before + rows, group + 1
        skipped = start - before
        with _reading(self._name, Format.PARQUET):
            # Batches do not cross row groups, so that they depend only on where they begin.
            for number in range(group, metadata.num_row_groups):
                batches = self._file.iter_batches(
                    self._rows, row_groups=[number], use_threads=False
                )
                yield from _after(batches, skipped)
                skipped = 0


class _Arrow:
    named = True

    def __init__(self, source: "Source") -> None:
        self._name = source.name
        self._is_stream = source.head[:6] != b"ARROW1"
        once = self._is_stream and (source.uri is not None or not source.is_repeatable)
        place = source.front_to_back() if once else source.random_access()
        self._read: Forgetting | None = None
        if isinstance(place, str):
            mapped = map_file(place)
            self._read, place = Forgetting(mapped), pa.BufferReader(pa.py_buffer(mapped))
        self._file = place
        self._opened = self._reader()
        self.schema = self._opened.schema
        self._rows = _rows_per_batch(len(self.schema))

    def _reader(self) -> "pa.ipc.RecordBatchFileReader | pa.ipc.RecordBatchStreamReader":
        import pyarrow.ipc

        if self._is_stream:
            return pyarrow.ipc.open_stream(self._file)
        return pyarrow.ipc.open_file(self._file)

    def read(self, start: int) -> Iterator[pa.RecordBatch]:
        with _reading(self._name, Format.ARROW):
            # A stream may be a pipe, which is read once.
            reader = self._opened
            batches = (
                iter(reader)
                if self._is_stream
                else (reader.get_batch(number) for number in range(reader.num_record_batches))
            )
            for batch in _after(batches, start):
                batch.validate()
                for first in range(0, batch.num_rows, self._rows):
                    part = batch.slice(first, self._rows)
                    part.validate(full=True)
                    if self._read is not None:
                        self._read.count(part.nbytes)
                    yield part


class _Matrix:
    """An array of shape `(rows, columns)`, read through the memory of the system."""

    named = False

    def __init__(self, source: "Source", format_: Format) -> None:
        self._values = _array(source.local_path(), source.name, format_)
        names = [f"x{column}" for column in range(self._values.shape[1])]
        # Values may have the byte order of another machine.
        self._kind = self._values.dtype.newbyteorder("=")
        kind = pa.from_numpy_dtype(self._kind)
        self.schema = pa.schema([pa.field(name, kind) for name in names])
        self._rows = _rows_per_batch(len(names))
        mapped: object = self._values.base
        self._read = Forgetting(mapped) if isinstance(mapped, mmap.mmap) else None

    def read(self, start: int) -> Iterator[pa.RecordBatch]:
        for first in range(start, len(self._values), self._rows):
            # One copy in the layout of columns, away from the mapped file.
            rows = self._values[first : first + self._rows]
            part = np.array(rows.T, self._kind, order="C", copy=True)
            if self._read is not None:
                self._read.count(part.nbytes)
            columns = [_column(values) for values in part]
            yield pa.RecordBatch.from_arrays(columns, schema=self.schema)


def _column(values: "NDArray[np.generic]") -> pa.Array:
    if values.dtype == np.bool_:
        return buffers.from_numpy(values.view(np.uint8)).cast(pa.bool_())
    return buffers.from_numpy(values)


def _array(path: str, name: str, format_: Format) -> "NDArray[np.generic]":
    # Arrays of objects are pickles, which run code as they load; numpy refuses them here.
    loaded = np.load(path, mmap_mode="r", allow_pickle=False)
    if format_ is Format.NPZ or not isinstance(loaded, np.ndarray):
        files = getattr(loaded, "files", [])
        if len(files) != 1:
            raise InputError(f"{name} holds {len(files)} arrays, expected 1.")
        loaded = loaded[files[0]]
    if loaded.ndim != 2:
        raise InputError(
            f"{name} holds an array of shape {loaded.shape}, expected (rows, columns)."
        )
    if loaded.dtype.kind not in "biuf" or loaded.dtype.itemsize > 8:
        raise InputError(f"{name} holds values of type {loaded.dtype}, expected numbers.")
    array: NDArray[np.generic] = loaded
    return array


def _after(batches: Iterator[pa.RecordBatch], skipped: int) -> Iterator[pa.RecordBatch]:
    """The batches without their first rows."""
    for batch in batches:
        if skipped >= batch.num_rows:
            skipped -= batch.num_rows
        else:
            yield batch.slice(skipped)
            skipped = 0


def _rows_per_batch(columns: int) -> int:
    return min(_MOST_ROWS, max(_LEAST_ROWS, _VALUES_PER_BATCH // max(columns, 1)))


@contextmanager
def _reading(name: str, format_: Format) -> Iterator[None]:
    """Translates what numpy and pyarrow raise for files that they cannot read."""
    try:
        yield
    except (ValueError, EOFError, OSError, KeyError, pa.ArrowException) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{name} is no readable {format_} file: {first}") from error
