"""Several server processes on one listening socket, forked after the models were loaded."""

import ctypes
import gc
import logging
import mmap
import os
import signal
import struct
import sys
import time
from collections.abc import Callable

from mlserve_cli.errors import EngineError

_LOGGER = logging.getLogger("mlserve")

_WATCHED = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
# From <linux/prctl.h>: the signal that a process gets when its parent dies.
_PR_SET_PDEATHSIG = 1
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
        work: What a worker does, given its number; it returns after SIGTERM.
        clock: Gives the time in seconds.
    """

    def __init__(
        self,
        count: int,
        work: Callable[[int], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.restarts = RestartCount()
        self._count = count
        self._work = work
        self._clock = clock
        self._workers: dict[int, tuple[int, float]] = {}
        self._started = 0
        self._failed_starts = 0

    def run(self) -> None:
        """Starts the workers and returns when all have ended after SIGTERM or SIGINT.

        Raises:
            EngineError: Workers die again and again as soon as they start.
        """
        # What was loaded is never collected, so that its memory stays shared with the workers.
        gc.collect()
        gc.freeze()
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _WATCHED)
        try:
            for _ in range(self._count):
                self._start()
            while (received := signal.sigwait(_WATCHED)) not in {signal.SIGTERM, signal.SIGINT}:
                if received == signal.SIGHUP:
                    self._signal(signal.SIGHUP)
                self._replace_the_dead()
        finally:
            self._stop()
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def _start(self) -> None:
        number = self._started
        self._started += 1
        sys.stdout.flush()
        sys.stderr.flush()
        parent = os.getpid()
        process = os.fork()
        if process == 0:
            self._be_worker(number, parent)
        self._workers[process] = (number, self._clock())

    def _be_worker(self, number: int, parent: int) -> None:
        status = 1
        try:
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
            if os.getppid() != parent:
                os._exit(0)
            for watched in _WATCHED:
                signal.signal(watched, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _WATCHED)
            self._work(number)
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
            _, started = self._workers.pop(process)
            quick = self._clock() - started < _START_SECONDS
            self._failed_starts = self._failed_starts + 1 if quick else 0
            if self._failed_starts > _MOST_FAILED_STARTS:
                raise EngineError("The workers die as soon as they start.")
            _LOGGER.warning("worker %d died and is replaced", process)
            self.restarts.add()
            self._start()

    def _dead(self) -> list[int]:
        """Workers that have ended and were not known to."""
        return [
            process for process in self._workers if os.waitpid(process, os.WNOHANG)[0] == process
        ]

    def _stop(self) -> None:
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
