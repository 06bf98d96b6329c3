"""What a server of gRPC must survive: keys, TLS, sizes, dead workers, stopping under load."""

import json
import os
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from tests.serving.conftest import Server, Trained
from tests.serving.grpc.conftest import GrpcServe, triton
from tritonclient.utils import InferenceServerException

from mlserve_cli.serving.grpc.messages import message_type

ROW = {"input": np.array([[5.1, 3.5, 1.4, 0.2]])}
INFER = "/inference.GRPCInferenceService/ModelInfer"


def infer_body(rows: int = 1) -> bytes:
    values = np.tile(ROW["input"], (rows, 1))
    described = {"name": "input", "datatype": "FP64", "shape": values.shape}
    request = message_type("inference.ModelInferRequest")(
        model_name="iris", inputs=[described], raw_input_contents=[values.tobytes()]
    )
    body: bytes = request.SerializeToString()
    return body


@contextmanager
def method(target: str) -> Iterator[Any]:
    """Predictions over a connection that is shared with nobody."""
    options = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_send_message_length", -1)]
    with grpc.insecure_channel(target, options=options) as channel:
        yield channel.unary_unary(INFER)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def workers_of(process: int) -> set[int]:
    children = Path(f"/proc/{process}/task/{process}/children").read_text()
    return {int(child) for child in children.split()}


def answers(target: str) -> bool:
    with method(target) as infer:
        try:
            return bool(infer(infer_body(), timeout=30))
        except grpc.RpcError:
            return False


def test_keys_open_everything_but_health(
    grpc_serve: GrpcServe, trained: Trained, tmp_path: Path
) -> None:
    keys = tmp_path / "keys"
    keys.write_text("first\nsecond\n")
    with (
        grpc_serve(trained.root, "iris", "--api-key-file", keys) as running,
        running.client() as client,
    ):
        assert client.triton.is_server_live()
        assert client.triton.is_server_ready()
        for headers in ({}, {"x-api-key": "third"}, {"authorization": "first"}):
            with pytest.raises(InferenceServerException) as caught:
                client.ask("iris", ROW, headers=headers)
            assert caught.value.status() == "StatusCode.UNAUTHENTICATED"
        with pytest.raises(InferenceServerException, match="API key"):
            client.triton.get_server_metadata()
        with running.http.client as http:
            counted = http.get("/metrics", headers={"x-api-key": "first"}).text
        refused = [line for line in counted.splitlines() if 'status="401"' in line]
        assert any(line.startswith("mlserve_requests_total") for line in refused)
        for headers in ({"x-api-key": "first"}, {"authorization": "Bearer second"}):
            assert client.ask("iris", ROW, headers=headers).as_numpy("predict").tolist() == [0]
        keys.write_text("third\n")
        running.http.process.send_signal(signal.SIGHUP)

        def third_is_taken() -> bool:
            try:
                client.ask("iris", ROW, headers={"x-api-key": "third"})
            except InferenceServerException:
                return False
            return True

        wait_until(third_is_taken)


def write_certificate(folder: Path) -> None:
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"),
            *("-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")),
        ],
        check=True,
        capture_output=True,
    )


def test_tls_with_certificates_that_are_read_again(
    grpc_serve: GrpcServe, trained: Trained, tmp_path: Path
) -> None:
    certificate = tmp_path / "cert.pem"
    write_certificate(tmp_path)
    arguments = ("--ssl-certfile", certificate, "--ssl-keyfile", tmp_path / "key.pem")

    def is_trusted(target: str) -> bool:
        credentials = grpc.ssl_channel_credentials(certificate.read_bytes())
        options = [("grpc.use_local_subchannel_pool", 1)]
        with grpc.secure_channel(target, credentials, options) as channel:
            try:
                return bool(channel.unary_unary(INFER)(infer_body(), timeout=30))
            except grpc.RpcError:
                return False

    with grpc_serve(trained.root, "iris", *arguments) as running:
        with running.client(ssl=True, root_certificates=str(certificate)) as client:
            assert client.ask("iris", ROW).as_numpy("predict").tolist() == [0]
        assert not answers(running.target)
        write_certificate(tmp_path)
        assert not is_trusted(running.target)
        running.http.process.send_signal(signal.SIGHUP)
        wait_until(lambda: is_trusted(running.target))
        running.http.process.terminate()
        # Handshakes that failed are no lines of the log.
        assert running.http.process.communicate(timeout=60)[1] == ""


