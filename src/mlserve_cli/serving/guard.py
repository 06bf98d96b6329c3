"""The outermost layer of the application: API keys, request ids, unexpected errors."""

import logging
import re
from typing import TYPE_CHECKING, Any

from mlserve_cli.errors import EngineError
from mlserve_cli.serving.exchange import Reply, plain_error
from mlserve_cli.serving.refusals import UnauthorizedError
from mlserve_cli.serving.security import KEY_HEADERS, OPEN_PATHS, ApiKeys

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]
    App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

_LOGGER = logging.getLogger("mlserve")
# What a request id may look like; others are not repeated.
_REQUEST_ID = re.compile(rb"[\x21-\x7e]{1,128}")


class Guard:
    """ASGI middleware.

    Args:
        app: What answers admitted requests.
        keys: API keys.
    """

    def __init__(self, app: "App", keys: ApiKeys) -> None:
        self._app = app
        self._keys = keys

    async def __call__(
        self, scope: "MutableMapping[str, Any]", receive: "Receive", send: "Send"
    ) -> None:
        """Answers one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        answer = _Answer(send, headers.get(b"x-request-id", b""))
        try:
            given = {name: headers[name] for name in KEY_HEADERS if name in headers}
            if scope["path"] not in OPEN_PATHS:
                self._keys.check(given)
            await self._app(scope, receive, answer)
        except UnauthorizedError as error:
            await send_reply(plain_error(error), answer)
        # A bug of ours must not show itself to clients.
        except Exception:
            _LOGGER.exception("unexpected error")
            if not answer.started:
                reply = plain_error(EngineError("The server failed to answer."))
                await send_reply(reply, answer)


class _Answer:
    """Sends an answer with the request's id.

    Args:
        send: Sends on.
        request_id: As the client gave it.
    """

    def __init__(self, send: "Send", request_id: bytes) -> None:
        self.started = False
        self._send = send
        self._id = request_id if _REQUEST_ID.fullmatch(request_id) else None

    async def __call__(self, message: "Message") -> None:
        """Sends one part."""
        if message["type"] == "http.response.start":
            self.started = True
            if self._id is not None:
                message = {**message, "headers": [*message["headers"], (b"x-request-id", self._id)]}
        await self._send(message)


async def send_reply(reply: Reply, send: "Send") -> None:
    """Sends a reply with its header fields in the order that the fast path writes them."""
    headers = [
        (b"content-type", reply.content_type),
        (b"content-length", str(len(reply.body)).encode()),
        *reply.headers,
    ]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})
