"""Who has connected is served; who comes to a door that is about to close is not let in half."""

import asyncio
import contextlib
import resource
import socket
import sys
import time

import pytest
import uvloop
from tests.serving.conftest import Serve, Trained

from mlserve_cli.serving.listening import accepting_sockets, bind, ignore_newcomers

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


def test_who_takes_clients_blocks_nobody_else_who_does() -> None:
    with bind("127.0.0.1", 0) as listener, contextlib.ExitStack() as stack:
        inherited = stack.enter_context(listener.dup())
        first = accepting_sockets(listener)
        # Another process starts.
        others = accepting_sockets(inherited)
        for accepting in (*first, *others):
            stack.enter_context(accepting)
            with pytest.raises(BlockingIOError):
                accepting.accept()


@pytest.mark.parametrize(("files", "copies"), [(32, 1), (256, 4), (1024, 16), (4096, 16)])
def test_a_process_of_few_files_has_few_copies_of_a_socket(
    monkeypatch: pytest.MonkeyPatch, files: int, copies: int
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (files, files))
    with bind("127.0.0.1", 0) as listener, contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(one) for one in accepting_sockets(listener)]
        assert len(sockets) == copies
        beside = [stack.enter_context(one) for one in accepting_sockets(listener, alone=False)]
        assert len(beside) == min(copies, 4)


def test_an_event_loop_with_long_turns_takes_many_clients_in_each() -> None:
    clients, taken_after = 32, []
    turns = 0

    class Door(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            taken_after.append(turns)
            transport.close()

    async def serve_in_long_turns(listener: socket.socket) -> None:
        nonlocal turns
        loop = asyncio.get_running_loop()
        sockets = accepting_sockets(listener)
        doors = [await loop.create_server(Door, sock=accepting) for accepting in sockets]
        while len(taken_after) < clients:
            turns += 1
            time.sleep(0.005)
            await asyncio.sleep(0)
            assert turns < 10 * clients
        for door in doors:
            door.close()
            await door.wait_closed()

    with bind("127.0.0.1", 0) as listener, contextlib.ExitStack() as stack:
        for _ in range(clients):
            stack.enter_context(socket.create_connection(listener.getsockname(), timeout=30))
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve_in_long_turns(listener))
    # From one socket they would be taken one by one, in 32 turns.
    assert max(taken_after) - min(taken_after) <= 4


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
