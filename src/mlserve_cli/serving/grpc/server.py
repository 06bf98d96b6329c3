"""A gRPC server on the event loop that also answers HTTP."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import grpc
import grpc.aio

from mlserve_cli.errors import EngineError
from mlserve_cli.serving.arrivals import REQUEST_ID
from mlserve_cli.serving.exchange import Reply
from mlserve_cli.serving.grpc.address import target_of
from mlserve_cli.serving.grpc.guarded import GuardedMethod
from mlserve_cli.serving.grpc.methods import Methods

if TYPE_CHECKING:
    from mlserve_cli.serving.gateway import Gateway
    from mlserve_cli.serving.tls import Tls

_STATUSES = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    401: grpc.StatusCode.UNAUTHENTICATED,
    404: grpc.StatusCode.NOT_FOUND,
    413: grpc.StatusCode.RESOURCE_EXHAUSTED,
    503: grpc.StatusCode.UNAVAILABLE,
    504: grpc.StatusCode.DEADLINE_EXCEEDED,
}
# A client takes 8 KiB of metadata, where one character of the message may need twelve bytes.
_MOST_CHARACTERS = 600
# A stopping server waits until no call has come for so long, but not longer than that.
_QUIET_SECONDS = 0.05
_MOST_WAIT_SECONDS = 1.0

_Handler = Callable[[bytes, Any], Awaitable[bytes]]


class GrpcServer:
    """Made in the process that serves, after any fork.

    Args:
        gateway: Answers predictions.
        holder: Holds the port; see `reserve_port`.
        tls: Certificate and key; None for plain connections.
    """

    def __init__(
        self,
        gateway: "Gateway",
        holder: socket.socket,
        tls: "Tls | None" = None,
    ) -> None:
        self.gateway = gateway
        self._target = target_of(holder)
        self._tls = tls
        self._server: Any = None
        self._calls = 0
        self._released: asyncio.Event | None = None

    async def start(self) -> None:
        """Listens and answers from now on.

        Raises:
            EngineError: The port cannot be bound.
        """
        server = grpc.aio.server(
            options=[
                # Holds after decompression as well.
                ("grpc.max_receive_message_length", self.gateway.options.max_body_bytes),
                ("grpc.max_send_message_length", -1),
                ("grpc.so_reuseport", 1),
            ]
        )
        server.add_generic_rpc_handlers(self._handlers())
        try:
            if self._tls is None:
                server.add_insecure_port(self._target)
            else:
                server.add_secure_port(self._target, _credentials(self._tls))
        except RuntimeError as error:
            raise EngineError(f"Cannot listen on {self._target} for gRPC.") from error
        await server.start()
        self._server = server

    async def stop(self, seconds: float) -> None:
        """Takes no more calls; those under way have so many seconds to finish.

        gRPC cancels calls that have reached it and that nobody here has seen yet. So answers are
        held back for a moment: clients that wait for one ask nothing new, and nothing is left to
        cancel when they are told to go.
        """
        if self._server is None:
            return
        self._released = asyncio.Event()
        deadline = self.gateway.clock() + _MOST_WAIT_SECONDS
        seen = -1
        while seen != self._calls and self.gateway.clock() < deadline:
            seen = self._calls
            await asyncio.sleep(_QUIET_SECONDS)
        stopping = asyncio.create_task(self._server.stop(seconds))
        # The farewell is on its way when the task waits for the first time.
        await asyncio.sleep(0)
        self._released.set()
        await stopping

    def _handlers(self) -> list[Any]:
        return [
            grpc.method_handlers_generic_handler(
                service,
                {
                    name: grpc.unary_unary_rpc_method_handler(
                        self._handler(GuardedMethod(self.gateway, service, name, method))
                    )
                    for name, method in methods.items()
                },
            )
            for service, methods in Methods(self.gateway).by_service().items()
        ]

    def _handler(self, method: GuardedMethod) -> _Handler:
        """A method as gRPC calls it."""

        async def handle(body: bytes, context: Any) -> bytes:
            self._calls += 1
            reply = await method.answer(body, _metadata(context), _client(context))
            if self._released is not None:
                await self._released.wait()
            await _end(context, reply)
            return reply.body

        return handle


def _credentials(tls: "Tls") -> Any:
    """Asks for the certificate at each connection, since it may have been read again."""

    def read() -> Any:
        return grpc.ssl_server_certificate_configuration([tls.pem])

    return grpc.dynamic_ssl_server_credentials(read(), read)


def _metadata(context: Any) -> dict[bytes, bytes]:
    return {
        name.encode(): value if isinstance(value, bytes) else value.encode()
        for name, value in context.invocation_metadata()
    }


def _client(context: Any) -> str:
    """Address and port, which gRPC writes as in `ipv4:127.0.0.1:50000`."""
    peer: str = context.peer()
    return unquote(peer.partition(":")[2])


def _trailing(reply: Reply) -> tuple[tuple[str, str], ...]:
    """What goes out behind the answer."""
    found = []
    for name, value in reply.headers:
        if name == REQUEST_ID:
            found.append((name.decode(), value.decode()))
        elif name == b"retry-after":
            # How a server of gRPC tells clients when to try again.
            found.append(("grpc-retry-pushback-ms", f"{int(value)}000"))
    return tuple(found)


async def _end(context: Any, reply: Reply) -> None:
    """Says how the call went; where it went wrong, it raises what gRPC takes as the end."""
    trailing = _trailing(reply)
    if reply.status != 200:
        status = _STATUSES.get(reply.status, grpc.StatusCode.INTERNAL)
        await context.abort(status, reply.body.decode()[:_MOST_CHARACTERS], trailing)
    if trailing:
        context.set_trailing_metadata(trailing)
