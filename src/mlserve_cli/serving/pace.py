"""Work beside an event loop in short steps, with rests between them."""

import contextlib
import math
import sys
import threading
import time
from collections.abc import Callable, Iterator

# How many times as long as a step the rest after it is.
_REST = 10
# Shorter steps go together: to fall asleep and wake up takes some 50 microseconds.
_STEP_SECONDS = 0.0005
# How long a step may go on while an answer waits for it. An answer asks two or three times. At a
# tenth of this a step of a millisecond is felt by five requests instead of by one, and of a hundred
# requests the slowest is one of them.
_SWITCH_SECONDS = 0.001


class Pace:
    """Rests of one thread.

    Args:
        stopping: Ends rests at once when it is set.
        rest: How many times as long as a step the rest after it is.
    """

    def __init__(self, stopping: threading.Event, rest: float = _REST) -> None:
        self._stopping = stopping
        self._rest = rest
        # The thread's own time when its last step ended; that of others must not slow it down.
        self._stepped = 0.0
        self._rests_until = 0.0

    @contextlib.contextmanager
    def working(self, most_seconds: float = math.inf) -> Iterator[Callable[[], None]]:
        """Some work, which calls what it is given between its steps.

        Args:
            most_seconds: After so long there are no more rests.
        """
        self._stepped = time.thread_time()
        self._rests_until = time.monotonic() + most_seconds
        with _SWITCHING.in_step():
            yield self._pause

    def _pause(self) -> None:
        """Rests, if there was anything to rest from."""
        spent = time.thread_time() - self._stepped
        if spent < _STEP_SECONDS:
            return
        if time.monotonic() < self._rests_until:
            with _SWITCHING.at_rest():
                self._stopping.wait(self._rest * spent)
        self._stepped = time.thread_time()


class _Switching:
    """How long a thread may keep others waiting, which Python knows one number for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._in_step = 0
        self._usual_seconds = 0.0

    @contextlib.contextmanager
    def in_step(self) -> Iterator[None]:
        """Longer while some thread is in a step."""
        self._add(1)
        try:
            yield
        finally:
            self._add(-1)

    @contextlib.contextmanager
    def at_rest(self) -> Iterator[None]:
        """As ever while the thread, which is in a step, rests."""
        self._add(-1)
        try:
            yield
        finally:
            self._add(1)

    def _add(self, count: int) -> None:
        with self._lock:
            before, self._in_step = self._in_step, self._in_step + count
            if not before:
                self._usual_seconds = sys.getswitchinterval()
                sys.setswitchinterval(_SWITCH_SECONDS)
            elif not self._in_step:
                # Python cuts off what is less than a microsecond.
                sys.setswitchinterval(self._usual_seconds + 0.5e-6)


_SWITCHING = _Switching()
