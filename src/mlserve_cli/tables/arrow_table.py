"""Parquet, Arrow and numpy files: typed rows, read as record batches."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import msgspec
import numpy as np
import pyarrow as pa

from mlserve_cli.errors import InputError, UsageError
from mlserve_cli.signature import Signature
from mlserve_cli.tables import buffers
from mlserve_cli.tables.arrow_batch import find_faults, readable, to_batch
from mlserve_cli.tables.fault import RowFaultError
from mlserve_cli.tables.interface import Sifted
from mlserve_cli.tables.matching import Matching, match_names
from mlserve_cli.tables.options import TableOptions

if TYPE_CHECKING:
    from mlserve_cli.inference.predictor import Batch


class RecordBatches(Protocol):
    """A file of typed rows."""

    @property
    def schema(self) -> pa.Schema:
        """Names and types of its columns."""

    @property
    def named(self) -> bool:
        """Whether the names mean anything."""

    @property
    def many_dictionaries(self) -> bool:
        """Whether a column may have another dictionary in each batch."""

    def read(self, start: int) -> Iterator[pa.RecordBatch]:
        """The rows from number `start` on, the first being 0, in batches of bounded size.

        Raises:
            InputError: The file is damaged.
        """


class ArrowTable:
    """A file of typed rows whose columns are matched with a signature.

    Args:
        file: The open file.
        name: What the user calls it.
        signature: What the model takes.
        options: How to read it.

    Raises:
        InputError: The columns do not fit.
        UsageError: The options are those of text files.
    """

    lines_before_rows = 0

    def __init__(
        self, file: RecordBatches, name: str, signature: Signature, options: TableOptions
    ) -> None:
        if not options.header or options.delimiter is not None:
            raise UsageError(f"{name} is no CSV file: it has neither a header nor a delimiter.")
        self._file = file
        names = tuple(file.schema.names)
        self._matching = match_names(names, signature, options, name, named=file.named)
        self.columns = names
        self.many_dictionaries = file.many_dictionaries
        self._signature = signature
        self._refuse_types(name)

    def _refuse_types(self, name: str) -> None:
        for position, column in zip(self._matching.positions, self._signature.columns, strict=True):
            kind = self._file.schema.field(position).type
            if readable(pa.nulls(0, kind), column, self._signature.layout) is None:
                raise InputError(
                    f"{name}, column {column.name!r}: found values of type {kind}, expected "
                    f"{column.dtype}."
                )

    def blocks(self, start: int | None = None) -> "Iterator[ArrowBlock]":
        """Record batches.

        Args:
            start: Number of the first row to read; None for the first one.
        """
        position = start or 0
        for rows in self._file.read(position):
            position += rows.num_rows
            yield ArrowBlock(rows, position, self._matching, self._signature)


@dataclass(frozen=True, slots=True)
class ArrowBlock:
    """A record batch."""

    rows: pa.RecordBatch
    end: int
    matching: Matching
    signature: Signature

    lines = 0

    @property
    def count(self) -> int:
        """How many rows there are."""
        return int(self.rows.num_rows)

    def lines_before(self, row: int) -> None:
        """There are no lines."""

    def text(self, row: int) -> bytes:
        """A row as a JSON object."""
        values = {
            name: column[row].as_py()
            for name, column in zip(self.rows.schema.names, self.rows.columns, strict=True)
        }
        return msgspec.json.encode(values, enc_hook=str)

    def part(self, start: int, stop: int) -> "ArrowBlock":
        """Some of the rows; nothing is copied."""
        rows = self.rows.slice(start, stop - start)
        return ArrowBlock(rows, self.end, self.matching, self.signature)

    def parse(self) -> "ArrowRows":
        """Converts the model's columns.

        Raises:
            RowFaultError: A row that does not fit the signature.
        """
        if not self.count:
            return ArrowRows(self.rows, None)
        chunks = self._chunks()
        return ArrowRows(self.rows, to_batch(chunks, self.signature, self.count, self.lines_before))

    def sifted(self) -> Sifted:
        """Rows that fit the signature, and the faults of the others."""
        faults = find_faults(self._chunks(), self.signature, self.lines_before)
        kept = np.delete(np.arange(self.count), [fault.row for fault in faults])
        rows = self.rows.take(buffers.from_numpy(kept))
        return Sifted(ArrowBlock(rows, self.end, self.matching, self.signature), kept, faults)

    def _chunks(self) -> list[pa.Array]:
        chunks = []
        for position, column in zip(self.matching.positions, self.signature.columns, strict=True):
            chunk = readable(self.rows.column(position), column, self.signature.layout)
            if chunk is None:
                raise RowFaultError(
                    0, None, f"found a value that is no {column.dtype}.", column=column.name
                )
            chunks.append(chunk)
        return chunks


@dataclass(frozen=True, slots=True)
class ArrowRows:
    """The rows of one record batch, with the model's columns converted."""

    rows: pa.RecordBatch
    batch: "Batch | None"

    lines = 0

    @property
    def count(self) -> int:
        """How many rows there are."""
        return int(self.rows.num_rows)

    def lines_before(self, row: int) -> None:
        """There are no lines."""

    def typed(self) -> pa.RecordBatch:
        """All columns as they came."""
        return self.rows
