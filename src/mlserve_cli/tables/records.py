"""Where the records of a piece of CSV end, by the same grammar as pyarrow's CSV reader.

A quote opens a quoted section only at the start of a field; anywhere else in an unquoted field it
is an ordinary character. `""` inside a quoted section is one quote, and text after the closing
quote continues the field. LF, CR LF and a lone CR outside quotes end a record. A line of no
characters is no record.
"""

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_QUOTE, _LF, _CR = b'"\n\r'


@dataclass(frozen=True, slots=True)
class Records:
    """The records of a piece of CSV that starts at a record's start.

    Attributes:
        starts: Offset of the first byte of each record, shape `(records,)`.
        ends: Offset after the last byte of each record, before its line end, shape `(records,)`.
        lines: Line ends in the piece, as `count_lines` counts them.
    """

    starts: NDArray[np.intp]
    ends: NDArray[np.intp]
    lines: int

    def __len__(self) -> int:
        return len(self.ends)


class RecordScanner:
    """Finds record ends.

    Args:
        delimiter: The byte between fields.
    """

    def __init__(self, delimiter: bytes) -> None:
        self._edges = np.zeros(256, np.bool_)
        self._edges[[ord(delimiter), _LF, _CR]] = True
        start = re.escape(delimiter)
        # Possessive, so that an unclosed quote costs one pass and no backtracking.
        self._quoted = re.compile(rb"(?:\A|(?<=[\r\n" + start + rb']))"[^"]*+(?:""[^"]*+)*+"?')

    def cut(self, data: bytes, *, final: bool) -> int:
        """Offset after the last complete record's line end; 0 where no record is complete.

        Args:
            data: Bytes from a record's start on.
            final: Whether the input ends with `data`, which completes its last record.

        Raises:
            UnclosedQuoteError: The input ends inside a quoted section.
        """
        if b'"' in data:
            terminators, unclosed = self._terminators(data)
            if final and unclosed:
                raise UnclosedQuoteError
            if final:
                return len(data)
            # A CR at the very end may be the first half of a CR LF.
            if len(terminators) and terminators[-1] == len(data) - 1 and data.endswith(b"\r"):
                terminators = terminators[:-1]
            return int(terminators[-1]) + 1 if len(terminators) else 0
        if final:
            return len(data)
        return max(data.rfind(b"\n"), data.rfind(b"\r", 0, len(data) - 1)) + 1

    def records(self, data: bytes) -> Records:
        """All records of `data`, which ends at a record's end."""
        terminators, _ = self._terminators(data)
        after = terminators + 1
        ends = terminators.copy()
        bytes_ = np.frombuffer(data, np.uint8)
        pairs = (bytes_[terminators] == _LF) & (bytes_[terminators - 1] == _CR) & (terminators > 0)
        ends[pairs] -= 1
        starts = np.concatenate(([0], after))
        if starts[-1] < len(data):
            ends = np.append(ends, len(data))
        else:
            starts = starts[:-1]
        filled = ends > starts
        lines = count_lines(data) if b'"' in data else len(terminators)
        return Records(starts[filled], ends[filled], lines)

    def _terminators(self, data: bytes) -> tuple[NDArray[np.intp], bool]:
        """Offset of the last byte of every line end outside quotes, and whether a quote is open."""
        bytes_ = np.frombuffer(data, np.uint8)
        found = _line_ends(data, bytes_)
        if b'"' not in data:
            return found, False
        quotes = np.flatnonzero(bytes_ == _QUOTE)
        if self._alternate(bytes_, quotes):
            return found[np.searchsorted(quotes, found) % 2 == 0], len(quotes) % 2 == 1
        return self._outside(data, found)

    def _alternate(self, bytes_: NDArray[np.uint8], quotes: NDArray[np.intp]) -> bool:
        """Whether every other quote opens and the ones between close, with nothing else to know.

        That holds where each opening quote stands at a field's start and each closing one at a
        field's end, or both halves of `""` follow one another.
        """
        opening, closing = quotes[0::2], quotes[1::2]
        adjacent = np.zeros(len(opening) + 1, np.bool_)
        adjacent[1 : len(opening)] = opening[1:] == closing[: len(opening) - 1] + 1
        at_start = (opening == 0) | self._edges[bytes_[opening - 1]] | adjacent[:-1]
        if not at_start.all():
            return False
        last = len(bytes_) - 1
        following = self._edges[bytes_[np.minimum(closing + 1, last)]]
        at_end = (closing == last) | following | adjacent[1 : len(closing) + 1]
        return bool(at_end.all())

    def _outside(self, data: bytes, found: NDArray[np.intp]) -> tuple[NDArray[np.intp], bool]:
        spans = np.array([match.span() for match in self._quoted.finditer(data)], np.intp)
        if not len(spans):
            return found, False
        section = np.searchsorted(spans[:, 0], found, side="right") - 1
        outside = (section < 0) | (found >= spans[section, 1])
        return found[outside], bool(spans[-1, 1] == len(data)) and _is_open(data, spans[-1, 0])


def count_lines(data: bytes) -> int:
    """How many line ends `data` has: LF, CR LF and lone CR, in quotes or not."""
    # numpy counts five times as fast, and lets other threads go on.
    lines = int(np.count_nonzero(np.frombuffer(data, np.uint8) == _LF))
    if b"\r" in data:
        lines += data.count(b"\r") - data.count(b"\r\n")
    return lines


def find_lines(data: bytes) -> NDArray[np.intp]:
    """Offset of the last byte of each of those line ends."""
    return _line_ends(data, np.frombuffer(data, np.uint8))


class UnclosedQuoteError(Exception):
    """The input ends inside a quoted section."""


def _line_ends(data: bytes, bytes_: NDArray[np.uint8]) -> NDArray[np.intp]:
    if b"\r" not in data:
        return np.flatnonzero(bytes_ == _LF)
    found = np.flatnonzero((bytes_ == _LF) | (bytes_ == _CR))
    first_halves = np.zeros(len(found), np.bool_)
    first_halves[:-1] = (
        (bytes_[found[:-1]] == _CR) & (bytes_[found[1:]] == _LF) & (np.diff(found) == 1)
    )
    return found[~first_halves]


def _is_open(data: bytes, start: int) -> bool:
    """Whether the quoted section from `start` to the end of `data` lacks its closing quote."""
    section = data[start + 1 :]
    return (len(section) - len(section.rstrip(b'"'))) % 2 == 0
