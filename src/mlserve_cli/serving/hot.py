"""Predictions answered inside uvicorn's HTTP protocol, without an ASGI scope or a task.

Only plain requests are: POST to an address of predictions, a Content-Length, nothing unanswered
before it. All others go to the application, which gives the same answers. A request that comes in
one piece and begins with known bytes is not parsed again.
"""

import asyncio
import logging
from typing import TYPE_CHECKING, Any, ClassVar

import httptools

from mlserve_cli.errors import EngineError, InputError, MlserveError
from mlserve_cli.serving.arrivals import NAMING_HEADERS, REQUEST_ID, Arrival
from mlserve_cli.serving.connection import Connection
from mlserve_cli.serving.exchange import MEANINGFUL_HEADERS, Call, Reply, plain_error
from mlserve_cli.serving.heads import (
    HEAD_END,
    RequestHead,
    without_upgrade,
)
from mlserve_cli.serving.refusals import OverloadedError
from mlserve_cli.serving.security import KEY_HEADERS
from mlserve_cli.serving.single_rows import may_be_single

if TYPE_CHECKING:
    from mlserve_cli.serving.routes import Endpoint
    from mlserve_cli.serving.transport import Shared

_LOGGER = logging.getLogger("mlserve")
# With one of these a request is not plain.
_NOT_PLAIN = frozenset({b"expect", b"upgrade", b"transfer-encoding", b"te"})
# Header fields that change what is done.
NOTED = frozenset(
    {
        *(*MEANINGFUL_HEADERS, *KEY_HEADERS, *NAMING_HEADERS, *_NOT_PLAIN),
        *(b"content-length", b"connection"),
    }
)
# Request line and header fields together; as nginx and others bound them.
_MAX_HEAD_BYTES = 64 << 10
# Bytes that may come with each byte of a body: chunks of one byte each have six.
_MOST_FRAMING = 8
# Requests that a client may send on one connection before it has its answers; what it sends beyond
# is not read, and the last answer closes the connection.
_MAX_PIPELINED = 128


