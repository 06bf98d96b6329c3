"""Lists of numbers in JSON, read into a buffer without a Python object for each number.

To make two thousand floats and to take them apart again costs more than to parse their text. What
is read here, the decoders of the protocols read alike; what is anything else than plain lists of
numbers, or is wrong, is left to them.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from mlserve_cli.serving.exchange import LARGE_BODY_BYTES
from mlserve_cli.simd_json import UNREADABLE, Array, Object, parser_of_thread

# Within so many bytes the first row begins, unless somebody writes JSON to be looked at.
HEAD_BYTES = 24
# At the beginning of a text; the parser passes over it, the decoders do not.
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_BRACKET = ord("[")
# To look for all of a long part would take longer than to read it.
_BEGINNING_BYTES = 64


class Table(NamedTuple):
    """Rows of numbers, the only thing in an object.

    Attributes:
        key: Under which they stand.
        numbers: As float64, row after row.
    """

    key: str
    numbers: bytes


def seems_table(text: bytes) -> bool:
    """Whether it looks like rows: to read something else as such costs more than to look."""
    return text.find(b"[[", 0, HEAD_BYTES) >= 0


def read_table(text: bytes, width: int) -> Table | None:
    """The rows of an object such as `{"features": [[1, 2], [3, 4]]}`.

    Args:
        text: JSON.
        width: Numbers of each row, at least one.

    Returns:
        None where it is anything else.
    """
    try:
        parsed = _parsed(text)
        if not isinstance(parsed, Object) or len(parsed) != 1:
            return None
        key = next(iter(parsed))
        numbers = _matrix(parsed[key], width, text)
    except UNREADABLE:
        return None
    return None if numbers is None else Table(key, numbers)


def read_matrix(text: bytes, width: int) -> bytes | None:
    """The numbers of a list of rows such as `[[1, 2], [3, 4]]`, as float64, row after row.

    Args:
        text: JSON.
        width: Numbers of each row, at least one.

    Returns:
        None where it is anything else.
    """
    try:
        return _matrix(_parsed(text), width, text)
    except UNREADABLE:
        return None


def read_together(texts: Sequence[bytes], beginning: bytes, width: int) -> bytes | None:
    """The numbers of several texts such as `{"features": [1, 2]}`, as float64, row after row.

    They are read as one, which takes two thirds of the time.

    Args:
        texts: JSON, at least one.
        beginning: What stands in each of them before the first number.
        width: Numbers of each row, at least one.

    Returns:
        None where one of them is anything else.
    """
    start, end = len(beginning), b"]}"
    rows = [text[start : -len(end)] for text in texts]
    # Their lengths are the same only where no text is too short, and then each must be the same.
    if b"%b%b%b" % (beginning, (end + beginning).join(rows), end) != b"".join(texts):
        return None
    # Where no row has a bracket or a text in it, all of those that are put in here are brackets.
    if b"[" in b"".join(rows):
        return None
    try:
        parsed = _parsed(b"[[%b]]" % b"],[".join(rows))
        return _numbers(parsed, width) if isinstance(parsed, Array) else None
    except UNREADABLE:
        return None


def read_list(text: bytes, count: int) -> bytes | None:
    """The numbers of a flat list such as `[1, 2, 3, 4]`, as float64.

    Args:
        text: JSON.
        count: How many, at least one.

    Returns:
        None where it is anything else.
    """
    try:
        parsed = _parsed(text)
        if not isinstance(parsed, Array) or len(parsed) != count or text.find(b"[", 1) > 0:
            return None
        return bytes(parsed.as_buffer(of_type="d"))
    except UNREADABLE:
        return None


def without(text: bytes, part: bytes, stand_in: bytes) -> bytes | None:
    """A text with something short in place of a long part of it.

    Returns:
        None where that part cannot be told from others that begin alike.
    """
    start = text.find(part[:_BEGINNING_BYTES])
    if not text.startswith(part, start):
        return None
    return b"".join((text[:start], stand_in, text[start + len(part) :]))


def _parsed(text: bytes) -> object:
    parser = parser_of_thread()
    # The parser takes fourteen times the memory of the text, and other threads wait for it.
    if parser is None or len(text) > LARGE_BODY_BYTES or text.startswith(_BYTE_ORDER_MARK):
        return None
    return parser.parse(text)


def _matrix(parsed: object, width: int, text: bytes) -> bytes | None:
    if not isinstance(parsed, Array):
        return None
    numbers = _numbers(parsed, width)
    # Lists within rows would be flattened; there is no text in which a bracket could stand. `count`
    # takes twice as long.
    brackets = np.count_nonzero(np.frombuffer(text, np.uint8) == _BRACKET)
    return numbers if brackets == len(parsed) + 1 else None


def _numbers(rows: "Array", width: int) -> bytes | None:
    """Of rows without lists in them."""
    if set(map(len, rows)) != {width}:  # type: ignore[arg-type]
        return None
    return bytes(rows.as_buffer(of_type="d"))
