"""Predictions answered inside uvicorn's HTTP protocol, without an ASGI scope or a task.

Only plain requests are: POST to an address of predictions, HTTP/1.1 with keep-alive, a
Content-Length, nothing before it that is still unanswered. All others go to the application, which
gives the same answers.
"""

import asyncio
import logging
from typing import TYPE_CHECKING, ClassVar

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from mlserve_cli.errors import EngineError, InputError, MlserveError
from mlserve_cli.serving.exchange import JSON, MEANINGFUL_HEADERS, Call, Reply, plain_error
from mlserve_cli.serving.routes import Endpoint, find_endpoint
from mlserve_cli.serving.security import KEY_HEADERS

if TYPE_CHECKING:
    from mlserve_cli.serving.gateway import Gateway

_LOGGER = logging.getLogger("mlserve")
# With one of these a request is not plain.
_NOT_PLAIN = frozenset(
    {b"expect", b"upgrade", b"transfer-encoding", b"x-request-id", b"traceparent", b"te"}
)
_NOTED = MEANINGFUL_HEADERS | KEY_HEADERS | _NOT_PLAIN | {b"content-length", b"connection"}
# Request line and header fields together; as nginx and others bound them.
_MAX_HEAD_BYTES = 64 << 10
# Addresses and spellings of header fields that are remembered, and lengths of answers.
_MAX_KNOWN_ADDRESSES = 1024


class _HotExchange:
    """Stands where uvicorn keeps its request-response cycle, and has what uvicorn asks of that."""

    __slots__ = ("disconnected", "keep_alive", "response_complete")

    # Set by uvicorn when the connection is lost; nobody waits for it.
    message_event: ClassVar[asyncio.Event] = asyncio.Event()

    def __init__(self) -> None:
        self.response_complete = True
        self.disconnected = False
        self.keep_alive = True