class HotProtocol(Connection):
    """One connection. `protocol_class` gives the class what all have in common."""

    __slots__ = (
        *("_answer_heads", "_arrival", "_asked", "_beginning", "_call", "_clock", "_endpoint"),
        *("_find_head", "_framing_bytes", "_head_bytes", "_headers", "_is_named", "_last_head"),
        *("_noted", "_parts", "_scored_arrival", "_single_rows", "gateway", "started"),
    )

    shared: ClassVar["Shared"]

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        shared = self.shared
        self.gateway = shared.gateway
        self._find_head = shared.request_heads.find
        self._answer_heads = shared.answer_heads
        self._single_rows = shared.single_rows
        self._clock = shared.gateway.clock
        # The endpoint of the request under way; None where the application answers it.
        self._endpoint: Endpoint | None = None
        # The remembered head that the last request had: most clients write the same again.
        self._last_head: RequestHead | None = None
        # What waits for its answer, and since when.
        self._asked: RequestHead
        self._call: Call | None = None
        self.started = 0.0
        # Where the request under way comes from, and where the one comes from that is scored.
        self._arrival = self._scored_arrival = Arrival()
        # Whether the request under way has a name.
        self._is_named = False
        self._headers: list[tuple[bytes, bytes]] = []
        self._noted: dict[bytes, bytes] = {}
        self._parts: list[bytes] = []
        # The bytes that came last, where a request began with them.
        self._beginning: bytes | None = None
        self._head_bytes = 0
        # What came behind the head, less what the body may come with: extensions of chunks,
        # trailers.
        self._framing_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client has come."""
        super().connection_made(transport)
        # An answer goes out at once, and not with all others at the end of the event loop's turn,
        # which costs more; what the client does not take at once halts the connection. TLS would
        # never go on from there.
        if transport.get_extra_info("sslcontext") is None:
            transport.set_write_buffer_limits(high=0)
        self._exchange.keep_alive = not self.gateway.service.draining
        self._arrival = Arrival("{}:{}".format(*self.client) if self.client else "")
        if len(self.connections) > self.shared.max_connections:
            self.refuse(plain_error(OverloadedError("Too many connections are open.")))

    def data_received(self, data: bytes) -> None:
        """Bytes have come."""
        if self._refusal is not None:
            return
        if self.timeout_keep_alive_task is not None:
            self._unset_keepalive_if_required()
        if not self.is_reading and not self._head_bytes:
            known = self._last_head
            if known is None or not data.startswith(known.content):
                known = self._last_head = self._find_head(data.partition(HEAD_END)[0])
            if known is not None and self.cycle.response_complete:
                body = data[len(known.content) :]
                if len(body) == known.body_bytes:
                    self._begin(known, body)
                    return
            self._beginning = data
        self._parse(data)

    def _parse(self, data: bytes) -> None:
        if self._in_head:
            if b"pgrade" in data:
                data = without_upgrade(data)
            self._head_bytes += len(data)
            if self._head_bytes > _MAX_HEAD_BYTES and self._is_head_too_large(data):
                return
        else:
            self._framing_bytes += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:
            self.send_400_response("What came is not HTTP.")
        except httptools.HttpParserUpgrade as upgrade:
            # A field that came in two pieces: the request is answered, and the client goes on.
            self.parser = httptools.HttpRequestParser(self)
            if rest := data[upgrade.args[0] :]:
                self.data_received(rest)
        if self._framing_bytes > _MAX_HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response("The chunks of the body come with too much around them.")

    def on_message_begin(self) -> None:
        """A request begins."""
        if len(self.pipeline) >= _MAX_PIPELINED:
            self._is_full = True
            self.cycle.keep_alive = False
            raise OverloadedError("Too many requests wait on this connection.")
        self.url = b""
        self.expect_100_continue = False
        self._headers = []
        self._noted = {}
        self._endpoint = None
        self._framing_bytes = 0
        self.is_reading = True
        self.events += 1

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header field has come."""
        self._headers.append((name, value))
        try:
            noted = self.shared.spellings[name]
        except KeyError:
            noted = self.shared.learn_spelling(name)
        if noted is not None:
            # What comes twice is for the application to judge.
            self._noted[noted if noted not in self._noted else b"expect"] = value

    def on_headers_complete(self) -> None:
        """All header fields have come: here it is decided who answers."""
        self.check_framing(self._noted.get(b"transfer-encoding"))
        self._in_head = False
        endpoints = self.shared.endpoints
        endpoint = endpoints.get(self.url)
        if endpoint is None and self.url not in endpoints:
            endpoint = self.shared.learn_address(self.url)
        if endpoint is not None and self._is_plain():
            if not self.parser.should_keep_alive():
                self._exchange.keep_alive = False
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
        if not self._exchange.keep_alive:
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        """A part of the body has come."""
        self._framing_bytes -= _MOST_FRAMING * len(body)
        if self._endpoint is None:
            super().on_body(body)
        else:
            self._parts.append(body)

    def on_message_complete(self) -> None:
        """The request is complete."""
        self._in_head = True
        self._head_bytes = 0
        self.is_reading = False
        request, self._beginning = self._beginning, None
        endpoint = self._endpoint
        if endpoint is None:
            self.events += 1
            super().on_message_complete()
            return
        parts = self._parts
        body = parts[0] if len(parts) == 1 else b"".join(parts)
        noted = self._noted
        log = self.gateway.options.log
        single = not log.logs_all and may_be_single(endpoint, noted, len(body))
        head = RequestHead(endpoint, self.url.decode("ascii"), noted, len(body), single)
        if not NAMING_HEADERS.isdisjoint(noted):
            self._is_named = True
            self._arrival.take_names(noted, log.ids)
        # Keys may change, and those who give none are told apart by nothing but time.
        elif request is not None and self._is_same_for_all:
            self.shared.request_heads.learn(request, body, head)
        self._begin(head, body)

    def _begin(self, head: RequestHead, body: bytes) -> None:
        """A complete request is there."""
        self._exchange.response_complete = False
        self.cycle = self._exchange  # type: ignore[assignment]
        self.events += 1
        self.started = self._clock()
        self._asked = head
        if head.may_be_single:
            self._single_rows.add(head.endpoint, self, body)
        else:
            self.ask(body)

    def ask(self, body: bytes) -> None:
        """Hands the request to the model."""
        gateway, head = self.gateway, self._asked
        self._call = None
        # Its own: an answer that comes too late must not know the next request by its name.
        arrival = self._scored_arrival = self._arrival
        self._arrival = Arrival(arrival.client)
        arrival.path = head.path
        arrival.size_bytes = len(body)
        if gateway.is_long_to_read(body, head.noted):
            answering = gateway.answer(head.endpoint, body, head.noted, arrival)
            asyncio.ensure_future(answering).add_done_callback(lambda it: self._write(it.result()))
            return
        try:
            call = self._call = gateway.begin(head.endpoint, body, head.noted)
            gateway.scheduler.queue(call.model).submit(call, self._answer, self.started, arrival)
        except MlserveError as error:
            self._answer(error)
        # A bug of ours must not show itself to clients, nor leave them waiting.
        except Exception:
            _LOGGER.exception("unexpected error")
            self._answer(EngineError("The server failed to answer."))

    def _let_go(self) -> None:
        super()._let_go()
        # What is complete has its body until it is answered.
        if self._exchange.response_complete or (self.is_reading and self._endpoint is not None):
            self._give_room_back()

    @property
    def request_id(self) -> bytes:
        """What the client calls the request under way; empty where it says nothing."""
        return self._arrival.request_id

    @property
    def _is_same_for_all(self) -> bool:
        """Whether a request with the same head means the same, whenever and wherever it comes."""
        return self._exchange.keep_alive and not self.gateway.options.keys.required

    def _is_plain(self) -> bool:
        noted = self._noted
        parser = self.parser
        options = self.gateway.options
        length = noted.pop(b"content-length", b"")
        return (
            length.isdigit()
            and int(length) <= options.max_body_bytes
            and parser.get_method() == b"POST"
            and self.is_free
            and _NOT_PLAIN.isdisjoint(noted)
            # HTTP/1.0 stays open only where a Connection field asks for it.
            and (b"connection" not in noted or parser.get_http_version() == "1.1")
            and (not options.keys.required or options.keys.admits(noted))
            and self._has_room(int(length))
        )

    def take(self, body: bytes) -> None:
        """Sends a good answer."""
        defaults = self.server_state.default_headers
        exchange, transport = self._exchange, self.transport
        if exchange.keep_alive and not self._is_named and not transport.is_closing():
            # As `_send`, of which little applies to a small request.
            exchange.response_complete = True
            transport.write(self._answer_heads.good(body, defaults) + body)
            if self.is_reading:
                self.events += 1
            if self.pipeline or self._refusal is not None:
                self.on_response_complete()
            return
        request_id = self._arrival.request_id
        if exchange.keep_alive and request_id:
            self._send(self._answer_heads.named(body, defaults, request_id) + body)
        else:
            self._write(Reply(body, headers=((REQUEST_ID, request_id),) if request_id else ()))

    def _answer(self, outcome: Reply | MlserveError) -> None:
        endpoint, arrival = self._asked.endpoint, self._scored_arrival
        reply = self.gateway.finish(endpoint, self._call, outcome, self.started, arrival)
        self._call = None
        self._write(reply)

    def _write(self, reply: Reply) -> None:
        defaults = self.server_state.default_headers
        closing = not self._exchange.keep_alive
        self._send(self._answer_heads.head(reply, defaults, closing=closing) + reply.body)

    def _send(self, answer: bytes) -> None:
        exchange, transport = self._exchange, self.transport
        exchange.response_complete = True
        if self._is_named:
            self._is_named = False
            self._arrival.request_id = self._arrival.trace_parent = b""
        if exchange.disconnected or transport.is_closing():
            self._give_room_back()
            return
        transport.write(answer)
        # The rest of a request that has begun meanwhile has its time from now on.
        if self.is_reading:
            self.events += 1
        # An answer that the client does not read takes as much as the body has.
        if self._held_bytes and not self.flow.write_paused:
            self._give_room_back()
        if not exchange.keep_alive:
            transport.close()
        elif self.pipeline or self._refusal is not None:
            # Requests that came meanwhile are the application's.
            self.on_response_complete()

    def _is_head_too_large(self, data: bytes) -> bool:
        # The head may have ended in these bytes, with the body behind it.
        if self._head_bytes - len(data) <= _MAX_HEAD_BYTES and b"\r\n\r\n" in data:
            return False
        reply = plain_error(InputError("The header fields are too large."))
        self.refuse(Reply(reply.body, 431))
        return True

    def _send_refusal(self) -> None:
        assert self._refusal is not None
        self._exchange.keep_alive = False
        self._write(self._refusal)
