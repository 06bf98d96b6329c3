"""The outermost layer of the application: API keys, request ids, counts, unexpected errors."""

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from mlserve_cli.errors import EngineError
from mlserve_cli.serving.arrivals import REQUEST_ID, Arrival
from mlserve_cli.serving.body_room import RoomyBody
from mlserve_cli.serving.exchange import Reply, plain_error
from mlserve_cli.serving.refusals import OverloadedError, UnauthorizedError
from mlserve_cli.serving.request_log import Outcome
from mlserve_cli.serving.routes import find_endpoint
from mlserve_cli.serving.security import KEY_HEADERS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, MutableMapping

    from mlserve_cli.serving.gateway import Gateway

    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]
    App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

_LOGGER = logging.getLogger("mlserve")
# Where in the scope of a request its `Arrival` is.
ARRIVAL = "mlserve.arrival"


class Guard:
    """ASGI middleware.

    Args:
        app: What answers admitted requests.
        gateway: Counts them, and says who is admitted.
    """

    def __init__(self, app: "App", gateway: "Gateway") -> None:
        self._app = app
        self._gateway = gateway

    async def __call__(
        self, scope: "MutableMapping[str, Any]", receive: "Receive", send: "Send"
    ) -> None:
        """Answers one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = self._gateway.clock()
        headers = dict(scope["headers"])
        arrival = scope[ARRIVAL] = self._arrival(scope, headers)
        body = RoomyBody(receive, self._gateway.room, headers.get(b"content-length", b""))
        answer = _Answer(send, self._gateway, arrival, body)
        try:
            self._check_key(scope, headers)
            await self._answer(scope, body, answer)
        except (UnauthorizedError, OverloadedError) as error:
            await send_reply(plain_error(error), answer)
        # A bug of ours must not show itself to clients.
        except Exception:
            _LOGGER.exception("unexpected error")
            if not answer.status:
                reply = plain_error(EngineError("The server failed to answer."))
                await send_reply(reply, answer)
        finally:
            body.close()
        if not arrival.is_counted:
            self._count(scope, answer, self._gateway.clock() - started)

    async def _answer(
        self, scope: "MutableMapping[str, Any]", receive: "Receive", send: "_Answer"
    ) -> None:
        try:
            await self._app(scope, receive, send)
        except asyncio.CancelledError:
            # A server that stops gives up what takes too long; nobody else may hide that.
            if not self._gateway.service.draining:
                raise
            if not send.status:
                raise OverloadedError("This server stops.") from None

    def _arrival(self, scope: "Mapping[str, Any]", headers: "Mapping[bytes, bytes]") -> Arrival:
        client = "{}:{}".format(*scope["client"]) if scope.get("client") else ""
        arrival = Arrival(client, scope["method"], scope["path"])
        arrival.take_names(headers, self._gateway.options.log.ids)
        return arrival

    def _check_key(self, scope: "Mapping[str, Any]", headers: "Mapping[bytes, bytes]") -> None:
        options = self._gateway.options
        if scope["path"] not in options.open_paths:
            given = {name: headers[name] for name in KEY_HEADERS if name in headers}
            accept = headers.get(b"accept", b"").decode("latin-1")
            options.keys.check(given, method=scope["method"], accept=accept)

    def _count(self, scope: "Mapping[str, Any]", answer: "_Answer", seconds: float) -> None:
        """Counts what no gateway has seen: refused requests, and those for no predictions."""
        gateway = self._gateway
        metrics = gateway.metrics
        endpoint = find_endpoint(scope["path"], gateway.options.paths)
        if endpoint is None:
            metrics.count_other_request(getattr(scope.get("route"), "path", ""), answer.status)
        else:
            sizes = (answer.arrival.size_bytes, answer.size_bytes)
            # Who has no key is told nothing about models, nor is it counted for one.
            model = None if answer.status == 401 else gateway.asked_model(endpoint)
            metrics.count_request(model, endpoint.protocol.name, answer.status, seconds, sizes)
        outcome = Outcome(
            answer.status,
            seconds,
            answer.size_bytes,
            endpoint.protocol.name if endpoint else None,
            message="failed" if answer.status >= 500 else None,
        )
        gateway.options.log.write(answer.arrival, outcome)


class _Answer:
    """Sends an answer with the request's id, and notes what it says.

    Args:
        send: Sends on.
        gateway: Makes ids up.
        arrival: What the request is called.
        body: The body of the request, whose room is free once it is answered.
    """

    def __init__(self, send: "Send", gateway: "Gateway", arrival: Arrival, body: RoomyBody) -> None:
        self.status = 0
        self.size_bytes = 0
        self.arrival = arrival
        self._send = send
        self._body = body
        self._log = gateway.options.log

    async def __call__(self, message: "Message") -> None:
        """Sends one part."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            await self._send(self._named(message))
            return
        self.size_bytes += len(message.get("body", b""))
        await self._send(message)
        # The client may have its answer now, and its next body come before the application ends.
        self._body.close()

    def _named(self, message: "Message") -> "Message":
        headers = message["headers"]
        is_named = any(name == REQUEST_ID for name, _ in headers)
        if is_named or not self._log.needs_name(self.arrival, self.status):
            return message
        name = (REQUEST_ID, self._log.name(self.arrival))
        return {**message, "headers": [*headers, name]}


async def send_reply(reply: Reply, send: "Send") -> None:
    """Sends a reply with its header fields in the order that the fast path writes them."""
    headers = [
        (b"content-type", reply.content_type),
        (b"content-length", str(len(reply.body)).encode()),
        *reply.headers,
    ]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})
