"""The footer and the pages of a Parquet body, looked over before they are read.

A few bytes of Parquet can spell out gigabytes: compression, and encodings that repeat a value or
the start of the one before. The sizes stand in the header of each page, which pyarrow trusts; what
is beyond the limits is refused here first. pyarrow's own view of the footer is of no use for that:
it ends the process where the footer is damaged in certain ways.
"""

from typing import TYPE_CHECKING, Any

from mlserve_cli.errors import InputError, SignatureError
from mlserve_cli.serving.protocols.thrift import (
    BINARY,
    INT32,
    INT64,
    CompactReader,
    DamagedError,
    Form,
)
from mlserve_cli.serving.refusals import TooLargeError

if TYPE_CHECKING:
    from collections.abc import Iterator

# Bytes of all pages after decompression.
MAX_PLAIN_BYTES = 128 << 20
# Values of the columns that are read: what a request may hold in memory.
MAX_VALUES = 16 << 20
MAX_PAGES = 20_000
# Fields of the footer, about 40 for each column of each row group; reading one takes a microsecond.
_MAX_FOOTER_FIELDS = 200_000
# A page header has about 20.
_MAX_PAGE_FIELDS = 64

# Fields by their numbers in the format's own definition, parquet.thrift. Lists that are not looked
# at stand here as well, so that they can be passed over.
_ROWS, _GROUPS = 3, 4
_COLUMNS = 1
_PATH, _COLUMN = 1, 3
_CODED_BYTES, _DATA_PAGE, _DICTIONARY_PAGE = 7, 9, 11
_LISTS: Form = {2: (INT32,), 3: (BINARY,), 8: ({},), 13: ({},)}
_SIZES: Form = {_CODED_BYTES: INT64, _DATA_PAGE: INT64, _DICTIONARY_PAGE: INT64}
_STATISTICS: Form = {16: {2: (INT64,), 3: (INT64,)}, 17: {2: (INT32,)}}
_CHUNK: Form = {_PATH: BINARY, _COLUMN: _LISTS | _SIZES | _STATISTICS}
_GROUP: Form = {_COLUMNS: (_CHUNK,), _ROWS: INT64, 4: ({},)}
_FOOTER: Form = {2: ({},), _ROWS: INT64, _GROUPS: (_GROUP,), 5: ({},), 7: ({},)}
_KIND, _PLAIN_SIZE, _CODED_SIZE, _COUNT = 1, 2, 3, 1
_IS_DICTIONARY = 2
# For each kind of page the field that tells more, and where in it the encoding stands.
_DETAILS = {0: (5, 2), _IS_DICTIONARY: (7, 2), 3: (8, 4)}
_PAGE: Form = {field: {_COUNT: INT32, place: INT32} for field, place in _DETAILS.values()}
_PAGE |= {_KIND: INT32, _PLAIN_SIZE: INT32, _CODED_SIZE: INT32}
# PLAIN, PLAIN_DICTIONARY, RLE, BIT_PACKED, DELTA_BINARY_PACKED, RLE_DICTIONARY, BYTE_STREAM_SPLIT.
# The delta encodings of text repeat what they like.
_ENCODINGS = frozenset({0, 2, 3, 4, 5, 8, 9})
_MAGIC = b"PAR1"


def check_size(body: bytes, columns: int) -> None:
    """Refuses a file that would take more memory than a request may.

    Args:
        body: The whole file.
        columns: How many of its columns are read.

    Raises:
        TooLargeError: It holds more than the limits.
        SignatureError: It holds no rows.
        InputError: It is damaged, or encoded in a way that is not read.
    """
    try:
        groups = _row_groups(body)
        rows = sum(_number(group, _ROWS) for group in groups)
        if not rows:
            raise SignatureError("Found no rows, expected at least one.")
        if rows * columns > MAX_VALUES:
            raise _too_large(f"{rows} rows of {columns} columns, more than {MAX_VALUES} values")
        chunks = [chunk for group in groups for chunk in group.get(_COLUMNS, [])]
        _check_pages(body, chunks)
    except DamagedError:
        raise InputError("The Parquet body is damaged.") from None


def _row_groups(body: bytes) -> list[dict[int, Any]]:
    size = int.from_bytes(body[-8:-4], "little")
    if body[-4:] != _MAGIC or size > len(body) - 12:
        raise DamagedError
    footer = CompactReader(body, len(body) - 8 - size, _MAX_FOOTER_FIELDS).struct(_FOOTER)
    groups: list[dict[int, Any]] = footer.get(_GROUPS, [])
    if sum(_number(group, _ROWS) for group in groups) != _number(footer, _ROWS):
        raise DamagedError
    return groups


def _check_pages(body: bytes, chunks: list[dict[int, Any]]) -> None:
    plain_bytes = pages = 0
    for chunk in chunks:
        for page in _pages(body, chunk):
            pages += 1
            plain_bytes += _plain_bytes(page)
            if pages > MAX_PAGES:
                raise _too_large(f"more than {MAX_PAGES} pages")
            if plain_bytes > MAX_PLAIN_BYTES:
                raise _too_large(f"more than {MAX_PLAIN_BYTES} bytes when it is decompressed")


def _pages(body: bytes, chunk: dict[int, Any]) -> "Iterator[dict[int, Any]]":
    """The page headers of a column of a row group."""
    column = chunk.get(_COLUMN)
    # A path says that the values are in another file.
    if column is None or chunk.get(_PATH):
        raise DamagedError
    start = _number(column, _DATA_PAGE)
    if 0 < column.get(_DICTIONARY_PAGE, 0) < start:
        start = column[_DICTIONARY_PAGE]
    stop = start + _number(column, _CODED_BYTES)
    if stop > len(body):
        raise DamagedError
    while start < stop:
        reader = CompactReader(body, start, _MAX_PAGE_FIELDS)
        header = reader.struct(_PAGE)
        yield header
        start = reader.position + _number(header, _CODED_SIZE)


def _plain_bytes(header: dict[int, Any]) -> int:
    """Bytes of a page after decompression."""
    kind, size = _number(header, _KIND), _number(header, _PLAIN_SIZE)
    if kind not in _DETAILS:
        return size
    field, place = _DETAILS[kind]
    details = header.get(field, {})
    # Every value of a dictionary takes a byte at least.
    if _number(details, _COUNT) > (size if kind == _IS_DICTIONARY else MAX_VALUES):
        raise DamagedError
    encoding = _number(details, place)
    if encoding not in _ENCODINGS:
        raise InputError(
            f"The Parquet body has pages in the encoding {encoding}, which is not read.",
            hint="Write it with plain or dictionary encoding, the default of most writers.",
        )
    return size


def _number(fields: dict[int, Any], field: int) -> int:
    value: int = fields.get(field, -1)
    if value < 0:
        raise DamagedError
    return value


def _too_large(found: str) -> TooLargeError:
    return TooLargeError(f"The Parquet body holds {found}.", hint="Send fewer rows per request.")
