"""The Flask adapter inside the same server that runs FastAPI, through a2wsgi.

So TLS, slow clients, reloading and stopping are the server's, whichever framework answers.
"""

import asyncio
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from mlserve_cli.errors import MissingExtraError
from mlserve_cli.serving.exchange import Reply, plain_error
from mlserve_cli.serving.guard import Guard, send_reply
from mlserve_cli.serving.refusals import OverloadedError
from mlserve_cli.serving.wsgi import wsgi_app_of

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from mlserve_cli.serving.gateway import Gateway
    from mlserve_cli.serving.guard import App, Receive, Send

# Requests that Flask works on at the same time, each in its thread, and those that wait for one.
_THREADS = 16
_MOST_REQUESTS = 512


def asgi_app_of_flask(gateway: "Gateway") -> "App":
    """The Flask application as the server runs it.

    Raises:
        MissingExtraError: Flask or a2wsgi is not installed.
    """
    return Guard(_Threads(gateway), gateway)


class _Threads:
    """Hands complete requests to threads, so that slow clients hold none of them.

    Args:
        gateway: Answers requests.
    """

    def __init__(self, gateway: "Gateway") -> None:
        try:
            from a2wsgi import WSGIMiddleware
        except ImportError as error:
            raise MissingExtraError("Serving with Flask", "flask") from error
        self._max_body_bytes = gateway.options.max_body_bytes
        self._loop: asyncio.AbstractEventLoop | None = None
        self._requests = 0
        # Its types of a WSGI application and those of Flask are not the same.
        flask: Any = wsgi_app_of(gateway, self._run)
        self._app: Any = WSGIMiddleware(flask, workers=_THREADS)

    async def __call__(
        self, scope: "MutableMapping[str, Any]", receive: "Receive", send: "Send"
    ) -> None:
        """Answers one request."""
        self._loop = asyncio.get_running_loop()
        body = await _read(receive, self._max_body_bytes + 1)
        if body is None:
            return
        if self._requests >= _MOST_REQUESTS:
            error = OverloadedError(f"{self._requests} requests wait already.")
            await send_reply(plain_error(error), send)
            return
        self._requests += 1
        try:
            await self._answer(scope, body, send)
        finally:
            self._requests -= 1

    async def _answer(self, scope: "MutableMapping[str, Any]", body: bytes, send: "Send") -> None:
        headers = [
            (name, value)
            for name, value in scope["headers"]
            if name not in {b"content-length", b"transfer-encoding"}
        ]
        headers.append((b"content-length", str(len(body)).encode()))

        async def receive_all() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send_and_close(message: "MutableMapping[str, Any]") -> None:
            if message["type"] == "http.response.start":
                # What is left of the body is not read.
                message = {**message, "headers": [*message["headers"], (b"connection", b"close")]}
            await send(message)

        cut = len(body) > self._max_body_bytes
        sending = send_and_close if cut else send
        await self._app({**scope, "headers": headers}, receive_all, sending)

    def _run(self, coroutine: Coroutine[Any, Any, Reply]) -> Reply:
        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()


async def _read(receive: "Receive", most_bytes: int) -> bytes | None:
    """The body, cut where it is longer; None where the client left before its end.

    As `read_body` does, it reads on for a while where it keeps no more.
    """
    body, size, more = bytearray(), 0, True
    while more and size < 2 * most_bytes:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        part = message.get("body", b"")
        size += len(part)
        body += part[: most_bytes - len(body)]
        more = message.get("more_body", False)
    return bytes(body)
