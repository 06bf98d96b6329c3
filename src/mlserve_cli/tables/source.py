"""Bytes of a file or of standard input, decompressed on the way."""

import io
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Self

import pyarrow as pa

from mlserve_cli.errors import InputError
from mlserve_cli.tables.encodings import MARK_BYTES, UTF_8, Readable, Transcoded, encoding_of
from mlserve_cli.tables.formats import Compression

STANDARD_STREAM = "-"
# Enough to tell how a file is compressed, and whether it is one of Arrow.
_HEAD_BYTES = 6
# How much is read at once of what is not wanted.
_SKIPPED_BYTES = 1 << 20


class _Counted(io.RawIOBase):
    """A binary stream that counts the bytes taken from it and can give back its first ones."""

    def __init__(self, raw: BinaryIO) -> None:
        super().__init__()
        self.taken = 0
        self._raw = raw
        self._head = raw.read(_HEAD_BYTES) or b""

    @property
    def head(self) -> bytes:
        """The first bytes, at most six; they are still to be read."""
        return self._head

    def readable(self) -> bool:
        return True

    def seek_to(self, position: int) -> None:
        """Goes on at an offset."""
        self._raw.seek(position)
        self._head = b""
        self.taken = position

    def readinto(self, buffer: "memoryview") -> int:  # type: ignore[override]
        if self._head:
            count = min(len(buffer), len(self._head))
            buffer[:count] = self._head[:count]
            self._head = self._head[count:]
        else:
            count = self._raw.readinto(buffer) or 0  # type: ignore[attr-defined]
        self.taken += count
        return count


class _Pushed:
    """A stream that begins with bytes that were read from it already."""

    def __init__(self, head: bytes, stream: Readable) -> None:
        self._head = head
        self._stream = stream

    def read(self, size: int, /) -> bytes:
        if not self._head:
            return self._stream.read(size)
        head, self._head = self._head[:size], self._head[size:]
        return head

    def forget(self) -> None:
        """Goes on where the stream itself is."""
        self._head = b""


class Source:
    """An open input: reads decompressed bytes and knows how far it is.

    Args:
        path: A file, or `-` for standard input.
        encoding: Encoding of text that is to be read as UTF-8; None takes UTF-16 where a byte order
            mark says so, and leaves all else as it is.

    Raises:
        InputError: There is no such file, or it cannot be read.
        UsageError: There is no such encoding.
    """

    def __init__(self, path: str | Path, *, encoding: str | None = None) -> None:
        self._standard = str(path) == STANDARD_STREAM
        self.name = "standard input" if self._standard else str(path)
        self._file = self._open(path)
        details = os.fstat(self._file.fileno()) if _has_descriptor(self._file) else None
        self.details = details
        regular = details is not None and stat.S_ISREG(details.st_mode)
        self.size_bytes = details.st_size if details is not None and regular else None
        with self._reading():
            self._counted = _Counted(self._file)
        self.head = self._counted.head
        self.compression = Compression.of_content(self.head)
        self._stream: Readable = self._decompressed()
        self._position = 0
        try:
            self.encoding = self._transcode(encoding)
        except BaseException:
            self.close()
            raise

    @staticmethod
    def _open(path: str | Path) -> BinaryIO:
        if str(path) == STANDARD_STREAM:
            return sys.stdin.buffer
        try:
            return Path(path).open("rb", buffering=0)
        except FileNotFoundError as error:
            raise InputError(f"{path} does not exist.") from error
        except IsADirectoryError as error:
            raise InputError(f"{path} is a directory; a file is expected.") from error
        except OSError as error:
            raise InputError(f"{path} cannot be read: {error.strerror or error}.") from error

    def _transcode(self, asked: str | None) -> str:
        """Reads UTF-8 from now on; the encoding of the input."""
        with self._reading():
            head = self._stream.read(MARK_BYTES)
        self._stream = _Pushed(head, self._stream)
        encoding = encoding_of(head, asked)
        if encoding != UTF_8:
            self._stream = Transcoded(self._stream, encoding, self.name)
        return encoding

    def _decompressed(self) -> BinaryIO:
        if self.compression is Compression.NONE:
            return self._counted  # type: ignore[return-value]
        file = pa.PythonFile(self._counted, mode="r")
        stream: BinaryIO = pa.CompressedInputStream(file, self.compression.value)
        return stream

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno is None:
                raise InputError(
                    f"{self.name} is a truncated or damaged {self.compression} file: {error}."
                ) from error
            raise InputError(f"{self.name} cannot be read: {error.strerror}.") from error

    @property
    def is_repeatable(self) -> bool:
        """Whether another run can read the same bytes again: it is a file with a name."""
        return not self._standard and self.size_bytes is not None

    @property
    def is_compressed(self) -> bool:
        """Whether the whole file is compressed."""
        return self.compression is not Compression.NONE

    @property
    def bytes_read(self) -> int:
        """Bytes taken from the file so far, before decompression."""
        return self._counted.taken

    def read(self, size_bytes: int) -> bytes:
        """The next bytes: exactly `size_bytes` unless the input ends before.

        Raises:
            InputError: The file is damaged or cannot be read any more.
        """
        pieces: list[bytes] = []
        wanted = size_bytes
        with self._reading():
            while wanted:
                piece = self._stream.read(wanted)
                if not piece:
                    break
                pieces.append(piece)
                wanted -= len(piece)
        data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        self._position += len(data)
        return data

    def skip_to(self, position: int) -> None:
        """Goes on at an offset of the decompressed bytes, which lies behind what was read.

        Raises:
            InputError: The input ends before.
        """
        plain = self.compression is Compression.NONE and self.encoding == UTF_8
        if plain and self.size_bytes is not None:
            self._counted.seek_to(position)
            assert isinstance(self._stream, _Pushed)
            self._stream.forget()
            self._position = position
        while self._position < position:
            if not self.read(min(position - self._position, _SKIPPED_BYTES)):
                raise InputError(f"{self.name} ends before byte {position}.")

    def close(self) -> None:
        """Closes the file; standard input stays open."""
        if not self._standard:
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _has_descriptor(file: BinaryIO) -> bool:
    try:
        file.fileno()
    except OSError:
        return False
    return True
