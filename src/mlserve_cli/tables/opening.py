"""One entry to every format that can be scored as a stream."""

from typing import assert_never

from mlserve_cli.errors import UsageError
from mlserve_cli.signature import Signature
from mlserve_cli.tables.csv_table import CsvTable
from mlserve_cli.tables.formats import Format
from mlserve_cli.tables.interface import Table
from mlserve_cli.tables.options import TableOptions
from mlserve_cli.tables.remote import file_type_of
from mlserve_cli.tables.remote_errors import shown_uri
from mlserve_cli.tables.source import Source


def open_table(source: Source, signature: Signature, options: TableOptions) -> Table:
    """The table in `source`, its columns matched with `signature`.

    Raises:
        UsageError: The format cannot be streamed, or the options do not fit the file.
        InputError: The file cannot be read, or lacks the columns that the model takes.
    """
    format_ = source.format
    match format_:
        case Format.CSV | Format.TSV | None:
            return CsvTable(source, format_, signature, options)
        case Format.JSONL:
            from mlserve_cli.tables.jsonl_table import JsonlTable

            return JsonlTable(source, signature, options)
        case Format.PARQUET | Format.ARROW | Format.NPY | Format.NPZ:
            from mlserve_cli.tables.arrow_files import open_arrow_file
            from mlserve_cli.tables.arrow_table import ArrowTable

            file = open_arrow_file(source, format_)
            return ArrowTable(file, source.name, signature, options)
        case _:
            assert_never(format_)


def check_formats(
    source: str,
    destination: str,
    options: TableOptions,
    given: Format | None = None,
    asked: Format | None = None,
) -> None:
    """Refuses two kinds of CSV, since lines are passed through as they are.

    Args:
        source: The input.
        destination: The output.
        options: What separates the fields.
        given: Format of the input; None believes its name.
        asked: Format of the output; None believes its name.

    Raises:
        UsageError: The formats are those of different kinds.
    """
    read, written = file_type_of(source), file_type_of(destination)
    formats = given or read.format, asked or written.format
    if set(formats) != {Format.CSV, Format.TSV} or options.delimiter is not None:
        return
    if given is None and asked is None:
        found = f"{shown_uri(source)} and {shown_uri(destination)} have different suffixes"
    else:
        found = f"The input is {formats[0]} and the output {formats[1]}"
    raise UsageError(
        f"{found}, but lines are passed through as they are.",
        hint=f"Write {formats[0]}, or say what separates the fields: --delimiter CHARACTER",
    )
