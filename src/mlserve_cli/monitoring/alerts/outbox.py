"""Notices on their way to one receiver, in a thread of their own."""

import itertools
import logging
import queue
import random
import threading
from collections.abc import Callable

from mlserve_cli.monitoring.alerts.notice import Notice
from mlserve_cli.monitoring.alerts.receivers.interface import DeliveryError, Receiver

_LOGGER = logging.getLogger("mlserve")
_MOST_WAITING = 100
_MOST_ATTEMPTS = 6
_FIRST_PAUSE_SECONDS = 1.0


class Outbox:
    """Hands notices over in their order; those that find no room are dropped and logged.

    Args:
        receiver: Who gets them.
        pause_seconds: Before the second attempt; doubled for each one after it, and shortened by up
            to a half at random, so that many servers do not come back at once.
        chance: Gives a number between 0 and 1.
        on_change: Called when `undelivered` has changed, in the thread where that happened.
    """

    def __init__(
        self,
        receiver: Receiver,
        *,
        pause_seconds: float = _FIRST_PAUSE_SECONDS,
        chance: Callable[[], float] = random.random,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        self.receiver = receiver
        self._pause_seconds = pause_seconds
        self._chance = chance
        self._on_change = on_change
        self._undelivered: dict[int, Notice] = {}
        self._numbers = itertools.count()
        self._waiting: queue.Queue[int | None] = queue.Queue(_MOST_WAITING)
        self._closing = threading.Event()
        self._thread = threading.Thread(
            target=self._run, name=f"mlserve-alerts-{receiver.name}", daemon=True
        )
        self._thread.start()

    def offer(self, told: Notice) -> None:
        """Returns at once."""
        number = next(self._numbers)
        self._undelivered[number] = told
        try:
            self._waiting.put_nowait(number)
        except queue.Full:
            del self._undelivered[number]
            _LOGGER.warning("receiver %s is too slow: a notice is dropped", self.receiver.name)
        else:
            self._on_change()

    @property
    def undelivered(self) -> list[Notice]:
        """What waits or is being told, in its order."""
        return list(self._undelivered.copy().values())

    def close(self) -> None:
        """Sends what waits, without further attempts where one fails; does not wait for that."""
        self._closing.set()
        try:
            self._waiting.put_nowait(None)
        except queue.Full:
            return

    def join(self, timeout_seconds: float) -> None:
        """Waits until everything has been sent, after `close`."""
        self._thread.join(timeout_seconds)

    def _run(self) -> None:
        while True:
            number = self._waiting.get()
            if number is None:
                return
            try:
                deliver(self.receiver, self._undelivered[number], self._pause)
            except DeliveryError as error:
                _LOGGER.warning("receiver %s did not take an alert: %s", self.receiver.name, error)
            # One notice that cannot be told must not be the end of all others.
            except Exception:
                _LOGGER.exception("receiver %s failed", self.receiver.name)
            del self._undelivered[number]
            self._on_change()

    def _pause(self, attempt: int) -> bool:
        seconds = self._pause_seconds * 2**attempt * (1 - self._chance() / 2)
        return not self._closing.wait(seconds)


def deliver(
    receiver: Receiver, told: Notice, pause: Callable[[int], bool], attempts: int = _MOST_ATTEMPTS
) -> None:
    """Hands over a notice, in several attempts where that may help.

    Args:
        receiver: Who gets it.
        told: The notice.
        pause: Waits after a failed attempt, of which it gets the number, from 0 on; returns whether
            there shall be another one.
        attempts: How many there are at most.

    Raises:
        DeliveryError: The last attempt failed.
    """
    for attempt in range(attempts):
        try:
            receiver.deliver(told)
        except DeliveryError as error:
            if not error.again or attempt + 1 == attempts or not pause(attempt):
                raise
        else:
            return
