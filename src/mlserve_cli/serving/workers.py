"""Several server processes on one listening socket, forked after the models were loaded."""

import contextlib
import gc
import logging
import mmap
import os
import signal
import struct
import sys
import time
from collections.abc import Callable, Iterator

from mlserve_cli.errors import EngineError

_LOGGER = logging.getLogger("mlserve")

WATCHED_SIGNALS = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
# A worker that dies sooner after its start counts as failed to start.
_START_SECONDS = 2.0
_MOST_FAILED_STARTS = 5
# Longer than a worker itself waits for what is in flight.
_STOP_SECONDS = 40.0


class RestartCount:
    """How many workers were replaced; shared by all processes."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, 8)

    def add(self) -> None:
        """Counts one; only the supervisor does."""
        struct.pack_into("<Q", self._memory, 0, self.value + 1)

    @property
    def value(self) -> int:
        """The count so far."""
        found: int = struct.unpack_from("<Q", self._memory)[0]
        return found


class Supervisor:
    """Keeps workers alive until it is told to stop.

    Args:
        count: How many workers.
        work: What a worker does, given its place, from 0 on; a worker that replaces another one
            has the same place. `WATCHED_SIGNALS` are blocked until it unblocks them. It returns
            after SIGTERM.
        on_hangup: Called on SIGHUP, before the workers get it.
        on_stop: Called when the stopping begins.
        clock: Gives the time in seconds.
    """

    def __init__(
        self,
        count: int,
        work: Callable[[int], None],
        *,
        on_hangup: Callable[[], None] = lambda: None,
        on_stop: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.restarts = RestartCount()
        self._count = count
        self._work = work
        self._on_hangup = on_hangup
        self._on_stop = on_stop
        self._clock = clock
        # Place and time of the start by process.
        self._workers: dict[int, tuple[int, float]] = {}
        self._failed_starts = 0

    def run(self) -> None:
        """Starts the workers and returns when all have ended after SIGTERM or SIGINT.

        Raises:
            EngineError: Workers die again and again as soon as they start.
        """
        # What was loaded is never collected, so that its memory stays shared with the workers.
        gc.collect()
        gc.freeze()
        with _noted_signals() as noted:
            try:
                for place in range(self._count):
                    self._start(place)
                while (received := os.read(noted, 1)[0]) not in _STOPPING:
                    if received == signal.SIGHUP:
                        self._on_hangup()
                        self._signal(signal.SIGHUP)
                    self._replace_the_dead()
            finally:
                self._stop()

    def _start(self, place: int) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        # A worker must not note its signals where the supervisor does.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, WATCHED_SIGNALS)
        process = os.fork()
        if process == 0:
            self._be_worker(place)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        self._workers[process] = (place, self._clock())

    def _be_worker(self, place: int) -> None:
        status = 1
        try:
            signal.set_wakeup_fd(-1)
            for watched in WATCHED_SIGNALS:
                signal.signal(watched, signal.SIG_DFL)
            self._work(place)
            status = 0
        # Nothing of the parent's stack may run in a worker.
        except BaseException:
            _LOGGER.exception("worker failed")
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)

    def _replace_the_dead(self) -> None:
        for process in self._dead():
            place, started = self._workers.pop(process)
            quick = self._clock() - started < _START_SECONDS
            self._failed_starts = self._failed_starts + 1 if quick else 0
            if self._failed_starts > _MOST_FAILED_STARTS:
                raise EngineError("The workers die as soon as they start.")
            _LOGGER.warning("worker %d died and is replaced", process)
            self.restarts.add()
            self._start(place)

    def _dead(self) -> list[int]:
        """Workers that have ended and were not known to."""
        return [
            process for process in self._workers if os.waitpid(process, os.WNOHANG)[0] == process
        ]

    def _stop(self) -> None:
        self._on_stop()
        self._signal(signal.SIGTERM)
        deadline = self._clock() + _STOP_SECONDS
        while self._workers and self._clock() < deadline:
            for process in self._dead():
                del self._workers[process]
            time.sleep(0.01)
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        for process in self._workers:
            os.kill(process, number)


_STOPPING = frozenset({signal.SIGTERM, signal.SIGINT})


@contextlib.contextmanager
def _noted_signals() -> Iterator[int]:
    """Where the numbers of signals can be read from.

    Libraries have threads, and any thread may get a signal; to wait for them in one thread, as
    `signal.sigwait` does, is to lose some.
    """
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    descriptor = signal.set_wakeup_fd(writing)
    handlers = [signal.signal(watched, lambda *_: None) for watched in WATCHED_SIGNALS]
    try:
        yield reading
    finally:
        signal.set_wakeup_fd(descriptor)
        for watched, handler in zip(WATCHED_SIGNALS, handlers, strict=True):
            signal.signal(watched, handler)
        os.close(reading)
        os.close(writing)
