"""What flows between the steps of a pipeline: columns of several types, side by side."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mlserve_cli.conversion.graph import Kind, Tensor

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from mlserve_cli.conversion.graph import Graph

# Stands for a missing value in columns of text, which ONNX cannot leave empty. It is a Unicode
# noncharacter, so that no real text is taken for missing, not even an empty one.
MISSING_TEXT = "\uffff"


@dataclass(frozen=True, slots=True)
class Block:
    """Neighbouring columns of one type.

    Attributes:
        tensor: Their values, shape `(rows, width)`.
        width: How many columns they are.
    """

    tensor: Tensor
    width: int

    @property
    def kind(self) -> Kind:
        """Type of the values."""
        return self.tensor.kind

    def take(self, indices: "Sequence[int]") -> "Block":
        """Some of the columns, in the given order."""
        if list(indices) == list(range(self.width)):
            return self
        return Block(self.tensor.gather(np.asarray(indices), axis=1), len(indices))


@dataclass(frozen=True, slots=True)
class Table:
    """Columns in order, in blocks of one type each."""

    blocks: tuple[Block, ...]

    @classmethod
    def of(cls, tensor: Tensor, width: int) -> "Table":
        """One tensor of shape `(rows, width)` as a table."""
        return cls((Block(tensor, width),))

    @property
    def width(self) -> int:
        """Number of columns."""
        return sum(block.width for block in self.blocks)

    @property
    def graph(self) -> "Graph":
        """The graph that the columns belong to."""
        return self.blocks[0].tensor.graph

    def real(self) -> Tensor:
        """All columns as one REAL tensor of shape `(rows, width)`."""
        return self.graph.concatenate(
            [block.tensor.cast(Kind.REAL) for block in self.merged().blocks]
        )

    def column(self, position: int) -> Tensor:
        """One column, shape `(rows, 1)`."""
        return self.select([position]).blocks[0].tensor

    def select(self, positions: "Iterable[int]") -> "Table":
        """Some columns in the given order."""
        owners = [(b, i) for b, block in enumerate(self.blocks) for i in range(block.width)]
        blocks: list[Block] = []
        run: list[int] = []
        owner = -1
        for block, index in [owners[position] for position in positions]:
            if block != owner and run:
                blocks.append(self.blocks[owner].take(run))
                run = []
            owner = block
            run.append(index)
        if run:
            blocks.append(self.blocks[owner].take(run))
        return Table(tuple(blocks))

    def merged(self) -> "Table":
        """The same columns in as few blocks as their types allow."""
        blocks: list[Block] = []
        run: list[Block] = []
        for block in self.blocks:
            if run and block.kind is not run[-1].kind:
                blocks.append(_join(run))
                run = []
            run.append(block)
        return Table((*blocks, _join(run)) if run else ())

    @staticmethod
    def concatenate(tables: "Iterable[Table]") -> "Table":
        """Tables side by side."""
        return Table(tuple(block for table in tables for block in table.blocks))


def _join(blocks: "Sequence[Block]") -> Block:
    tensors = [block.tensor for block in blocks]
    return Block(tensors[0].graph.concatenate(tensors), sum(block.width for block in blocks))
