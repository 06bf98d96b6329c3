"""Files of typed rows, opened: Parquet, Arrow IPC and Feather, npy and npz."""

import mmap
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.ipc

from mlserve_cli.errors import InputError, UsageError
from mlserve_cli.tables import buffers
from mlserve_cli.tables.formats import Format
from mlserve_cli.tables.mapped import Forgetting, map_file
from mlserve_cli.tables.unnamed import unnamed_file
from mlserve_cli.tables.unpacking import UnpackedBatches

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mlserve_cli.tables.arrow_table import RecordBatches
    from mlserve_cli.tables.source import Source

# Rows that are read and scored at once, whatever the file's own groups are.
_VALUES_PER_BATCH = 1 << 17
_READ_BYTES = 1 << 16
_COPIED_BYTES = 1 << 20
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
                return _Matrix(source)


class _Parquet:
    named = True
    many_dictionaries = True

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
        self.many_dictionaries = self._is_stream
        once = self._is_stream and (source.uri is not None or not source.is_repeatable)
        place = source.front_to_back() if once else source.random_access()
        self._read: Forgetting | None = None
        content: pa.Buffer | None = None
        if isinstance(place, str):
            mapped = map_file(place)
            content = pa.py_buffer(mapped)
            self._read, place = Forgetting(mapped), pa.BufferReader(content)
        self._opened: pa.RecordBatchReader | UnpackedBatches = (
            # A stream may be a pipe, which is read once.
            pa.ipc.open_stream(place)
            if self._is_stream
            else UnpackedBatches(place, source.name, content, self._read)
        )
        self.schema = self._opened.schema
        self._rows = _rows_per_batch(len(self.schema))

    def read(self, start: int) -> Iterator[pa.RecordBatch]:
        with _reading(self._name, Format.ARROW):
            for whole, read in self._batches():
                for batch in _after(iter([whole]), min(start, whole.num_rows)):
                    yield from self._parts(batch, read)
                start = max(0, start - whole.num_rows)

    def _batches(self) -> Iterator[tuple[pa.RecordBatch, Forgetting | None]]:
        if isinstance(self._opened, UnpackedBatches):
            for number in range(len(self._opened)):
                yield self._opened.read(number)
        else:
            for batch in self._opened:
                yield batch, self._read

    def _parts(self, batch: pa.RecordBatch, read: Forgetting | None) -> Iterator[pa.RecordBatch]:
        batch.validate()
        for first in range(0, batch.num_rows, self._rows):
            part = batch.slice(first, self._rows)
            part.validate(full=True)
            if read is not None:
                read.count(part.nbytes)
            yield part


class _Matrix:
    """An array of shape `(rows, columns)`, read through the memory of the system."""

    named = False
    many_dictionaries = False

    def __init__(self, source: "Source") -> None:
        self._values = _array(source.local_path(), source.name)
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


def _array(path: str, name: str) -> "NDArray[np.generic]":
    if not zipfile.is_zipfile(path):
        return _checked(np.load(path, mmap_mode="r", allow_pickle=False), name)
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        if len(names) != 1:
            raise InputError(f"{name} holds {len(names)} arrays, expected 1.")
        with archive.open(names[0]) as member, unnamed_file(name) as file:
            while data := _read_member(member):
                file.write(data)
            file.flush()
            return _checked(np.load(file.name, mmap_mode="r", allow_pickle=False), name)


def _read_member(member: IO[bytes]) -> bytes:
    try:
        return member.read(_COPIED_BYTES)
    except OSError as error:
        raise ValueError(str(error)) from error


def _checked(loaded: "NDArray[np.generic]", name: str) -> "NDArray[np.generic]":
    # Arrays of objects are pickles, which run code as they load; numpy refuses them before.
    if loaded.ndim != 2:
        raise InputError(
            f"{name} holds an array of shape {loaded.shape}, expected (rows, columns)."
        )
    if loaded.dtype.kind not in "biuf" or loaded.dtype.itemsize > 8:
        raise InputError(f"{name} holds values of type {loaded.dtype}, expected numbers.")
    return loaded


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
    except (
        *(ValueError, EOFError, OSError, KeyError, pa.ArrowException),
        *(zipfile.BadZipFile, zlib.error),
    ) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{name} is no readable {format_} file: {first}") from error
