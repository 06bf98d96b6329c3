"""Requests of which nobody can say for certain where they end are refused, behind good ones too."""

import json
import socket
from collections.abc import Iterator

import pytest
from tests.serving.conftest import Serve, Server, Trained
from tests.serving.test_server import post

BODY = json.dumps({"features": [5.1, 3.5, 1.4, 0.2]}).encode()
GOOD = post("/predict", {}, BODY)
CHUNKS = b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)
SIZE = b"content-length: %d\r\n" % len(BODY)
REFUSED = {
    "gzip, then chunked": (501, b"transfer-encoding: gzip, chunked\r\n\r\n" + CHUNKS),
    "gzip and chunked in two fields": (
        501,
        b"transfer-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n" + CHUNKS,
    ),
    "gzip alone": (501, b"transfer-encoding: gzip\r\n\r\n" + BODY),
    "nothing, then chunked": (501, b"transfer-encoding: , chunked\r\n\r\n" + CHUNKS),
    "length and chunks": (400, SIZE + b"transfer-encoding: chunked\r\n\r\n" + CHUNKS),
    "chunks and length": (400, b"transfer-encoding: chunked\r\n" + SIZE + b"\r\n" + CHUNKS),
    "two lengths": (400, SIZE + b"content-length: 5\r\n\r\n" + BODY),
    "a length with a sign": (400, b"content-length: +%d\r\n\r\n%b" % (len(BODY), BODY)),
    "a list of lengths": (400, b"content-length: 5, 5\r\n\r\n" + BODY),
    "a folded field": (400, b"transfer-encoding:\r\n chunked\r\n\r\n" + CHUNKS),
    "a bare line feed": (400, b"x: y\n" + SIZE + b"\r\n" + BODY),
    "a space before the colon": (400, b"content-length : %d\r\n\r\n%b" % (len(BODY), BODY)),
}


@pytest.fixture(scope="module", params=["fastapi", "flask"])
def running(serve: Serve, trained: Trained, request: pytest.FixtureRequest) -> Iterator[Server]:
    with serve(trained.root, "iris", "--framework", request.param) as server:
        yield server


def statuses(running: Server, sent: bytes) -> list[int]:
    """Of all answers, until the server closes the connection."""
    answers = b""
    with socket.create_connection(("127.0.0.1", running.port), timeout=30) as connection:
        connection.sendall(sent)
        while part := connection.recv(65_536):
            answers += part
    return [int(answer[:3]) for answer in answers.split(b"HTTP/1.1 ")[1:]]


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("path", [b"/predict", b"/predict?slow", b"/v2/repository/index"])
def test_a_body_without_a_certain_end_is_refused_and_the_connection_closed(
    running: Server, path: bytes, name: str
) -> None:
    status, rest = REFUSED[name]
    sent = b"POST " + path + b" HTTP/1.1\r\nhost: x\r\n" + rest
    assert statuses(running, sent) == [status]


@pytest.mark.parametrize("path", [b"/predict", b"/predict?slow"])
@pytest.mark.parametrize("bad", [b"GARBAGE\r\n\r\n", REFUSED["gzip, then chunked"][1]])
def test_what_was_asked_before_is_answered_first(running: Server, path: bytes, bad: bytes) -> None:
    good = GOOD.replace(b"/predict", path)
    if not bad.startswith(b"GARBAGE"):
        bad = b"POST /predict HTTP/1.1\r\nhost: x\r\n" + bad
    assert statuses(running, good * 3 + bad + good)[:3] == [200, 200, 200]
    assert len(statuses(running, good * 3 + bad + good)) == 4


def test_a_broken_body_takes_no_answer_from_those_before_it(running: Server) -> None:
    head = b"POST /predict HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
    assert statuses(running, GOOD + head + b"XYZ\r\n") == [200, 400]
    assert statuses(running, head + b"XYZ\r\n") == [400]


@pytest.mark.parametrize("line", [b"GET /health", b"GET /health HTTP/0.9", b"GET /health HTTP/2.0"])
def test_other_versions_of_http_are_refused(running: Server, line: bytes) -> None:
    assert statuses(running, line + b"\r\nhost: x\r\n\r\n") == [505]


def test_http_1_0_is_answered_but_has_no_chunks(running: Server) -> None:
    head = b"POST /predict HTTP/1.0\r\n"
    assert statuses(running, head + SIZE + b"\r\n" + BODY) == [200]
    assert statuses(running, head + b"transfer-encoding: chunked\r\n\r\n" + CHUNKS) == [400]


def test_the_preface_of_http_2_is_refused(running: Server) -> None:
    assert statuses(running, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") == [400]


def test_an_address_with_a_slash_too_many_is_not_found(running: Server) -> None:
    sent = post("/predict/", {}, BODY)
    assert statuses(running, sent.replace(b"host:", b"connection: close\r\nhost:", 1)) == [404]
