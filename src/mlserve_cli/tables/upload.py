"""Bytes to an object that appears whole or not at all."""

import contextlib
import warnings
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any, Self

from mlserve_cli.errors import MlserveError, UsageError
from mlserve_cli.tables.remote import connect
from mlserve_cli.tables.remote_errors import Doing, reaching, was

# S3 takes 10,000 parts of an object, the smallest of 5 MiB. Later ones are larger, so that an
# object may have its 5 TB, while objects of usual sizes need little memory.
_PART_BYTES = 8 << 20
_PARTS_BEFORE_GROWTH = 1000


class Upload:
    """An output that lies elsewhere, as `Sink` is one on this machine.

    Parts are sent while the next ones are made, by a thread of their own: what stops the main
    thread never stops a request half way, of which nobody would know. Leaving the `with` block
    normally completes the upload; an exception aborts it, and what was there before stays.

    Args:
        uri: The object to write.
        apart_from: The input, which must not be the same object; None where it is no such.

    Raises:
        UsageError: The place cannot be written to, or is the input.
        MissingExtraError: The packages for this kind of URI are not installed.
    """

    is_regular = False
    has_neighbours = True

    def __init__(self, uri: str, *, apart_from: str | None = None) -> None:
        self._remote = connect(uri)
        self.name = self._remote.name
        self.bytes_written = 0
        self._uri = uri
        self._waiting = bytearray()
        self._parts = 0
        self._sending: Future[Any] | None = None
        self._ended = False
        self._refuse(apart_from)
        with self._remote.reaching(Doing.OPENING):
            self._check_place()
        # Opened with the first part: what is open completes itself when it is collected.
        self._file: Any = None
        self._worker = ThreadPoolExecutor(1, "upload")

    def _refuse(self, apart_from: str | None) -> None:
        if self._remote.store.is_web:
            raise UsageError(
                f"{self.name} cannot be written: a web server only gives files.",
                hint="Write to a local file or to an object store, such as s3://BUCKET/NAME.",
            )
        if "/" not in self._remote.path.strip("/") or self._uri.endswith("/"):
            raise UsageError(f"{self.name} is a folder; the name of a file is expected.")
        if apart_from is not None and connect(apart_from).path == self._remote.path:
            raise UsageError(
                f"{self.name} is the input itself; it would be overwritten.",
                hint="Name another output file.",
            )

    def _check_place(self) -> None:
        """Finds out now, not after hours, what is wrong with the place."""
        try:
            self._remote.asked_info()
        except FileNotFoundError as error:
            if was(error, "NoSuchBucket"):
                raise
        except PermissionError as error:
            # Who may only write may not look.
            if not was(error, "AccessDenied", "403"):
                raise

    def begin(self) -> None:
        """There is nothing that an earlier run left behind."""

    def write(self, data: "bytes | memoryview") -> None:
        """Appends `data`.

        Raises:
            EngineError: A part before could not be sent.
        """
        self._waiting += data
        self.bytes_written += len(data)
        if len(self._waiting) >= _PART_BYTES * (1 + self._parts // _PARTS_BEFORE_GROWTH):
            self._send()

    def _send(self) -> None:
        self._wait()
        part, self._waiting = self._waiting, bytearray()
        self._parts += 1
        self._submit(lambda: self._write_part(part))

    def _write_part(self, part: bytearray) -> None:
        if self._file is None:
            self._file = self._remote.filesystem.open(
                self._remote.path, "wb", block_size=_PART_BYTES
            )
        self._file.write(part)

    def _submit(self, work: Callable[[], Any]) -> None:
        self._sending = self._worker.submit(work)

    def _wait(self) -> None:
        if self._sending is not None:
            with self._remote.reaching(Doing.WRITING):
                self._sending.result()
            self._sending = None

    def keep(self) -> None:
        """Nothing can be kept: an unfinished upload has no name."""

    def publish(self) -> None:
        """Completes the upload.

        Raises:
            EngineError: It could not be sent.
        """
        if self._ended:
            return
        # An empty object has a part too.
        if self._waiting or not self._parts:
            self._send()
        self._wait()
        self._submit(self._file.close)
        self._wait()
        self._end()

    def discard(self) -> None:
        """Aborts the upload; the store forgets what was sent."""
        if self._ended:
            return
        self._ended = True
        # Whatever is under way ends first. It is done even where nobody waits for it: Python waits
        # for its threads at the end.
        ended = self._worker.submit(self._abort)
        self._worker.shutdown(wait=False)
        try:
            ended.result()
        # The error that led here is what matters.
        except Exception:
            warnings.warn(
                f"The upload to {self.name} could not be aborted; the store may hold parts of it "
                "until it removes them.",
                stacklevel=2,
            )

    def _abort(self) -> None:
        if self._file is None:
            return
        try:
            # Where a store has nothing to abort, parts without an end vanish by themselves.
            self._file.discard()
        finally:
            # Else the file would complete itself when it is collected.
            self._file.closed = True

    def _end(self) -> None:
        self._ended = True
        self._worker.shutdown(wait=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is not None:
            self.discard()
            return
        try:
            self.publish()
        except BaseException:
            self.discard()
            raise


def remove_object(uri: str) -> None:
    """Removes an object if there is one.

    Warns:
        UserWarning: It cannot be removed.
    """
    remote = connect(uri)
    try:
        with reaching(uri, Doing.WRITING), contextlib.suppress(FileNotFoundError, PermissionError):
            if remote.filesystem.exists(remote.path):
                remote.filesystem.rm_file(remote.path)
    except MlserveError as error:
        warnings.warn(f"{error.message} It may be of an earlier run.", stacklevel=2)
