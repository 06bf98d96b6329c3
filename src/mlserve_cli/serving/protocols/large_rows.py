"""Large bodies of the native protocol, read and written piece by piece.

A million rows as Python lists take a hundred bytes for each byte of the body, and all other threads
wait while a decoder makes them. Here there are never more than those of one piece.
"""

import re
import time
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from mlserve_cli.serving.rows import RowReader

_BLANK = rb"[ \t\r\n]*"
_BEGIN = re.compile(_BLANK + rb'\{%b"features"%b:%b\[(?=%b\[)' % ((_BLANK,) * 4))
_COMMA = re.compile(_BLANK + b",")
_END = re.compile(rb"\]%b\}%b\Z" % (_BLANK, _BLANK))
# The end is looked for here.
_TAIL_BYTES = 64
# A piece is decoded in about half a millisecond.
_PIECE_BYTES = 32 << 10
_PIECE_ROWS = 4096
# Long enough for a thread that waits to go on.
_PAUSE_SECONDS = 1e-6

_decode = msgspec.json.Decoder(list[list[float]]).decode
_encode = msgspec.json.Encoder().encode


def read_large_rows(reader: "RowReader", body: bytes) -> bytes | None:
    """The packed numbers of `{"features": [[..], ..]}`.

    Args:
        reader: Of a matrix model.
        body: Of a request.

    Returns:
        None where the body is anything else, or is wrong.

    Raises:
        msgspec.DecodeError: Some piece is no rows of numbers.
        struct.error: A row is too long or too short.
    """
    numbers = bytearray()
    for piece in _pieces(body):
        rows = _decode(piece)
        if not rows:
            return None
        numbers += b"".join([reader.pack(*row) for row in rows])
        del rows
        time.sleep(_PAUSE_SECONDS)
    return bytes(numbers) or None


def _pieces(body: bytes) -> "Iterator[bytes]":
    """Lists of whole rows, which are the list of all rows when they are joined.

    Where a piece ends too early, in a text, it is no list of rows; where nothing stands between two
    commas, it is an empty one. So nobody needs to look at each byte here.
    """
    begin, end = _BEGIN.match(body), _END.search(body, max(0, len(body) - _TAIL_BYTES))
    if begin is None or end is None:
        return
    start, stop = begin.end(), end.start()
    while True:
        cut = body.find(b"]", start + _PIECE_BYTES, stop) + 1
        comma = _COMMA.match(body, cut, stop) if cut else None
        if comma is None:
            yield b"[%b]" % body[start:stop]
            return
        yield b"[%b]" % body[start:cut]
        start = comma.end()


def write_large_lists(
    frame: bytes, labels: "NDArray[Any]", probabilities: "NDArray[Any] | None"
) -> bytes:
    """The answer to many rows.

    Args:
        frame: The answer with empty lists: predictions first, probabilities last.
        labels: Shape `(rows,)` or `(rows, outputs)`.
        probabilities: Shape `(rows, classes)`; None where the frame has none.
    """
    head, _, rest = frame.partition(b"[")
    parts = [head, b"[", *_written(labels)]
    if probabilities is None:
        return b"".join([*parts, rest])
    middle, _, tail = rest.rpartition(b"]")
    return b"".join([*parts, middle, *_written(probabilities), b"]", tail])


def _written(values: "NDArray[Any]") -> "Iterator[bytes]":
    """What stands between the brackets."""
    for start in range(0, len(values), _PIECE_ROWS):
        if start:
            yield b","
        yield _encode(values[start : start + _PIECE_ROWS].tolist())[1:-1]
