"""Lines about requests, under the ids that the answers carry."""

import json
import socket
import time
from typing import Any

import pytest
from tests.serving.conftest import FakePredictor, Serve, Server, Trained
from tests.serving.test_server import post

from mlserve_cli.errors import EngineError, InputError
from mlserve_cli.serving.arrivals import Arrival
from mlserve_cli.serving.gateway import Gateway, GatewayOptions
from mlserve_cli.serving.log_writer import LogWriter
from mlserve_cli.serving.logs import Event, LogFormat, line_maker
from mlserve_cli.serving.model import LoadedModel
from mlserve_cli.serving.protocols.native import NativeProtocol
from mlserve_cli.serving.request_log import RequestLog
from mlserve_cli.serving.routes import Endpoint
from mlserve_cli.serving.service import PredictionService

BODY = b'{"features":[5.1,3.5,1.4,0.2]}'
TRACE = "0af7651916cd43dd8448eb211c80319c"


def lines_of(running: Server) -> list[dict[str, Any]]:
    """Stops a server and reads its log."""
    running.process.terminate()
    _, log = running.process.communicate(timeout=60)
    return [json.loads(line) for line in log.splitlines() if line.startswith("{")]


def test_every_request_has_a_line_with_the_id_of_its_answer(serve: Serve, trained: Trained) -> None:
    asked = {"x-request-id": "mine", "traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}
    with serve(trained.root, "iris", "--access-log", "--log-format", "json") as running:
        with running.client as client:
            answers = [
                client.post("/predict", content=BODY, headers=asked),
                client.post("/predict?slow", content=BODY, headers=asked),
                client.post("/predict", content=BODY),
                client.post("/predict", content=b"{}"),
                client.get("/nothing"),
                client.get("/health"),
            ]
        lines = lines_of(running)
    assert [line["request_id"] for line in lines] == [
        answer.headers["x-request-id"] for answer in answers
    ]
    assert [line["status"] for line in lines] == [200, 200, 200, 400, 404, 200]
    for line in lines[:2]:
        assert line["request_id"] == "mine"
        assert line["trace_id"] == TRACE
    fast = {name: lines[0][name] for name in ("level", "message", "method", "path", "protocol")}
    assert fast == {
        "level": "info",
        "message": "answered",
        "method": "POST",
        "path": "/predict",
        "protocol": "native",
    }
    assert (lines[0]["model"], lines[0]["version"], lines[0]["rows"]) == ("iris", 1, 1)
    assert lines[0]["bytes_in"] == len(BODY)
    assert lines[0]["bytes_out"] == len(answers[0].content)
    assert lines[0]["client"].startswith("127.0.0.1:")
    assert 0 < lines[0]["milliseconds"] < 60_000
    assert "expected" in lines[3]["message"]
    assert lines[4]["path"] == "/nothing"
    assert "model" not in lines[4]


def test_without_an_access_log_good_requests_and_bad_ones_have_no_line(
    serve: Serve, trained: Trained
) -> None:
    with serve(trained.root, "iris", "--log-format", "json") as running:
        with running.client as client:
            assert client.post("/predict", content=BODY).status_code == 200
            assert client.post("/predict", content=b"{}").status_code == 400
        assert lines_of(running) == []


def test_a_log_that_nobody_reads_stops_no_request_and_no_shutdown(
    serve: Serve, trained: Trained
) -> None:
    request = post("/predict", {}, BODY)
    with serve(trained.root, "iris", "--access-log") as running:
        with socket.create_connection(("127.0.0.1", running.port), timeout=30) as connection:
            # Several times what a pipe holds.
            for _ in range(1500):
                connection.sendall(request)
                assert connection.recv(65_536).startswith(b"HTTP/1.1 200")
        started = time.monotonic()
        running.process.terminate()
        assert running.process.wait(60) == 0
        assert time.monotonic() - started < 30


def test_ids_come_back_on_the_fast_path_and_on_the_slow_one(server: Server) -> None:
    with server.client as client:
        for path in (
            "/models/iris/predict",
            "/models/iris/predict?slow",
            "/v1/models/iris:predict",
        ):
            body = b'{"instances":[[1,2,3,4]]}' if "v1" in path else BODY
            named = client.post(path, content=body, headers={"x-request-id": "abc-1"})
            assert (named.status_code, named.headers["x-request-id"]) == (200, "abc-1")
            # The next request on the connection has no part in it.
            assert "x-request-id" not in client.post(path, content=body).headers
            replaced = client.post(path, content=body, headers={"x-request-id": "a b"})
            assert len(replaced.headers["x-request-id"]) == 24
            wrong = client.post(path, content=b"{", headers={"x-request-id": "abc-2"})
            assert (wrong.status_code, wrong.headers["x-request-id"]) == (400, "abc-2")


def test_every_error_has_an_id(server: Server) -> None:
    with server.client as client:
        answers = [
            client.post("/models/iris/predict", content=b"{"),
            client.post("/models/none/predict", content=b"{}"),
            client.get("/nothing"),
            client.get("/models/iris/predict"),
        ]
        assert [answer.status_code for answer in answers] == [400, 404, 404, 405]
        assert len({answer.headers["x-request-id"] for answer in answers}) == 4


@pytest.fixture
def gateway(fake: type[FakePredictor]) -> Gateway:
    """With a log that writes to stderr at once."""
    writer = LogWriter[Event](line_maker(LogFormat.JSON))
    service = PredictionService([LoadedModel("m", 1, fake())])
    return Gateway(service, GatewayOptions(log=RequestLog(writer)))


def test_what_fails_by_our_fault_always_has_a_line(
    gateway: Gateway, capsys: pytest.CaptureFixture[str]
) -> None:
    endpoint = Endpoint(NativeProtocol())
    arrival = Arrival("1.2.3.4:5", path="/predict", request_id=b"mine")
    reply = gateway.finish(endpoint, None, EngineError("no luck"), gateway.clock(), arrival)
    assert (b"x-request-id", b"mine") in reply.headers
    event = json.loads(capsys.readouterr().err)
    assert (event["level"], event["message"]) == ("error", "no luck")
    assert (event["request_id"], event["status"], event["model"]) == ("mine", 500, "m")


def test_what_fails_by_the_clients_fault_has_none(
    gateway: Gateway, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway.finish(Endpoint(NativeProtocol()), None, InputError("no"), gateway.clock())
    assert capsys.readouterr().err == ""
