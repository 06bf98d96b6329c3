"""Work beside an event loop in short steps, with rests between them."""

import math
import threading
import time
from collections.abc import Callable

# How many times as long as a step the rest after it is.
_REST = 10
# Shorter steps go together: to fall asleep and wake up takes some 50 microseconds, and each time
# another request may meet it.
_STEP_SECONDS = 0.0003


class Pace:
    """Rests of one thread.

    While a thread works, each answer of the event loop waits for it twice or three times. Of a
    request that finds it at work now and then, only the rest of a short step is felt. A longer turn
    for the thread makes fewer requests wait, and those longer, which is worse.

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
        self._then = 0.0

    def begin(self, most_seconds: float = math.inf, then: float = 0.0) -> Callable[[], None]:
        """Begins some work.

        Args:
            most_seconds: After so long rests are shorter.
            then: How many times as long as a step they are from then on; 0 for no more rests.

        Returns:
            What to call between its steps.
        """
        self._stepped = time.thread_time()
        self._rests_until = time.monotonic() + most_seconds
        self._then = then
        return self._pause

    def _pause(self) -> None:
        """Rests, if there was anything to rest from."""
        spent = time.thread_time() - self._stepped
        if spent < _STEP_SECONDS:
            return
        rest = self._rest if time.monotonic() < self._rests_until else self._then
        if rest:
            self._stopping.wait(rest * spent)
        self._stepped = time.thread_time()