class HotProtocol(HttpToolsProtocol):
    """One connection. `hot_protocol` gives the class its gateway."""

    gateway: ClassVar["Gateway"]
    endpoints: ClassVar[dict[bytes, Endpoint | None]]
    # What fields are called here, by how clients spell them; None for those that change nothing.
    spellings: ClassVar[dict[bytes, bytes | None]]
    # Heads of good answers by the length of their body, as long as the default fields hold.
    heads: ClassVar[dict[int, bytes]]
    heads_for: ClassVar[list[list[tuple[bytes, bytes]]]]

    # The endpoint of the request under way; None where the application answers it.
    _endpoint: Endpoint | None = None
    # What waits for its answer.
    _asked: Endpoint | None = None
    _call: Call | None = None
    _noted: dict[bytes, bytes]
    _parts: list[bytes]
    _started = 0.0
    _head_bytes = 0
    _in_head = True
    # Counts what happens here, so that the watch can tell whether anything did.
    events = 0
    is_reading = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client has come."""
        super().connection_made(transport)
        self._exchange = _HotExchange()
        self._headers: list[tuple[bytes, bytes]] = []

    @property
    def is_answering(self) -> bool:
        """Whether a complete request waits for its answer."""
        return not self.is_reading and self.cycle is not None and not self.cycle.response_complete

    def close_after_answer(self) -> None:
        """The next answer is the last one on this connection."""
        self._exchange.keep_alive = False

    def data_received(self, data: bytes) -> None:
        """Bytes have come."""
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > _MAX_HEAD_BYTES and self._is_head_too_large(data):
                return
        if self.timeout_keep_alive_task is not None:
            self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:
            self.send_400_response("What came is not HTTP.")
        except httptools.HttpParserUpgrade:
            # The request itself was answered; what follows in another protocol is not.
            self.transport.close()

    def on_message_begin(self) -> None:
        """A request begins."""
        self.url = b""
        self.expect_100_continue = False
        self._headers = []
        self._noted = {}
        self._endpoint = None
        self.is_reading = True
        self.events += 1

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header field has come."""
        self._headers.append((name, value))
        try:
            noted = self.spellings[name]
        except KeyError:
            noted = self._learn_spelling(name)
        if noted is not None:
            # What comes twice is for the application to judge.
            self._noted[noted if noted not in self._noted else b"expect"] = value

    def on_headers_complete(self) -> None:
        """All header fields have come: here it is decided who answers."""
        self._in_head = False
        endpoint = self.endpoints.get(self.url)
        if endpoint is None and self.url not in self.endpoints:
            endpoint = self._learn_address()
        if endpoint is not None and self._is_plain():
            self._endpoint = endpoint
            self._parts = []
            self._exchange.response_complete = False
            self.cycle = self._exchange  # type: ignore[assignment]
            return
        url = self.url
        headers = [(name.lower(), value) for name, value in self._headers]
        super().on_message_begin()
        self.url = url
        self.headers.extend(headers)
        self.expect_100_continue = (b"expect", b"100-continue") in [
            (name, value.lower()) for name, value in headers if name == b"expect"
        ]
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A part of the body has come."""
        if self._endpoint is None:
            super().on_body(body)
        else:
            self._parts.append(body)

    def on_message_complete(self) -> None:
        """The request is complete."""
        self._in_head = True
        self._head_bytes = 0
        self.is_reading = False
        self.events += 1
        endpoint = self._endpoint
        if endpoint is None:
            super().on_message_complete()
            return
        parts = self._parts
        gateway = self.gateway
        self._started = gateway.clock()
        self._asked = endpoint
        self._call = None
        try:
            body = parts[0] if len(parts) == 1 else b"".join(parts)
            self._call = gateway.begin(endpoint, body, self._noted)
            gateway.scheduler.submit(self._call, self._answer)
        except MlserveError as error:
            self._answer(error)
        # A bug of ours must not show itself to clients, nor leave them waiting.
        except Exception:
            _LOGGER.exception("unexpected error")
            self._answer(EngineError("The server failed to answer."))

    def send_400_response(self, msg: str) -> None:
        """What comes is not HTTP."""
        self._refuse(plain_error(InputError(msg)))

    def pause_writing(self) -> None:
        """The client reads slower than it asks: no more questions until it has caught up."""
        super().pause_writing()
        self.flow.pause_reading()

    def resume_writing(self) -> None:
        """The client has caught up."""
        super().resume_writing()
        if self.cycle is None or self.cycle.response_complete:
            self.flow.resume_reading()

    def _learn_address(self) -> Endpoint | None:
        if len(self.endpoints) >= _MAX_KNOWN_ADDRESSES:
            self.endpoints.clear()
        plain = b"%" not in self.url and b"?" not in self.url and self.url.isascii()
        found = find_endpoint(self.url.decode("ascii")) if plain else None
        self.endpoints[self.url] = found
        return found

    def _learn_spelling(self, name: bytes) -> bytes | None:
        """The field's name in lower case, if anybody here wants to know about that field."""
        if len(self.spellings) >= _MAX_KNOWN_ADDRESSES:
            self.spellings.clear()
        lower = name.lower()
        noted = self.spellings[name] = lower if lower in _NOTED else None
        return noted

    def _is_plain(self) -> bool:
        noted = self._noted
        parser = self.parser
        options = self.gateway.options
        length = noted.pop(b"content-length", b"")
        return (
            length.isdigit()
            and int(length) <= options.max_body_bytes
            and parser.get_method() == b"POST"
            and (self.cycle is None or self.cycle.response_complete)
            and _NOT_PLAIN.isdisjoint(noted)
            and parser.should_keep_alive()
            # HTTP/1.0 stays open only where a Connection field asks for it.
            and (b"connection" not in noted or parser.get_http_version() == "1.1")
            and (not options.keys.required or options.keys.admits(noted))
        )

    def _answer(self, outcome: Reply | MlserveError) -> None:
        # By now the next request may have begun: `_endpoint` is no longer this one's.
        assert self._asked is not None
        reply = self.gateway.finish(self._asked, self._call, outcome, self._started)
        self._call = None
        self.events += 1
        exchange = self._exchange
        exchange.response_complete = True
        transport = self.transport
        if exchange.disconnected or transport.is_closing():
            return
        transport.write(self._known_head(reply) + reply.body)
        if not exchange.keep_alive:
            transport.close()
        elif self.pipeline:
            # Requests that came meanwhile are the application's.
            self.on_response_complete()
        else:
            self.server_state.total_requests += 1

    def _known_head(self, reply: Reply) -> bytes:
        closing = not self._exchange.keep_alive
        if reply.status != 200 or closing or reply.headers or reply.content_type is not JSON:
            return self._head(reply, closing=closing)
        defaults = self.server_state.default_headers
        # uvicorn makes a new list every second, when the date changes.
        if self.heads_for[0] is not defaults or len(self.heads) >= _MAX_KNOWN_ADDRESSES:
            self.heads.clear()
            self.heads_for[0] = defaults
        head = self.heads.get(len(reply.body))
        if head is None:
            head = self.heads[len(reply.body)] = self._head(reply, closing=False)
        return head

    def _head(self, reply: Reply, *, closing: bool) -> bytes:
        head = [STATUS_LINE[reply.status]]
        for name, value in self.server_state.default_headers:
            head += (name, b": ", value, b"\r\n")
        head += (
            b"content-type: ",
            reply.content_type,
            b"\r\ncontent-length: ",
            b"%d" % len(reply.body),
            b"\r\n",
        )
        for name, value in reply.headers:
            head += (name, b": ", value, b"\r\n")
        if closing:
            head.append(b"connection: close\r\n")
        head.append(b"\r\n")
        return b"".join(head)

    def _is_head_too_large(self, data: bytes) -> bool:
        # The head may have ended in these bytes, with the body behind it.
        if self._head_bytes - len(data) <= _MAX_HEAD_BYTES and b"\r\n\r\n" in data:
            return False
        self._refuse(plain_error(InputError("The header fields are too large.")), status=431)
        return True

    def _refuse(self, reply: Reply, status: int = 400) -> None:
        refusal = Reply(reply.body, status)
        self.transport.write(self._head(refusal, closing=True) + refusal.body)
        self.transport.close()


def hot_protocol(gateway: "Gateway") -> type[HotProtocol]:
    """The protocol class of a server."""
    return type(
        "HotProtocol",
        (HotProtocol,),
        {"gateway": gateway, "endpoints": {}, "spellings": {}, "heads": {}, "heads_for": [[]]},
    )
