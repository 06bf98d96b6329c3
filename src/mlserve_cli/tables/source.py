"""Bytes of a file or of standard input, decompressed on the way."""

import io
import os
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Self

import pyarrow as pa

from mlserve_cli.errors import EngineError, InputError, UsageError
from mlserve_cli.tables.encodings import MARK_BYTES, UTF_8, Readable, Transcoded, encoding_of
from mlserve_cli.tables.formats import Compression, Format
from mlserve_cli.tables.remote import RemoteFile, file_type_of, is_remote

STANDARD_STREAM = "-"
# Enough to tell how a file is compressed, and whether it is one of Arrow.
_HEAD_BYTES = 6
# How much is read at once of what is not wanted.
_SKIPPED_BYTES = 1 << 20
# Formats that are no text.
_TYPED = (Format.PARQUET, Format.ARROW, Format.NPY, Format.NPZ)


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

    def read(self, size: int = -1, /) -> bytes:
        # The inherited one fills memory with zeros before, and copies it afterwards.
        if self._head or size < 0:
            return super().read(size) or b""
        data = self._raw.read(size) or b""
        self.taken += len(data)
        return data

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


class _Whole(io.RawIOBase):
    """An input as a file that is read once."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        super().__init__()
        self._read = read

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        return self._read(size)


class Source:
    """An open input: reads decompressed bytes and knows how far it is.

    Args:
        path: A file, the URI of one, or `-` for standard input.
        encoding: Encoding of text that is to be read as UTF-8; None takes UTF-16 where a byte order
            mark says so, and leaves all else as it is.
        format_: How it is laid out; None believes the name.

    Raises:
        InputError: There is no such file, or it cannot be read.
        UsageError: There is no such encoding, or no such kind of URI.
        MissingExtraError: The packages for this kind of URI are not installed.

    Attributes:
        name: What to call it in messages; it holds no secrets.
        format: How it is laid out; None where neither the caller nor the name says.
        uri: Where it lies, if not on this machine.
        details: What the system says of it, if it is on this machine.
        size_bytes: Its size; None where that is not known.
        head: Its first bytes, at most six.
        compression: How it is compressed.
        encoding: Encoding of the text.
    """

    def __init__(
        self, path: str | Path, *, encoding: str | None = None, format_: Format | None = None
    ) -> None:
        self._standard = str(path) == STANDARD_STREAM
        self.name = "standard input" if self._standard else str(path)
        self.format = format_ or file_type_of(str(path)).format
        self.uri = path if isinstance(path, str) and is_remote(path) else None
        self._copy: Any = None
        self._file = self._open(path)
        details = os.fstat(self._file.fileno()) if _has_descriptor(self._file) else None
        self.details = details
        regular = details is not None and stat.S_ISREG(details.st_mode)
        self.size_bytes = details.st_size if details is not None and regular else None
        if isinstance(self._file, RemoteFile):
            self.name, self.size_bytes = self._file.name, self._file.size_bytes
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

    def _open(self, path: str | Path) -> BinaryIO:
        if str(path) == STANDARD_STREAM:
            if sys.stdin is None:
                raise UsageError("Standard input is closed; there is nothing to read.")
            return sys.stdin.buffer
        if self.uri is not None:
            return RemoteFile(self.uri, self.format)  # type: ignore[return-value]
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
        if self.format in _TYPED:
            return UTF_8
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
        """Whether another run can find the same bytes again, and know them: a file with a name."""
        if self.uri is not None:
            return self.version is not None
        return not self._standard and self.size_bytes is not None

    @property
    def version(self) -> str | None:
        """What differs when the content of a remote file does; None where nothing says so."""
        return self._file.version if isinstance(self._file, RemoteFile) else None

    def local_path(self) -> str:
        """A file on this machine: the input itself, or an unnamed copy that goes with it.

        A pipe, and a file of a server that gives no parts of it, can be read from front to back
        only; formats whose table of contents stands at the end need more than that.

        Raises:
            InputError: The input cannot be read.
            EngineError: There is no space for a copy.
        """
        if self.uri is None and self.is_repeatable:
            return self.name
        if self._copy is None:
            # Closing the input closes it.
            self._copy = copy = tempfile.NamedTemporaryFile(prefix="mlserve-")  # noqa: SIM115
            try:
                while data := self.read(_SKIPPED_BYTES):
                    copy.write(data)
                copy.flush()
            except OSError as error:
                raise EngineError(
                    f"{self.name} could not be copied to {tempfile.gettempdir()}: "
                    f"{error.strerror or error}.",
                    hint="Name a folder with more space: TMPDIR=FOLDER",
                ) from error
        return str(self._copy.name)

    def random_access(self) -> "str | pa.PythonFile":
        """What pyarrow can read here and there: a path, or a file that lies elsewhere."""
        if isinstance(self._file, RemoteFile) and self._file.seekable():
            return pa.PythonFile(self._file, mode="r")
        return self.local_path()

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

    def front_to_back(self) -> pa.PythonFile:
        """What pyarrow can read from the first byte to the last, once."""
        return pa.PythonFile(_Whole(self.read), mode="r")

    def skip_to(self, position: int) -> None:
        """Goes on at an offset of the decompressed bytes, which lies behind what was read.

        Raises:
            InputError: The input ends before.
        """
        plain = self.compression is Compression.NONE and self.encoding == UTF_8
        if plain and self.size_bytes is not None and self._file.seekable():
            self._counted.seek_to(position)
            assert isinstance(self._stream, _Pushed)
            self._stream.forget()
            self._position = position
        while self._position < position:
            if not self.read(min(position - self._position, _SKIPPED_BYTES)):
                raise InputError(f"{self.name} ends before byte {position}.")

    def close(self) -> None:
        """Closes the file; standard input stays open."""
        if self._copy is not None:
            self._copy.close()
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
