"""Bytes to a file that appears whole or not at all, or to standard output."""

import contextlib
import errno
import fcntl
import hashlib
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from mlserve_cli.errors import EngineError, UsageError
from mlserve_cli.tables.source import STANDARD_STREAM

# File systems allow 255 bytes; ".part" and a dot are added.
_LONGEST_NAME = 240
# How much of the end of a file its fingerprint looks at.
_FINGERPRINT_BYTES = 1 << 20
# macOS lacks the shorter one.
_sync = getattr(os, "fdatasync", os.fsync)


class DiskFullError(EngineError):
    """The output has no space left."""


class Sink:
    """An output. Leaving the `with` block normally publishes it, an exception discards it.

    A regular file is written beside its target under a hidden name, locked against other runs,
    synced to disk and renamed, so that the target holds either what it held before or all of the
    new content. `keep` leaves the hidden file behind, so that a later run can continue it.

    Args:
        path: The file to write, or `-` for standard output.
        apart_from: An open input that must not be the same file.

    Raises:
        UsageError: There is no such folder, it cannot be written to, the target is a directory or
            the input itself, or another run is writing it.
    """

    def __init__(self, path: str | Path, *, apart_from: os.stat_result | None = None) -> None:
        self.name = "standard output" if str(path) == STANDARD_STREAM else str(path)
        self.bytes_written = 0
        self._target = Path(os.path.realpath(path))
        self._part: Path | None = None
        self._standard = str(path) == STANDARD_STREAM
        self._file = self._open(path, apart_from)
        self._kept = False

    @property
    def is_regular(self) -> bool:
        """Whether this is a file that can be kept and continued."""
        return self._part is not None

    @property
    def has_neighbours(self) -> bool:
        """Whether another file can stand beside it."""
        return self._part is not None

    def _open(self, path: str | Path, apart_from: os.stat_result | None) -> BinaryIO:
        if self._standard:
            if sys.stdout is None:
                raise UsageError("Standard output is closed; there is nowhere to write to.")
            self._refuse_input(_status_of_output(), apart_from)
            return sys.stdout.buffer
        try:
            status = Path(path).stat()
        except OSError:
            return self._open_part()
        self._refuse_input(status, apart_from)
        if stat.S_ISDIR(status.st_mode):
            raise UsageError(f"{path} is a directory; the name of a file is expected.")
        if not stat.S_ISREG(status.st_mode):
            return self._open_device(path)
        return self._open_part()

    def _open_device(self, path: str | Path) -> BinaryIO:
        """Opens a device or a named pipe itself; renaming a file over it would destroy it."""
        try:
            return Path(path).open("wb")
        except OSError as error:
            raise UsageError(f"{path} cannot be written: {error.strerror}.") from error

    def _open_part(self) -> BinaryIO:
        folder = self._target.parent
        if not folder.is_dir():
            raise UsageError(
                f"{self.name} cannot be written: the folder {folder} does not exist.",
                hint=f"Create it with: mkdir -p {folder}",
            )
        part = hidden_name(self._target, ".part")
        while True:
            try:
                file = os.fdopen(os.open(part, _PART_FLAGS, 0o666), "r+b", buffering=0)
            except OSError as error:
                raise UsageError(f"{self.name} cannot be written: {error.strerror}.") from error
            self._lock(file)
            # Whoever held the lock before may have renamed the file meanwhile.
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(file.fileno()), part.lstat()):
                    self._part = part
                    return file
            file.close()

    def _lock(self, file: BinaryIO) -> None:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            raise UsageError(
                f"{self.name} is being written by another run.",
                hint="Wait until it has finished, or name another output file.",
            ) from None
        # Some network file systems have no locks.
        except OSError:
            pass

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
            message = f"{self.name} could not be written: {error.strerror or error}."
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise DiskFullError(
                    message, hint="Free some space and run the command again."
                ) from error
            raise EngineError(message) from error

    def begin(self) -> None:
        """Throws away what an earlier run left behind."""
        self.continue_at(0)

    def continue_at(self, size_bytes: int) -> None:
        """Goes on behind the first `size_bytes`; what follows them is cut off."""
        if self._part is None:
            return
        with self._writing():
            os.ftruncate(self._file.fileno(), size_bytes)
            self._file.seek(size_bytes)
        self.bytes_written = size_bytes

    def write(self, data: "bytes | memoryview") -> None:
        """Appends `data`.

        Raises:
            DiskFullError: The disk is full.
            EngineError: The disk failed.
            BrokenPipeError: The reader of standard output has gone.
        """
        left = memoryview(data)
        with self._writing():
            while left:
                left = left[self._file.write(left) :]
        self.bytes_written += len(data)

    def fingerprint(self) -> str | None:
        """Digest of the end of what was written; None where the file is shorter than that."""
        start = max(0, self.bytes_written - _FINGERPRINT_BYTES)
        wanted = self.bytes_written - start
        data = os.pread(self._file.fileno(), wanted, start)
        return hashlib.blake2b(data, digest_size=16).hexdigest() if len(data) == wanted else None

    def fingerprint_at(self, size_bytes: int) -> str | None:
        """What `fingerprint` said when so many bytes were written, if they are still the same."""
        written, self.bytes_written = self.bytes_written, size_bytes
        try:
            return self.fingerprint()
        finally:
            self.bytes_written = written

    def reopened(self) -> BinaryIO:
        """What was written so far, to be read."""
        assert self._part is not None
        return self._part.open("rb")

    def sync(self) -> None:
        """Returns when everything written is on disk."""
        with self._writing():
            _sync(self._file.fileno())

    def keep(self) -> None:
        """Leaves the hidden file behind when the `with` block is left by an exception."""
        self._kept = True

    def publish(self) -> None:
        """Gives the file its name.

        Raises:
            EngineError: The disk is full or failed.
        """
        with self._writing():
            self._file.flush()
            if self._part is None:
                return
            os.fsync(self._file.fileno())
            self._part.replace(self._target)
            self._part = None
        sync_folder(self._target.parent)

    def discard(self) -> None:
        """Removes what was written."""
        if self._part is not None:
            self._part.unlink(missing_ok=True)
            self._part = None

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
                self.publish()
            elif not self._kept:
                self.discard()
        finally:
            if not self._standard:
                # Only now may another run have the lock.
                with contextlib.suppress(OSError):
                    self._file.close()


_PART_FLAGS = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC


def hidden_name(target: Path, suffix: str) -> Path:
    """Where something that belongs to `target` stands beside it."""
    name = target.name
    if len(os.fsencode(name)) > _LONGEST_NAME - len(suffix):
        digest = hashlib.blake2b(os.fsencode(name), digest_size=8).hexdigest()
        name = f"{name[:50]}.{digest}"
    return target.with_name(f".{name}{suffix}")


def sync_folder(folder: Path) -> None:
    """Makes a renamed file's name last, where the file system can do that."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _status_of_output() -> os.stat_result | None:
    try:
        return os.fstat(sys.stdout.buffer.fileno())
    except OSError:
        return None
