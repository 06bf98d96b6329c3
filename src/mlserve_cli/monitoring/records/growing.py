"""A Parquet file that is whole at every moment, though rows are added to it."""

import contextlib
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from mlserve_cli.monitoring.records.retention import PART_SUFFIX

# A file is written again, beside itself, with every addition. It ends before that costs more than
# some milliseconds: here, or where it has grown to several times the last addition.
_FULL_CELLS = 100_000
_FULL_ADDITIONS = 4
# A busy server writes rows for the first times in a way that takes half the time, and a third more
# room than the last one.
_MANY_CELLS = 10_000
_MOST_CELLS = 1_000_000
_FULL_SECONDS = 3600.0


class GrowingFile:
    """Rows of one model.

    Args:
        path: Where it appears with the first rows.
        now: A clock's time in seconds.
    """

    def __init__(self, path: Path, now: float) -> None:
        self.path = path
        self._table: pa.Table = None
        self._is_large = False
        self._began = now

    def add(self, batch: pa.RecordBatch) -> None:
        """Adds rows: afterwards the file has all of them, and has been without none before.

        Raises:
            OSError: It cannot be written; the file stays as it was.
        """
        table = pa.Table.from_batches([batch])
        if self._table is not None:
            table = pa.concat_tables([self._table, table]).combine_chunks()
        added_cells = batch.num_rows * batch.num_columns
        cells = table.num_rows * table.num_columns
        is_large = cells >= max(_FULL_CELLS, min(_FULL_ADDITIONS * added_cells, _MOST_CELLS))
        is_passing = added_cells >= _MANY_CELLS and not is_large
        _replace(self.path, _parquet(table, "lz4" if is_passing else "zstd"))
        self._table, self._is_large = table, is_large

    def is_full(self, now: float) -> bool:
        """Whether further rows go to another file."""
        return self._is_large or abs(now - self._began) >= _FULL_SECONDS


def _parquet(table: pa.Table, compression: str) -> pa.Buffer:
    sink = pa.BufferOutputStream()
    texts = [field.name for field in table.schema if field.type == pa.string()]
    pq.write_table(table, sink, compression=compression, use_dictionary=texts)
    return sink.getvalue()


def _replace(path: Path, content: pa.Buffer) -> None:
    """Raises OSError."""
    part = path.with_name(f".{path.name}{PART_SUFFIX}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # What people asked a model is nobody else's business.
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fdatasync(file.fileno())
        part.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise
