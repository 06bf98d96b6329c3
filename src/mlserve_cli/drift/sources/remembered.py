"""Data that are expensive to read, kept in memory where they are small."""

import itertools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from mlserve_cli.drift.sources.arrays import ColumnsDataset
from mlserve_cli.drift.sources.interface import KEPT_BYTES, Field, Texts
from mlserve_cli.drift.sources.read_ahead import read_ahead

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Values = NDArray[Any] | Texts


class Stream(Protocol):
    """Data that can be read from the start, as often as needed, but nowhere else."""

    name: str
    fields: tuple[Field, ...]
    named: bool
    notes: tuple[str, ...]

    def blocks(self, positions: Sequence[int]) -> "Iterator[list[NDArray[Any] | Texts]]":
        """See `Dataset.blocks`."""


class Remembered:
    """A stream of which nothing is read twice that can be helped.

    Small data are kept. Of large data the first rows, which serve as the sample, are the start of
    the pass that follows.

    Args:
        stream: The data; its arrays stay as they are when the next block is read.
        kept_bytes: Up to which size of its values it is kept.
    """

    columns_at_once: int | None = None

    def __init__(self, stream: Stream, kept_bytes: int = KEPT_BYTES) -> None:
        self.name = stream.name
        self.fields = stream.fields
        self.named = stream.named
        self.notes = stream.notes
        self._stream = stream
        self._kept_bytes = kept_bytes
        self._kept: tuple[list[int], ColumnsDataset] | None = None
        self._begun: tuple[list[int], list[list[Values]], Iterator[list[Values]]] | None = None

    def blocks(self, positions: Sequence[int]) -> "Iterator[list[NDArray[Any] | Texts]]":
        """See `Dataset.blocks`."""
        if self._kept is not None and set(positions) <= set(self._kept[0]):
            known, columns = self._kept
            return columns.blocks([known.index(position) for position in positions])
        begun, self._begun = self._begun, None
        if begun is not None and list(positions) == begun[0]:
            return itertools.chain(_forgotten(begun[1]), read_ahead(begun[2]))
        return read_ahead(self._stream.blocks(positions))

    def sample(self, positions: Sequence[int], rows: int) -> "list[NDArray[Any] | Texts]":
        """See `Dataset.sample`. Of large data these are rows of their first part."""
        if not positions:
            return []
        rest = self._stream.blocks(positions)
        start: list[list[Values]] = []
        size, complete = 0, False
        while size <= self._kept_bytes:
            block = next(rest, None)
            if block is None:
                complete = True
                break
            start.append(block)
            size += sum(_size(values) for values in block)
        fields = tuple(self.fields[position] for position in positions)
        every = range(len(positions))
        if complete:
            columns = ColumnsDataset(_joined_columns(start, len(positions)), fields, self.name)
            self._kept = list(positions), columns
            return columns.sample(every, rows)
        self._begun = list(positions), start, rest
        samples = [
            ColumnsDataset(block, fields, self.name).sample(every, -(-rows // len(start)))
            for block in start
        ]
        return [joined([sample[place] for sample in samples]) for place in every]


def _joined_columns(blocks: "list[list[Values]]", width: int) -> "list[Values]":
    """The columns of blocks, which are let go of one by one: there is no second copy of all."""
    columns = [[block[place] for block in blocks] for place in range(width)]
    blocks.clear()
    return [joined(columns.pop(0)) for _ in range(width)]


def _forgotten(blocks: "list[list[Values]]") -> "Iterator[list[Values]]":
    """The same blocks, each of which is let go of before the next one is taken."""
    blocks.reverse()
    while blocks:
        yield blocks.pop()


def _size(values: "Values") -> int:
    return len(values.codes) * 8 if isinstance(values, Texts) else values.nbytes


def joined(parts: "list[Values]") -> "Values":
    """Values of several blocks as one."""
    texts = [part for part in parts if isinstance(part, Texts)]
    if not texts:
        arrays = [part for part in parts if not isinstance(part, Texts)]
        return np.concatenate(arrays) if arrays else np.empty(0)
    places: dict[str, int] = {}
    codes = []
    for part in texts:
        own = [places.setdefault(label, len(places)) for label in part.labels]
        # The last place stands for -1, a missing value.
        codes.append(np.array([*own, -1], np.intp)[part.codes])
    return Texts(np.concatenate(codes), list(places))
