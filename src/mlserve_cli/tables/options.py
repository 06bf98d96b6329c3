"""How a table is to be read."""

from dataclasses import dataclass

from mlserve_cli.errors import UsageError
from mlserve_cli.tables.formats import Format

# Measured on 20 float columns: throughput is flat from 0.25 to 1 MiB and halves at 4 MiB, where
# a block no longer fits the processor's cache.
BLOCK_BYTES = 1 << 20

# Bytes that would make a delimiter ambiguous.
_RESERVED = '"\r\n'


@dataclass(frozen=True, slots=True)
class TableOptions:
    """How a table is to be read.

    Attributes:
        columns: With a header, the columns to take, in the model's order; without one, the names
            of all columns of the file. None matches them with the signature.
        header: Whether the first record names the columns.
        delimiter: What separates two fields; None chooses by format.
        decimal: What stands before the fraction of a number: a point or a comma.
        block_bytes: How much is read, parsed and scored at once.
    """

    columns: tuple[str, ...] | None = None
    header: bool = True
    delimiter: str | None = None
    decimal: str = "."
    block_bytes: int = BLOCK_BYTES

    def __post_init__(self) -> None:
        if self.decimal not in (".", ","):
            raise UsageError(f"{self.decimal!r} is no decimal point; it is '.' or ','.")

    def delimiter_for(self, format_: Format | None) -> str:
        """The delimiter: as given, else a tab for TSV and a comma for anything else.

        Raises:
            UsageError: It is not a single character that can separate fields.
        """
        if self.delimiter is None:
            return "\t" if format_ is Format.TSV else ","
        one = len(self.delimiter) == 1 and self.delimiter.isascii()
        if not one or self.delimiter in _RESERVED or self.delimiter == "\0":
            raise UsageError(
                f"{self.delimiter!r} cannot be a delimiter; it must be one ASCII character other "
                "than a quote or a line end."
            )
        return self.delimiter
