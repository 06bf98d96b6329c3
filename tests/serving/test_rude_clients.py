"""Clients that are too many, too slow, too greedy or too rude, beside one that just asks."""

import contextlib
import gzip
import json
import resource
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import joblib
import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from tests.serving.conftest import Serve, Server, Trained
from tests.serving.processes import cpu_seconds, resident_bytes, wait_until, workers_of
from tests.serving.test_server import post

from mlserve_cli.serving.listening import max_connections, raise_file_limit

BODY = {"features": [5.1, 3.5, 1.4, 0.2]}
REQUEST = post("/predict", {}, json.dumps(BODY).encode())


@pytest.fixture(scope="module", params=["fastapi", "flask"])
def running(serve: Serve, trained: Trained, request: pytest.FixtureRequest) -> Iterator[Server]:
    with serve(trained.root, "iris", "--framework", request.param) as server:
        yield server


@contextlib.contextmanager
def connections(port: int, count: int) -> Iterator[list[socket.socket]]:
    with contextlib.ExitStack() as stack:
        yield [
            stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=60))
            for _ in range(count)
        ]


def is_answered(running: Server) -> bool:
    with running.client as client:
        answer = client.post("/predict", json=BODY)
        return bool(answer.status_code == 200 and answer.json()["prediction"] == 0)


