"""What uvicorn's protocol lacks where clients do not behave: they do not read, or they vanish."""

import asyncio
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

import msgspec
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from mlserve_cli.errors import InputError
from mlserve_cli.serving.body_room import SMALL_BODY_BYTES, BodyRoom
from mlserve_cli.serving.exchange import Reply, plain_error

if TYPE_CHECKING:
    from collections.abc import Callable

_CHUNKED = b"chunked"


class RefusedError(Exception):
    """Ends the parsing of a request; its refusal is on its way."""


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
    """A connection that can be dropped, and waits for clients who do not read their answers.

    What every request looks at has slots: uvicorn's own fields are too many for Python's fast way.
    """

    __slots__ = (
        *("_exchange", "_held_bytes", "_in_head", "_is_full", "_refusal", "_running", "events"),
        "is_reading",
    )

    room: ClassVar[BodyRoom]

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        # Counts what happens here, so that the watch can tell whether anything did.
        self.events = 0
        # Whether a request has begun and not ended, and whether the head of one may come.
        self.is_reading = False
        self._in_head = True
        # Whether more requests wait than are read.
        self._is_full = False
        # What the client is told last.
        self._refusal: Reply | None = None
        # What the request takes of the room that is answered without the application.
        self._held_bytes = 0
        # What the application works on; uvicorn itself only knows the request that came last.
        self._running: RequestResponseCycle | None = None
        # Nothing was asked yet, so nothing is owed.
        self._exchange = HotExchange()
        self.cycle = self._exchange  # type: ignore[assignment]

    @property
    def is_free(self) -> bool:
        """Whether everything that was asked is answered."""
        return self.cycle.response_complete

    @property
    def only_reads(self) -> bool:
        """Whether all that is under way is a request that the client has not sent to its end."""
        return self.is_reading and not self._owes_answers

    @property
    def is_answering(self) -> bool:
        """Whether a complete request waits for its answer, and not for the client to read it."""
        return not self.is_reading and not self.is_free and not self.flow.write_paused

    @property
    def _owes_answers(self) -> bool:
        """Whether a request from before the one that is being read waits for its answer."""
        if self.is_reading and not self._in_head:
            return bool(self.pipeline)
        return not self.is_free

    def refuse(self, reply: Reply) -> None:
        """The last answer here; it goes out behind the answers to what was asked before."""
        if self._refusal is not None or self.transport.is_closing():
            return
        if not self._in_head and getattr(self.cycle, "response_started", False):
            # It has its answer already.
            self.transport.close()
            return
        self._refusal = reply
        if not self._owes_answers:
            self._send_refusal()
        elif not self._in_head:
            # The request that is refused will not be complete.
            self.pipeline.popleft()

    def send_400_response(self, msg: str) -> None:
        """What comes is not HTTP, or is not read any more."""
        if not self._is_full:
            self.refuse(plain_error(InputError(msg)))

    def on_response_complete(self) -> None:
        """An answer has gone out."""
        if self._refusal is not None and not self.pipeline:
            self._send_refusal()
        else:
            super().on_response_complete()

    def check_framing(self, encoding: bytes | None) -> None:
        """Refuses a head behind which nobody can say for certain where the body ends.

        Args:
            encoding: The first field of transfer encodings; None where there is none.

        Raises:
            RefusedError: It is refused.
        """
        version = self.parser.get_http_version()
        if version not in {"1.1", "1.0"}:
            self._refuse_as(505, f"HTTP/{version} is not spoken here, expected HTTP/1.1.")
        if encoding is None:
            return
        if version == "1.0":
            self._refuse_as(400, "HTTP/1.0 knows no transfer encodings.")
        if encoding.lower() != _CHUNKED:
            self._refuse_as(501, "A transfer encoding is not read here, expected chunked alone.")

    def drop(self) -> None:
        """Ends the connection at once, whatever is under way."""
        self._let_go()
        # Not close(), which would wait for a client that does not read.
        self.transport.abort()

    def eof_received(self) -> bool:  # type: ignore[override]
        """The client sends nothing more; a prediction that it waits for goes out all the same."""
        exchange = self._exchange
        # TLS knows no connections that are closed on one side.
        if exchange.response_complete or self.is_reading or self.scheme == "https":
            return False
        exchange.keep_alive = False
        return True

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
            self._give_room_back()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: "Callable[..., Any]") -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def close_after_answer(self) -> None:
        """The next answer is the last one on this connection."""
        self._exchange.keep_alive = False
        # An answer whose head is written already has told that more may be asked.
        if not self.is_free and not getattr(self.cycle, "response_started", False):
            self.cycle.keep_alive = False

    def _has_room(self, size_bytes: int) -> bool:
        """Whether there is room for a body; if so, it is taken."""
        if size_bytes <= SMALL_BODY_BYTES:
            return True
        if not self.room.take(size_bytes):
            return False
        self._held_bytes = size_bytes
        return True

    def _give_room_back(self) -> None:
        self.room.give_back(self._held_bytes)
        self._held_bytes = 0

    def _refuse_as(self, status: int, message: str) -> NoReturn:
        self.refuse(msgspec.structs.replace(plain_error(InputError(message)), status=status))
        raise RefusedError

    def _send_refusal(self) -> None:
        raise NotImplementedError

    def _let_go(self) -> None:
        if self._running is not None:
            self._running.disconnected = True
        self.pipeline.clear()
