"""Scored blocks as the bytes of an output format.

Blocks are encoded side by side in worker threads, then emitted one after another. Text is whole
after the first step, so that an output of text can be continued after an interruption; the formats
that end with a table of contents are put together in the second.
"""

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mlserve_cli.batch.texts import as_json, as_text, column_text
from mlserve_cli.errors import EngineError, InputError, UsageError
from mlserve_cli.tables import buffers
from mlserve_cli.tables.arrow_batch import to_arrow
from mlserve_cli.tables.compression import compress
from mlserve_cli.tables.csv_table import CsvTable, csv_text
from mlserve_cli.tables.encodings import UTF_8, encode
from mlserve_cli.tables.formats import Compression, FileType, Format
from mlserve_cli.tables.interface import Rows, Table
from mlserve_cli.tables.jsonl_table import JsonlTable

if TYPE_CHECKING:
    from mlserve_cli.tables.interface import TextRows

# Rows of a row group: large enough to compress well, small enough for the memory.
_ROWS_PER_GROUP = 1 << 16

Payload: TypeAlias = "bytes | memoryview | pa.RecordBatch"


class Encoder(Protocol):
    """Writes one format."""

    @property
    def is_continuable(self) -> bool:
        """Whether a block's bytes are the same whatever was written before."""

    def head(self) -> bytes:
        """What stands before the first block."""

    def encode(self, rows: Rows, columns: Sequence[NDArray[Any]]) -> list[Payload]:
        """A block with its added columns. Safe to call from several threads at once.

        Args:
            rows: The block.
            columns: The added columns, each of shape `(rows,)`.
        """

    def emit(self, payload: Payload) -> bytes | memoryview:
        """The next bytes of the output; blocks come in their order."""

    def tail(self) -> bytes:
        """What stands after the last block."""


def open_encoder(table: Table, destination: str, names: tuple[str, ...]) -> Encoder:
    """The encoder for an output: text of the input's own format keeps every byte of it.

    Args:
        table: The input.
        destination: Its suffix says which format is written; without one, the input's.
        names: Names of the added columns.

    Raises:
        UsageError: The format cannot hold these rows.
    """
    file_type = FileType.of_name(destination)
    format_, compression = file_type.format, file_type.compression
    if isinstance(table, CsvTable | JsonlTable) and format_ in (None, *table.formats):
        return _Splicing(table, names, compression)
    match format_:
        case None | Format.CSV | Format.TSV:
            return _Csv((*table.columns, *names), compression, format_)
        case Format.JSONL:
            return _Jsonl(names, compression)
        case Format.PARQUET | Format.ARROW:
            _refuse_compression(destination, file_type)
            return _Columnar(names, format_)
        case _:
            raise UsageError(
                f"{destination}: predictions are written as CSV, JSON Lines, Parquet or Arrow, "
                f"not {file_type.suffix}."
            )


def _refuse_compression(destination: str, file_type: FileType) -> None:
    if file_type.compression is not Compression.NONE:
        raise UsageError(
            f"{destination}: {file_type.format} files are compressed inside.",
            hint=f"Name an output file that ends in {file_type.suffix}",
        )


class _Text:
    """What the encoders of text share."""

    is_continuable = True

    def __init__(self, compression: Compression) -> None:
        self.compression = compression

    def emit(self, payload: Payload) -> bytes | memoryview:
        assert not isinstance(payload, pa.RecordBatch)
        return payload

    def tail(self) -> bytes:
        return b""

    def _compressed(self, data: "list[bytes | memoryview]") -> list[Payload]:
        if self.compression is Compression.NONE:
            return list(data)
        return [compress(b"".join(data), self.compression)]


class _Splicing(_Text):
    """The input's text with the added values put into it."""

    def __init__(
        self, table: CsvTable | JsonlTable, names: tuple[str, ...], compression: Compression
    ) -> None:
        super().__init__(compression)
        self._table = table
        self._names = names

    def head(self) -> bytes:
        if isinstance(self._table, JsonlTable):
            return b""
        return b"".join(self._as_it_came([self._table.header(self._names)]))

    def _as_it_came(self, data: "list[bytes | memoryview]") -> list[Payload]:
        if self._table.encoding != UTF_8:
            data = [encode(b"".join(data), self._table.encoding)]
        return self._compressed(data)

    def encode(self, rows: Rows, columns: Sequence[NDArray[Any]]) -> list[Payload]:
        text: TextRows = rows  # type: ignore[assignment]
        if isinstance(self._table, JsonlTable):
            pairs = zip(self._names, columns, strict=True) if columns else ()
            return self._as_it_came(text.joined([as_json(name, values) for name, values in pairs]))
        delimiter, decimal = self._table.delimiter, self._table.decimal
        texts = [as_text(values, delimiter, decimal) for values in columns]
        return self._as_it_came(text.joined(texts))


