"""A Parquet file in memory that grows: one row group, a chunk of pages for each column.

See `pages` for what it was written from.
"""

from collections.abc import Callable, Iterator, Mapping
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

from mlserve_cli.monitoring.records.columns import ColumnKind
from mlserve_cli.monitoring.records.pages import Encoding, GrowingColumn, Page
from mlserve_cli.thrift import BINARY, I32, I64, LIST, STRUCT, TRUE, Struct, encode

if TYPE_CHECKING:
    from mlserve_cli.monitoring.records.columns import Column

_MAGIC = b"PAR1"
_LENGTH_BYTES = 4
_FORMAT_VERSION = 2
_GZIP = 2
_OPTIONAL = 1
_TEXT: Struct = {1: (STRUCT, {})}
# Microseconds, of universal time.
_MOMENT: Struct = {8: (STRUCT, {1: (TRUE, None), 2: (STRUCT, {2: (STRUCT, {})})})}


class _Type(IntEnum):
    BOOLEAN = 0
    INT64 = 2
    DOUBLE = 5
    BYTE_ARRAY = 6


class _Meaning(NamedTuple):
    """What a column's values are: for old readers a number, for later ones a structure."""

    old: int
    new: Struct


_TYPES = {
    ColumnKind.FLOAT64: _Type.DOUBLE,
    ColumnKind.INT64: _Type.INT64,
    ColumnKind.BOOL: _Type.BOOLEAN,
    ColumnKind.STRING: _Type.BYTE_ARRAY,
    ColumnKind.TIME: _Type.INT64,
}
_MEANINGS = {ColumnKind.STRING: _Meaning(0, _TEXT), ColumnKind.TIME: _Meaning(10, _MOMENT)}
# Rows of a page that is not added to any more.
_PAGE_ROWS = 1000


class GrowingParquet:
    """Rows as a file.

    Args:
        kinds: Of the columns, by name.
        metadata: Texts by key.
    """

    def __init__(self, kinds: Mapping[str, ColumnKind], metadata: Mapping[bytes, bytes]) -> None:
        self.rows = 0
        self._waiting_rows = 0
        self._columns = {name: GrowingColumn(kind) for name, kind in kinds.items()}
        # What stays the same is written once: a footer is made with every addition.
        self._heads = [_chunk_head(name, kind) for name, kind in kinds.items()]
        self._schema = _schema(kinds)
        self._metadata = [
            encode({1: (BINARY, key), 2: (BINARY, value)}) for key, value in metadata.items()
        ]

    def add(
        self,
        columns: "Mapping[str, Column]",
        rows: int,
        pause: Callable[[], None] = lambda: None,
    ) -> None:
        """Adds rows.

        Args:
            columns: Their values, by name; for all columns.
            rows: How many, at least 1.
            pause: Called after each column.
        """
        is_page = self._waiting_rows + rows >= _PAGE_ROWS
        for name, column in self._columns.items():
            column.add(columns[name], rows)
            if is_page:
                column.end_page()
            pause()
        self.rows += rows
        self._waiting_rows = 0 if is_page else self._waiting_rows + rows

    def parts(self, pause: Callable[[], None] = lambda: None) -> list[bytes]:
        """The whole file, in parts.

        Args:
            pause: Called after each column.
        """
        parts, place, chunks = [_MAGIC], len(_MAGIC), []
        full_bytes = 0
        for head, column in zip(self._heads, self._columns.values(), strict=True):
            pages = list(self._pages(column))
            parts += [page.content for page in pages]
            size_bytes = sum(len(page.content) for page in pages)
            full = sum(page.full_bytes for page in pages)
            chunks.append(_chunk(head, self.rows, full, size_bytes, place))
            place += size_bytes
            full_bytes += full
            pause()
        footer = self._footer(chunks, full_bytes, place - len(_MAGIC))
        return [*parts, footer, len(footer).to_bytes(_LENGTH_BYTES, "little"), _MAGIC]

    def _pages(self, column: GrowingColumn) -> Iterator[Page]:
        yield from column.pages
        if self._waiting_rows:
            yield column.begun_page()

    def _footer(self, chunks: list[bytes], full_bytes: int, size_bytes: int) -> bytes:
        row_group: Struct = {
            1: (LIST, (STRUCT, chunks)),
            2: (I64, full_bytes),
            3: (I64, self.rows),
            5: (I64, len(_MAGIC)),
            6: (I64, size_bytes),
        }
        return encode(
            {
                1: (I32, _FORMAT_VERSION),
                2: (LIST, (STRUCT, self._schema)),
                3: (I64, self.rows),
                4: (LIST, (STRUCT, [row_group])),
                5: (LIST, (STRUCT, self._metadata)),
                6: (BINARY, b"mlserve"),
            }
        )


def _schema(kinds: Mapping[str, ColumnKind]) -> list[bytes]:
    root: Struct = {4: (BINARY, b"schema"), 5: (I32, len(kinds))}
    return [encode(root), *(_field(name, kind) for name, kind in kinds.items())]


def _field(name: str, kind: ColumnKind) -> bytes:
    field: Struct = {
        1: (I32, _TYPES[kind]),
        3: (I32, _OPTIONAL),
        4: (BINARY, name.encode()),
    }
    if kind in _MEANINGS:
        old, new = _MEANINGS[kind]
        field |= {6: (I32, old), 10: (STRUCT, new)}
    return encode(field)


def _chunk_head(name: str, kind: ColumnKind) -> bytes:
    """What the footer says first of a column's pages, up to the fourth field."""
    fields: Struct = {
        1: (I32, _TYPES[kind]),
        2: (LIST, (I32, [Encoding.PLAIN, Encoding.RLE])),
        3: (LIST, (BINARY, [name.encode()])),
        4: (I32, _GZIP),
    }
    return encode(fields)[:-1]


def _chunk(head: bytes, rows: int, full_bytes: int, size_bytes: int, place: int) -> bytes:
    """What the footer says of a column's pages."""
    # The fields 5, 6, 7 and 9: each is written as its distance from the one before.
    rest = encode({1: (I64, rows), 2: (I64, full_bytes), 3: (I64, size_bytes), 5: (I64, place)})
    return encode({2: (I64, 0), 3: (STRUCT, head + rest)})
