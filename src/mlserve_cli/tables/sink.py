"""Bytes to a file that appears whole or not at all, or to standard output."""

import bz2
import contextlib
import errno
import gzip
import os
import secrets
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self, assert_never

import pyarrow as pa

from mlserve_cli.errors import EngineError, UsageError
from mlserve_cli.tables.formats import Compression, FileType
from mlserve_cli.tables.source import STANDARD_STREAM

# zlib's own default; level 9 takes three times as long for one percent of size.
_GZIP_LEVEL = 6


class Sink:
    """An output. Leaving the `with` block normally publishes it, an exception discards it.

    A regular file is written beside its target, synced to disk and renamed, so that the target
    holds either what it held before or all of the new content.

    Args:
        path: The file to write, or `-` for standard output. Its suffix chooses the compression.
        apart_from: An open input that must not be the same file.

    Raises:
        UsageError: There is no such folder, it cannot be written to, or the target is a directory
            or the input itself.
    """

    def __init__(self, path: str | Path, *, apart_from: os.stat_result | None = None) -> None:
        self.name = "standard output" if str(path) == STANDARD_STREAM else str(path)
        self._target = Path(os.path.realpath(path))
        self._temporary: Path | None = None
        self._standard = str(path) == STANDARD_STREAM
        self._file = self._open(path, apart_from)
        self._stream = _compressor(self._file, FileType.of_name(str(path)).compression)

    def _open(self, path: str | Path, apart_from: os.stat_result | None) -> BinaryIO:
        if self._standard:
            self._refuse_input(_status_of_output(), apart_from)
            return sys.stdout.buffer
        try:
            status = Path(path).stat()
        except OSError:
            return self._open_temporary()
        self._refuse_input(status, apart_from)
        if stat.S_ISDIR(status.st_mode):
            raise UsageError(f"{path} is a directory; the name of a file is expected.")
        if not stat.S_ISREG(status.st_mode):
            return self._open_device(path)
        return self._open_temporary()

    def _open_device(self, path: str | Path) -> BinaryIO:
        """Opens a device or a named pipe itself; renaming a file over it would destroy it."""
        try:
            return Path(path).open("wb")
        except OSError as error:
            raise UsageError(f"{path} cannot be written: {error.strerror}.") from error

    def _open_temporary(self) -> BinaryIO:
        folder = self._target.parent
        if not folder.is_dir():
            raise UsageError(
                f"{self.name} cannot be written: the folder {folder} does not exist.",
                hint=f"Create it with: mkdir -p {folder}",
            )
        temporary = folder / f".{self._target.name[:60]}.{secrets.token_hex(4)}.part"
        self._temporary = temporary
        try:
            return temporary.open("xb")
        except OSError as error:
            raise UsageError(f"{self.name} cannot be written: {error.strerror}.") from error

    def _refuse_input(self, status: os.stat_result | None, other: os.stat_result | None) -> None:
        if status is None or other is None or not os.path.samestat(status, other):
            return
        if stat.S_ISREG(status.st_mode):
            raise UsageError(
                f"{self.name} is the input itself; it would be overwritten.",
                hint="Name another output file.",
            )

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError:
            raise
        except OSError as error:
            reason = error.strerror or str(error)
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            raise EngineError(
                f"{self.name} could not be written: {reason}.",
                hint="Free some space and run the command again." if full else None,
            ) from error

    def write(self, data: "bytes | memoryview") -> None:
        """Appends `data`.

        Raises:
            EngineError: The disk is full or failed.
            BrokenPipeError: The reader of standard output has gone.
        """
        with self._writing():
            self._stream.write(data)

    def _publish(self) -> None:
        with self._writing():
            if self._stream is not self._file:
                self._stream.close()
            if not self._file.closed:
                self._file.flush()
            if self._temporary is None:
                return
            self._file.close()
            _sync(self._temporary)
            self._temporary.replace(self._target)
            self._temporary = None
        # Some file systems cannot sync a folder; the renamed file itself is on disk already.
        with contextlib.suppress(OSError):
            _sync(self._target.parent)

    def _discard(self) -> None:
        if not self._standard:
            # The compressor first: it writes to the file even as it is thrown away.
            for stream in (self._stream, self._file):
                with contextlib.suppress(OSError, ValueError):
                    stream.close()
        if self._temporary is not None:
            self._temporary.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self._publish()
        finally:
            self._discard()


def _compressor(file: BinaryIO, compression: Compression) -> BinaryIO:
    stream: BinaryIO
    match compression:
        case Compression.NONE:
            stream = file
        case Compression.GZIP:
            # No time stamp, so that the same input gives the same bytes.
            stream = gzip.GzipFile("", "wb", _GZIP_LEVEL, file, mtime=0)  # type: ignore[assignment]
        case Compression.BZ2:
            stream = bz2.BZ2File(file, "wb")  # type: ignore[assignment]
        case Compression.ZSTD:
            stream = pa.CompressedOutputStream(pa.PythonFile(file, mode="w"), "zstd")
        case _:
            assert_never(compression)
    return stream


def _status_of_output() -> os.stat_result | None:
    try:
        return os.fstat(sys.stdout.buffer.fileno())
    except OSError:
        return None


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
