"""How much is kept, and for how long."""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

SUFFIX = ".parquet"
PART_SUFFIX = ".part"
# Whoever was writing a hidden file has died, if it is older.
_ABANDONED_SECONDS = 600.0
_DAY_SECONDS = 86_400.0


@dataclass(frozen=True, slots=True)
class Retention:
    """Bounds on the records of all models together.

    Attributes:
        max_bytes: Size of their files.
        max_age_seconds: Since a file was written last.
    """

    max_bytes: int = 1 << 30
    max_age_seconds: float = 30 * _DAY_SECONDS


class _File(NamedTuple):
    changed: float
    size_bytes: int
    path: str


def tidy(folder: Path, bounds: Retention, now: float) -> None:
    """Removes the oldest records beyond the bounds, and what dead writers left behind.

    Args:
        folder: Of all records.
        bounds: How much is kept.
        now: Seconds since 1970.
    """
    total = 0
    for file in sorted(_files(folder), reverse=True):
        if file.path.endswith(PART_SUFFIX):
            is_old = now - file.changed > _ABANDONED_SECONDS
        else:
            total += file.size_bytes
            is_old = total > bounds.max_bytes or now - file.changed > bounds.max_age_seconds
        if is_old:
            # Another worker may have been faster.
            with contextlib.suppress(OSError):
                os.unlink(file.path)  # noqa: PTH108 - a Path for each of many files takes longer.


def _files(folder: Path) -> Iterator[_File]:
    for model in _folders(folder):
        for version in _folders(model):
            with contextlib.suppress(OSError), os.scandir(version) as entries:
                for entry in entries:
                    if entry.name.endswith((SUFFIX, PART_SUFFIX)):
                        with contextlib.suppress(OSError):
                            status = entry.stat(follow_symlinks=False)
                            yield _File(status.st_mtime, status.st_size, entry.path)


def _folders(folder: Path) -> list[Path]:
    with contextlib.suppress(OSError):
        return [path for path in folder.iterdir() if path.is_dir()]
    return []
