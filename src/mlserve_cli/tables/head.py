"""What a CSV file starts with: byte order mark, blank lines and header."""

import csv
from dataclasses import dataclass, replace

from mlserve_cli.errors import InputError
from mlserve_cli.tables.options import TableOptions
from mlserve_cli.tables.records import RecordScanner, UnclosedQuoteError
from mlserve_cli.tables.source import Source

# A record longer than this is taken for a quote that somebody forgot to close.
RECORD_BYTES_LIMIT = 64 << 20

_BOM = b"\xef\xbb\xbf"
# What is often mistaken for a CSV file, by its first bytes.
_NOT_TEXT = {
    b"PAR1": "a Parquet file",
    b"ARROW1": "an Arrow file",
    b"PK\x03\x04": "a zip archive, as Excel workbooks and skops models are",
    b"\x93NUMPY": "a NumPy array",
    b"\x80\x04\x95": "a pickle, as joblib models are",
    b"\x80\x05\x95": "a pickle, as joblib models are",
    b"\x89HDF": "an HDF5 file",
    b"SQLite format 3\0": "an SQLite database",
    b"%PDF-": "a PDF document",
}
# At least a byte order mark, at most what nearly every header fits in.
_FIRST_READ_BYTES = (4, 1 << 16)


@dataclass(frozen=True, slots=True)
class Head:
    """The start of a CSV file.

    Attributes:
        prefix: Bytes before the header: byte order mark and blank lines.
        record: The header record without its line end; empty where there is no header.
        line_end: The header's line end; empty where the file ends without one.
        fields: Values of the first record, which is the header or, without one, the first row.
        rest: Bytes that were read but belong to the rows.
    """

    prefix: bytes
    record: bytes
    line_end: bytes
    fields: tuple[str, ...]
    rest: bytes

    def split_by(self, name: str, delimiter: str, options: TableOptions) -> "Head":
        """The same start of the file, its first record split by another delimiter.

        Args:
            name: Name of the file.
            delimiter: What separates two fields.
            options: Whether the first record is a header.
        """
        record = self.record
        if not options.header:
            scanner = RecordScanner(delimiter.encode())
            records = scanner.records(self.rest)
            record = self.rest[records.starts[0] : records.ends[0]]
        return replace(self, fields=split_record(name, record, delimiter))


def read_head(source: Source, delimiter: str, options: TableOptions) -> Head:
    """Reads as much as the first record needs.

    Raises:
        InputError: The file is empty, is not text in UTF-8, or its first record does not end.
    """
    wanted = max(_FIRST_READ_BYTES[0], min(_FIRST_READ_BYTES[1], options.block_bytes))
    data = source.read(wanted)
    if not data:
        raise InputError(f"{source.name} is empty; a header and rows are expected.")
    for magic, found in _NOT_TEXT.items():
        if data.startswith(magic):
            raise InputError(f"{source.name} is {found}; a CSV file is expected.")
    mark = _BOM if data.startswith(_BOM) else b""
    scanner = RecordScanner(delimiter.encode())
    data, start, end = _first_record(source, scanner, data[len(mark) :], final=len(data) < wanted)
    record = data[start:end]
    fields = split_record(source.name, record, delimiter)
    if not options.header:
        return Head(mark, b"", b"", fields, data)
    line_end = b"\r\n" if data.startswith(b"\r\n", end) else data[end : end + 1]
    return Head(mark + data[:start], record, line_end, fields, data[end + len(line_end) :])


def _first_record(
    source: Source, scanner: RecordScanner, data: bytes, *, final: bool
) -> tuple[bytes, int, int]:
    """Reads on until a record is whole; all bytes read, and where the record starts and ends."""
    while True:
        records = scanner.records(data[: scanner.cut(data, final=False)])
        if final and not len(records):
            records = scanner.records(data[: _end(source.name, scanner, data)])
        if len(records):
            return data, int(records.starts[0]), int(records.ends[0])
        if final:
            raise InputError(f"{source.name} holds blank lines only; a header is expected.")
        if len(data) > RECORD_BYTES_LIMIT:
            raise InputError(f"{source.name}: the first record does not end within 64 MiB.")
        wanted = max(len(data), 1)
        piece = source.read(wanted)
        final = len(piece) < wanted
        data += piece


def _end(name: str, scanner: RecordScanner, data: bytes) -> int:
    try:
        return scanner.cut(data, final=True)
    except UnclosedQuoteError as error:
        raise InputError(f"{name}: a quote in the first record is never closed.") from error


def split_record(name: str, record: bytes, delimiter: str) -> tuple[str, ...]:
    """The values of one record; bytes that are not UTF-8 become surrogate escapes.

    Raises:
        InputError: A value is longer than the csv module's limit.
    """
    text = record.decode("utf-8", "surrogateescape")
    try:
        # The csv module shares pyarrow's grammar within a record; tests compare the two.
        return tuple(next(csv.reader([text], delimiter=delimiter)))
    except csv.Error as error:
        raise InputError(f"{name}: the first record cannot be read: {error}.") from error
