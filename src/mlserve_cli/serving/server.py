"""A server process: sockets, uvicorn, signals, readiness."""

import asyncio
import contextlib
import gc
import logging
import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import uvicorn

from mlserve_cli.errors import EngineError, UsageError
from mlserve_cli.serving import uvicorn_contract
from mlserve_cli.serving.app import app_of
from mlserve_cli.serving.hot import HotProtocol, hot_protocol
from mlserve_cli.serving.reloading import Reloader
from mlserve_cli.serving.watch import ConnectionWatch

if TYPE_CHECKING:
    from mlserve_cli.serving.gateway import Gateway

_LOGGER = logging.getLogger("mlserve")
_BACKLOG = 4096
# How long a stopping server waits for what is in flight.
_DRAIN_SECONDS = 30
# How long clients of a stopping server may ask on connections that they hold open.
_GRACE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """Where and how a server listens.

    Attributes:
        host: Address to bind.
        port: Port to bind; 0 takes a free one.
        certificate: TLS certificate file.
        key: TLS key file.
        reload_seconds: Between two looks for new versions of the models; None for never.
        followed: Names of the models to look for; None for the whole repository.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    certificate: Path | None = None
    key: Path | None = None
    reload_seconds: float | None = None
    followed: tuple[str, ...] | None = None


def bind(options: ServerOptions) -> socket.socket:
    """A listening socket.

    Raises:
        EngineError: The address cannot be bound.
    """
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((options.host, options.port))
        listener.listen(_BACKLOG)
    except (OSError, OverflowError) as error:
        listener.close()
        reason = getattr(error, "strerror", None) or str(error)
        raise EngineError(
            f"Cannot listen on {options.host}:{options.port}: {reason}.",
            hint="Choose another port: --port N",
        ) from error
    listener.set_inheritable(True)
    return listener


def run_server(
    gateway: "Gateway",
    listener: socket.socket,
    options: ServerOptions,
    on_ready: Callable[[], None] = lambda: None,
) -> None:
    """Serves until SIGTERM or SIGINT; then finishes what is in flight and returns.

    Args:
        gateway: Answers predictions.
        listener: A listening socket.
        options: For TLS.
        on_ready: Called once requests are answered.

    Raises:
        UsageError: The TLS files cannot be used.
    """
    server = _Server(_config(gateway, options), gateway, on_ready)
    if options.reload_seconds is not None:
        server.reloader = Reloader(gateway, options.reload_seconds, options.followed)
    server.run(sockets=[listener])


def _config(gateway: "Gateway", options: ServerOptions) -> uvicorn.Config:
    protocol: Any = "httptools"
    if uvicorn_contract.is_kept():
        protocol = hot_protocol(gateway)
    else:
        _LOGGER.warning("This uvicorn is not one that the fast path knows; answers are slower.")
    config = uvicorn.Config(
        app_of(gateway),
        loop="uvloop",
        http=protocol,
        ws="none",
        access_log=False,
        log_config=None,
        log_level="warning",
        server_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=_DRAIN_SECONDS,
        ssl_certfile=options.certificate,
        ssl_keyfile=options.key,
    )
    try:
        config.load()
    except OSError as error:
        raise UsageError(f"The TLS certificate or key cannot be used: {error}.") from error
    return config


class _Server(uvicorn.Server):
    """uvicorn's server with our readiness and watch; it ends with 0 on SIGTERM."""

    def __init__(
        self, config: uvicorn.Config, gateway: "Gateway", on_ready: Callable[[], None]
    ) -> None:
        super().__init__(config)
        self._gateway = gateway
        self._on_ready = on_ready
        self._tasks: list[asyncio.Task[None]] = []
        self.reloader: Reloader | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listens, then says so."""
        await super().startup(sockets)
        watch = ConnectionWatch(lambda: self.server_state.connections)
        self._tasks.append(asyncio.create_task(watch.run()))
        if self.reloader is not None:
            self._tasks.append(asyncio.create_task(self.reloader.run()))
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGHUP, self._reload_keys)
        # What lives as long as the server is not looked at again by every collection.
        gc.collect()
        gc.freeze()
        self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Not ready from now on; whoever waits for an answer gets it."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for listener in self.servers:
            listener.close()
        await self._let_clients_go()
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Readiness is off as soon as the signal is there."""
        self._gateway.service.draining = True
        super().handle_exit(sig, frame)

    async def _let_clients_go(self) -> None:
        """Every answer from now on closes its connection; idle ones get a moment to ask again.

        A connection that is closed while its next request is on the way loses that request.
        """
        loop = asyncio.get_running_loop()
        for connection in self.server_state.connections:
            if isinstance(connection, HotProtocol):
                connection.close_after_answer()
        deadline = loop.time() + _GRACE_SECONDS
        while self.server_state.connections and loop.time() < deadline:
            await asyncio.sleep(0.01)

    @contextlib.contextmanager
    def capture_signals(self) -> Any:
        """As uvicorn's, but the signal that stopped the server is not raised again."""
        with super().capture_signals():
            yield
            self._captured_signals.clear()

    def _reload_keys(self) -> None:
        try:
            self._gateway.options.keys.reload()
        except UsageError as error:
            _LOGGER.warning("%s", error.message)