def test_ten_thousand_idle_connections_cost_little_and_starve_nobody(running: Server) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    raise_file_limit()
    count = min(10_000, most - 1_000)
    before = resident_bytes(running.process.pid)
    with connections(running.port, count) as idle:
        assert all(is_answered(running) for _ in range(20))
        grown = resident_bytes(running.process.pid) - before
        assert grown < count * 20_000
        # They are open all the same.
        for connection in idle[:: count // 50]:
            connection.sendall(REQUEST)
            assert connection.recv(4096).startswith(b"HTTP/1.1 200")
        with running.client as client:
            assert client.get("/health/ready").status_code == 200


@pytest.mark.parametrize("sent", [REQUEST[:20], REQUEST[:-3]], ids=["head", "body"])
def test_requests_that_never_end_starve_nobody(running: Server, sent: bytes) -> None:
    with connections(running.port, 300) as slow:
        for position in range(len(sent)):
            if position % 16 == 0:
                assert is_answered(running)
            for connection in slow[:: 1 if position == 0 else 10]:
                connection.sendall(sent[position : position + 1])
        assert is_answered(running)


# A server that gives clients 5 seconds instead of 60.
IMPATIENT = """
import functools
from mlserve_cli.serving import server
server.Patience = functools.partial(server.Patience, request_seconds=5.0)
"""


def test_requests_that_never_end_are_cut(serve: Serve, trained: Trained) -> None:
    with (
        serve(trained.root, "iris", before=IMPATIENT) as server,
        connections(server.port, 2) as slow,
    ):
        for connection, sent in zip(slow, (REQUEST[:20], REQUEST[:-3]), strict=True):
            connection.sendall(sent)
        for connection in slow:
            connection.settimeout(30)
            # Nothing was answered, neither before nor now.
            with contextlib.suppress(ConnectionResetError):
                assert connection.recv(1) == b""


@pytest.mark.parametrize("path", ["/predict", "/predict?slow"])
def test_who_asks_without_reading_makes_no_memory_grow(running: Server, path: str) -> None:
    burst = post(path, {}, json.dumps(BODY).encode()) * 500
    assert is_answered(running)
    before = resident_bytes(running.process.pid)
    with connections(running.port, 20) as greedy:
        for connection in greedy:
            connection.setblocking(False)
        deadline = time.monotonic() + 3
        while time.monotonic() < deadline:
            for connection in greedy:
                # Refused: the server reads no more, or has had enough.
                with contextlib.suppress(OSError):
                    connection.send(burst)
            time.sleep(0.001)
        grown = resident_bytes(running.process.pid) - before
        assert is_answered(running)
    assert grown < 60 << 20


def test_requests_beyond_the_longest_pipeline_are_left_unread(running: Server) -> None:
    answers = b""
    # What it has not read, the server throws away, and the connection with it.
    with connections(running.port, 1) as (connection,), contextlib.suppress(ConnectionError):
        connection.sendall(REQUEST * 400)
        while part := connection.recv(65_536):
            answers += part
    statuses = {part[:3] for part in answers.split(b"HTTP/1.1 ")[1:]}
    assert statuses == {b"200"}
    assert 100 <= answers.count(b"HTTP/1.1 200") < 400


def test_a_body_without_end_is_cut_and_kept_nowhere(serve: Serve, trained: Trained) -> None:
    head = b"POST /predict HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
    chunk = b"10000\r\n" + b" " * 65_536 + b"\r\n"
    with serve(trained.root, "iris", "--max-body-bytes", "1000000") as running:
        before = resident_bytes(running.process.pid)
        with connections(running.port, 1) as (connection,):
            connection.sendall(head)
            with contextlib.suppress(ConnectionError):
                while True:
                    connection.sendall(chunk)
        with connections(running.port, 1) as (connection,):
            connection.sendall(head + chunk * 20 + b"0\r\n\r\n")
            assert connection.recv(65_536).startswith(b"HTTP/1.1 413")
        assert resident_bytes(running.process.pid) - before < 20 << 20


def test_a_small_body_that_would_be_huge_is_refused_before_it_is(running: Server) -> None:
    bomb = gzip.compress(bytes(1 << 30), compresslevel=1)
    assert len(bomb) < 8 << 20
    before = resident_bytes(running.process.pid)
    with running.client as client:
        refused = client.post("/predict", content=bomb, headers={"content-encoding": "gzip"})
    assert refused.status_code == 413
    assert resident_bytes(running.process.pid) - before < 100 << 20


def test_header_fields_without_end_are_refused(running: Server) -> None:
    with connections(running.port, 1) as (connection,):
        connection.sendall(b"POST /predict HTTP/1.1\r\n" + b"x: y\r\n" * 11_000)
        assert connection.recv(65_536).startswith(b"HTTP/1.1 431")


@pytest.mark.parametrize(
    ("before", "again"),
    [(b"1;", b"a" * 1024), (b"1\r\n{\r\n0\r\n", b"name: b\r\n"), (b"0\r\nname: ", b"b" * 1024)],
    ids=["extensions", "trailers", "a trailer"],
)
def test_what_comes_around_a_body_without_end_is_refused(
    running: Server, before: bytes, again: bytes
) -> None:
    head = b"POST /predict HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n"
    with connections(running.port, 1) as (connection,):
        connection.sendall(head + b"expect: 100-continue\r\n\r\n")
        assert connection.recv(65_536).startswith(b"HTTP/1.1 100")
        # Who is still sending may miss the answer.
        with contextlib.suppress(ConnectionError):
            connection.sendall(before + again * (100_000 // len(again)))
            assert connection.recv(65_536).startswith(b"HTTP/1.1 400")
    assert is_answered(running)


def test_a_body_in_chunks_of_one_byte_is_read(running: Server) -> None:
    body = b'{"features": [[5.1, 3.5, 1.4, 0.2]%b]}' % (b" " * 30_000)
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in body)
    with connections(running.port, 1) as (connection,):
        head = b"POST /predict HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
        connection.sendall(head + chunks + b"0\r\n\r\n")
        assert connection.recv(65_536).startswith(b"HTTP/1.1 200")


@pytest.fixture(scope="module")
def forest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model file whose calls take a while."""
    generator = np.random.default_rng(0)
    rows, labels = generator.normal(size=(300, 4)), generator.integers(0, 2, 300)
    path = tmp_path_factory.mktemp("forest") / "forest.joblib"
    joblib.dump(RandomForestClassifier(150, random_state=0).fit(rows, labels), path)
    return path


def post_all(address: str, bodies: int, rows: int) -> list[httpx.Response]:
    body = {"features": np.zeros((rows, 4)).tolist()}

    def ask(_: int) -> httpx.Response:
        return httpx.post(f"{address}/predict", json=body, timeout=120)

    with ThreadPoolExecutor(bodies) as pool:
        return list(pool.map(ask, range(bodies)))


@pytest.mark.parametrize("framework", ["fastapi", "flask"])
def test_overload_is_refused_at_once_and_the_rest_is_answered(
    serve: Serve, forest: Path, framework: str
) -> None:
    options = ("--max-queue", "20", "--framework", framework)
    with serve(forest.parent, forest, *options) as running:
        answers = post_all(running.address, 40, 10)
        statuses = [answer.status_code for answer in answers]
        assert set(statuses) == {200, 503}
        refused = answers[statuses.index(503)]
        assert int(refused.headers["retry-after"]) >= 1
        assert "rows wait for model 'forest' already" in refused.json()["error"]
        assert len(answers[statuses.index(200)].json()["predictions"]) == 10
        with running.client as client:
            metrics = client.get("/metrics").text
        counted = [line for line in metrics.splitlines() if 'status="503"' in line]
        assert [float(line.split()[-1]) for line in counted] == [statuses.count(503)]


@pytest.mark.parametrize("framework", ["fastapi", "flask"])
def test_who_waits_longer_than_the_deadline_is_told_so(
    serve: Serve, forest: Path, framework: str
) -> None:
    options = ("--timeout", "0.001", "--framework", framework)
    with serve(forest.parent, forest, *options) as running:
        answers = post_all(running.address, 10, 1000)
        assert 504 in {answer.status_code for answer in answers}
        assert {answer.status_code for answer in answers} <= {200, 504}


def is_closed(connection: socket.socket) -> bool:
    """Whether the server has closed a connection that nothing was asked on."""
    connection.settimeout(0.2)
    try:
        return connection.recv(1) == b""
    except ConnectionError:
        return True
    except TimeoutError:
        return False


def work_of_a_second(process: int) -> float:
    worked = cpu_seconds(process)
    time.sleep(1)
    return cpu_seconds(process) - worked


def test_a_server_without_files_left_refuses_and_recovers(serve: Serve, trained: Trained) -> None:
    with serve(trained.root, "iris") as running:
        process = running.process.pid
        kept = httpx.Client(base_url=running.address, timeout=60)
        assert kept.post("/predict", json=BODY).status_code == 200
        # It still imports in the background, which opens files.
        wait_until(lambda: work_of_a_second(process) < 0.1)
        held = len(list(Path(f"/proc/{process}/fd").iterdir()))
        before = resource.prlimit(process, resource.RLIMIT_NOFILE)
        resource.prlimit(process, resource.RLIMIT_NOFILE, (held + 10, before[1]))
        with connections(running.port, 50) as beyond:
            # Those who are in go on; the others are closed, not left waiting.
            assert kept.post("/predict", json=BODY).status_code == 200
            wait_until(lambda: sum(map(is_closed, beyond)) >= 30)
            assert work_of_a_second(process) < 0.5
        resource.prlimit(process, resource.RLIMIT_NOFILE, before)
        wait_until(lambda: is_answered(running))
        kept.close()


def test_more_connections_than_files_are_refused_with_an_answer(
    serve: Serve, trained: Trained
) -> None:
    with serve(trained.root, "iris", "--workers", "2", max_files=200) as running:
        assert all(
            resource.prlimit(worker, resource.RLIMIT_NOFILE)[0] == 200
            for worker in workers_of(running.process.pid)
        )
        with connections(running.port, 350) as beyond:
            statuses = []
            for connection in beyond:
                with contextlib.suppress(ConnectionError):
                    connection.sendall(REQUEST)
                    statuses.append(connection.recv(65_536)[:12])
            assert set(statuses) - {b""} == {b"HTTP/1.1 200", b"HTTP/1.1 503"}
        wait_until(lambda: is_answered(running))


def test_all_who_are_too_many_at_once_are_told_so(serve: Serve, trained: Trained) -> None:
    with (
        serve(trained.root, "iris", max_files=512) as running,
        connections(running.port, 480) as held,
        connections(running.port, 64) as beyond,
    ):
        assert {one.recv(65_536)[:12] for one in beyond} == {b"HTTP/1.1 503"}
        held[0].sendall(REQUEST)
        assert held[0].recv(65_536)[:12] == b"HTTP/1.1 200"


def test_the_limit_leaves_files_for_everything_else() -> None:
    soft, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        raise_file_limit()
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (most, most)
        assert 0 < max_connections() < most
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, most))
