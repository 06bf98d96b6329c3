"""JSON Lines: raw blocks, of which only the model's columns are parsed and to which values go."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pa_json
from numpy.typing import NDArray

from mlserve_cli.errors import InputError, UsageError
from mlserve_cli.signature import Signature
from mlserve_cli.tables import buffers
from mlserve_cli.tables.arrow_batch import find_faults, to_batch
from mlserve_cli.tables.cutting import bounded, cut_blocks, kept_parts
from mlserve_cli.tables.fault import RowFaultError
from mlserve_cli.tables.formats import Format
from mlserve_cli.tables.head import RECORD_BYTES_LIMIT
from mlserve_cli.tables.interface import Sifted
from mlserve_cli.tables.jsonl_batch import JSON_OBJECT, JsonLines, JsonlReader, JsonValues
from mlserve_cli.tables.matching import match_names
from mlserve_cli.tables.options import TableOptions
from mlserve_cli.tables.records import count_lines, find_lines
from mlserve_cli.tables.source import Source

if TYPE_CHECKING:
    from mlserve_cli.inference.predictor import Batch

_EMPTY_OBJECT = re.compile(rb"\{[ \t\r\n]*\}")

# How much the first line and the length of lines are looked for in.
_FIRST_READ_BYTES = 1 << 16


class JsonlTable:
    """A file with one JSON object a line.

    Args:
        source: Its bytes.
        signature: What the model takes.
        options: How to read it.

    Raises:
        InputError: The first line is no object, or lacks columns that the model takes.
        UsageError: The options are those of CSV files, or the model knows no column names.
    """

    # Outputs of these formats keep the text.
    formats = (Format.JSONL,)
    lines_before_rows = 0

    def __init__(self, source: Source, signature: Signature, options: TableOptions) -> None:
        if not options.header or options.delimiter is not None:
            raise UsageError(f"{source.name} is no CSV file: it has neither header nor delimiter.")
        self._source = source
        self.encoding = source.encoding
        self._block_bytes = options.block_bytes
        self._first = self._read_first()
        self.columns = self._names(source.name)
        matching = match_names(self.columns, signature, options, source.name, named=True)
        taken = tuple(self.columns[position] for position in matching.positions)
        self._reader = JsonlReader(taken, signature)

    def _read_first(self) -> bytes:
        wanted = min(self._block_bytes, _FIRST_READ_BYTES)
        data = self._source.read(wanted)
        while not data.lstrip(b" \t\r\n").partition(b"\n")[1] and len(data) < RECORD_BYTES_LIMIT:
            piece = self._source.read(wanted)
            if not piece:
                break
            data += piece
        return data

    def _names(self, name: str) -> tuple[str, ...]:
        line = self._first.lstrip(b" \t\r\n").partition(b"\n")[0]
        if not line:
            raise InputError(f"{name} is empty; one JSON object a line is expected.")
        try:
            return tuple(JSON_OBJECT.decode(line))
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise InputError(
                f"{name}: the first line is no JSON object: {error}",
                hint='One object a line is expected: {"column": value, ...}',
            ) from error

    def blocks(self, start: int | None = None) -> "Iterator[JsonlBlock]":
        """Blocks of about `block_bytes`, cut at line ends.

        Args:
            start: Offset in the decompressed bytes where an earlier block ended.

        Raises:
            RowFaultError: A line that does not end.
        """
        data, position = self._first, 0
        if start:
            self._source.skip_to(start)
            data, position = b"", start
        for block, end in cut_blocks(self._source, data, position, self._block_bytes, _cut):
            yield self.block(block, end)

    def block(self, data: bytes, end: int) -> "JsonlBlock":
        """Whole lines as a block that ends there."""
        return JsonlBlock(data, end, self._reader)

    def bound_rows(self, most_rows: int) -> None:
        """Makes blocks smaller where they would have more rows than that, by the first rows."""
        self._block_bytes = bounded(self._block_bytes, self._first, most_rows)


def _cut(data: bytes, *, final: bool) -> int:
    end = len(data) if final else data.rfind(b"\n") + 1
    if len(data) - end > RECORD_BYTES_LIMIT:
        problem = "it does not end within 64 MiB; one object a line is expected."
        rows = len(JsonLines(data[:end]).starts)
        raise RowFaultError(rows, count_lines(data[:end]), problem, kind=InputError)
    return end


@dataclass(frozen=True)
class JsonlBlock:
    """Whole lines, as they stand in the file."""

    data: bytes
    end: int
    reader: JsonlReader

    @cached_property
    def _lines(self) -> JsonLines:
        return JsonLines(self.data)

    @cached_property
    def _line_ends(self) -> NDArray[np.intp]:
        return find_lines(self.data)

    @cached_property
    def _values(self) -> JsonValues:
        return self.reader.values(self.data, self._lines)

    @property
    def count(self) -> int:
        """How many objects there are."""
        return len(self._lines.starts)

    @property
    def lines(self) -> int:
        """Line ends in the block."""
        return count_lines(self.data)

    def lines_before(self, row: int) -> int:
        """Line ends before the object at position `row`."""
        return int(np.searchsorted(self._line_ends, self._lines.starts[row]))

    def text(self, row: int) -> bytes:
        """An object as it came."""
        return self.data[self._lines.starts[row] : self._lines.ends[row]]

    def part(self, start: int, stop: int) -> "JsonlBlock":
        """Some of the objects, each with its line end."""
        if start == 0 and stop == self.count:
            return self
        first, last = self._lines.limits[[start, stop]].tolist()
        return JsonlBlock(self.data[first:last], self.end, self.reader)

    def sifted(self) -> Sifted:
        """Rows that fit the signature, and the faults of the others."""
        no_objects = self._values.faults
        objects = np.delete(np.arange(self.count), [fault.row for fault in no_objects])
        faults = find_faults(
            self._values.chunks, self.reader.signature, lambda row: self.lines_before(objects[row])
        )
        for fault in faults:
            fault.row = int(objects[fault.row])
        for fault in no_objects:
            fault.lines = self.lines_before(fault.row)
        faults = sorted(no_objects + faults, key=lambda fault: fault.row)
        rows = [fault.row for fault in faults]
        kept = np.delete(np.arange(self.count), rows)
        data = kept_parts(self.data, self._lines.limits, rows)
        return Sifted(JsonlBlock(data, self.end, self.reader), kept, faults)

    def parse(self) -> "JsonlRows":
        """Reads the model's columns.

        Raises:
            RowFaultError: A line that is no object, or does not fit the signature.
        """
        lines = self._lines
        if not len(lines.starts):
            return JsonlRows(self.data, lines, None)
        values = self._values
        if values.faults:
            fault = values.faults[0]
            fault.lines = self.lines_before(fault.row)
            raise fault
        batch = to_batch(values.chunks, self.reader.signature, self.count, self.lines_before)
        return JsonlRows(self.data, lines, batch)


@dataclass(frozen=True, slots=True)
class JsonlRows:
    """The parsed rows of one block."""

    data: bytes
    found: JsonLines
    batch: "Batch | None"

    @property
    def count(self) -> int:
        """How many rows there are."""
        return len(self.found.starts)

    @property
    def lines(self) -> int:
        """Line ends in the block."""
        return count_lines(self.data)

    def lines_before(self, row: int) -> int:
        """Line ends in the block before the row at position `row`."""
        return count_lines(self.data[: self.found.starts[row]])

    def typed(self) -> pa.RecordBatch:
        """All fields, with the types that their values show.

        Raises:
            InputError: A field has values of types that do not go together.
        """
        try:
            table = pa_json.read_json(
                pa.py_buffer(self.data),
                read_options=pa_json.ReadOptions(use_threads=False, block_size=len(self.data) + 1),
            )
        except pa.ArrowInvalid as error:
            raise InputError(f"The fields have no common types: {error}") from error
        return table.combine_chunks().to_batches()[0]

    def joined(self, columns: Sequence[pa.BinaryArray]) -> "list[bytes | memoryview]":
        """The block as it came, with the members of `columns` added to each object.

        Args:
            columns: Each `"name":value` as text, shape `(rows,)`.
        """
        if not self.count:
            return [self.data]
        if _EMPTY_OBJECT.search(self.data):
            return [self._joined_one_by_one(columns)]
        # Item k is everything from the last brace of object k-1 to before that of object k.
        offsets = np.zeros(self.count + 1, np.int32)
        offsets[1:] = self.found.ends - 1
        objects = buffers.spans(self.data, offsets)
        comma = buffers.texts([b","])[0]
        joined = pc.binary_join_element_wise(objects, *columns, comma)
        length = buffers.end(joined)
        return [memoryview(joined.buffers()[2])[:length], self.data[int(self.found.ends[-1]) - 1 :]]

    def _joined_one_by_one(self, columns: Sequence[pa.BinaryArray]) -> bytes:
        """The same for blocks where an object may have no members, and then needs no comma."""
        parts, done = [], 0
        members = zip(*(column.to_pylist() for column in columns), strict=True)
        for start, end, added in zip(self.found.starts, self.found.ends, members, strict=True):
            parts.append(self.data[done : end - 1])
            is_empty = _EMPTY_OBJECT.fullmatch(self.data, start, end) is not None
            parts.append(b",".join(added if is_empty else (b"", *added)))
            done = end - 1
        return b"".join([*parts, self.data[done:]])
