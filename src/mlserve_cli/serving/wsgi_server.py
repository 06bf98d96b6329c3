"""The Flask adapter run by Waitress, a production WSGI server."""

import signal
import socket
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

from mlserve_cli.errors import MissingExtraError

if TYPE_CHECKING:
    from mlserve_cli.serving.gateway import Gateway

_THREADS = 8


def run_wsgi_server(
    gateway: "Gateway", listener: socket.socket, on_ready: Callable[[], None] = lambda: None
) -> None:
    """Serves until SIGTERM or SIGINT; then finishes what is in flight and returns.

    Args:
        gateway: Answers predictions.
        listener: A listening socket.
        on_ready: Called once requests are answered.

    Raises:
        MissingExtraError: Flask or Waitress is not installed.
    """
    try:
        import waitress
    except ImportError as error:
        raise MissingExtraError("Serving with Flask", "flask") from error
    from mlserve_cli.serving.wsgi import wsgi_app_of

    server = waitress.create_server(
        wsgi_app_of(gateway),
        sockets=[listener],
        threads=_THREADS,
        ident=None,
        max_request_body_size=2 * gateway.options.max_body_bytes,
    )

    def stop(_: int, __: FrameType | None) -> NoReturn:
        gateway.service.draining = True
        # Waitress takes it as the request to finish its tasks and return.
        raise SystemExit

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    signal.signal(signal.SIGHUP, lambda *_: gateway.options.keys.reload())
    on_ready()
    server.run()
