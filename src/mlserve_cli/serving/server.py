"""A server process: uvicorn, signals, readiness, how it starts and stops."""

import asyncio
import contextlib
import gc
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType
from typing import TYPE_CHECKING, Any

import uvicorn

from mlserve_cli.errors import UsageError
from mlserve_cli.serving import uvicorn_contract
from mlserve_cli.serving.hot import HotProtocol
from mlserve_cli.serving.listening import (
    accepting_sockets,
    ignore_newcomers,
    max_connections,
)
from mlserve_cli.serving.membership import Membership
from mlserve_cli.serving.reloading import Reloader
from mlserve_cli.serving.stopping import let_clients_go
from mlserve_cli.serving.transport import SlowProtocol, protocol_class
from mlserve_cli.serving.watch import ConnectionWatch, Patience
from mlserve_cli.serving.workers import WATCHED_SIGNALS

if TYPE_CHECKING:
    from mlserve_cli.monitoring.alerts.settings import AlertPlan
    from mlserve_cli.serving.gateway import Gateway
    from mlserve_cli.serving.grpc.server import GrpcServer
    from mlserve_cli.serving.late import LateApp
    from mlserve_cli.serving.tls import Tls

_LOGGER = logging.getLogger("mlserve")
# How long a stopping server waits for calls of gRPC that are in flight.
_DRAIN_SECONDS = 30
# How long it goes on to accept clients that were about to connect.
_HANDSHAKE_SECONDS = 0.05
# How long it waits for clients that have connected and were not greeted.
_GREETING_SECONDS = 1.0
# What is in flight over HTTP has ended when uvicorn begins to wait; see `let_clients_go`.
_UVICORN_SECONDS = 1
_KEEP_ALIVE_SECONDS = 75
# How long a thread that scores, writes records or watches for drift keeps the event loop waiting;
# Python gives it 5 ms. A request asks for that two or three times. Measured with 0.5 ms, against
# which 0.1 ms is better again: 1.7 to 2.1 times as many requests over one connection beside a
# thread that is busy half of the time, 1.2 to 1.8 times over 32.
_SWITCH_SECONDS = 0.0001


@dataclass(frozen=True, slots=True)
class ProcessOptions:
    """What one server process does.

    Attributes:
        tls: Certificate and key; None for plain HTTP.
        reload_seconds: Between two looks for new versions of the models; None for never.
        followed: Names of the models to look for; None for the whole repository.
        fast: Whether predictions are answered without the application.
        grpc_holder: Holds the port for gRPC; None without gRPC. See `reserve_port`.
        alerts: When to alert whom; None for never.
    """

    tls: "Tls | None" = None
    reload_seconds: float | None = None
    followed: tuple[str, ...] | None = None
    fast: bool = True
    grpc_holder: socket.socket | None = None
    alerts: "AlertPlan | None" = None


def run_server(
    gateway: "Gateway",
    app: "LateApp",
    listener: socket.socket,
    options: ProcessOptions,
    on_ready: Callable[[], None] = lambda: None,
) -> bool:
    """Serves until SIGTERM or SIGINT; then finishes what is in flight and returns.

    Args:
        gateway: Answers predictions.
        app: Answers everything else.
        listener: A listening socket.
        options: What else this process does.
        on_ready: Called once requests are answered, by all workers where there are several.

    Returns:
        Whether a thread still scores what was given up.
    """
    server = _Server(_config(gateway, app, options), gateway, app, options, on_ready)
    drift = contextlib.nullcontext() if gateway.drift is None else gateway.drift.in_background()
    with gateway.options.log.in_background(), gateway.in_background(), drift:
        server.run(sockets=accepting_sockets(listener, alone=gateway.fleet is None))
    return server.is_scoring


def _config(gateway: "Gateway", app: "LateApp", options: ProcessOptions) -> uvicorn.Config:
    protocol: Any = "httptools"
    if uvicorn_contract.is_kept():
        base = HotProtocol if options.fast else SlowProtocol
        protocol = protocol_class(gateway, base, max_connections())
    else:
        _LOGGER.warning("This uvicorn is not one that the fast path knows; answers are slower.")
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http=protocol,
        ws="none",
        lifespan="off",
        interface="asgi3",
        access_log=False,
        log_config=None,
        log_level="warning",
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_UVICORN_SECONDS,
    )
    config.load()
    if options.tls is not None:
        # It was read and checked before the models were loaded.
        config.ssl = options.tls.context
    return config


