"""Where a server listens: its socket, its address, and how many files it may hold open."""

import ctypes
import errno
import ipaddress
import resource
import socket
import struct
import sys
from contextlib import suppress

from mlserve_cli.errors import EngineError, MlserveError, UsageError

_BACKLOG = 4096
# More than so many bring no more; beside other workers fewer, so that each gets its share.
_CLIENTS_PER_TURN, _CLIENTS_BESIDE_OTHERS = 16, 4
# Files, of those that a process may open, for each copy of a listening socket.
_FILES_PER_COPY = 64
# Left for model files, logs and whatever else a process opens beside its connections, and for
# clients that are taken in only to be told that there are too many.
_SPARE_FILES = 64 + 4 * _CLIENTS_PER_TURN
# Of Linux; Python has no name for it.
_SO_ATTACH_FILTER = 26
# A program of the classic Berkeley packet filter: of packets that ask for a connection (SYN without
# ACK among the flags of TCP) nothing is kept, of others everything.
_WITHOUT_NEWCOMERS = (
    (0x30, 0, 0, 13),  # load byte 13
    (0x54, 0, 0, 0x12),  # and
    (0x15, 0, 1, 0x02),  # skip one unless equal
    (0x06, 0, 0, 0),  # return 0 bytes
    (0x06, 0, 0, 0xFFFFFFFF),  # return all
)


def bind(host: str, port: int) -> socket.socket:
    """A listening socket.

    Args:
        host: Address or name of this machine.
        port: Port to bind; 0 takes a free one.

    Raises:
        UsageError: This machine has no such address.
        EngineError: The port is taken, or not allowed.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    # A name that can be no host name is a UnicodeError, a port beyond 65535 an OverflowError.
    except (OSError, UnicodeError, OverflowError) as error:
        listener.close()
        raise _unbound(host, port, error) from error
    listener.set_inheritable(True)
    return listener


def accepting_sockets(listener: socket.socket, *, alone: bool = True) -> list[socket.socket]:
    """The same socket several times: an event loop takes one client from each in a turn.

    So does libuv from 1.45 on. Where turns are long, since models score in them, 128 clients who
    connect together waited for up to a second.

    Args:
        listener: A listening socket.
        alone: Whether no other process takes clients from it.
    """
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _CLIENTS_PER_TURN if alone else _CLIENTS_BESIDE_OTHERS
    if allowed != resource.RLIM_INFINITY:
        most = min(most, max(1, allowed // _FILES_PER_COPY))
    # A copy takes over whether it blocks, and all processes share that.
    listener.setblocking(False)
    return [listener, *(listener.dup() for _ in range(most - 1))]


def ignore_newcomers(listener: socket.socket) -> None:
    """Lets the system ignore who wants to connect from now on, in all processes, on Linux.

    Who has connected can still be accepted. Without this, a client that connects between the last
    look at a socket and its closing loses its connection, which may have a request on it already.
    One that is ignored asks again, a second later as a rule, and finds whoever listens then.

    Args:
        listener: A listening socket that is about to be closed.
    """
    if sys.platform != "linux":
        return
    code = b"".join(struct.pack("=HBBI", *step) for step in _WITHOUT_NEWCOMERS)
    kept = ctypes.create_string_buffer(code)
    program = struct.pack("@HP", len(_WITHOUT_NEWCOMERS), ctypes.addressof(kept))
    # Some sandboxes know no filters.
    with suppress(OSError):
        listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)


def address_of(listener: socket.socket, host: str, *, secure: bool) -> str:
    """The address that clients on this machine may use, such as `http://127.0.0.1:8000`."""
    port = listener.getsockname()[1]
    shown = {"0.0.0.0": "localhost", "::": "localhost"}.get(host, host)  # noqa: S104
    shown = f"[{shown}]" if ":" in shown else shown
    return f"{'https' if secure else 'http'}://{shown}:{port}"


def is_loopback(listener: socket.socket) -> bool:
    """Whether only this machine reaches the socket."""
    host: str = listener.getsockname()[0]
    return ipaddress.ip_address(host.partition("%")[0]).is_loopback


def raise_file_limit() -> None:
    """Lets this process hold as many connections as the system grants."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    # macOS grants more on paper than it accepts.
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    except (OSError, ValueError):
        return


def max_connections() -> int:
    """How many connections leave enough file descriptors for everything else."""
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if allowed == resource.RLIM_INFINITY:
        return 1 << 30
    return max(allowed - _SPARE_FILES, allowed // 2)


def _unbound(host: str, port: int, error: Exception) -> MlserveError:
    shown = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    reason = getattr(error, "strerror", None) or "there is no such address"
    message = f"Cannot listen on {shown}: {reason}."
    match getattr(error, "errno", None):
        case errno.EADDRINUSE:
            return EngineError(message, hint="Choose another port: --port N, or 0 for a free one.")
        case errno.EACCES:
            return EngineError(
                message, hint="Ports below 1024 need privileges; choose another: --port 8000"
            )
        case _:
            return UsageError(
                message,
                hint="--host takes an address of this machine, such as 127.0.0.1, ::1 or 0.0.0.0.",
            )
