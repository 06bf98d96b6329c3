"""Requests on bare sockets: heads that were seen before, and those that only look so."""

import contextlib
import json
import signal
import socket
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Self

import pytest
from tests.serving.conftest import Serve, Server, Trained
from tests.serving.test_server import announced_bytes, post

PATH = "/models/iris/predict"
ID, END = b"x-request-id", b"\r\n\r\n"
ROWS = [[5.1, 3.5, 1.4, 0.2], [6.0, 3.0, 5.0, 2.0], [7.25, 3.125, 6.5, 2.25]]


def body_of(row: list[float]) -> bytes:
    return json.dumps({"features": row}).encode()


class Client:
    """One connection."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self._read = b""

    def ask(self, *pieces: bytes) -> bytes:
        for piece in pieces:
            self.socket.sendall(piece)
        return self.answer()

    def answer(self) -> bytes:
        """The next answer, without its date."""
        while b"\r\n\r\n" not in self._read:
            self._receive()
        head, _, rest = self._read.partition(b"\r\n\r\n")
        size = announced_bytes(head)
        while len(rest) < size:
            self._receive()
            rest = self._read.partition(b"\r\n\r\n")[2]
        self._read = rest[size:]
        lines = [line for line in head.split(b"\r\n") if not line.startswith(b"date:")]
        return b"\r\n".join([*lines, b"", rest[:size]])

    def _receive(self) -> None:
        part = self.socket.recv(65_536)
        assert part
        self._read += part

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    with Client(server.port) as connected:
        yield connected


def test_a_head_that_was_seen_before_is_answered_as_the_first_time(
    client: Client, server: Server
) -> None:
    slow = {row: client.ask(post(f"{PATH}?slow", {}, body_of(ROWS[row]))) for row in range(3)}
    for _ in range(3):
        for row in range(3):
            assert client.ask(post(PATH, {}, body_of(ROWS[row]))) == slow[row]
    # Nor does it matter on which connection it was seen.
    with Client(server.port) as other:
        assert other.ask(post(PATH, {}, body_of(ROWS[0]))) == slow[0]


def test_known_heads_may_come_in_any_pieces(client: Client) -> None:
    request = post(PATH, {}, body_of(ROWS[0]))
    first = client.ask(request)
    head = request.index(b"\r\n\r\n") + 4
    for cuts in ([head], [head - 1], [head + 1], [3, head, len(request) - 1], [head - 2]):
        ends = [0, *cuts, len(request)]
        pieces = [request[start:stop] for start, stop in pairwise(ends)]
        assert client.ask(*pieces) == first
        assert client.ask(request) == first


def test_known_heads_in_a_row_are_answered_in_order(client: Client) -> None:
    requests = [post(PATH, {}, body_of(row)) for row in ROWS]
    alone = [client.ask(request) for request in requests]
    client.socket.sendall(b"".join(requests))
    assert [client.answer() for _ in requests] == alone
    # Empty lines between requests are skipped, as HTTP allows.
    assert client.ask(b"\r\n\r\n" + requests[0]) == alone[0]
    assert client.ask(b"\r\n" + requests[1]) == alone[1]


def asked_together(server: Server, bodies: list[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Answers to requests of one turn, several times, each with what it is when asked alone."""
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(Client(server.port)) for _ in bodies]
        alone = [
            one.ask(post(f"{PATH}?slow", {}, body))
            for one, body in zip(clients, bodies, strict=True)
        ]
        for _ in range(5):
            for one, body in zip(clients, bodies, strict=True):
                one.socket.sendall(post(PATH, {}, body))
            yield from zip([one.answer() for one in clients], alone, strict=True)


def test_one_row_more_rows_and_errors_of_one_turn_get_their_own_answers(server: Server) -> None:
    bodies = [
        *(body_of(row) for row in ROWS),
        json.dumps({"features": ROWS}).encode(),
        b'{"features":[1]}',
        b'{"features":[1,2,3,null]}',
        b"{",
        json.dumps({"rows": [dict(zip("abcd", ROWS[0], strict=True))]}).encode(),
    ]
    for answer, expected in asked_together(server, bodies):
        assert answer.partition(ID)[0] == expected.partition(ID)[0]
        assert answer.partition(END)[2] == expected.partition(END)[2]