class _Server(uvicorn.Server):
    """uvicorn's server with our readiness and watch; it ends with 0 on SIGTERM."""

    def __init__(
        self,
        config: uvicorn.Config,
        gateway: "Gateway",
        app: "LateApp",
        options: ProcessOptions,
        on_ready: Callable[[], None],
    ) -> None:
        super().__init__(config)
        self._gateway = gateway
        self._app = app
        self._options = options
        self._on_ready = on_ready
        self._tasks: list[asyncio.Task[Any]] = []
        self._membership: Membership | None = None
        self._grpc: GrpcServer | None = None
        # Whether a thread scores what nobody waits for any more.
        self.is_scoring = False
        # Whether the supervisor is gone, so that nobody replaces this worker.
        self._is_orphaned = False

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listens, then says so."""
        sys.setswitchinterval(_SWITCH_SECONDS)
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGHUP, self._read_files_again)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, WATCHED_SIGNALS)
        self._gateway.prepare()
        await self._start_grpc()
        fleet = self._gateway.fleet
        if fleet is not None:
            self._membership = Membership(self._gateway, fleet, self._be_orphaned)
            await self._membership.start()
        await super().startup(sockets)
        self._start_tasks()
        # What lives as long as the server is not looked at again by every collection.
        gc.collect()
        gc.freeze()
        if self._membership is None:
            self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Not ready from now on; whoever waits for an answer gets it."""
        self._gateway.service.draining = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        stopping = asyncio.create_task(self._stop_grpc())
        await self._stop_accepting(sockets or [])
        await let_clients_go(self.server_state, is_hurried=lambda: self.force_exit)
        await super().shutdown(sockets)
        await stopping
        self.is_scoring = self._gateway.scheduler.close()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Readiness is off as soon as the signal is there."""
        self._gateway.service.draining = True
        super().handle_exit(sig, frame)

    def _be_orphaned(self) -> None:
        self._is_orphaned = True
        self.handle_exit(signal.SIGTERM, None)

    async def _start_grpc(self) -> None:
        holder = self._options.grpc_holder
        if holder is not None:
            # Read at import; else every failed handshake of a client is a line on stderr.
            os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
            # Imported in each worker, since gRPC does not survive a fork.
            from mlserve_cli.serving.grpc.server import GrpcServer

            self._grpc = GrpcServer(self._gateway, holder, self._options.tls)
            await self._grpc.start()

    async def _stop_grpc(self) -> None:
        if self._grpc is not None:
            await self._grpc.stop(_DRAIN_SECONDS)

    def _start_tasks(self) -> None:
        patience = Patience(crowd=max_connections() * 9 // 10)
        watch = ConnectionWatch(lambda: self.server_state.connections, patience)
        self._tasks += [asyncio.create_task(watch.run()), asyncio.create_task(self._app.built())]
        self._tasks.append(asyncio.create_task(self._gateway.metrics.keep_fresh()))
        if self._membership is not None:
            self._tasks.append(asyncio.create_task(self._membership.keep_up()))
        # One worker does for all of them what is done once.
        if not self._is_first:
            return
        if self._membership is not None:
            announcing = self._membership.announce(self._on_ready)
            self._tasks.append(asyncio.create_task(announcing))
        if self._options.reload_seconds is not None:
            reloader = Reloader(self._gateway, self._options.reload_seconds, self._options.followed)
            self._tasks.append(asyncio.create_task(reloader.run()))
        if self._options.alerts is not None:
            from mlserve_cli.serving.alerting import alerting_of

            alerting = alerting_of(self._gateway, self._options.alerts)
            self._tasks.append(asyncio.create_task(alerting.run()))

    @property
    def _is_first(self) -> bool:
        return self._gateway.fleet is None or self._gateway.fleet.place == 0

    async def _stop_accepting(self, listeners: list[socket.socket]) -> None:
        """Takes the clients that have connected already, then closes the door.

        Those that still stand in the queue of a socket lose their connection when it is closed.
        """
        if self._gateway.fleet is None or self._is_orphaned:
            # Else other workers go on, or the supervisor has done it.
            for listener in listeners:
                ignore_newcomers(listener)
        await asyncio.sleep(_HANDSHAKE_SECONDS)
        queues = [listener.dup() for listener in listeners]
        for server in self.servers:
            server.close()
        accepted: list[socket.socket] = []
        for queue in queues:
            with contextlib.suppress(OSError), queue:
                while True:
                    accepted.append(queue.accept()[0])
        for listener in listeners:
            listener.close()
        greetings = [asyncio.create_task(self._take_in(connection)) for connection in accepted]
        if greetings:
            await asyncio.wait(greetings, timeout=_GREETING_SECONDS)

    async def _take_in(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        with contextlib.suppress(OSError):
            await asyncio.get_running_loop().connect_accepted_socket(
                self._new_connection, connection, ssl=self.config.ssl
            )

    def _new_connection(self) -> asyncio.Protocol:
        protocol: asyncio.Protocol = self.config.http_protocol_class(  # type: ignore[call-arg]
            config=self.config, server_state=self.server_state, app_state={}
        )
        return protocol

    @contextlib.contextmanager
    def capture_signals(self) -> Any:
        """As uvicorn's, but the signal that stopped the server is not raised again."""
        with super().capture_signals():
            yield
            self._captured_signals.clear()

    def _read_files_again(self) -> None:
        read_files_again(self._gateway, self._options.tls)


def read_files_again(gateway: "Gateway", tls: "Tls | None") -> None:
    """Takes over changed API keys and certificates; what cannot be used is logged and left."""
    for reload in (gateway.options.keys.reload, *([tls.reload] if tls else [])):
        try:
            reload()
        except UsageError as error:
            _LOGGER.warning("%s What was read before stays in force.", error.message)
