"""CSV: raw blocks, of which only the model's columns are parsed and to which values are added."""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mlserve_cli.errors import InputError, UsageError
from mlserve_cli.signature import Signature
from mlserve_cli.tables import buffers
from mlserve_cli.tables.csv_batch import CsvBatchReader
from mlserve_cli.tables.cutting import bounded, cut_blocks, kept_parts
from mlserve_cli.tables.fault import RowFaultError
from mlserve_cli.tables.formats import Format
from mlserve_cli.tables.head import RECORD_BYTES_LIMIT, Head, read_head
from mlserve_cli.tables.interface import Sifted
from mlserve_cli.tables.matching import Matching, match_columns, other_delimiter
from mlserve_cli.tables.options import TableOptions
from mlserve_cli.tables.records import (
    Records,
    RecordScanner,
    UnclosedQuoteError,
    count_lines,
    find_lines,
)
from mlserve_cli.tables.source import Source

if TYPE_CHECKING:
    from mlserve_cli.inference.predictor import Batch


class CsvTable:
    """A CSV or TSV file whose columns are matched with a signature.

    Args:
        source: Its bytes.
        format_: CSV or TSV.
        signature: What the model takes.
        options: How to read it.

    Raises:
        InputError: There is no header, or the columns do not fit.
        UsageError: The options do not fit the file.
    """

    # Outputs of these formats keep the text.
    formats = (Format.CSV, Format.TSV)

    def __init__(
        self, source: Source, format_: Format | None, signature: Signature, options: TableOptions
    ) -> None:
        self._source = source
        self._block_bytes = options.block_bytes
        self.encoding = source.encoding
        self.decimal = options.decimal
        self.delimiter = options.delimiter_for(format_)
        self._head: Head = read_head(source, self.delimiter, options)
        matching = self._match(signature, options, format_)
        if self.delimiter == self.decimal:
            raise UsageError(
                f"{source.name}: {self.delimiter!r} cannot separate fields and fractions alike.",
                hint="Say what separates fields: --delimiter CHARACTER",
            )
        self._scanner = RecordScanner(self.delimiter.encode())
        self.columns = matching.names
        self._has_header = options.header
        self._reader = CsvBatchReader(matching, signature, self.delimiter, self.decimal)

    def _match(
        self, signature: Signature, options: TableOptions, format_: Format | None
    ) -> Matching:
        """Matches the columns; what separates them is looked for where a comma separates none."""
        try:
            return match_columns(self._head.fields, signature, options, self._source.name)
        except InputError:
            other = None
            if options.delimiter is None and format_ is not Format.TSV:
                other = other_delimiter(self._head.fields)
            if other is None:
                raise
            head = self._head.split_by(self._source.name, other, options)
            matching = match_columns(head.fields, signature, options, self._source.name)
        self._head, self.delimiter = head, other
        warnings.warn(
            f"{self._source.name} separates its fields by {other!r}; so it is read.", stacklevel=2
        )
        return matching

    @property
    def lines_before_rows(self) -> int:
        """Line ends before the first block."""
        head = self._head
        return count_lines(head.prefix + head.record + head.line_end)

    def header(self, names: Sequence[str]) -> bytes:
        """The input's head as it came, with `names` added to its header."""
        if not self._has_header:
            return self._head.prefix
        added = "".join(self.delimiter + csv_text(name, self.delimiter) for name in names)
        head = self._head
        return head.prefix + head.record + added.encode("utf-8", "surrogateescape") + head.line_end

    def blocks(self, start: int | None = None) -> "Iterator[CsvBlock]":
        """Blocks of about `block_bytes`, cut at record ends.

        Args:
            start: Offset in the decompressed bytes where an earlier block ended; None for the
                first row.

        Raises:
            RowFaultError: A record that does not end, counted from the end of the last block.
        """
        head = self._head
        data, position = head.rest, len(head.prefix) + len(head.record) + len(head.line_end)
        if start is not None and start != position:
            self._source.skip_to(start)
            data, position = b"", start
        for block, end in cut_blocks(self._source, data, position, self._block_bytes, self._cut):
            yield self.block(block, end)

    def block(self, data: bytes, end: int) -> "CsvBlock":
        """Whole records as a block that ends there."""
        return CsvBlock(data, end, self._scanner, self._reader)

    def bound_rows(self, most_rows: int) -> None:
        """Makes blocks smaller where they would have more rows than that, by the first rows."""
        self._block_bytes = bounded(self._block_bytes, self._head.rest, most_rows)

    def _cut(self, data: bytes, *, final: bool) -> int:
        try:
            end = self._scanner.cut(data, final=final)
        except UnclosedQuoteError as error:
            complete = self._scanner.cut(data, final=False)
            raise self._endless(data[:complete], "a quote in it is never closed.") from error
        if len(data) - end > RECORD_BYTES_LIMIT:
            problem = "it does not end within 64 MiB; a quote in it may not be closed."
            raise self._endless(data[:end], problem)
        return end

    def _endless(self, before: bytes, problem: str) -> RowFaultError:
        rows = len(self._scanner.records(before))
        return RowFaultError(rows, count_lines(before), problem, kind=InputError)


