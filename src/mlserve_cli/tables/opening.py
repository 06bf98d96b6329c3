"""One entry to every format that can be scored as a stream."""

from typing import assert_never

from mlserve_cli.errors import UsageError
from mlserve_cli.signature import Signature
from mlserve_cli.tables.csv_table import CsvTable
from mlserve_cli.tables.formats import FileType, Format
from mlserve_cli.tables.interface import Table
from mlserve_cli.tables.options import TableOptions
from mlserve_cli.tables.source import Source


def open_table(source: Source, signature: Signature, options: TableOptions) -> Table:
    """The table in `source`, its columns matched with `signature`; the name's suffix says which.

    Raises:
        UsageError: The format cannot be streamed, or the options do not fit the file.
        InputError: The file cannot be read, or lacks the columns that the model takes.
    """
    format_ = FileType.of_name(source.name).format
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


def check_formats(source: str, destination: str, options: TableOptions) -> None:
    """Refuses two kinds of CSV, since lines are passed through as they are.

    Raises:
        UsageError: The suffixes are those of different kinds.
    """
    read, written = FileType.of_name(source), FileType.of_name(destination)
    differ = {read.format, written.format} == {Format.CSV, Format.TSV}
    if differ and options.delimiter is None:
        raise UsageError(
            f"{source} and {destination} have different suffixes, but lines are passed through as "
            "they are.",
            hint=f"Name an output file that ends in {read.suffix}, or say what separates the "
            "fields: --delimiter CHARACTER",
        )
