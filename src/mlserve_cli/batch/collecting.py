"""What writers of files write, collected to be passed on."""

import io
from typing import Any


class Collected(io.RawIOBase):
    """A file in memory that is emptied as it grows; it knows how long it would be."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[bytes] = []
        self._length = 0

    def writable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """How much was written so far."""
        return self._length

    def write(self, data: Any) -> int:
        """Keeps a copy; how many bytes it has."""
        part = bytes(data)
        self._parts.append(part)
        self._length += len(part)
        return len(part)

    def take(self) -> bytes:
        """Everything since the last time."""
        parts, self._parts = self._parts, []
        return b"".join(parts)
