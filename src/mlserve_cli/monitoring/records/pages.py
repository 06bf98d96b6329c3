"""Values as Parquet's pages: one column of one file, which grows.

Written from the Parquet format's specification (Apache Parquet format 2.9, `parquet.thrift` and
`Encodings.md`), and tested against pyarrow. pyarrow itself would take a server 40 MB.
"""

import functools
import struct
import zlib
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mlserve_cli.monitoring.records.columns import ColumnKind
from mlserve_cli.thrift import I32, STRUCT, encode, varint

if TYPE_CHECKING:
    from collections.abc import Callable

    from mlserve_cli.monitoring.records.columns import Column

_GZIP = 31
_FASTEST = 1
# To make a page smaller takes longer than all else, so it must become smaller than this.
_WORTHWHILE = 0.8
# A file of gzip in which nothing is made smaller: its head, the head of each block, and its end.
_STORED_HEAD = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"
_BLOCK_HEAD, _BLOCK_BYTES = struct.Struct("<?HH"), 0xFFFF
_STORED_END = struct.Struct("<II")
_LENGTH_BYTES = 4


class Encoding(IntEnum):
    """How values, and which of them are missing, are written."""

    PLAIN = 0
    RLE = 3


class Page(NamedTuple):
    """A page with its header.

    Attributes:
        content: All of it.
        full_bytes: Its size if it were not compressed.
    """

    content: bytes
    full_bytes: int


class GrowingColumn:
    """Pages that will not change any more, and the values that are to fill the next one.

    Args:
        kind: Of the values.
    """

    def __init__(self, kind: ColumnKind) -> None:
        self.pages: list[Page] = []
        self._kind = kind
        self._values = bytearray()
        # A byte for each value.
        self._valid = bytearray()
        self._pack = _compressed

    def add(self, column: "Column", rows: int) -> None:
        """Adds values.

        Args:
            column: The values, of this kind.
            rows: How many.
        """
        present = column.present()
        if isinstance(present, list):
            self._values += _texts(present)
        else:
            self._values += present.tobytes()
        self._valid += b"\1" * rows if column.valid is None else column.valid.tobytes()

    def begun_page(self) -> Page:
        """The values that no page has yet, as a page."""
        return self._page(_stored)

    def end_page(self) -> None:
        """Makes a page of these values, which will not change any more."""
        page = self._page(self._pack)
        if len(page.content) > _WORTHWHILE * page.full_bytes:
            # Numbers with all their digits stay as large as they are; the next ones will, too.
            self._pack = _stored
        self.pages.append(page)
        self._values, self._valid = bytearray(), bytearray()

    def _page(self, pack: "Callable[[bytes], bytes]") -> Page:
        values = _bits(self._values) if self._kind is ColumnKind.BOOL else self._values
        content = _levels(self._valid) + values
        packed = pack(content)
        header = _page_header(len(self._valid), len(content), len(packed))
        return Page(header + packed, len(header) + len(content))


def _compressed(content: bytes) -> bytes:
    return zlib.compress(content, _FASTEST, _GZIP)


def _stored(content: bytes) -> bytes:
    """As zlib's level 0 does it, without the memory that it first asks for (RFC 1951 and 1952)."""
    blocks = [_STORED_HEAD]
    for start in range(0, len(content), _BLOCK_BYTES):
        block = content[start : start + _BLOCK_BYTES]
        is_last = start + _BLOCK_BYTES >= len(content)
        blocks += [_BLOCK_HEAD.pack(is_last, len(block), len(block) ^ 0xFFFF), block]
    return b"".join([*blocks, _STORED_END.pack(zlib.crc32(content), len(content))])


def _texts(values: list[bytes]) -> bytes:
    """Each text after its length."""
    # Labels and names repeat.
    written = {value: len(value).to_bytes(_LENGTH_BYTES, "little") + value for value in set(values)}
    return b"".join([written[value] for value in values])


def _levels(valid: bytearray) -> bytes:
    """Which values are not missing: one run, or one bit for each."""
    rows = len(valid)
    if 0 not in valid:
        runs = varint(rows << 1) + b"\1"
    else:
        bits = _bits(valid)
        runs = varint(len(bits) << 1 | 1) + bits
    return len(runs).to_bytes(_LENGTH_BYTES, "little") + runs


def _bits(flags: bytearray) -> bytes:
    return np.packbits(np.frombuffer(flags, np.bool_), bitorder="little").tobytes()


def _page_header(rows: int, full_bytes: int, written_bytes: int) -> bytes:
    # The first number says that it is a page of data.
    numbers = {1: (I32, 0), 2: (I32, full_bytes), 3: (I32, written_bytes)}
    return encode({**numbers, 5: (STRUCT, _data_page_header(rows))})


@functools.lru_cache(maxsize=1)
def _data_page_header(rows: int) -> bytes:
    """The same for all columns."""
    plain, run = (I32, Encoding.PLAIN), (I32, Encoding.RLE)
    return encode({1: (I32, rows), 2: plain, 3: run, 4: run})
