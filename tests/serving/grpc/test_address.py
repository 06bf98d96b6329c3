"""The port for gRPC, before gRPC itself."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from mlserve_cli.errors import EngineError
from mlserve_cli.serving.grpc.address import reserve_port, target_of


def listening(holder: socket.socket) -> socket.socket:
    """As gRPC listens."""
    listener = socket.socket(holder.family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listener.bind(holder.getsockname())
    listener.listen()
    return listener


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_several_listeners_share_a_reserved_port_and_nobody_else_gets_it(host: str) -> None:
    with reserve_port(host, 0) as holder, listening(holder), listening(holder):
        port = holder.getsockname()[1]
        with pytest.raises(EngineError, match=f"{port} for gRPC: Address already in use") as caught:
            reserve_port(host, port)
        assert caught.value.hint is not None
        assert "--grpc-port" in caught.value.hint
        socket.create_connection((host, port)).close()


def test_a_reserved_port_alone_answers_nobody() -> None:
    with reserve_port("127.0.0.1", 0) as holder, pytest.raises(ConnectionRefusedError):
        socket.create_connection(holder.getsockname())


@pytest.mark.parametrize("host", ["203.0.113.1", "no.such.host.invalid", "a" * 70])
def test_an_address_that_is_not_ours_is_refused(host: str) -> None:
    with pytest.raises(EngineError, match=f"Cannot listen on {host}:0 for gRPC"):
        reserve_port(host, 0)


@pytest.mark.parametrize(
    ("bound", "host", "shown"),
    [("127.0.0.1", "", "127.0.0.1"), ("::1", "::1", "[::1]"), ("0.0.0.0", "0.0.0.0", "localhost")],
)
def test_the_target_is_written_as_clients_take_it(bound: str, host: str, shown: str) -> None:
    with reserve_port(bound, 0) as holder:
        assert target_of(holder, host) == f"{shown}:{holder.getsockname()[1]}"


def run_without_grpc(folder: Path, *command: str) -> "subprocess.CompletedProcess[str]":
    """The command where grpc is not installed."""
    code = (
        "import importlib.util, sys\n"
        "found = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, *a: None if name == 'grpc' else found(name, *a)\n"
        f"sys.argv[1:] = {list(command)!r}\n"
        "from mlserve_cli.cli import main\nmain()"
    )
    return subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False
    )


def test_without_the_extra_it_is_said_how_to_install_it(tmp_path: Path) -> None:
    finished = run_without_grpc(tmp_path, "serve", "--port", "0", "--grpc-port", "0")
    assert finished.returncode == 5, finished.stderr
    assert "pip install 'mlserve-cli[grpc]'" in finished.stderr
    assert "Traceback" not in finished.stderr


def test_the_port_is_reserved_without_importing_grpc() -> None:
    code = (
        "import sys, mlserve_cli.serving.run, mlserve_cli.serving.grpc.address as address\n"
        "address.require_grpc()\naddress.reserve_port('127.0.0.1', 0).close()\n"
        "assert 'grpc' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
