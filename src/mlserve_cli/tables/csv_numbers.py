"""Blocks of CSV that hold plain numbers, read by a SIMD parser of JSON.

It takes half of the time of a CSV reader, and leaves the numbers row after row, as models take
them. A number in JSON is one in CSV too; everything else that a block of CSV may hold (quotes,
missing values, other spellings, rows of another width) is left to the CSV reader.
"""

import re
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlserve_cli.simd_json import UNREADABLE, Array, parser_of_thread
from mlserve_cli.tables import buffers
from mlserve_cli.tables.matching import Matching
from mlserve_cli.tables.records import Records

# So much is read at once: the parser asks for fourteen times as much memory, and what fits into the
# processor's cache is read faster. Longer records are left to the CSV reader.
_PIECE_BYTES = 256 << 10
_MOST_BYTES = 2 << 20
# What cannot be in a plain block: texts, and lists and objects of JSON.
_OTHER = (b'"', b"[", b"{")
# The parser takes it for the whole number 0, which has no sign.
_NEGATIVE_ZERO = re.compile(rb"-0[\s,\[\]]")
_OPENING, _CLOSING, _COMMA = b"[],"
# Blocks that may be tried in vain beyond those that were read.
_PATIENCE = 3


class _Listed(NamedTuple):
    """The model's columns as the inside of a list in JSON.

    Attributes:
        text: It has one sign before the first value.
        commas: Where the one after the last value of each record is, shape `(records,)`.
    """

    text: NDArray[np.uint8]
    commas: NDArray[np.integer[Any]]


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
        # Where each of the model's columns stands among those that are taken.
        places = {position: place for place, position in enumerate(taken)}
        order = [places[position] for position in matching.positions]
        self._order = None if order == sorted(order) else order
        self._count = len(taken)
        self._runs = _runs(taken)
        self._chances = _PATIENCE

    def read(self, data: bytes, records: Records) -> NDArray[np.float64] | None:
        """The values, shape `(records, model columns)`; None where they are not plain numbers.

        Args:
            data: The block.
            records: Where its records lie; at least one.
        """
        # A file that has no such blocks should not be slower for it.
        if self._chances <= 0 or any(mark in data for mark in _OTHER):
            return None
        listed = self._listed(data, records)
        values = None if listed is None else _numbers(listed, self._count)
        self._chances += -1 if values is None else 1
        if values is None or self._order is None:
            return values
        return np.ascontiguousarray(values[:, self._order])

    def _listed(self, data: bytes, records: Records) -> _Listed | None:
        """The model's columns; None where a record has another width."""
        signs = np.frombuffer(data, np.uint8)
        # Where the fields end, but for the last one of each record.
        found = np.flatnonzero(signs == self._delimiter)
        if len(found) != len(records) * (self._width - 1):
            return None
        inner = found.reshape(len(records), self._width - 1)
        if self._width > 1 and not (
            (inner[:, 0] >= records.starts).all() and (inner[:, -1] < records.ends).all()
        ):
            return None
        # The last record may have no line end.
        text = np.empty(len(signs) + 2, np.uint8)
        text[1:-1] = signs
        if self._delimiter != _COMMA:
            text[inner + 1] = _COMMA
        # The first sign of each line end; a second one and empty lines mean nothing.
        text[records.ends + 1] = _COMMA
        if self._count == self._width:
            return _Listed(text, records.ends + 1)
        return _kept(text, self._edges(records, inner))

    def _edges(self, records: Records, inner: NDArray[np.intp]) -> NDArray[np.int32]:
        """Where each run of the model's columns begins in the text, and ends with its comma.

        Returns:
            Shape `(records, 2 * runs)`.
        """
        edges = np.empty((len(records), 2 * len(self._runs)), np.int32)
        for place, (first, after) in enumerate(self._runs):
            begins = records.starts + 1 if first == 0 else inner[:, first - 1] + 2
            ends = records.ends if after == self._width else inner[:, after - 1]
            edges[:, 2 * place], edges[:, 2 * place + 1] = begins, ends + 2
        return edges


def _kept(text: NDArray[np.uint8], edges: NDArray[np.int32]) -> _Listed:
    """The first sign, and what lies between each two edges."""
    offsets = np.concatenate(([0, 1], edges.ravel())).astype(np.int32)
    every_other = np.arange(0, len(offsets), 2, dtype=np.int32)
    kept = buffers.spans(text.data, offsets).take(buffers.from_numpy(every_other))
    ends = np.frombuffer(kept.buffers()[1], np.int32)[1 : len(kept) + 1]
    runs = edges.shape[1] // 2
    # What Arrow has made must not be changed.
    copied = np.frombuffer(kept.buffers()[2], np.uint8)[: ends[-1]].copy()
    return _Listed(copied, ends[runs::runs] - 1)


def _numbers(listed: _Listed, count: int) -> NDArray[np.float64] | None:
    """The values, shape `(records, count)`; None where there are others."""
    parser = parser_of_thread()
    if parser is None:
        return None
    text, commas = listed
    values = np.empty((len(commas), count))
    step = max(1, len(commas) * _PIECE_BYTES // len(text))
    begin = 0
    for first in range(0, len(commas), step):
        piece = values[first : first + step]
        end = int(commas[first + len(piece) - 1])
        if end - begin > _MOST_BYTES:
            return None
        # Each piece begins where the one before has ended.
        text[begin], text[end] = _OPENING, _CLOSING
        try:
            parsed = parser.parse(text[begin : end + 1].data)
            assert isinstance(parsed, Array)
            found = np.frombuffer(parsed.as_buffer(of_type="d"), np.float64)
        except UNREADABLE:
            return None
        # The parser is used again.
        del parsed
        if len(found) != piece.size:
            return None
        piece[:] = found.reshape(piece.shape)
        begin = end
    return None if not values.all() and _NEGATIVE_ZERO.search(text.data) else values


def _runs(taken: list[int]) -> list[tuple[int, int]]:
    """First column and the one after the last of each run of neighbours."""
    runs = []
    for _, members in groupby(enumerate(taken), lambda pair: pair[1] - pair[0]):
        columns = [column for _, column in members]
        runs.append((columns[0], columns[-1] + 1))
    return runs