class _Csv(_Text):
    """Typed rows as CSV."""

    def __init__(
        self, names: tuple[str, ...], compression: Compression, format_: Format | None
    ) -> None:
        super().__init__(compression)
        self._delimiter = "\t" if format_ is Format.TSV else ","
        self._names = names

    def head(self) -> bytes:
        fields = self._delimiter.join(csv_text(name, self._delimiter) for name in self._names)
        return compress(f"{fields}\n".encode("utf-8", "surrogateescape"), self.compression)

    def encode(self, rows: Rows, columns: Sequence[NDArray[Any]]) -> list[Payload]:
        if not rows.count:
            return []
        texts = [column_text(column, self._delimiter) for column in rows.typed().columns]
        texts += [as_text(values, self._delimiter) for values in columns]
        delimiter, end, nothing = buffers.texts([self._delimiter.encode(), b"\n", b""])
        lines = pc.binary_join_element_wise(*texts, delimiter)
        ended = pc.binary_join_element_wise(lines, end, nothing)
        return self._compressed([memoryview(ended.buffers()[2])[: buffers.end(ended)]])


class _Jsonl(_Text):
    """Typed rows as one JSON object a line."""

    def __init__(self, names: tuple[str, ...], compression: Compression) -> None:
        super().__init__(compression)
        self._names = names

    def head(self) -> bytes:
        return b""

    def encode(self, rows: Rows, columns: Sequence[NDArray[Any]]) -> list[Payload]:
        if not rows.count:
            return []
        batch = _with_added(rows.typed(), self._names, columns)
        objects = batch.to_pylist()
        return self._compressed([msgspec.json.Encoder(enc_hook=str).encode_lines(objects)])


class _Columnar:
    """Parquet or Arrow: blocks are gathered into groups of rows."""

    is_continuable = False

    def __init__(self, names: tuple[str, ...], format_: Format) -> None:
        self._names = names
        self._format = format_
        self._written = _Buffer()
        self._writer: Any = None
        self._waiting: list[pa.RecordBatch] = []

    def head(self) -> bytes:
        return b""

    def encode(self, rows: Rows, columns: Sequence[NDArray[Any]]) -> list[Payload]:
        return [_with_added(rows.typed(), self._names, columns)] if rows.count else []

    def emit(self, payload: Payload) -> bytes:
        assert isinstance(payload, pa.RecordBatch)
        self._waiting.append(payload)
        if sum(batch.num_rows for batch in self._waiting) >= _ROWS_PER_GROUP:
            self._write()
        return self._written.take()

    def _write(self) -> None:
        try:
            group = pa.Table.from_batches(self._waiting)
            if self._writer is None:
                self._writer = self._open(group.schema)
            self._writer.write_table(group)
        except (pa.ArrowException, ValueError) as error:
            raise EngineError(f"A block could not be written as {self._format}: {error}") from error
        self._waiting.clear()

    def tail(self) -> bytes:
        if self._waiting:
            self._write()
        if self._writer is None:
            raise InputError(
                f"There are no rows, so the types of a {self._format} file are not known."
            )
        self._writer.close()
        return self._written.take()

    def _open(self, schema: pa.Schema) -> Any:
        if self._format is Format.ARROW:
            import pyarrow.ipc

            return pyarrow.ipc.new_file(self._written, schema)
        import pyarrow.parquet as pq

        return pq.ParquetWriter(self._written, schema)


class _Buffer(io.RawIOBase):
    """Collects what a writer of pyarrow writes."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[bytes] = []
        self._length = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._length

    def write(self, data: Any) -> int:
        part = bytes(data)
        self._parts.append(part)
        self._length += len(part)
        return len(part)

    def take(self) -> bytes:
        """Everything since the last time."""
        parts, self._parts = self._parts, []
        return b"".join(parts)


def _with_added(
    batch: pa.RecordBatch, names: Sequence[str], columns: Sequence[NDArray[Any]]
) -> pa.RecordBatch:
    for name, values in zip(names, columns, strict=True):
        batch = batch.append_column(name, to_arrow(values))
    return batch
