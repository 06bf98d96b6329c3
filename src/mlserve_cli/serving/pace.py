"""Work beside an event loop in short steps, with rests between them."""

import math
import threading
import time

# How many times as long as a step the rest after it is.
_REST = 10
# Shorter steps go together: to fall asleep and wake up takes some 50 microseconds.
_STEP_SECONDS = 0.0001


class Pace:
    """Rests of one thread.

    While a thread works, each answer of the event loop waits for it twice or three times. Of a
    request that finds it at work now and then, only the rest of a short step is felt.

    Args:
        stopping: Ends rests at once when it is set.
    """

    def __init__(self, stopping: threading.Event) -> None:
        self._stopping = stopping
        # The thread's own time when its last step ended; that of others must not slow it down.
        self._stepped = 0.0
        self._rests_until = 0.0

    def begin(self, most_seconds: float = math.inf) -> None:
        """Begins some work.

        Args:
            most_seconds: After so long there are no more rests.
        """
        self._stepped = time.thread_time()
        self._rests_until = time.monotonic() + most_seconds

    def pause(self) -> None:
        """Rests, if there was anything to rest from."""
        spent = time.thread_time() - self._stepped
        if spent < _STEP_SECONDS:
            return
        if time.monotonic() < self._rests_until:
            self._stopping.wait(_REST * spent)
        self._stepped = time.thread_time()
