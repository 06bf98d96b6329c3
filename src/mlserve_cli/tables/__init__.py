"""Tables read and written: as streams of blocks to be scored, or whole as data frames.

Its names are imported when they are first used: pyarrow is not needed to tell formats apart.
"""

from typing import TYPE_CHECKING

from mlserve_cli.lazy import names_from

if TYPE_CHECKING:
    from mlserve_cli.tables.formats import Compression, FileType, Format
    from mlserve_cli.tables.frames import read_table, write_parquet

__all__ = ["Compression", "FileType", "Format", "read_table", "write_parquet"]

_HOMES = {
    "Compression": "formats",
    "FileType": "formats",
    "Format": "formats",
    "read_table": "frames",
    "write_parquet": "frames",
}


__getattr__ = names_from(__name__, _HOMES)