def test_requests_are_logged_and_named_as_those_over_http(
    grpc_serve: GrpcServe, trained: Trained
) -> None:
    with grpc_serve(trained.root, "iris", "--access-log", "--log-format", "json") as running:
        with method(running.target) as infer:
            _, call = infer.with_call(infer_body(3), metadata=[("x-request-id", "mine")])
            assert ("x-request-id", "mine") in call.trailing_metadata()
            with pytest.raises(grpc.RpcError) as caught:
                infer(b"\xff")
            given = dict(caught.value.trailing_metadata())["x-request-id"]
        with running.client() as client:
            client.triton.get_server_metadata()
        running.http.process.terminate()
        lines = running.http.process.communicate(timeout=60)[1].splitlines()
    good, bad, other = [json.loads(line) for line in lines]
    assert (good["protocol"], good["model"], good["rows"]) == ("grpc", "iris", 3)
    assert (good["path"], good["status"], good["request_id"]) == (INFER, 200, "mine")
    assert good["client"].startswith("127.0.0.1:")
    assert good["bytes_in"] == len(infer_body(3))
    assert (bad["status"], bad["request_id"]) == (400, given)
    assert (other["path"], other["status"]) == (INFER.replace("ModelInfer", "ServerMetadata"), 200)


def test_the_limit_of_a_request_holds_after_decompression(
    grpc_serve: GrpcServe, trained: Trained
) -> None:
    with (
        grpc_serve(trained.root, "iris", "--max-body-bytes", "5000") as running,
        method(running.target) as infer,
    ):
        for compression in (None, grpc.Compression.Gzip, grpc.Compression.Deflate):
            with pytest.raises(grpc.RpcError) as caught:
                infer(infer_body(1000), timeout=30, compression=compression)
            assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
            assert infer(infer_body(), timeout=30, compression=compression)


def test_a_taken_port_is_said(serve: Any, trained: Trained) -> None:
    with serve(trained.root, "iris", "--grpc-port", "0") as running:
        port = running.announced.partition("gRPC ")[2].split()[0].partition(":")[2]
        with (
            pytest.raises(AssertionError, match=rf"Cannot listen on 127\.0\.0\.1:{port} for gRPC"),
            serve(trained.root, "iris", "--grpc-port", port),
        ):
            pass


def test_every_worker_answers_and_a_killed_one_is_replaced(
    grpc_serve: GrpcServe, trained: Trained
) -> None:
    with grpc_serve(trained.root, "iris", "--workers", "2") as running:
        parent = running.http.process.pid
        before = workers_of(parent)
        assert len(before) == 2
        assert [answers(running.target) for _ in range(20)] == [True] * 20
        first, second = sorted(before)
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: len(workers_of(parent) - before) == 1)
        # Whoever connects now gets the one that is left, or the new one.
        assert [answers(running.target) for _ in range(20)] == [True] * 20
        os.kill(second, signal.SIGKILL)
        wait_until(lambda: len(workers_of(parent) - before) == 2)
        wait_until(lambda: answers(running.target))
        running.http.process.terminate()
        assert running.http.process.wait(60) == 0
        assert not answers(running.target)


def ask_until_gone(target: str, outcomes: "Counter[str]") -> None:
    """Counts answers; a server that cannot be connected to any more is no failed request."""
    tensor = triton.InferInput("input", [1, 4], "FP64")
    tensor.set_data_from_numpy(ROW["input"])
    client = triton.InferenceServerClient(target)
    while True:
        try:
            client.infer("iris", [tensor])
        except InferenceServerException as error:
            outcomes["gone" if "onnect" in error.message() else str(error)] += 1
            return
        outcomes["answered"] += 1


@pytest.mark.parametrize("workers", ["1", "2"])
def test_stopping_under_load_fails_no_request(
    grpc_serve: GrpcServe, trained: Trained, workers: str
) -> None:
    outcomes: Counter[str] = Counter()
    with grpc_serve(trained.root, "iris", "--workers", workers) as running:
        threads = [
            threading.Thread(target=ask_until_gone, args=(running.target, outcomes))
            for _ in range(16)
        ]
        for thread in threads:
            thread.start()
        wait_until(lambda: outcomes["answered"] > 300)
        running.http.process.send_signal(signal.SIGTERM)
        for thread in threads:
            thread.join(60)
        stopped: Server = running.http
        assert stopped.process.wait(60) == 0
    assert set(outcomes) == {"answered", "gone"}
    assert outcomes["gone"] == 16
