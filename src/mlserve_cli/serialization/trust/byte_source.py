"""Bytes of a model file, decompressed, that never cost more memory than the file can justify."""

import bz2
import io
import lzma
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

from mlserve_cli.errors import (
    ArtifactError,
    CorruptArtifactError,
    MlserveError,
    ModelNotFoundError,
)

if TYPE_CHECKING:
    import os

# A compressed file may grow to whichever is more: models of zeros (sparse linear ones) compress a
# thousandfold, so small files get an absolute allowance and large ones a ratio.
MAX_INFLATED_BYTES = 512 * 2**20
MAX_INFLATED_RATIO = 100
# The same for what describes the model, without the bytes of its arrays: text and numbers compress
# less, and each byte of them can become an object of many.
MAX_DENSE_BYTES = 32 * 2**20
MAX_DENSE_RATIO = 20
_MAX_OBJECTS = 1_000_000
_BYTES_PER_OBJECT = 16

_MAGIC = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bz2",
    b"\xfd7zXZ": "xz",
    b"\x5d\x00": "lzma",
    b"\x04\x22\x4d\x18": "lz4",
}
_PIECE_BYTES = 2**20
_MAX_LINE_BYTES = 2**24
# The dictionary that the highest preset of xz needs is 64 MiB.
_LZMA_MEMORY_BYTES = 128 * 2**20


class _Decompressor(Protocol):
    eof: bool

    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


def quoted(text: str, limit: int = 80) -> str:
    """The text on one line, printable and shortened: safe to show, wherever it came from."""
    plain = "".join(letter if letter.isprintable() else "?" for letter in text)
    return plain if len(plain) <= limit else f"{plain[: limit - 3]}..."


def max_inflated_bytes(size_bytes: int) -> int:
    """To how many bytes a compressed file of this size may grow."""
    return max(MAX_INFLATED_BYTES, MAX_INFLATED_RATIO * size_bytes)


def unreadable(file: Path, error: OSError) -> ArtifactError:
    """The error for a file that the operating system does not give."""
    if isinstance(error, FileNotFoundError):
        return ModelNotFoundError(f"There is no file {file}.")
    return CorruptArtifactError(f"{file} cannot be read: {error.strerror or error}.")


def compression_of(head: bytes) -> str | None:
    """Name of the compression that these first bytes of a file announce; None for none."""
    # The header of zlib: deflate, and a checksum over both bytes.
    if len(head) > 1 and head[0] == 0x78 and (head[0] * 256 + head[1]) % 31 == 0:
        return "zlib"
    return next((name for magic, name in _MAGIC.items() if head.startswith(magic)), None)


class ExcessError(ValueError):
    """More data than a file of that size can justify."""


class ByteSource:
    """Reads exact numbers of bytes, from a plain or a compressed file.

    Args:
        stream: Where the bytes come from.
        limit: How many bytes there can be at most. Asking for more is an error, not an allocation.
        dense_limit: How many of them `read` may give.
        seekable: Whether skipping is a seek; otherwise the bytes are read and dropped.

    Attributes:
        objects_left: How many containers the bytes may still become.
    """

    def __init__(self, stream: BinaryIO, limit: int, dense_limit: int, *, seekable: bool) -> None:
        self._stream = stream
        self._seekable = seekable
        self._left = limit
        self._dense_left = dense_limit
        self.objects_left = _MAX_OBJECTS + dense_limit // _BYTES_PER_OBJECT

    @property
    def left(self) -> int:
        """How many bytes can still come at most."""
        return self._left

    def read_up_to(self, size: int) -> bytes:
        """The next `size` bytes, or fewer at the end."""
        data = self._stream.read(min(size, self._left))
        self._left -= len(data)
        return data

    def read(self, size: int) -> bytes:
        """The next `size` bytes, exactly, of what describes the model.

        Raises:
            EOFError: There are fewer.
            ExcessError: This is more than the file can justify.
        """
        self._claim_dense(size)
        return self.read_large(size)

    def read_large(self, size: int) -> bytes:
        """The next `size` bytes, exactly, of an array.

        Raises:
            EOFError: There are fewer.
        """
        self._claim(size)
        if size <= _PIECE_BYTES:
            data = self._stream.read(size)
            if len(data) != size:
                raise EOFError
            return data
        # Memory grows with what is there, not with what the file says is there.
        pieces = bytearray()
        while len(pieces) < size:
            piece = self._stream.read(min(size - len(pieces), _PIECE_BYTES))
            if not piece:
                raise EOFError
            pieces += piece
        return bytes(pieces)

    def readline(self) -> bytes:
        """The next line with its line feed."""
        line = self._stream.readline(min(_MAX_LINE_BYTES, self._left))
        if not line.endswith(b"\n"):
            raise EOFError
        self._left -= len(line)
        self._claim_dense(len(line))
        return line

    def read_into(self, buffer: memoryview) -> None:
        """Fills the buffer.

        Raises:
            EOFError: There are not enough bytes.
        """
        self._claim(len(buffer))
        filled = 0
        while filled < len(buffer):
            piece = self._stream.read(min(len(buffer) - filled, _PIECE_BYTES))
            if not piece:
                raise EOFError
            buffer[filled : filled + len(piece)] = piece
            filled += len(piece)

    def skip(self, size: int) -> None:
        """Leaves out the next `size` bytes.

        Raises:
            EOFError: There are fewer.
        """
        self._claim(size)
        if self._seekable:
            self._stream.seek(size, io.SEEK_CUR)
            return
        while size:
            piece = self._stream.read(min(size, _PIECE_BYTES))
            if not piece:
                raise EOFError
            size -= len(piece)

    def _claim_dense(self, size: int) -> None:
        self._dense_left -= size
        if 0 <= size <= self._left and self._dense_left < 0:
            raise ExcessError("it grows more when decompressed than any model")

    def _claim(self, size: int) -> None:
        if not 0 <= size <= self._left:
            raise EOFError
        self._left -= size


