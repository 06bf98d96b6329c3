"""Bytes that one process leaves for the others of its server, and for whoever replaces it."""

import os
import pickle
import struct
import tempfile
import zlib
from typing import Any

_HEAD = struct.Struct("<QI")
_TRIES = 20


class SharedSheet:
    """A file without a name; made before the processes are forked. One of them writes at a time."""

    def __init__(self) -> None:
        with tempfile.TemporaryFile() as sheet:
            self._sheet = os.dup(sheet.fileno())

    def close(self) -> None:
        """Lets it go."""
        os.close(self._sheet)

    def write(self, content: bytes) -> None:
        """Takes the place of what was there; whoever dies meanwhile leaves nothing.

        Raises:
            OSError: There is no room for it.
        """
        os.pwrite(self._sheet, _HEAD.pack(len(content), zlib.crc32(content)) + content, 0)

    def read(self) -> bytes:
        """What was written last; empty where that is nothing."""
        for _ in range(_TRIES):
            head = os.pread(self._sheet, _HEAD.size, 0)
            if len(head) < _HEAD.size:
                break
            size, checksum = _HEAD.unpack(head)
            content = os.pread(self._sheet, size, _HEAD.size)
            # It may be written at this moment.
            if zlib.crc32(content) == checksum:
                return content
        return b""

    def remember(self, memory: object) -> None:
        """Leaves objects for the process that replaces this one.

        Raises:
            OSError: There is no room for them.
        """
        self.write(pickle.dumps(memory, pickle.HIGHEST_PROTOCOL))

    def remembered(self) -> Any:
        """The objects that were left; None where there are none."""
        content = self.read()
        # Only processes of this server can write here.
        return pickle.loads(content) if content else None  # noqa: S301
