"""Large bodies are read beside the event loop, and only if they fit in memory."""

import asyncio
import gzip
import threading
import time

import msgspec
import pytest
from tests.serving.conftest import FakePredictor, Serve, Trained
from tests.serving.test_server import exchange, post

from mlserve_cli.serving.exchange import LARGE_BODY_BYTES, Headers, Reply
from mlserve_cli.serving.gateway import Gateway, GatewayOptions
from mlserve_cli.serving.model import LoadedModel
from mlserve_cli.serving.protocols.interface import InferenceProtocol
from mlserve_cli.serving.protocols.mlflow import MlflowProtocol
from mlserve_cli.serving.protocols.native import NativeProtocol
from mlserve_cli.serving.protocols.tensorflow import TensorflowProtocol
from mlserve_cli.serving.protocols.v2 import V2Protocol
from mlserve_cli.serving.routes import Endpoint
from mlserve_cli.serving.service import PredictionService
from mlserve_cli.serving.waiting import Limits

CSV = {b"content-type": b"text/csv"}
PARQUET = {b"content-type": b"application/vnd.apache.parquet"}
LENGTH = b"inference-header-content-length"
RAW = {LENGTH: b"0"}


def ask(
    gateway: Gateway, protocol: InferenceProtocol, body: bytes, headers: Headers | None = None
) -> Reply:
    async def answered() -> Reply:
        reply = await gateway.answer(Endpoint(protocol), body, headers or {})
        gateway.scheduler.close()
        return reply

    return asyncio.run(answered())


@pytest.mark.parametrize(
    ("protocol", "body", "headers"),
    [
        (NativeProtocol(), b'{"features":[%b[1]]}', {}),
        (NativeProtocol(), b'{"rows":[%b{"x0":1}]}', {}),
        (TensorflowProtocol(), b'{"instances":[%b[1]]}', {}),
        (MlflowProtocol(), b'{"inputs":[%b[1]]}', {}),
        (MlflowProtocol(), b"%b1", CSV),
        (V2Protocol(), b'{"inputs":[{"data":[%b1]}]}', {}),
        (V2Protocol(), b'{"inputs":[{"data":[%b1]}]}', {LENGTH: b"300000"}),
    ],
    ids=["rows", "records", "instances", "inputs", "csv", "tensor", "tensor with a length"],
)
def test_more_values_than_fit_in_memory_are_refused_before_they_are_read(
    fake: type[FakePredictor], protocol: InferenceProtocol, body: bytes, headers: Headers
) -> None:
    gateway = Gateway(PredictionService([LoadedModel("m", 1, fake(1))]))
    gateway.options = GatewayOptions(max_body_bytes=1 << 20)
    reply = ask(gateway, protocol, body % (b"1," * (LARGE_BODY_BYTES // 2 + 1)), headers)
    assert reply.status == 413
    assert b"more than 131072" in reply.body


def test_a_larger_limit_on_bodies_allows_for_more_values(fake: type[FakePredictor]) -> None:
    body = b'{"features":[%b[1]]}' % (b"[1]," * 80_000)
    for limit, status in ((1 << 20, 413), (4 << 20, 200)):
        gateway = Gateway(
            PredictionService([LoadedModel("m", 1, fake(1))]), GatewayOptions(max_body_bytes=limit)
        )
        reply = ask(gateway, NativeProtocol(), body)
        assert reply.status == status
    assert len(msgspec.json.decode(reply.body)["predictions"]) == 80_001


def test_numbers_in_binary_are_not_mistaken_for_marks_of_json(fake: type[FakePredictor]) -> None:
    gateway = Gateway(PredictionService([LoadedModel("m", 1, fake(1))]))
    gateway.options = GatewayOptions(max_body_bytes=1 << 20)
    reply = ask(gateway, V2Protocol(), b",,,,,,,," * (LARGE_BODY_BYTES // 8 + 1), RAW)
    assert reply.status == 200
    assert b"PAR1" not in reply.body
    assert ask(gateway, MlflowProtocol(), b"," * (LARGE_BODY_BYTES + 1), PARQUET).status == 400


def test_bodies_are_read_in_a_thread_where_that_takes_long(fake: type[FakePredictor]) -> None:
    threads = []

    class Noting(NativeProtocol):
        def read(self, model: LoadedModel, body: bytes, headers: Headers):  # type: ignore[no-untyped-def]
            threads.append(threading.current_thread())
            return super().read(model, body, headers)

    gateway = Gateway(PredictionService([LoadedModel("m", 1, fake(1))]))
    small, large = b'{"features":[1]}', b'{"features":[%b[1]]}' % (b"[1]," * LARGE_BODY_BYTES)
    for body, headers in ((small, {}), (large, {}), (gzip.compress(small), GZIP)):
        assert ask(gateway, Noting(), body, headers).status == 200
    assert threads[0] is threading.main_thread()
    assert threading.main_thread() not in threads[1:]


GZIP = {b"content-encoding": b"gzip"}


def test_a_body_that_nobody_got_to_in_time_is_not_read(fake: type[FakePredictor]) -> None:
    clock = time.perf_counter

    def late() -> float:
        return clock() + (100 if threading.current_thread() is not threading.main_thread() else 0)

    options = GatewayOptions(Limits(timeout_seconds=30))
    gateway = Gateway(PredictionService([LoadedModel("m", 1, fake(1))]), options, late)
    assert ask(gateway, NativeProtocol(), b" " * (LARGE_BODY_BYTES + 1)).status == 504


def test_both_ways_to_an_answer_give_the_same_bytes_for_large_bodies(
    serve: Serve, trained: Trained
) -> None:
    body = msgspec.json.encode({"features": [trained.flowers[0].tolist()] * 20_000})
    gzipped = gzip.compress(body)
    with serve(trained.root, "iris", "--records", "none") as running:
        answers = {
            exchange(running.port, request).partition(b"\r\n\r\n")[2]
            for request in (
                post("/predict", {}, body),
                post("/predict?slow", {}, body),
                post("/predict", {"content-encoding": "gzip"}, gzipped),
            )
        }
    assert len(answers) == 1
    assert len(msgspec.json.decode(answers.pop())["predictions"]) == 20_000
