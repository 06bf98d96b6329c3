"""What uvicorn's protocol lacks where clients do not behave: they do not read, or they vanish."""

import asyncio
from typing import TYPE_CHECKING, Any, ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

if TYPE_CHECKING:
    from collections.abc import Callable


class HotExchange:
    """Stands where uvicorn keeps its request-response cycle, and has what uvicorn asks of that."""

    __slots__ = ("disconnected", "keep_alive", "response_complete")

    # Set by uvicorn when the connection is lost; nobody waits for it.
    message_event: ClassVar[asyncio.Event] = asyncio.Event()

    def __init__(self) -> None:
        self.response_complete = True
        self.disconnected = False
        self.keep_alive = True


class Connection(HttpToolsProtocol):
    """A connection that can be dropped, and waits for clients who do not read their answers."""

    # Counts what happens here, so that the watch can tell whether anything did.
    events = 0
    # Whether a request has begun and not ended.
    is_reading = False
    # What the application works on; uvicorn itself only knows the request that came last.
    _running: RequestResponseCycle | None = None

    @property
    def is_free(self) -> bool:
        """Whether everything that was asked is answered."""
        return self.cycle is None or self.cycle.response_complete

    @property
    def is_answering(self) -> bool:
        """Whether a complete request waits for its answer, and not for the client to read it."""
        return not self.is_reading and not self.is_free and not self.flow.write_paused

    def drop(self) -> None:
        """Ends the connection at once, whatever is under way."""
        self._let_go()
        # Not close(), which would wait for a client that does not read.
        self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._let_go()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """The client reads slower than it asks: no more questions until it has caught up."""
        super().pause_writing()
        self.flow.pause_reading()

    def resume_writing(self) -> None:
        """The client has caught up."""
        super().resume_writing()
        self.events += 1
        if self.is_free:
            self.flow.resume_reading()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: "Callable[..., Any]") -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def _let_go(self) -> None:
        if self._running is not None:
            self._running.disconnected = True
        self.pipeline.clear()
