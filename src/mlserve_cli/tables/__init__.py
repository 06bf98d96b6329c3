"""Tables read and written: as streams of blocks to be scored, or whole as data frames."""

from mlserve_cli.tables.formats import Compression, FileType, Format
from mlserve_cli.tables.frames import read_table, write_parquet

__all__ = ["Compression", "FileType", "Format", "read_table", "write_parquet"]
