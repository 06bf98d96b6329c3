"""Where gRPC listens; it knows nothing of gRPC, so that it may run before workers are forked."""

import importlib.util
import socket

from mlserve_cli.errors import EngineError, MissingExtraError


def require_grpc() -> None:
    """Checks that the packages for gRPC are there, without importing them.

    Raises:
        MissingExtraError: They are not.
    """
    if importlib.util.find_spec("grpc") is None:
        raise MissingExtraError("Serving over gRPC", "grpc")


def reserve_port(host: str, port: int) -> socket.socket:
    """A socket that holds a port and does not listen: every worker listens there on its own.

    gRPC takes no socket from outside. Each worker binds the same port, which the system lets them
    do as long as this socket is open, and spreads the connections over them.

    Args:
        host: Address or name of this machine.
        port: 0 takes a free one.

    Raises:
        EngineError: The address cannot be bound.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    holder = socket.socket(family, socket.SOCK_STREAM)
    try:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Nobody else may have the port; only then do we share it with ourselves.
        holder.bind((host, port))
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    # A name that can be no host name is a UnicodeError, a port beyond 65535 an OverflowError.
    except (OSError, UnicodeError, OverflowError) as error:
        holder.close()
        reason = getattr(error, "strerror", None) or str(error)
        raise EngineError(
            f"Cannot listen on {host}:{port} for gRPC: {reason}.",
            hint="Choose another port: --grpc-port N, or 0 for a free one.",
        ) from error
    return holder


def target_of(holder: socket.socket, host: str = "") -> str:
    """A reserved port as gRPC writes it, such as `127.0.0.1:8001`.

    Args:
        holder: See `reserve_port`.
        host: As the user named it, for clients on this machine; else it is what was bound.
    """
    bound, port = holder.getsockname()[:2]
    shown = {"": bound, "0.0.0.0": "localhost", "::": "localhost"}.get(host, host)  # noqa: S104
    return f"[{shown}]:{port}" if ":" in shown else f"{shown}:{port}"