@dataclass(frozen=True)
class CsvBlock:
    """Whole records, as they stand in the file."""

    data: bytes
    end: int
    scanner: RecordScanner
    reader: CsvBatchReader

    @cached_property
    def _records(self) -> Records:
        return self.scanner.records(self.data)

    @cached_property
    def _line_ends(self) -> NDArray[np.intp]:
        return find_lines(self.data)

    @property
    def count(self) -> int:
        """How many records there are."""
        return len(self._records)

    @property
    def lines(self) -> int:
        """Line ends in the block."""
        return self._records.lines

    def lines_before(self, row: int) -> int:
        """Line ends before the record at position `row`."""
        return int(np.searchsorted(self._line_ends, self._records.starts[row]))

    def text(self, row: int) -> bytes:
        """A record without its line end."""
        return self.data[self._records.starts[row] : self._records.ends[row]]

    def part(self, start: int, stop: int) -> "CsvBlock":
        """Some of the records, each with its line end and the blank lines that follow it."""
        starts = self._records.starts
        if start == 0 and stop == len(starts):
            return self
        first = int(starts[start]) if start else 0
        last = int(starts[stop]) if stop < len(starts) else len(self.data)
        return CsvBlock(self.data[first:last], self.end, self.scanner, self.reader)

    def sifted(self) -> Sifted:
        """Rows that fit the signature, and the faults of the others.

        Raises:
            EngineError: As `parse`.
        """
        faults = self.reader.find_faults(self.data, self._records, self.lines_before)
        rows = [fault.row for fault in faults]
        kept = np.delete(np.arange(self.count), rows)
        # Each record goes with its line end and the blank lines that follow it.
        limits = np.concatenate((self._records.starts, [len(self.data)]))
        limits[0] = 0
        data = kept_parts(self.data, limits, rows)
        return Sifted(CsvBlock(data, self.end, self.scanner, self.reader), kept, faults)

    def parse(self) -> "CsvRows":
        """Finds the records and reads the model's columns.

        Raises:
            RowFaultError: A row that does not fit the signature.
            EngineError: pyarrow's reader and our scanner disagree on the number of rows.
        """
        records = self._records
        batch = self.reader.read(self.data, records) if len(records) else None
        return CsvRows(self.data, records, batch, self.reader)


@dataclass(frozen=True, slots=True)
class CsvRows:
    """The parsed rows of one block."""

    data: bytes
    records: Records
    batch: "Batch | None"
    reader: CsvBatchReader

    @property
    def count(self) -> int:
        """How many rows there are."""
        return len(self.records)

    @property
    def lines(self) -> int:
        """Line ends in the block."""
        return self.records.lines

    def lines_before(self, row: int) -> int:
        """Line ends in the block before the row at position `row`."""
        return count_lines(self.data[: self.records.starts[row]])

    def typed(self) -> pa.RecordBatch:
        """All columns: those that the model takes as it takes them, the others as text."""
        return self.reader.typed(self.data, self.batch)

    def joined(self, columns: Sequence[pa.BinaryArray]) -> "list[bytes | memoryview]":
        """The block as it came, with one value of each of `columns` added to each record."""
        if not self.count:
            return [self.data]
        # Item k is everything from the end of record k-1 to the end of record k: the line end,
        # blank lines and the record. Joined with the new values, the items' common buffer is the
        # text to write, made in one pass and without looking at a single value.
        offsets = np.zeros(self.count + 1, np.int32)
        offsets[1:] = self.records.ends
        records = buffers.spans(self.data, offsets)
        delimiter = buffers.texts([self.reader.delimiter.encode()])[0]
        joined = pc.binary_join_element_wise(records, *columns, delimiter)
        length = buffers.end(joined)
        return [memoryview(joined.buffers()[2])[:length], self.data[self.records.ends[-1] :]]


def csv_text(text: str, delimiter: str) -> str:
    """`text` as a CSV field, quoted where it has to be."""
    if not any(character in text for character in ('"', "\r", "\n", delimiter)):
        return text
    return '"' + text.replace('"', '""') + '"'
