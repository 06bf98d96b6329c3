"""Which files of a folder are data."""

from pathlib import PurePath

from mlserve_cli.tables.formats import FileType


def is_table(path: PurePath) -> bool:
    """Whether a file holds a table, by its name; programs mark files of their own by `.` or `_`."""
    return not path.name.startswith((".", "_")) and FileType.of_name(path.name).format is not None
