"""Who has connected is served; who comes to a door that is about to close is not let in half."""

import socket
import sys
import time

import pytest
from tests.serving.conftest import Serve, Trained

from mlserve_cli.serving.listening import bind, ignore_newcomers

_CLIENT_SECONDS = 0.3


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can ignore them")
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_newcomers_are_ignored_and_those_who_have_connected_are_not(host: str) -> None:
    with bind(host, 0) as listener:
        address = listener.getsockname()[:2]
        with socket.create_connection(address, timeout=30) as early:
            ignore_newcomers(listener)
            with pytest.raises(TimeoutError):
                socket.create_connection(address, timeout=_CLIENT_SECONDS)
            accepted, _ = listener.accept()
            with accepted:
                early.sendall(b"question")
                assert accepted.recv(64) == b"question"
                accepted.sendall(b"answer")
                assert early.recv(64) == b"answer"
                early.shutdown(socket.SHUT_WR)
                assert accepted.recv(64) == b""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can ignore them")
def test_who_is_ignored_finds_the_next_one_who_listens() -> None:
    with bind("127.0.0.1", 0) as listener:
        address = listener.getsockname()
        ignore_newcomers(listener)
        client = socket.socket()
        client.setblocking(False)
        assert client.connect_ex(address) != 0
    with client, bind(*address) as successor:
        client.settimeout(30)
        accepted, _ = successor.accept()
        with accepted:
            client.sendall(b"question")
            assert accepted.recv(64) == b"question"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can ignore them")
@pytest.mark.parametrize("options", [(), ("--workers", "2")], ids=str)
def test_a_server_that_stops_ignores_them(
    serve: Serve, trained: Trained, options: tuple[str, ...]
) -> None:
    asking = 2  # TCP_SYN_SENT of Linux
    with serve(trained.root, "iris", *options) as running:
        running.process.terminate()
        states = set()
        while running.process.poll() is None:
            with socket.socket() as client:
                client.setblocking(False)
                client.connect_ex(("127.0.0.1", running.port))
                states.add(client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0])
            time.sleep(0.001)
        assert running.process.wait() == 0
    assert asking in states
