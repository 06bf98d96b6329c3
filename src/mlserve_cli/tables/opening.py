"""One entry to every format that can be scored as a stream."""

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
    file_type = FileType.of_name(source.name)
    match file_type.format:
        case Format.CSV | Format.TSV | None:
            return CsvTable(source, file_type.format, signature, options)
        case _:
            raise _unsupported(source.name, file_type.suffix)


def check_formats(source: str, destination: str, options: TableOptions) -> None:
    """Refuses names whose suffixes promise a format that the job cannot read or will not write.

    Raises:
        UsageError: They do.
    """
    types = FileType.of_name(source), FileType.of_name(destination)
    for name, file_type in zip((source, destination), types, strict=True):
        if file_type.format not in (Format.CSV, Format.TSV, None):
            raise _unsupported(name, file_type.suffix)
    read, written = types
    differ = read.format and written.format and read.format is not written.format
    if differ and options.delimiter is None:
        raise UsageError(
            f"{source} and {destination} have different suffixes, but lines are passed through as "
            "they are.",
            hint=f"Name an output file that ends in {read.suffix}, or say what separates the "
            "fields: --delimiter CHARACTER",
        )


def _unsupported(name: str, suffix: str) -> UsageError:
    return UsageError(
        f"{name}: batch-predict reads and writes CSV and TSV, plain or compressed; not {suffix}."
    )
