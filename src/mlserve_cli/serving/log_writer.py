"""Lines for stderr, written by a thread, so that nobody who has something to say waits for it."""

import contextlib
import os
import select
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar

_T = TypeVar("_T")

# Lines that wait; at some 250 bytes each, 16 MB.
_MOST_WAITING = 65_536
# Writes of this size to a pipe are never mixed with those of other processes (POSIX's PIPE_BUF on
# Linux), and never block once the pipe is said to be writable.
_CHUNK_BYTES = 4096
# Lines gather for that long, so that the thread wakes up less often.
_GATHER_SECONDS = 0.02
# How often a writer that nobody reads looks whether it should give up.
_LOOK_SECONDS = 0.1
# How long a server that stops waits for its last lines to be read.
_FLUSH_SECONDS = 2.0


class LogWriter(Generic[_T]):
    """Turns entries into lines and writes them to stderr.

    Outside of `in_background`, `put` writes at once. Within, it never blocks: entries wait in a
    bounded queue, and those that find it full are dropped and counted.

    Args:
        to_line: Gives the line of an entry, without its end.
        most_waiting: Entries that may wait.
    """

    def __init__(self, to_line: Callable[[_T], str], most_waiting: int = _MOST_WAITING) -> None:
        self.dropped = 0
        self._to_line = to_line
        self._most_waiting = most_waiting
        self._waiting: deque[_T] = deque()
        self._thread: threading.Thread | None = None
        self._rung = threading.Event()
        self._is_stopping = False
        self._deadline_passed = threading.Event()

    def __len__(self) -> int:
        """How many entries wait."""
        return len(self._waiting)

    def put(self, entry: _T) -> None:
        """Writes an entry, or leaves it to the thread."""
        if self._thread is None:
            for chunk in self._chunks([entry]):
                sys.stderr.write(chunk.decode())
            sys.stderr.flush()
        elif len(self._waiting) >= self._most_waiting:
            self.dropped += 1
        else:
            self._waiting.append(entry)
            if not self._rung.is_set():
                self._rung.set()

    @contextlib.contextmanager
    def in_background(self) -> Iterator[None]:
        """Leaves the writing to a thread; in the end waits a moment until all is written."""
        self._is_stopping = False
        self._deadline_passed.clear()
        sys.stderr.flush()
        thread = threading.Thread(
            target=self._run, args=(sys.stderr.fileno(),), name="mlserve-log", daemon=True
        )
        thread.start()
        self._thread = thread
        try:
            yield
        finally:
            self._thread = None
            self._is_stopping = True
            self._rung.set()
            thread.join(_FLUSH_SECONDS)
            self._deadline_passed.set()

    def _run(self, file: int) -> None:
        while not (self._is_stopping and not self._waiting):
            self._rung.wait()
            if not self._is_stopping:
                self._deadline_passed.wait(_GATHER_SECONDS)
            self._rung.clear()
            for chunk in self._chunks(self._taken()):
                if not self._write(file, chunk):
                    return

    def _taken(self) -> Iterator[_T]:
        while self._waiting:
            yield self._waiting.popleft()

    def _chunks(self, entries: Iterable[_T]) -> Iterator[bytes]:
        """Whole lines, as many as go together."""
        lines: list[bytes] = []
        size = 0
        for entry in entries:
            try:
                line = f"{self._to_line(entry)}\n".encode(errors="replace")
            # One line that cannot be made must not end the writing of all others.
            except Exception:
                self.dropped += 1
                continue
            if lines and size + len(line) > _CHUNK_BYTES:
                yield b"".join(lines)
                lines, size = [], 0
            lines.append(line)
            size += len(line)
        if lines:
            yield b"".join(lines)

    def _write(self, file: int, chunk: bytes) -> bool:
        """Whether it could be written; not where nobody reads and the server has stopped."""
        ready = select.poll()
        ready.register(file, select.POLLOUT)
        while chunk:
            if not ready.poll(1000 * _LOOK_SECONDS):
                if self._deadline_passed.is_set():
                    return False
                continue
            try:
                chunk = chunk[os.write(file, chunk[:_CHUNK_BYTES]) :]
            except BlockingIOError:
                continue
            # Nobody will ever read it.
            except OSError:
                return True
        return True
