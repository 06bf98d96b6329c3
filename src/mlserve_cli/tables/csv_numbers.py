"""Blocks of CSV that hold plain numbers, read by a SIMD parser of JSON.

It takes a third of the time of a CSV reader, and leaves the numbers row after row, as models take
them. A number in JSON is one in CSV too; everything else that a block of CSV may hold (quotes,
missing values, other spellings, rows of another width) is left to the CSV reader.
"""

import re
from collections.abc import Iterator
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlserve_cli.simd_json import UNREADABLE, Array, parser_of_thread
from mlserve_cli.tables import buffers
from mlserve_cli.tables.matching import Matching
from mlserve_cli.tables.records import Records

if TYPE_CHECKING:
    from mlserve_cli.simd_json import Parser

# So much is read at once: the parser asks for fourteen times as much memory, and what fits into the
# processor's cache is read faster. Longer records are left to the CSV reader.
_PIECE_BYTES = 256 << 10
_MOST_BYTES = 2 << 20
# What cannot be in a plain block: texts, and lists and objects of JSON.
_OTHER = (b'"', b"[", b"{")
# The parser takes it for the whole number 0, which has no sign.
_NEGATIVE_ZERO = re.compile(rb"-0[\s,\]]")
_OPENING, _CLOSING, _COMMA, _BLANK = b"[], "
# Blocks that may be tried in vain beyond those that were read.
_PATIENCE = 3


class _Piece(NamedTuple):
    """Some records of a block, and where they lie in it."""

    data: bytes
    starts: NDArray[np.intp]
    ends: NDArray[np.intp]


class PlainNumbers:
    """Reads the model's columns of blocks. Safe to use from several threads at once.

    Args:
        matching: Where the model's columns stand in the file.
        delimiter: What separates two fields.
    """

    def __init__(self, matching: Matching, delimiter: str) -> None:
        self._width = matching.width
        self._delimiter = ord(delimiter)
        taken = sorted(matching.positions)
        # The column of each of the model's columns among those that are taken.
        order = [taken.index(position) for position in matching.positions]
        self._order = None if order == list(range(len(order))) else order
        self._count = len(taken)
        self._runs = _runs(taken)
        self._chances = _PATIENCE

    def read(self, data: bytes, records: Records) -> NDArray[np.float64] | None:
        """The values, shape `(records, model columns)`; None where they are not plain numbers.

        Args:
            data: The block.
            records: Where its records lie; at least one.
        """
        parser = parser_of_thread()
        # A file that has no such blocks should not be slower for it.
        if parser is None or self._chances <= 0:
            return None
        found = []
        for piece in _pieces(data, records):
            values = self._values(parser, piece)
            if values is None:
                self._chances -= 1
                return None
            found.append(values)
        self._chances += 1
        values = np.concatenate(found)
        return values if self._order is None else np.ascontiguousarray(values[:, self._order])

    def _values(self, parser: "Parser", piece: "_Piece") -> NDArray[np.float64] | None:
        if len(piece.data) > _MOST_BYTES or any(mark in piece.data for mark in _OTHER):
            return None
        text = self._list(piece)
        if text is None:
            return None
        try:
            parsed = parser.parse(text)
            assert isinstance(parsed, Array)
            numbers = parsed.as_buffer(of_type="d")
        except UNREADABLE:
            return None
        values = np.frombuffer(numbers, np.float64)
        if len(values) != len(piece.starts) * self._count:
            return None
        if not values.all() and _NEGATIVE_ZERO.search(text):
            return None
        return values.reshape(-1, self._count)

    def _list(self, piece: "_Piece") -> memoryview | None:
        """The model's columns as a list in JSON; None where a row has another width."""
        signs = np.frombuffer(piece.data, np.uint8)
        # Where the fields end, but for the last one of each record.
        found = np.flatnonzero(signs == self._delimiter)
        if len(found) != len(piece.starts) * (self._width - 1):
            return None
        inner = found.reshape(-1, self._width - 1) if self._width > 1 else found[:, np.newaxis]
        if self._width > 1 and not (
            (inner[:, 0] >= piece.starts).all() and (inner[:, -1] < piece.ends).all()
        ):
            return None
        # The last record may have no line end.
        text = np.empty(len(signs) + 3, np.uint8)
        text[0], text[1:-2], text[-2], text[-1] = _OPENING, signs, _BLANK, _CLOSING
        if self._delimiter != _COMMA:
            text[inner + 1] = _COMMA
        # The first sign of each line end; a second one and empty lines mean nothing.
        text[piece.ends + 1] = _COMMA
        edges = self._edges(piece, inner)
        text[edges[-1, -1] - 1] = _BLANK
        return text.data if self._count == self._width else _kept(text, edges)

    def _edges(self, piece: "_Piece", inner: NDArray[np.intp]) -> NDArray[np.int32]:
        """Where each run of the model's columns begins in the text, and ends with its comma.

        Returns:
            Shape `(records, 2 * runs)`.
        """
        edges = np.empty((len(piece.starts), 2 * len(self._runs)), np.int32)
        for place, (first, after) in enumerate(self._runs):
            begins = piece.starts + 1 if first == 0 else inner[:, first - 1] + 2
            ends = piece.ends if after == self._width else inner[:, after - 1]
            edges[:, 2 * place], edges[:, 2 * place + 1] = begins, ends + 2
        return edges


def _pieces(data: bytes, records: Records) -> Iterator[_Piece]:
    step = max(1, len(records) * _PIECE_BYTES // len(data))
    for first in range(0, len(records), step):
        part = slice(first, first + step)
        begin = records.starts[first] if first else 0
        following = records.starts[first + step : first + step + 1]
        end = following[0] if len(following) else len(data)
        yield _Piece(data[begin:end], records.starts[part] - begin, records.ends[part] - begin)


def _kept(text: NDArray[np.uint8], edges: NDArray[np.int32]) -> memoryview:
    """The first and the last sign, and what lies between each two edges."""
    last = len(text)
    offsets = np.concatenate(([0, 1], edges.ravel(), [last - 1, last])).astype(np.int32)
    every_other = np.arange(0, len(offsets), 2, dtype=np.int32)
    kept = buffers.spans(text.data, offsets).take(buffers.from_numpy(every_other))
    return memoryview(kept.buffers()[2]).cast("B")[: buffers.end(kept)]


def _runs(taken: list[int]) -> list[tuple[int, int]]:
    """First column and the one after the last of each run of neighbours."""
    runs = []
    for _, members in groupby(enumerate(taken), lambda pair: pair[1] - pair[0]):
        columns = [column for _, column in members]
        runs.append((columns[0], columns[-1] + 1))
    return runs
