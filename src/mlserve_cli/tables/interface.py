"""What every table format offers to the job that scores it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from mlserve_cli.tables.fault import RowFaultError

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from mlserve_cli.inference.predictor import Batch


class Rows(Protocol):
    """The parsed rows of one block."""

    @property
    def batch(self) -> "Batch | None":
        """What the model takes, laid out as its signature says; None for no rows."""

    @property
    def count(self) -> int:
        """How many rows there are."""

    @property
    def lines(self) -> int:
        """Line ends in the block."""

    def lines_before(self, row: int) -> int | None:
        """Line ends in the block before the row at position `row`; None without lines."""

    def typed(self) -> "pa.RecordBatch":
        """All columns of the input with their types.

        What CSV says nothing of, and the model does not take, is text.

        Raises:
            InputError: They have no types that go together.
        """


class TextRows(Rows, Protocol):
    """The parsed rows of one block of text."""

    def joined(self, columns: "Sequence[pa.BinaryArray]") -> "list[bytes | memoryview]":
        """The block as it came, with one value of each of `columns` added to each row."""


class Block(Protocol):
    """A run of whole rows, as it stands in the input."""

    @property
    def end(self) -> int:
        """Where the next block begins; `Table.blocks` can go on there."""

    @property
    def count(self) -> int:
        """How many rows there are."""

    @property
    def lines(self) -> int:
        """Line ends in the block."""

    def lines_before(self, row: int) -> int | None:
        """Line ends in the block before the row at position `row`; None without lines."""

    def text(self, row: int) -> bytes:
        """The row at position `row` as it came."""

    def part(self, start: int, stop: int) -> "Block":
        """The rows from position `start` to before `stop`."""

    def parse(self) -> Rows:
        """Reads the columns that the model takes. Safe to call in a worker thread.

        Raises:
            RowFaultError: A row that does not fit the signature.
        """


class TextBlock(Block, Protocol):
    """A block of text."""

    @property
    def data(self) -> bytes:
        """The text."""


@dataclass(frozen=True, slots=True)
class Sifted:
    """The rows of a block that fit a signature, as far as values tell, and what the others lack.

    Attributes:
        block: The rows that fit, as a block.
        kept: Where they stood, shape `(rows,)`.
        faults: The others, in order.
    """

    block: Block
    kept: "NDArray[np.intp]"
    faults: list[RowFaultError]


@runtime_checkable
class SiftableBlock(Block, Protocol):
    """A block that finds all of its faulty rows at once."""

    def sifted(self) -> Sifted:
        """Rows that fit, and faults."""


class Table(Protocol):
    """An open input whose columns are matched with a signature."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of all its columns; empty where nobody named them."""

    @property
    def lines_before_rows(self) -> int:
        """Line ends before the first block."""

    def blocks(self, start: int | None = None) -> Iterator[Block]:
        """The input's rows, in order. Where a block ends depends only on where it begins.

        Args:
            start: The end of an earlier block, to go on there; None for the first row.

        Raises:
            RowFaultError: A record that does not end; it is counted from the end of the last block.
        """


@runtime_checkable
class TextTable(Table, Protocol):
    """An open input of text."""

    def block(self, data: bytes, end: int) -> TextBlock:
        """Whole rows as a block that ends there."""

    def bound_rows(self, most_rows: int) -> None:
        """Makes blocks smaller where they would have more rows than that, by the first rows."""
