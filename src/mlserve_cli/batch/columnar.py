"""Scored blocks as Parquet or Arrow: gathered into groups of rows, with a table of contents behind.

Where a group ends depends only on where it begins, so that an interrupted file can be continued
from its last whole group, and ends with the same bytes.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

import pyarrow as pa
from numpy.typing import NDArray

from mlserve_cli.batch.collecting import Collected
from mlserve_cli.batch.dictionaries import with_small_dictionaries, without_dictionaries
from mlserve_cli.errors import EngineError, InputError
from mlserve_cli.tables.arrow_batch import to_arrow
from mlserve_cli.tables.formats import Format
from mlserve_cli.tables.interface import Rows
from mlserve_cli.tables.parquet_contents import MAGIC, ParquetContents

if TYPE_CHECKING:
    from mlserve_cli.batch.encoders import Payload

# Rows of a group: enough to compress well, and to be read fast, within the memory.
_ROWS_PER_GROUP = 1 << 16
_BYTES_PER_GROUP = 5 << 20
# Of an Arrow file, before the first message; from there on it reads as a stream.
_ARROW_HEAD_BYTES = 8


class _Groups(Protocol):
    """Writes groups of rows in one format."""

    def head(self) -> bytes:
        """What stands before the first group."""

    def add(self, group: pa.Table) -> bytes | memoryview:
        """A group as bytes."""

    def notes(self) -> bytes:
        """What `resume` must be told, about the groups since the last call."""

    def resume(self, notes: bytes, written: BinaryIO, size_bytes: int) -> None:
        """Takes up what another run has written."""

    def tail(self) -> Iterator[bytes]:
        """What stands behind the last group."""


class ColumnarEncoder:
    """Parquet or Arrow.

    Args:
        names: Names of the added columns.
        format_: One of the two.
        piped: Whether the output is read through a pipe.
        many_dictionaries: Whether a column of the input may have another dictionary in each block.
    """

    is_continuable = True

    def __init__(
        self, names: tuple[str, ...], format_: Format, *, piped: bool, many_dictionaries: bool
    ) -> None:
        self._many_dictionaries = many_dictionaries
        self._names = names
        self._format = format_
        self._groups: _Groups = _Parquet() if format_ is Format.PARQUET else _Arrow(piped=piped)
        self._waiting: list[pa.RecordBatch] = []

    @property
    def is_settled(self) -> bool:
        """Whether all that came is in the bytes that were given out."""
        return not self._waiting

    def head(self) -> bytes:
        """What stands before the first group of rows."""
        return self._groups.head()

    def encode(self, rows: Rows, columns: Sequence[NDArray[Any]]) -> "list[Payload]":
        """A block with its added columns."""
        if not rows.count:
            return []
        batch = rows.typed()
        if self._format is Format.PARQUET:
            batch = with_small_dictionaries(batch)
        elif self._many_dictionaries:
            batch = without_dictionaries(batch)
        return [with_added(batch, self._names, columns)]

    def emit(self, payload: "Payload") -> bytes | memoryview:
        """A group of rows, once enough have come.

        Raises:
            EngineError: The blocks do not go together.
        """
        assert isinstance(payload, pa.RecordBatch)
        self._waiting.append(payload)
        rows = sum(batch.num_rows for batch in self._waiting)
        size = sum(batch.nbytes for batch in self._waiting)
        return self._group() if rows >= _ROWS_PER_GROUP or size >= _BYTES_PER_GROUP else b""

    def _group(self) -> bytes | memoryview:
        with self._writing():
            data = self._groups.add(pa.Table.from_batches(self._waiting))
        self._waiting.clear()
        return data

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except (pa.ArrowException, ValueError) as error:
            raise EngineError(f"A block could not be written as {self._format}: {error}") from error

    def notes(self) -> bytes:
        """What `resume` must be told, about the bytes since the last call."""
        return self._groups.notes()

    def resume(self, notes: bytes, written: BinaryIO, size_bytes: int) -> None:
        """Goes on behind what another run has written.

        Args:
            notes: All of its notes.
            written: Its output.
            size_bytes: How much of that counts.

        Raises:
            ValueError: They do not go together.
        """
        try:
            self._groups.resume(notes, written, size_bytes)
        except (pa.ArrowException, OSError, KeyError) as error:
            raise ValueError(str(error)) from error

    def tail(self) -> Iterator[bytes | memoryview]:
        """The last group of rows and the table of contents.

        Raises:
            InputError: There are no rows.
        """
        if self._waiting:
            yield self._group()
        with self._writing():
            contents = b"".join(self._groups.tail())
        if not contents:
            raise InputError(
                f"There are no rows, so the types of a {self._format} file are not known."
            )
        yield contents


class _Parquet:
    def __init__(self) -> None:
        self._contents = ParquetContents()
        self._position = len(MAGIC)

    def head(self) -> bytes:
        return MAGIC

    def add(self, group: pa.Table) -> memoryview:
        data = self._contents.add(group, self._position)
        self._position += len(data)
        return data

    def notes(self) -> bytes:
        return self._contents.notes()

    def resume(self, notes: bytes, written: BinaryIO, size_bytes: int) -> None:  # noqa: ARG002
        self._contents.remember(notes)
        self._position = size_bytes

    def tail(self) -> Iterator[bytes]:
        yield from self._contents.footer()


class _Arrow:
    def __init__(self, *, piped: bool) -> None:
        self._piped = piped
        self._written = Collected()
        self._writer: Any = None

    def head(self) -> bytes:
        return b""

    def add(self, group: pa.Table) -> bytes:
        self._writer = self._writer or self._open(group.schema)
        self._writer.write_table(group)
        return self._written.take()

    def _open(self, schema: pa.Schema) -> Any:
        import pyarrow.ipc

        # Whoever reads from a pipe cannot go to the end, where a file has its contents.
        new = pyarrow.ipc.new_stream if self._piped else pyarrow.ipc.new_file
        return new(self._written, schema)

    def notes(self) -> bytes:
        return b""

    def resume(self, notes: bytes, written: BinaryIO, size_bytes: int) -> None:  # noqa: ARG002
        """Writes what is there once more, to nowhere: so the writer learns its contents."""
        import pyarrow.ipc

        if not size_bytes:
            return
        written.seek(_ARROW_HEAD_BYTES)
        reader = pyarrow.ipc.open_stream(written)
        self._writer = self._open(reader.schema)
        while self._written.tell() < size_bytes:
            self._writer.write_batch(reader.read_next_batch())
            self._written.take()
        if self._written.tell() != size_bytes:
            raise ValueError("a batch ends elsewhere")

    def tail(self) -> Iterator[bytes]:
        if self._writer is not None:
            self._writer.close()
            yield self._written.take()


def with_added(
    batch: pa.RecordBatch, names: Sequence[str], columns: Sequence[NDArray[Any]]
) -> pa.RecordBatch:
    """A block of typed rows with columns behind.

    Args:
        batch: The rows.
        names: Names of the columns.
        columns: Each of shape `(rows,)`.
    """
    for name, values in zip(names, columns, strict=True):
        batch = batch.append_column(name, to_arrow(values))
    return batch


def merged(payloads: "list[Payload]") -> "list[Payload]":
    """The parts of one block as one, so that a group of rows does not end within a block."""
    batches = [payload for payload in payloads if isinstance(payload, pa.RecordBatch)]
    if len(batches) < 2 or len(batches) < len(payloads):
        return payloads
    return [pa.concat_batches(batches)]
