"""Flask and FastAPI give the same answers, from the same kind of server."""

import gzip
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.serving.conftest import Serve, Server, Trained
from tests.serving.corpus import CORPUS
from tests.serving.processes import wait_until
from tests.serving.test_server import exchange, post

from mlserve_cli.serving import create_wsgi_app
from mlserve_cli.serving.gateway import GatewayOptions
from mlserve_cli.serving.scheduling import Limits
from mlserve_cli.serving.security import ApiKeys
from mlserve_cli.serving.service import PredictionService

HEADERS = "host: x\r\nconnection: close\r\nx-request-id: same\r\n"
BODY = {"features": [5.1, 3.5, 1.4, 0.2]}
ADDRESSES = [
    *("/", "/health", "/health/live", "/health/ready", "/v2/health/live", "/ping", "/version"),
    *("/v2", "/v2/", "/v2/models/iris", "/v2/models/iris/versions/1", "/v2/models/none"),
    *("/v2/models/iris/ready", "/v2/models/iris/versions", "/v2/models/iris/versions/x"),
    *("/v1/models", "/v1/models/iris", "/v1/models/iris/metadata", "/v1/models/iris/versions/1"),
    *("/docs", "/openapi.json", "/none", "/predict", "/v2//models/iris", "/static/x"),
]


@pytest.fixture(scope="module")
def service(trained: Trained) -> PredictionService:
    return PredictionService([trained.load("iris"), trained.load("pets")])


@pytest.fixture(scope="module")
def flask_server(serve: Serve, trained: Trained) -> Iterator[Server]:
    with serve(trained.root, "--framework", "flask") as running:
        yield running


def wsgi_client(service: PredictionService, options: GatewayOptions | None = None) -> httpx.Client:
    app = create_wsgi_app(service, options)
    return httpx.Client(transport=httpx.WSGITransport(app=app), base_url="http://test")


@pytest.mark.parametrize("number", range(len(CORPUS)))
def test_the_server_gives_the_same_bytes(flask_server: Server, server: Server, number: int) -> None:
    path, headers, body = CORPUS[number]
    # Without one, an id is made up for answers that tell of an error.
    request = post(path, {"x-request-id": "same", **headers}, body)
    assert exchange(flask_server.port, request) == exchange(server.port, request)


@pytest.mark.parametrize("address", ADDRESSES)
def test_addresses_beside_predictions_give_the_same_bytes(
    flask_server: Server, server: Server, address: str
) -> None:
    for method in ("GET", "POST"):
        request = f"{method} {address} HTTP/1.1\r\n{HEADERS}\r\n".encode()
        flask, fastapi = (
            exchange(one.port, request, closes=True) for one in (flask_server, server)
        )
        assert flask == fastapi


@pytest.mark.parametrize("number", range(len(CORPUS)))
def test_other_servers_give_the_same_answers(
    service: PredictionService, server: Server, number: int
) -> None:
    path, headers, body = CORPUS[number]
    with wsgi_client(service) as flask, server.client as fastapi:
        here = flask.post(path, headers=headers, content=body)
        there = fastapi.post(path, headers=headers, content=body)
    assert (here.status_code, here.content) == (there.status_code, there.content)
    assert here.headers["content-type"] == there.headers["content-type"]


def test_threads_of_other_servers_are_answered_at_the_same_time(
    service: PredictionService, trained: Trained
) -> None:
    answers: dict[int, int] = {}
    client = wsgi_client(service)

    def ask(first: int) -> None:
        for number in range(first, 150, 8):
            body = {"features": trained.flowers[number].tolist()}
            answers[number] = client.post("/models/iris/predict", json=body).json()["prediction"]

    threads = [threading.Thread(target=ask, args=(first,)) for first in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [answers[number] for number in range(150)] == trained.iris.predict(
        trained.flowers
    ).tolist()


def test_limits_hold_in_other_servers(service: PredictionService) -> None:
    options = GatewayOptions(Limits(timeout_seconds=30), max_body_bytes=60)
    path = "/models/iris/predict"
    with wsgi_client(service, options) as client:
        assert client.post(path, json=BODY).status_code == 200
        assert client.post(path, content=b" " * 61).status_code == 413
        packed = gzip.compress(b" " * 61)
        headers = {"content-encoding": "gzip"}
        assert client.post(path, content=packed, headers=headers).status_code == 413
        assert client.get("/none").json() == {"error": "There is nothing at this address."}


def test_keys_hold_in_other_servers(service: PredictionService, tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("secret\n")
    with wsgi_client(service, GatewayOptions(keys=ApiKeys(tmp_path / "keys"))) as client:
        assert client.get("/health/ready").status_code == 200
        assert client.get("/metrics").status_code == 401
        assert client.get("/metrics", headers={"x-api-key": "secret"}).status_code == 200


def test_a_bad_key_file_keeps_the_old_keys(serve: Serve, trained: Trained, tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text("secret\n")
    arguments = ("iris", "--framework", "flask", "--api-key-file", keys)
    with serve(trained.root, *arguments) as running, running.client as client:
        keys.unlink()
        running.process.send_signal(signal.SIGHUP)
        assert running.process.stderr is not None
        assert any("cannot be read" in line for line in running.process.stderr)
        answer = client.post("/predict", json=BODY, headers={"x-api-key": "secret"})
        assert answer.status_code == 200
        keys.write_text("other\n")
        running.process.send_signal(signal.SIGHUP)
        other = {"x-api-key": "other"}
        wait_until(lambda: client.post("/predict", json=BODY, headers=other).status_code == 200)


def test_who_sends_too_much_before_reading_sees_why_it_is_refused(
    flask_server: Server, server: Server
) -> None:
    request = post("/models/iris/predict", {"x-request-id": "same"}, b" " * (40 << 20))
    flask, fastapi = (exchange(one.port, request, closes=True) for one in (flask_server, server))
    assert flask == fastapi
    assert flask.startswith(b"HTTP/1.1 413")
    assert b"connection: close" in flask
