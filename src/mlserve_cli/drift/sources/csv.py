"""CSV as data."""

import re
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv

from mlserve_cli.drift.sources.typed import Piece, TypedStream, UnfitError
from mlserve_cli.errors import InputError
from mlserve_cli.tables.fault import TO_UTF_8, shown
from mlserve_cli.tables.formats import Format
from mlserve_cli.tables.head import read_head, split_record
from mlserve_cli.tables.options import TableOptions
from mlserve_cli.tables.records import RecordScanner, UnclosedQuoteError
from mlserve_cli.tables.source import Source
from mlserve_cli.tables.values import NULL_SPELLINGS, number

_REFUSED_COLUMN = re.compile(r"In CSV column #(\d+): (?:CSV conversion error to )?(.*)")
_OTHER_DELIMITERS = ";\t|"


def open_csv(path: Path, format_: Format) -> TypedStream:
    """A CSV or TSV file with a header; fields may also be separated by `;`, tab or `|`.

    Raises:
        InputError: It cannot be read.
    """
    return TypedStream(path, _CsvLayout(str(path), TableOptions().delimiter_for(format_)))


class _CsvLayout:
    """See `Layout`."""

    name = "CSV"

    def __init__(self, file_name: str, delimiter: str) -> None:
        self._file_name = file_name
        self._delimiter = delimiter
        self._scanner = RecordScanner(delimiter.encode())
        self._names: list[str] = []

    def start(self, source: Source) -> bytes:
        head = read_head(source, self._delimiter, TableOptions())
        fields = head.fields
        other = _delimiter_in(fields[0]) if len(fields) == 1 else None
        if other is not None:
            self._delimiter = other
            self._scanner = RecordScanner(other.encode())
            fields = split_record(self._file_name, head.record, other)
        if not all(_is_text(field) for field in fields):
            raise self._not_text()
        if all(_is_number(field) for field in fields) and len(set(fields)) > 1:
            self._refuse_data_as_header(fields)
        self._names = [field or f"x{place}" for place, field in enumerate(fields)]
        repeated = sorted({name for name in self._names if self._names.count(name) > 1})
        if repeated:
            raise InputError(
                f"{self._file_name} has more than one column named {shown(repeated[0])}.",
                hint="Rename them, so that each can be told from the others.",
            )
        return head.rest

    def _refuse_data_as_header(self, fields: tuple[str, ...]) -> None:
        # pandas writes 0,1,2,... above columns that have no names.
        if list(fields) != [str(place) for place in range(len(fields))]:
            raise InputError(
                f"{self._file_name} seems to have no header; its first line is: "
                f"{shown(','.join(fields))}.",
                hint="Put the names of the columns into its first line.",
            )

    def cut(self, data: bytes, *, final: bool) -> int:
        try:
            return self._scanner.cut(data, final=final)
        except UnclosedQuoteError as error:
            raise InputError(f"{self._file_name}: a quote near its end is never closed.") from error

    def parse(self, piece: Piece, types: dict[str, pa.DataType] | None) -> pa.Table:
        bad: list[pa_csv.InvalidRow] = []

        def refuse(row: pa_csv.InvalidRow) -> str:
            bad.append(row)
            return "error"

        try:
            table = pa_csv.read_csv(
                pa.py_buffer(piece.data),
                read_options=pa_csv.ReadOptions(
                    column_names=self._names, block_size=len(piece.data) + 1, use_threads=False
                ),
                parse_options=pa_csv.ParseOptions(
                    delimiter=self._delimiter, newlines_in_values=True, invalid_row_handler=refuse
                ),
                convert_options=pa_csv.ConvertOptions(
                    include_columns=None if types is None else list(types),
                    column_types=types,
                    null_values=NULL_SPELLINGS,
                    strings_can_be_null=True,
                ),
            )
        except pa.ArrowInvalid as error:
            raise self._explained(error, bad, piece) from error
        # What is no UTF-8 is taken for bytes, where no type is given.
        if any(pa.types.is_binary(kind) for kind in table.schema.types):
            raise self._not_text()
        return table

    def _not_text(self) -> InputError:
        return InputError(f"{self._file_name} holds text that is not UTF-8.", hint=TO_UTF_8)

    def _explained(
        self, error: pa.ArrowInvalid, bad: "list[pa_csv.InvalidRow]", piece: Piece
    ) -> Exception:
        if bad:
            row = piece.rows + bad[0].number
            return InputError(
                f"{self._file_name}, row {row}: found {bad[0].actual_columns} fields, expected "
                f"{bad[0].expected_columns}."
            )
        text = str(error).splitlines()[0]
        if "UTF8" in text:
            return self._not_text()
        found = _REFUSED_COLUMN.search(text)
        if found is None:
            return InputError(f"{self._file_name} cannot be read: {text}.")
        return UnfitError(self._names[int(found[1])], found[2])


def _delimiter_in(header: str) -> str | None:
    return next((character for character in _OTHER_DELIMITERS if character in header), None)


def _is_text(text: str) -> bool:
    """Whether it was UTF-8: bytes that are none stand in it as halves of surrogate pairs."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _is_number(text: str) -> bool:
    try:
        number(text)
    except ValueError:
        return False
    return True
