"""Large bodies together take no more than their room, and small ones notice nothing."""

import asyncio
import contextlib
import json
import select
import socket
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import httpx
import pytest
from tests.serving.conftest import Serve, Server, Trained
from tests.serving.processes import resident_bytes, wait_until
from tests.serving.test_rude_clients import connections, is_answered
from tests.serving.test_server import post
from tests.serving.test_stopping import answer_on

from mlserve_cli.serving.body_room import BodyRoom, RoomyBody
from mlserve_cli.serving.gateway import Gateway, GatewayOptions
from mlserve_cli.serving.guard import Guard
from mlserve_cli.serving.refusals import OverloadedError
from mlserve_cli.serving.service import PredictionService

if TYPE_CHECKING:
    from mlserve_cli.serving.guard import Message, Receive, Send

LIMIT = 4_000_000
ROWS = {"features": [[5.1, 3.5, 1.4, 0.2]] * 10_000}
LARGE = json.dumps(ROWS).encode()


@pytest.fixture(scope="module", params=["fastapi", "flask"])
def running(serve: Serve, trained: Trained, request: pytest.FixtureRequest) -> Iterator[Server]:
    options = ("--framework", request.param, "--max-body-bytes", str(LIMIT))
    with serve(trained.root, "iris", *options) as server:
        yield server


def head(path: str, framing: bytes) -> bytes:
    return b"POST %b HTTP/1.1\r\nhost: x\r\n%b\r\n\r\n" % (path.encode(), framing)


def send_slowly(
    running: Server, path: str, *, chunked: bool
) -> "contextlib.AbstractContextManager[list[bytes]]":
    """Sixty clients that send the most there may be but for the end; what each was answered."""

    @contextlib.contextmanager
    def sending() -> Iterator[list[bytes]]:
        size = LIMIT - 100
        framing = b"transfer-encoding: chunked" if chunked else b"content-length: %d" % size
        part = b" " * 99_900
        part = b"%x\r\n%b\r\n" % (len(part), part) if chunked else part
        with connections(running.port, 60) as slow:
            answers = [b""] * len(slow)
            for connection in slow:
                connection.sendall(head(path, framing))
                connection.setblocking(False)
            for _ in range(40):
                for position, connection in enumerate(slow):
                    # Full, for the moment.
                    with contextlib.suppress(BlockingIOError):
                        connection.send(part)
                    with contextlib.suppress(BlockingIOError):
                        answers[position] += connection.recv(65_536)
                time.sleep(0.01)
            yield answers

    return sending()


@pytest.mark.parametrize("path", ["/predict", "/predict?slow", "/feedback"])
def test_many_large_bodies_are_refused_at_once_beside_small_ones_that_are_answered(
    running: Server, path: str
) -> None:
    assert is_answered(running)
    before = resident_bytes(running.process.pid)
    with send_slowly(running, path, chunked=False) as answers:
        assert is_answered(running)
        assert resident_bytes(running.process.pid) - before < 100 << 20
    refused = [answer for answer in answers if answer]
    assert len(refused) == 60 - 8
    assert all(answer.startswith(b"HTTP/1.1 503") for answer in refused)
    assert all(b"retry-after: 1\r\n" in answer for answer in refused)
    wait_until(lambda: ask_large(running).status_code == 200)


def test_bodies_of_unknown_length_have_no_more_room(running: Server) -> None:
    with send_slowly(running, "/predict", chunked=True) as answers:
        assert is_answered(running)
        assert {answer[:12] for answer in answers} >= {b"HTTP/1.1 503"}
    wait_until(lambda: ask_large(running).status_code == 200)


def ask_large(running: Server) -> httpx.Response:
    return httpx.post(f"{running.address}/predict", content=LARGE, timeout=60)


@pytest.mark.parametrize("path", ["/predict", "/predict?slow"])
def test_room_comes_back_whatever_becomes_of_the_request(running: Server, path: str) -> None:
    whole = post(path, {}, LARGE)
    wrong = post(path, {}, LARGE[:-2] + b"]]")
    for sent in (whole, wrong, whole[:-100], whole + b"GET", post(path, {}, bytes(LIMIT + 1))):
        for _ in range(12):
            with socket.create_connection(("127.0.0.1", running.port), timeout=60) as connection:
                connection.sendall(sent)
    for _ in range(12):
        wait_until(lambda: ask_large(running).status_code == 200)
    # What nobody waited for may be under way for a moment yet.
    wait_until(lambda: has_room_for_eight(running, path))


def has_room_for_eight(running: Server, path: str) -> bool:
    """Whether eight bodies of the largest size find room at the same time."""
    with connections(running.port, 8) as eight:
        for connection in eight:
            connection.sendall(head(path, b"content-length: %d" % LIMIT) + bytes(100))
        assert is_answered(running)
        return not select.select(eight, [], [], 0)[0]


def test_room_is_free_once_the_answer_is_sent(trained: Trained) -> None:
    options = GatewayOptions(max_body_bytes=LIMIT)
    gateway = Gateway(PredictionService([trained.load("iris")]), options)
    room = gateway.room
    held: list[int] = []

    async def application(scope: object, receive: "Receive", send: "Send") -> None:
        await receive()
        held.append(room.taken_bytes)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"{}", "more_body": True})
        # An application may go on for a while, and look whether the client is still there.
        await receive()
        held.append(room.taken_bytes)

    async def receive() -> "Message":
        return {"type": "http.request", "body": LARGE, "more_body": False}

    async def send(message: "Message") -> None:
        pass

    headers = [(b"content-length", b"%d" % len(LARGE))]
    scope = {"type": "http", "method": "POST", "path": "/predict", "headers": headers}
    asyncio.run(Guard(application, gateway)(scope, receive, send))
    assert held == [len(LARGE), 0]


def test_what_is_refused_leaves_the_connection_usable(running: Server) -> None:
    with connections(running.port, 8) as eight, connections(running.port, 1) as (late,):
        for connection in eight:
            connection.sendall(head("/predict", b"content-length: %d" % LIMIT) + bytes(100))
        assert is_answered(running)
        late.sendall(post("/predict", {}, LARGE))
        assert answer_on(late).startswith(b"HTTP/1.1 503")
        late.sendall(post("/predict", {}, b'{"features": [5.1, 3.5, 1.4, 0.2]}'))
        assert answer_on(late).startswith(b"HTTP/1.1 200")


def test_a_body_takes_what_it_announces_and_never_more_than_the_limit() -> None:
    room = BodyRoom(100_000)
    assert room.most_bytes == 800_000

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": bytes(70_000), "more_body": True}

    async def read() -> list[int]:
        taken = []
        for announced in (b"", b"10", b"90000", b"10000000000000000000000", b"-1"):
            body = RoomyBody(receive, room, announced)
            for _ in range(2):
                await body()
                taken.append(room.taken_bytes)
            body.close()
            assert room.taken_bytes == 0
        return taken

    assert asyncio.run(read()) == [70_000, 100_000] * 2 + [90_000, 100_000] + [70_000, 100_000] * 2


def test_a_body_without_room_is_refused_before_anything_is_received() -> None:
    room = BodyRoom(100_000)
    assert room.take(750_000)

    async def receive() -> dict[str, object]:
        raise AssertionError

    with pytest.raises(OverloadedError, match="750000 bytes already, of 800000"):
        asyncio.run(RoomyBody(receive, room, b"90000")())
    assert room.taken_bytes == 750_000
