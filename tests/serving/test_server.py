"""A real server, asked by real clients."""

import json
import re
import shlex
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.serving.conftest import Serve, Server, Trained
from tests.serving.corpus import CORPUS


def exchange(port: int, request: bytes, *, closes: bool = False) -> bytes:
    """The answer to raw bytes; without its date, and without an id that the server made up."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(request)
        answer = b""
        while part := connection.recv(65_536):
            answer += part
            head, separator, body = answer.partition(b"\r\n\r\n")
            if separator and not closes and len(body) >= announced_bytes(head):
                break
    lines = answer.split(b"\r\n")
    shown = b"\r\n".join(line for line in lines if not line.startswith(b"date:"))
    return re.sub(rb"x-request-id: [0-9a-f]{24}\r\n", b"x-request-id: (made up)\r\n", shown)


def announced_bytes(head: bytes) -> int:
    return next(
        int(line.partition(b":")[2])
        for line in head.split(b"\r\n")
        if line.startswith(b"content-length:")
    )


def post(path: str, headers: dict[str, str], body: bytes) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "host: x", f"content-length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@pytest.mark.parametrize("number", range(len(CORPUS)))
def test_the_application_gives_the_answers_of_the_fast_path_byte_for_byte(
    server: Server, number: int
) -> None:
    path, headers, body = CORPUS[number]
    fast = exchange(server.port, post(path, headers, body))
    # A query is nothing that the fast path reads.
    assert exchange(server.port, post(f"{path}?slow", headers, body)) == fast
    assert not fast.startswith(b"HTTP/1.1 5")
    if b"content-type: application/json" in fast:
        json.loads(fast.partition(b"\r\n\r\n")[2])


def test_predictions_are_the_estimators(server: Server, trained: Trained) -> None:
    with server.client as client:
        rows = trained.flowers[::10]
        answer = client.post("/models/iris/predict", json={"features": rows.tolist()}).json()
        assert answer["predictions"] == trained.iris.predict(rows).tolist()
        expected = trained.iris.predict_proba(rows)
        assert abs(expected - answer["probabilities"]).max() < 1e-12
        assert (answer["model"], answer["version"]) == ("iris", 1)
        one = client.post("/models/iris/predict", json={"features": rows[3].tolist()}).json()
        assert one["prediction"] == answer["predictions"][3]
        assert one["probability"] == max(answer["probabilities"][3])


def test_the_printed_curl_lines_work(server: Server) -> None:
    with server.client as client:
        assert client.get("/health/ready").status_code == 200
    line = next(line for line in server.announced.splitlines() if line.startswith("  curl"))
    finished = subprocess.run(
        [*shlex.split(line), "--silent"], capture_output=True, check=True, timeout=30
    )
    assert "version" in json.loads(finished.stdout)


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET /models/iris/predict HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", b"405"),
        (b"BREW /coffee HTTP/1.1\r\nhost: x\r\n\r\n", b"400"),
        (b"GET /none HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", b"404"),
        (b"nonsense\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nx: " + b"y" * 66_000, b"431"),
        (
            b"POST /models/iris/predict HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999999\r\n\r\n",
            b"413",
        ),
    ],
    ids=["method", "verb", "address", "nonsense", "header", "length"],
)
def test_whatever_comes_is_answered_with_one_json_object(
    server: Server, request_bytes: bytes, status: bytes
) -> None:
    answer = exchange(server.port, request_bytes, closes=True)
    assert answer.startswith(b"HTTP/1.1 " + status), answer
    assert "error" in json.loads(answer.partition(b"\r\n\r\n")[2])
    assert b"server:" not in answer.lower()


def test_chunked_pipelined_and_expecting_requests_are_answered_in_order(server: Server) -> None:
    body = b'{"features":[5.1,3.5,1.4,0.2]}'
    fast = post("/models/iris/predict", {}, body)
    chunked = (
        b"POST /models/iris/predict HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
        + b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:7], body[7:]))
        + b"0\r\n\r\n"
    )
    wrong = post("/models/iris/predict", {}, b"{}")
    last = post("/v1/models/iris:predict", {"connection": "close"}, b'{"instances":[[1,2,3,4]]}')
    answer = exchange(server.port, fast + chunked + wrong + fast + last, closes=True)
    statuses = [part[:3] for part in answer.split(b"HTTP/1.1 ")[1:]]
    assert statuses == [b"200", b"200", b"400", b"200", b"200"]
    assert answer.count(b'"prediction":0') == 3
    assert b'{"predictions":[' in answer.rpartition(b"\r\n")[2]


def test_a_body_that_comes_byte_by_byte_is_answered(server: Server) -> None:
    request = post("/models/iris/predict", {}, b'{"features":[5.1,3.5,1.4,0.2]}')
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        for position in range(len(request)):
            connection.sendall(request[position : position + 1])
        assert connection.recv(65_536).startswith(b"HTTP/1.1 200")


def test_a_request_id_comes_back(server: Server) -> None:
    with server.client as client:
        answer = client.post(
            "/models/iris/predict",
            json={"features": [1, 2, 3, 4]},
            headers={"x-request-id": "abc-1"},
        )
        assert answer.headers["x-request-id"] == "abc-1"


def test_metrics_count_what_was_answered(server: Server) -> None:
    with server.client as client:
        sample = 'mlserve_requests_total{model="pets",version="1",protocol="mlflow",status="200"}'
        assert sample not in client.get("/metrics").text
        assert "mlserve_request_duration_seconds_bucket{" in client.get("/metrics").text


def test_docs_show_an_example_of_each_model_that_works(server: Server) -> None:
    with server.client as client:
        assert "swagger" in client.get("/docs").text.lower()
        paths = client.get("/openapi.json").json()["paths"]
        for name in ("iris", "pets"):
            path = f"/models/{name}/predict"
            content = paths[path]["post"]["requestBody"]["content"]["application/json"]
            assert client.post(path, json=content["example"]).status_code == 200


def test_an_onnx_model_is_served_without_scikit_learn(serve: Serve, trained: Trained) -> None:
    with serve(trained.root, "iris") as running:
        with running.client as client:
            assert client.post("/predict", json={"features": [5, 3, 1, 0]}).status_code == 200
        maps = Path(f"/proc/{running.process.pid}/maps").read_text()
        assert "onnxruntime" in maps
        assert "sklearn" not in maps
        assert "/scipy/" not in maps


def test_a_bare_file_is_served(serve: Serve, trained: Trained, tmp_path: Path) -> None:
    import joblib

    joblib.dump(trained.iris, tmp_path / "flowers.joblib")
    with (
        serve(tmp_path / "none", tmp_path / "flowers.joblib") as running,
        running.client as client,
    ):
        answer = client.post("/predict", json={"features": [5.1, 3.5, 1.4, 0.2]}).json()
        assert (answer["model"], answer["prediction"]) == ("flowers", 0)


def test_keys_open_everything_but_health(serve: Serve, trained: Trained, tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text("# old and new\nfirst\nsecond\n")
    body = {"features": [5.1, 3.5, 1.4, 0.2]}
    with (
        serve(trained.root, "iris", "--api-key-file", keys) as running,
        running.client as client,
    ):
        assert client.get("/health/ready").status_code == 200
        assert client.get("/metrics").status_code == 401
        refused = client.post("/predict", json=body)
        assert refused.status_code == 401
        assert "API key" in refused.json()["error"]
        for header in ({"x-api-key": "first"}, {"authorization": "Bearer second"}):
            assert client.post("/predict", json=body, headers=header).status_code == 200
        wrong = {"authorization": "Bearer third"}
        assert client.post("/predict", json=body, headers=wrong).status_code == 401
        keys.write_text("third\n")
        running.process.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + 30
        while client.post("/predict", json=body, headers=wrong).status_code != 200:
            assert time.monotonic() < deadline


@pytest.mark.parametrize("framework", ["fastapi", "flask"])
def test_a_browser_asks_for_a_key_and_may_look_but_not_act_with_it(
    serve: Serve, trained: Trained, tmp_path: Path, framework: str
) -> None:
    keys = tmp_path / "keys"
    keys.write_text("first\nsecond\n")
    page, script = {"accept": "text/html,*/*"}, {"accept": "application/json,*/*"}
    body = {"features": [5.1, 3.5, 1.4, 0.2]}
    options = ("--api-key-file", keys, "--framework", framework)
    with serve(trained.root, "iris", *options) as running, running.client as client:
        for path in ("/docs", "/models/iris"):
            asked = client.get(path, headers=page)
            assert asked.status_code == 401
            assert asked.headers["www-authenticate"].startswith("Basic realm=")
            # A window that asks for a password belongs to pages.
            told = client.get(path, headers=script)
            assert told.headers["www-authenticate"] == "Bearer"
            assert client.get(path, headers=page, auth=("anybody", "second")).status_code == 200
            for wrong in ("third", "", "first\nsecond"):
                assert client.get(path, auth=("first", wrong)).status_code == 401
        for credentials in ("Basic", "Basic !", "Basic Zmlyc3Q=", "Basic first"):
            refused = client.get("/docs", headers={"authorization": credentials})
            assert refused.status_code == 401
        # A page of somebody else can make a browser send these.
        for path in ("/predict", "/v2/repository/models/iris/unload"):
            acted = client.post(path, json=body, headers=page, auth=("anybody", "second"))
            assert acted.status_code == 401
            assert acted.headers["www-authenticate"] == "Bearer"
        assert client.get("/health/ready").status_code == 200


def test_the_body_limit_holds_after_decompression(serve: Serve, trained: Trained) -> None:
    import gzip

    rows = {"features": [[1.0, 2.0, 3.0, 4.0]] * 500}
    packed = gzip.compress(json.dumps(rows).encode())
    headers = {"content-encoding": "gzip"}
    with (
        serve(trained.root, "iris", "--max-body-bytes", "5000") as running,
        running.client as client,
    ):
        assert len(packed) < 5000
        assert client.post("/predict", content=packed, headers=headers).status_code == 413
        assert client.post("/predict", json=rows).status_code == 413
        small = gzip.compress(json.dumps({"features": [1, 2, 3, 4]}).encode())
        assert client.post("/predict", content=small, headers=headers).status_code == 200


def test_a_taken_port_is_said(serve: Serve, trained: Trained, server: Server) -> None:
    with (
        pytest.raises(AssertionError, match=r"Cannot listen on 127\.0\.0\.1"),
        serve(trained.root, "--port", str(server.port)),
    ):
        pass


def test_tls(serve: Serve, trained: Trained, tmp_path: Path) -> None:
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"),
            *("-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    arguments = ("--ssl-certfile", certificate, "--ssl-keyfile", key)
    with serve(trained.root, "iris", *arguments) as running:
        assert running.address.startswith("https://")
        import ssl

        context = ssl.create_default_context(cafile=str(certificate))
        answer = httpx.post(
            f"{running.address}/predict", json={"features": [5, 3, 1, 0]}, verify=context
        )
        assert answer.status_code == 200


def test_stopping_under_load_fails_no_request(serve: Serve, trained: Trained) -> None:
    request = post("/predict", {}, b'{"features":[5.1,3.5,1.4,0.2]}')
    outcomes: list[Any] = []

    def ask(port: int) -> None:
        with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
            while True:
                connection.sendall(request)
                answer = connection.recv(65_536)
                outcomes.append(answer[:12])
                if b"connection: close" in answer or not answer:
                    return

    with serve(trained.root, "iris") as running:
        threads = [threading.Thread(target=ask, args=(running.port,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        while len(outcomes) < 200:
            time.sleep(0.001)
        running.process.send_signal(signal.SIGTERM)
        for thread in threads:
            thread.join(30)
        assert running.process.wait(30) == 0
    assert set(outcomes) == {b"HTTP/1.1 200"}
