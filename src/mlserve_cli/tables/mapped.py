"""Mapped files of which only what is being read stays in memory."""

import mmap
from pathlib import Path

# How much is read before it is given back: many times what it costs to do so.
_KEPT_BYTES = 1 << 24


class Forgetting:
    """Gives back what was read of a mapped file. Whoever looks at it again reads it again.

    Args:
        mapped: The file's memory.
    """

    def __init__(self, mapped: mmap.mmap) -> None:
        self._mapped = mapped
        self._read_bytes = 0

    def count(self, size_bytes: int) -> None:
        """Notes that so much was read since the last call."""
        self._read_bytes += size_bytes
        # Not every system lets a process say so; there its memory is given back under pressure.
        if self._read_bytes >= _KEPT_BYTES and hasattr(mmap, "MADV_DONTNEED"):
            self._mapped.madvise(mmap.MADV_DONTNEED)
            self._read_bytes = 0


def map_file(path: str) -> mmap.mmap:
    """The content of a file, to be read.

    Raises:
        OSError: It cannot be opened.
        ValueError: It is empty.
    """
    with Path(path).open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