@pytest.mark.parametrize("version", [b"1.1", b"1.0"])
@pytest.mark.parametrize("connection", [b"close", b"Close, other", b"keep-alive", b""])
@pytest.mark.parametrize("body", [body_of(ROWS[0]), json.dumps({"features": ROWS}).encode(), b"{"])
def test_who_wants_no_further_answers_is_answered_and_let_go(
    server: Server, version: bytes, connection: bytes, body: bytes
) -> None:
    answers = []
    for path in (PATH, f"{PATH}?slow"):
        request = post(path, {}, body).replace(b"HTTP/1.1", b"HTTP/" + version)
        if connection:
            request = request.replace(b"\r\n", b"\r\nconnection: %b\r\n" % connection, 1)
        with Client(server.port) as client:
            # Twice, since what was seen before goes another way.
            answers.append([client.ask(request).partition(ID)[0]])
            if version == b"1.1" and connection in {b"keep-alive", b""}:
                answers[-1].append(client.ask(request).partition(ID)[0])
            else:
                assert client.socket.recv(1) == b""
    assert answers[0] == answers[1]
    assert len(set(answers[0])) == 1


@pytest.mark.parametrize("rows", [1, 30, 3_000])
@pytest.mark.parametrize("line", [b"", b"connection: close\r\n"])
def test_who_sends_nothing_more_is_answered(server: Server, rows: int, line: bytes) -> None:
    body = json.dumps({"features": ROWS[:1] * rows}).encode()
    request = post(PATH, {}, body).replace(b"\r\n", b"\r\n" + line, 1)
    with Client(server.port) as client:
        expected = client.ask(request).partition(END)[2]
    assert len(json.loads(expected)["predictions"]) == rows
    with Client(server.port) as client:
        client.socket.sendall(request)
        client.socket.shutdown(socket.SHUT_WR)
        assert client.answer().partition(END)[2] == expected
        assert client.socket.recv(1) == b""
    # Who has not finished asking is not waited for.
    with Client(server.port) as client:
        client.socket.sendall(request[:-1])
        client.socket.shutdown(socket.SHUT_WR)
        assert client.socket.recv(1) == b""


def test_bodies_that_are_read_together_cannot_borrow_from_each_other(server: Server) -> None:
    # As many rows in all as requests, by two that are one and one that is two.
    halves = [b'{"features": [5.1, 3.5', b"1.4, 0.2]}"]
    twice = b"%b,%b" % (body_of(ROWS[1]), body_of(ROWS[2]))
    bodies = [body_of(ROWS[0])] * 12 + [twice, *halves, body_of(ROWS[2])]
    statuses = []
    for answer, expected in asked_together(server, bodies):
        assert answer.partition(ID)[0] == expected.partition(ID)[0]
        statuses.append(answer.split()[1])
    assert statuses == 5 * ([b"200"] * 12 + [b"400"] * 3 + [b"200"])


UPGRADE = {"connection": "Upgrade, HTTP2-Settings", "upgrade": "h2c", "http2-settings": "AAMAAABk"}


def test_an_offer_of_another_protocol_is_passed_over(client: Client) -> None:
    # curl --http2 and the HTTP client of Java ask so.
    alone = client.ask(post(f"{PATH}?slow", {}, body_of(ROWS[0])))
    body = b"\r\nUpgrade:" + body_of(ROWS[0])
    for path in (PATH, f"{PATH}?slow", PATH):
        assert client.ask(post(path, UPGRADE, body_of(ROWS[0]))) == alone
        refused = client.ask(post(path, {}, body))
        assert refused.partition(ID)[0] == client.ask(post(path, UPGRADE, body)).partition(ID)[0]
    lines = "".join(f"{name}: {value}\r\n" for name, value in UPGRADE.items())
    ready = b"GET /health/ready HTTP/1.1\r\nhost: x\r\n" + lines.encode() + b"\r\n"
    for cut in (0, ready.index(b"grade: h2c")):
        client.socket.sendall(ready[:cut])
        assert client.ask(ready[cut:]).startswith(b"HTTP/1.1 200")
        assert client.ask(post(PATH, {}, body_of(ROWS[0]))) == alone


def test_a_known_head_opens_nothing_without_its_key(
    serve: Serve, trained: Trained, tmp_path: Path
) -> None:
    keys = tmp_path / "keys"
    keys.write_text("secret\n")
    with (
        serve(trained.root, "iris", "--api-key-file", keys) as running,
        Client(running.port) as connected,
    ):
        good = post("/predict", {"x-api-key": "secret"}, body_of(ROWS[0]))
        for _ in range(3):
            assert connected.ask(good).startswith(b"HTTP/1.1 200")
            wrong = good.replace(b"secret", b"secreT")
            assert connected.ask(wrong).startswith(b"HTTP/1.1 401")
        keys.write_text("other\n")
        running.process.send_signal(signal.SIGHUP)
        while connected.ask(good).startswith(b"HTTP/1.1 200"):
            pass
        assert connected.ask(good).startswith(b"HTTP/1.1 401")
