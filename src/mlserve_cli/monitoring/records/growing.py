"""A Parquet file that is whole at every moment, though rows are added to it."""

import contextlib
import errno
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mlserve_cli.monitoring.records.parquet import GrowingParquet
from mlserve_cli.monitoring.records.retention import PART_SUFFIX

if TYPE_CHECKING:
    from mlserve_cli.monitoring.records.columns import Column, ColumnKind

# A file is written again, beside itself, with every addition. It ends before that costs more than
# some milliseconds: here, or where it has grown to several times the last addition.
_FULL_CELLS = 250_000
_FULL_ADDITIONS = 4
_MOST_CELLS = 1_000_000
_FULL_SECONDS = 3600.0
# Of one call; systems take no more.
_MOST_PARTS = 1024
# macOS lacks the shorter one.
_sync = getattr(os, "fdatasync", os.fsync)


class GrowingFile:
    """Rows of one model.

    Args:
        path: Where it appears with the first rows.
        kinds: Of its columns, by name.
        metadata: Texts by key.
        now: A clock's time in seconds.
    """

    def __init__(
        self,
        path: Path,
        kinds: "Mapping[str, ColumnKind]",
        metadata: Mapping[bytes, bytes],
        now: float,
    ) -> None:
        self.path = path
        self._content = GrowingParquet(kinds, metadata)
        self._width = len(kinds)
        self._is_large = False
        self._began = now

    def add(
        self,
        columns: "Mapping[str, Column]",
        rows: int,
        pause: Callable[[], None] = lambda: None,
    ) -> None:
        """Adds rows: afterwards the file has all of them, and has been without none before.

        Args:
            columns: Their values, by name.
            rows: How many, at least 1.
            pause: Called between short steps of work.

        Raises:
            OSError: It cannot be written; the file stays as it was, and takes no more rows.
        """
        self._content.add(columns, rows, pause)
        _replace(self.path, self._content.parts(pause))
        cells = self._content.rows * self._width
        added_cells = rows * self._width
        self._is_large = cells >= max(_FULL_CELLS, min(_FULL_ADDITIONS * added_cells, _MOST_CELLS))

    def is_full(self, now: float) -> bool:
        """Whether further rows go to another file."""
        return self._is_large or abs(now - self._began) >= _FULL_SECONDS


def _replace(path: Path, parts: Sequence[bytes]) -> None:
    """Raises OSError."""
    part = path.with_name(f".{path.name}{PART_SUFFIX}")
    try:
        descriptor = _opened(part)
        try:
            _write(descriptor, parts)
            _sync(descriptor)
        finally:
            os.close(descriptor)
        part.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise


def _opened(path: Path) -> int:
    """What people asked a model is nobody else's business. Raises OSError."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
    try:
        return os.open(path, flags, 0o600)
    except FileNotFoundError:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return os.open(path, flags, 0o600)


def _write(descriptor: int, parts: Sequence[bytes]) -> None:
    """Raises OSError."""
    for start in range(0, len(parts), _MOST_PARTS):
        some = parts[start : start + _MOST_PARTS]
        if os.writev(descriptor, some) < sum(map(len, some)):
            # The system takes the rest of a file in another call only where there is room for it.
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
