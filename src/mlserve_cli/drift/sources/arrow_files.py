"""Parquet, Arrow and Feather files, read a few columns and some rows at a time."""

import mmap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq

from mlserve_cli.drift.sources.arrays import ColumnsDataset, block_rows
from mlserve_cli.drift.sources.arrow import fields_of, values_of
from mlserve_cli.drift.sources.read_ahead import read_ahead
from mlserve_cli.drift.sources.remembered import joined
from mlserve_cli.errors import InputError
from mlserve_cli.tables.arrow_compression import is_compressed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mlserve_cli.drift.sources.interface import Texts

    Values = NDArray[Any] | Texts

# What readers may hold of all the columns that are read at once.
_STATE_BYTES = 1 << 24
# What the Parquet reader holds of a column: the part of the file, a page of about 1 MiB as it was
# compressed and as it is, and a dictionary that size.
_BUFFER_BYTES = 1 << 18
_PAGES_BYTES = 3 << 20
# Row groups or batches that a sample is taken from.
_SAMPLED_PARTS = 16
_VALUE_BYTES = 8


class ParquetDataset:
    """A Parquet file, of which a row group is never in memory as a whole.

    Args:
        path: The file.

    Raises:
        InputError: It cannot be read, or has no column that can be compared.
    """

    named = True

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        self._path = path
        with reading(self.name, "Parquet"), pq.ParquetFile(path) as file:
            self._metadata = file.metadata
            schema = file.schema.to_arrow_schema()
        self.fields, self.notes = fields_of(schema, self.name)
        numbers = range(self._metadata.num_row_groups)
        sizes = [self._metadata.row_group(number).total_byte_size for number in numbers]
        pages = min(_PAGES_BYTES, 2 * max(sizes, default=0) // self._metadata.num_columns)
        self.columns_at_once = max(1, _STATE_BYTES // (_BUFFER_BYTES + pages))

    @property
    def size_bytes(self) -> int:
        """About the size of its values in memory."""
        size: int = self._metadata.num_rows * len(self.fields) * _VALUE_BYTES
        return size

    def blocks(self, positions: Sequence[int]) -> "Iterator[list[Values]]":
        """See `Dataset.blocks`."""
        return read_ahead(self._blocks(positions, range(self._metadata.num_row_groups)))

    def _blocks(self, positions: Sequence[int], groups: Sequence[int]) -> "Iterator[list[Values]]":
        names = [self.fields[position].name for position in positions]
        rows = block_rows(_VALUE_BYTES * len(names))
        with (
            reading(self.name, "Parquet"),
            # Otherwise all that is needed of a row group is read at once.
            pq.ParquetFile(
                self._path, metadata=self._metadata, pre_buffer=False, buffer_size=_BUFFER_BYTES
            ) as file,
        ):
            for batch in file.iter_batches(rows, list(groups), columns=names, use_threads=False):
                yield [values_of(batch.column(name)) for name in names]

    def sample(self, positions: Sequence[int], rows: int) -> "list[Values]":
        """See `Dataset.sample`. These are rows from the start of some row groups."""
        groups = _spread(self._metadata.num_row_groups)

        def first(places: Sequence[int], group: int) -> "list[Values] | None":
            return next(self._blocks(places, [group]), None)

        return _sample(self, positions, rows, groups, first)


class ArrowDataset:
    """An Arrow or Feather file, mapped into memory; what is compressed is unpacked batch by batch.

    Args:
        path: The file.

    Raises:
        InputError: It cannot be read, or has no column that can be compared.
    """

    named = True

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        self._path = path
        self._compressed = False
        with self._opened() as (reader, mapped):
            self._schema = reader.schema
            self._compressed = is_compressed(pa.py_buffer(mapped))
        self.fields, self.notes = fields_of(self._schema, self.name)
        with self._opened([self.fields[0].name]) as (reader, _):
            # What a process writes as it goes along has no index at its end.
            self._batches = getattr(reader, "num_record_batches", None)
            rows = reader.get_batch(0).num_rows if self._batches else 0
        self.columns_at_once = (
            max(1, _STATE_BYTES // max(1, rows * _VALUE_BYTES)) if self._compressed else None
        )
        self.size_bytes = (self._batches or 0) * rows * len(self.fields) * _VALUE_BYTES
        if self._batches is None:
            self.size_bytes = path.stat().st_size

    @contextmanager
    def _opened(self, names: Sequence[str] = ()) -> "Iterator[tuple[Any, mmap.mmap]]":
        """A reader of at least the columns of these names, and the file that it reads."""
        # Where nothing has to be unpacked, columns that nobody asks for cost nothing.
        wanted = [self._schema.get_field_index(name) for name in names if self._compressed]
        options = pa.ipc.IpcReadOptions(included_fields=wanted, use_threads=False)
        with reading(self.name, "Arrow"), self._path.open("rb") as file:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            try:
                reader = pa.ipc.open_file(pa.py_buffer(mapped), options=options)
            except pa.ArrowInvalid:
                reader = pa.ipc.open_stream(pa.py_buffer(mapped), options=options)
            yield reader, mapped

    def blocks(self, positions: Sequence[int]) -> "Iterator[list[Values]]":
        """See `Dataset.blocks`."""
        return read_ahead(self._blocks(positions, None))

    def _blocks(
        self, positions: Sequence[int], numbers: Sequence[int] | None
    ) -> "Iterator[list[Values]]":
        names = [self.fields[position].name for position in positions]
        rows = block_rows(_VALUE_BYTES * len(names))
        with self._opened(names) as (reader, mapped):
            if self._batches is None:
                batches = iter(reader)
            else:
                chosen = range(self._batches) if numbers is None else numbers
                batches = (reader.get_batch(number) for number in chosen)
            for batch in batches:
                for start in range(0, batch.num_rows, rows):
                    part = batch.slice(start, rows)
                    yield [values_of(part.column(name)) for name in names]
                    # What has been read would count as used memory until the file is closed.
                    mapped.madvise(mmap.MADV_DONTNEED)
        if self._compressed:
            # The space of whole batches would be kept for later.
            pa.default_memory_pool().release_unused()

    def sample(self, positions: Sequence[int], rows: int) -> "list[Values]":
        """See `Dataset.sample`. These are rows from the start of some batches."""
        numbers = [0] if self._batches is None else _spread(self._batches)

        def first(places: Sequence[int], number: int) -> "list[Values] | None":
            return next(self._blocks(places, [number]), None)

        return _sample(self, positions, rows, numbers, first)


def _spread(parts: int) -> list[int]:
    return list(range(0, parts, max(1, -(-parts // _SAMPLED_PARTS))))


def _sample(
    dataset: ParquetDataset | ArrowDataset,
    positions: Sequence[int],
    rows: int,
    parts: Sequence[int],
    first: Any,
) -> "list[Values]":
    """Rows of the first block of some parts, read a few columns at a time.

    Args:
        dataset: What they are from.
        positions: The columns.
        rows: About how many rows.
        parts: Numbers of the parts.
        first: Gives the first block of some columns of a part; None where it is empty.
    """
    found: list[Values] = []
    width = dataset.columns_at_once or max(1, len(positions))
    for start in range(0, len(positions), width):
        places = positions[start : start + width]
        fields = tuple(dataset.fields[place] for place in places)
        blocks = [block for part in parts if (block := first(places, part)) is not None]
        samples = [
            ColumnsDataset(block, fields, dataset.name).sample(
                range(len(places)), -(-rows // len(blocks))
            )
            for block in blocks
        ]
        found += [joined([sample[place] for sample in samples]) for place in range(len(places))]
    return found


@contextmanager
def reading(name: str, format_name: str) -> Iterator[None]:
    """Translates what pyarrow raises for files that it cannot read."""
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(
            f"{name} is no readable {format_name} file: {first.rstrip('.')}."
        ) from error
