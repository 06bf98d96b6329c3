"""Work beside the event loop, and an event loop in a thread of its own for servers without one."""

import asyncio
import contextlib
import gc
import threading
from collections.abc import Coroutine, Iterator
from typing import Any, TypeVar

_T = TypeVar("_T")


class BackgroundLoop:
    """Runs coroutines for threads that wait for them.

    The loop starts with the first of them, so that servers may fork before that.
    """

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._starting = threading.Lock()

    def run(self, coroutine: Coroutine[Any, Any, _T]) -> _T:
        """What a coroutine returns, once it does."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._started()).result()

    def _started(self) -> asyncio.AbstractEventLoop:
        with self._starting:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(
                    target=self._loop.run_forever, name="mlserve-loop", daemon=True
                ).start()
            return self._loop


@contextlib.contextmanager
def collections_paused() -> Iterator[None]:
    """No garbage is collected within.

    Lists of a million rows are looked through again and again while they grow, which takes four
    times as long as to read them, and all threads wait for it.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