@contextmanager
def open_source(path: "str | os.PathLike[str]") -> Iterator[ByteSource]:
    """Opens a file for reading, decompressed if its first bytes say so.

    Raises:
        ModelNotFoundError: There is no such file.
        CorruptArtifactError: The file cannot be opened, or the block under `with` failed: what a
            file says can make its reader fail in any way, and each of them means the same.
        ArtifactError: Its compression needs a package that is not installed.
    """
    file = Path(path)
    try:
        stream = file.open("rb")
    except OSError as error:
        raise unreadable(file, error) from error
    with stream:
        size = stream.seek(0, io.SEEK_END)
        stream.seek(0)
        name = compression_of(stream.read(8))
        stream.seek(0)
        try:
            yield _source(stream, size, name, file)
        except MlserveError:
            raise
        except EOFError as error:
            raise CorruptArtifactError(
                f"{file} is truncated: it ends, at {size:,} bytes, before the model does.",
                hint="Copy it again, or save the model again.",
            ) from error
        # Data decides which exception this is: any of them says that the data is not a model.
        except Exception as error:
            raise CorruptArtifactError(
                f"{file} is damaged: {quoted(f'{type(error).__name__}: {error}', 160)}",
                hint="Copy it again, or save the model again.",
            ) from error


def _source(stream: BinaryIO, size: int, compression: str | None, file: Path) -> ByteSource:
    if compression is None:
        return ByteSource(stream, size, size, seekable=True)
    inflated = io.BufferedReader(_Inflated(stream, _decompressor(compression, file)), _PIECE_BYTES)
    dense = max(MAX_DENSE_BYTES, MAX_DENSE_RATIO * size)
    return ByteSource(inflated, max_inflated_bytes(size), dense, seekable=False)


class _Inflated(io.RawIOBase):
    """A compressed stream, decompressed piece by piece."""

    def __init__(self, stream: BinaryIO, decompressor: _Decompressor) -> None:
        self._stream = stream
        self._decompressor = decompressor
        self._pending = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        while not self._decompressor.eof:
            if not self._pending and getattr(self._decompressor, "needs_input", True):
                self._pending = self._stream.read(io.DEFAULT_BUFFER_SIZE)
                if not self._pending:
                    raise EOFError
            data = self._decompressor.decompress(self._pending, len(view))
            # zlib hands back what it did not use; the others keep it.
            self._pending = getattr(self._decompressor, "unconsumed_tail", b"")
            if data:
                view[: len(data)] = data
                return len(data)
        return 0


def _decompressor(name: str, file: Path) -> Any:
    match name:
        case "zlib":
            return zlib.decompressobj()
        case "gzip":
            return zlib.decompressobj(wbits=zlib.MAX_WBITS + 16)
        case "bz2":
            return bz2.BZ2Decompressor()
        case "lz4":
            return _lz4_decompressor(file)
        case _:
            return lzma.LZMADecompressor(memlimit=_LZMA_MEMORY_BYTES)


def _lz4_decompressor(file: Path) -> Any:
    try:
        from lz4.frame import LZ4FrameDecompressor
    except ImportError as error:
        raise ArtifactError(
            f"{file} is compressed with lz4, and the package lz4 is not installed.",
            hint="Install it with: pip install lz4",
        ) from error
    return LZ4FrameDecompressor()
