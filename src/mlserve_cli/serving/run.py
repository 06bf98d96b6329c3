"""`mlserve serve` as one call: listen, load, serve until told to stop."""

import math
import socket
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

from mlserve_cli.errors import MissingExtraError, UsageError
from mlserve_cli.serving.drift_watch import DriftWatch
from mlserve_cli.serving.gateway import Gateway, GatewayOptions
from mlserve_cli.serving.grpc.address import require_grpc, reserve_port, target_of
from mlserve_cli.serving.late import LateApp
from mlserve_cli.serving.listening import (
    address_of,
    bind,
    ignore_newcomers,
    is_loopback,
    raise_file_limit,
)
from mlserve_cli.serving.server import ProcessOptions, read_files_again, run_server
from mlserve_cli.serving.service import PredictionService

if TYPE_CHECKING:
    from mlserve_cli.drift.budget import WatchOptions
    from mlserve_cli.monitoring.alerts.settings import AlertPlan
    from mlserve_cli.serving.guard import App
    from mlserve_cli.serving.loading import ModelSource
    from mlserve_cli.serving.tls import Tls


class Framework(StrEnum):
    """What answers whatever the fast path does not."""

    FASTAPI = "fastapi"
    FLASK = "flask"


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """Where and how a server listens.

    Attributes:
        host: Address to bind.
        port: Port to bind; 0 takes a free one.
        workers: Processes on that port.
        framework: What answers; Flask has no fast path.
        tls: Certificate and key; None for plain HTTP.
        reload_seconds: Between two looks for new versions of the models; None for never.
        grpc_port: Port for gRPC; 0 takes a free one, None none.
        drift: How drift is watched; None for not at all.
        alerts: When to alert whom; None for never.

    Raises:
        UsageError: The seconds are not a positive number.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    framework: Framework = Framework.FASTAPI
    tls: "Tls | None" = None
    reload_seconds: float | None = None
    grpc_port: int | None = None
    drift: "WatchOptions | None" = None
    alerts: "AlertPlan | None" = None

    def __post_init__(self) -> None:
        seconds = self.reload_seconds
        if seconds is not None and not 0 < seconds < math.inf:
            raise UsageError(
                f"Found {seconds:g} seconds between two looks for new versions, expected a "
                "positive number."
            )


@dataclass(frozen=True, slots=True)
class RunningServer:
    """What is told once requests are answered.

    Attributes:
        address: For clients on this machine, such as `http://127.0.0.1:8000`.
        needs_key: Whether requests need an API key.
        is_open: Whether everybody who reaches this machine may use the models.
        gateway: Answers predictions.
        grpc_address: For clients of gRPC, such as `127.0.0.1:8001`; None without gRPC.
    """

    address: str
    needs_key: bool
    is_open: bool
    gateway: Gateway
    grpc_address: str | None = None


def serve_models(
    models: Sequence[str | Path],
    source: "ModelSource",
    server: ServerOptions | None = None,
    allowed: GatewayOptions | None = None,
    on_ready: Callable[[RunningServer], None] = lambda _: None,
) -> bool:
    """Serves models over HTTP until SIGTERM or SIGINT, then finishes what is in flight.

    Args:
        models: Names or paths; none for the newest version of every model of the repository.
        source: Where models come from.
        server: Where and how to listen.
        allowed: What clients may do.
        on_ready: Called once requests are answered, by all workers.

    Returns:
        Whether a thread still scores what was given up; Python waits for it before it exits.

    Raises:
        UsageError: Options that cannot be carried out.
        MissingExtraError: The framework or gRPC is not installed.
        EngineError: The port cannot be had, or workers die as soon as they start.
        MlserveError: A model cannot be loaded.
    """
    server, allowed = server or ServerOptions(), allowed or GatewayOptions()
    if server.framework is Framework.FLASK:
        _check_flask()
    raise_file_limit()
    with bind(server.host, server.port) as listener, _grpc_port(server) as grpc_holder:
        gateway = Gateway(PredictionService(source.load_all(models), source=source), allowed)
        if server.drift is not None:
            gateway.drift = DriftWatch(gateway, server.drift)
        framework = LateApp(partial(_build, server.framework, gateway))
        app = LateApp(partial(_build_fixed, gateway, framework))
        process = ProcessOptions(
            server.tls,
            server.reload_seconds,
            # A version or a file that was named is meant, not its successor.
            tuple(str(model) for model in models if _is_name(model)) if models else None,
            fast=server.framework is Framework.FASTAPI,
            grpc_holder=grpc_holder,
            alerts=server.alerts,
        )
        running = RunningServer(
            address_of(listener, server.host, secure=server.tls is not None),
            allowed.keys.required,
            not is_loopback(listener) and not allowed.keys.required,
            gateway,
            target_of(grpc_holder, server.host) if grpc_holder else None,
        )
        work = partial(run_server, gateway, app, listener, process, partial(on_ready, running))
        is_scoring = False
        if server.workers == 1:
            is_scoring = work()
        else:
            # So that the workers share it.
            framework.build_now()
            app.build_now()
            _run_workers(server.workers, gateway, listener, server.tls, work)
        if gateway.recording is not None:
            # With what the last workers have answered since the first one looked.
            gateway.recording.finish()
    return is_scoring


def _run_workers(
    count: int,
    gateway: Gateway,
    listener: socket.socket,
    tls: "Tls | None",
    work: Callable[[], object],
) -> None:
    from mlserve_cli.serving.fleet import Fleet
    from mlserve_cli.serving.workers import Supervisor

    fleet = gateway.fleet = Fleet(count)
    gateway.metrics.share(count)
    if gateway.recording is not None:
        gateway.recording.share(count)
    if gateway.drift is not None:
        gateway.drift.share()
    gateway.recent.share(count)

    def work_at(place: int) -> None:
        fleet.join(place)
        gateway.metrics.take(place)
        gateway.recent.take(place)
        work()

    def close_door() -> None:
        ignore_newcomers(listener)
        # As long as one process holds it open, clients get in.
        listener.close()

    supervisor = Supervisor(
        count,
        work_at,
        # Workers that start later know what the supervisor knows.
        on_hangup=partial(read_files_again, gateway, tls),
        on_stop=close_door,
    )
    gateway.metrics.restarts = supervisor.restarts
    supervisor.run()


def _build_fixed(gateway: Gateway, otherwise: "App") -> "App":
    from mlserve_cli.serving.fixed import FixedApp

    return FixedApp(gateway, otherwise)


def _build(framework: Framework, gateway: Gateway) -> "App":
    """The application, with the framework that it needs."""
    match framework:
        case Framework.FASTAPI:
            from mlserve_cli.serving.app import app_of

            return app_of(gateway)
        case Framework.FLASK:
            from mlserve_cli.serving.wsgi_server import asgi_app_of_flask

            return asgi_app_of_flask(gateway)
        case _:
            assert_never(framework)


def _grpc_port(server: ServerOptions) -> AbstractContextManager[socket.socket | None]:
    if server.grpc_port is None:
        return nullcontext()
    require_grpc()
    return reserve_port(server.host, server.grpc_port)


def _check_flask() -> None:
    from importlib.util import find_spec

    if find_spec("flask") is None or find_spec("a2wsgi") is None:
        raise MissingExtraError("Serving with Flask", "flask")


def _is_name(model: str | Path) -> bool:
    return "/" not in str(model) and not Path(model).exists()
