"""Scored blocks as the bytes of an output format.

Blocks are encoded side by side in worker threads, then emitted one after another. Text is whole
after the first step; the formats with a table of contents are put together in the second.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, assert_never

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mlserve_cli.batch.arrays import Slab, open_array_encoder
from mlserve_cli.batch.columnar import ColumnarEncoder, with_added
from mlserve_cli.batch.options import BatchOptions
from mlserve_cli.batch.texts import as_json, as_text, column_text
from mlserve_cli.errors import UsageError
from mlserve_cli.signature import Signature
from mlserve_cli.tables import buffers
from mlserve_cli.tables.arrow_table import ArrowTable
from mlserve_cli.tables.compression import compress
from mlserve_cli.tables.csv_table import CsvTable, csv_text
from mlserve_cli.tables.encodings import UTF_8, encode
from mlserve_cli.tables.formats import Compression, Format
from mlserve_cli.tables.interface import Rows, Table
from mlserve_cli.tables.jsonl_table import JsonlTable
from mlserve_cli.tables.remote import file_type_of
from mlserve_cli.tables.remote_errors import shown_uri
from mlserve_cli.tables.source import STANDARD_STREAM

if TYPE_CHECKING:
    from mlserve_cli.tables.interface import TextRows

Payload: TypeAlias = "bytes | memoryview | pa.RecordBatch | Slab"


class Encoder(Protocol):
    """Writes one format."""

    @property
    def is_continuable(self) -> bool:
        """Whether another run can go on behind what was written."""

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

    def tail(self) -> "Iterator[bytes | memoryview]":
        """What stands after the last block, in pieces."""


def open_encoder(
    table: Table,
    destination: str,
    names: tuple[str, ...],
    signature: Signature,
    options: BatchOptions,
) -> Encoder:
    """The encoder for an output: text of the input's own format keeps every byte of it.

    Args:
        table: The input.
        destination: Its suffix says which format is written, unless the options do; without one,
            the input's.
        names: Names of the added columns.
        signature: What the model returns.
        options: What is asked for.

    Raises:
        UsageError: The format cannot hold these rows.
    """
    file_type = file_type_of(destination)
    format_, compression = options.output_format or file_type.format, file_type.compression
    if isinstance(table, CsvTable | JsonlTable) and format_ in (None, *table.formats):
        return _Splicing(table, names, compression)
    match format_:
        case None | Format.CSV | Format.TSV:
            return _Csv((*table.columns, *names), compression, format_)
        case Format.JSONL:
            return _Jsonl(names, compression)
        case Format.PARQUET | Format.ARROW:
            _refuse_compression(destination, format_, compression)
            many = isinstance(table, ArrowTable) and table.many_dictionaries
            piped = destination == STANDARD_STREAM
            return ColumnarEncoder(names, format_, piped=piped, many_dictionaries=many)
        case Format.NPY | Format.NPZ:
            _refuse_compression(destination, format_, compression)
            return open_array_encoder(format_, signature, options)
        case _:
            assert_never(format_)


def _refuse_compression(destination: str, format_: Format, compression: Compression) -> None:
    if compression is not Compression.NONE:
        raise UsageError(
            f"{shown_uri(destination)}: {format_} files are compressed inside.",
            hint=f"Name an output file that ends in .{format_}",
        )


class TextEncoder:
    """What the encoders of text share."""

    is_continuable = True

    def __init__(self, compression: Compression) -> None:
        self.compression = compression

    def emit(self, payload: Payload) -> bytes | memoryview:
        """What was encoded is whole."""
        assert isinstance(payload, bytes | memoryview)
        return payload

    def tail(self) -> Iterator[bytes]:
        """Nothing."""
        return iter(())

    def _compressed(self, data: "list[bytes | memoryview]") -> list[Payload]:
        if self.compression is Compression.NONE:
            return list(data)
        return [compress(b"".join(data), self.compression)]


class _Splicing(TextEncoder):
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
        return b"".join(map(self.emit, self._as_it_came([self._table.header(self._names)])))

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


class _Csv(TextEncoder):
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


class _Jsonl(TextEncoder):
    """Typed rows as one JSON object a line."""

    def __init__(self, names: tuple[str, ...], compression: Compression) -> None:
        super().__init__(compression)
        self._names = names

    def head(self) -> bytes:
        return b""

    def encode(self, rows: Rows, columns: Sequence[NDArray[Any]]) -> list[Payload]:
        if not rows.count:
            return []
        batch = with_added(rows.typed(), self._names, columns)
        objects = batch.to_pylist()
        return self._compressed([msgspec.json.Encoder(enc_hook=str).encode_lines(objects)])
