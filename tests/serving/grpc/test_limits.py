"""Slow models: overload, deadlines, stopping; the server runs inside the test."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import grpc.aio
import numpy as np
import pytest
import uvloop
from tests.serving.conftest import FakePredictor

from mlserve_cli.errors import EngineError
from mlserve_cli.serving.gateway import Gateway, GatewayOptions
from mlserve_cli.serving.grpc.address import reserve_port, target_of
from mlserve_cli.serving.grpc.messages import message_type
from mlserve_cli.serving.grpc.server import GrpcServer
from mlserve_cli.serving.model import LoadedModel
from mlserve_cli.serving.scheduling import Limits
from mlserve_cli.serving.service import PredictionService

CALL_SECONDS = 0.3
Infer = Callable[[bytes], Awaitable[bytes]]


def slow(_: Any) -> None:
    time.sleep(CALL_SECONDS)


def body(value: float, rows: int = 1) -> bytes:
    tensor = {"name": "input", "datatype": "FP64", "shape": [rows, 2]}
    contents = {"fp64_contents": [value] * (2 * rows)}
    request = message_type("inference.ModelInferRequest")(
        model_name="slow", inputs=[{**tensor, "contents": contents}]
    )
    written: bytes = request.SerializeToString()
    return written


def label(answer: bytes) -> float:
    response = message_type("inference.ModelInferResponse").FromString(answer)
    found: float = response.outputs[0].contents.fp64_contents[0]
    return found


def run(
    predictor: FakePredictor,
    limits: Limits,
    session: Callable[[GrpcServer, Infer], Awaitable[None]],
    **options: Any,
) -> None:
    """A session with a server on the event loop that production uses."""

    async def serve() -> None:
        service = PredictionService([LoadedModel("slow", 1, predictor)])
        gateway = Gateway(service, GatewayOptions(limits, **options))
        gateway.prepare()
        with reserve_port("127.0.0.1", 0) as holder:
            server = GrpcServer(gateway, holder)
            await server.start()
            try:
                async with grpc.aio.insecure_channel(target_of(holder)) as channel:
                    infer = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
                    await asyncio.wait_for(session(server, infer), 60)
            finally:
                await server.stop(0)
                gateway.scheduler.close()

    uvloop.run(serve())


async def outcome(answer: Awaitable[bytes]) -> Any:
    try:
        return label(await answer)
    except grpc.aio.AioRpcError as error:
        return error


def test_a_full_queue_refuses_at_once_and_says_when_to_try_again(
    fake: type[FakePredictor],
) -> None:
    async def session(_: GrpcServer, infer: Infer) -> None:
        found = await asyncio.gather(*[outcome(infer(body(value))) for value in range(6)])
        refused = [one for one in found if isinstance(one, grpc.aio.AioRpcError)]
        answered = [one for one in found if one not in refused]
        assert answered == [2.0 * value for value in range(6) if found[value] not in refused]
        assert answered
        assert refused
        for error in refused:
            assert error.code() is grpc.StatusCode.UNAVAILABLE
            assert "the queue is full" in (error.details() or "")
            assert dict(error.trailing_metadata())["grpc-retry-pushback-ms"] == "1000"

    run(fake(refuse=slow), Limits(max_queue_rows=1), session)


def test_large_messages_together_are_bounded_and_small_ones_notice_nothing(
    fake: type[FakePredictor],
) -> None:
    """Room is for eight of the largest size; each of these has nine tenths of it."""

    async def session(server: GrpcServer, infer: Infer) -> None:
        room = server.gateway.room
        large = [outcome(infer(body(7, rows=5600))) for _ in range(20)]
        small = [outcome(infer(body(value))) for value in range(5)]
        found = await asyncio.gather(*large, *small)
        assert found[20:] == [2.0 * value for value in range(5)]
        refused = [one for one in found[:20] if isinstance(one, grpc.aio.AioRpcError)]
        assert 0 < len(refused) < 20
        for error in refused:
            assert error.code() is grpc.StatusCode.UNAVAILABLE
            assert "Large bodies take" in (error.details() or "")
        assert room.taken_bytes == 0
        assert await outcome(infer(body(7, rows=5600))) == 14

    run(fake(refuse=slow), Limits(), session, max_body_bytes=100_000)


def test_no_answer_in_time_is_said(fake: type[FakePredictor]) -> None:
    async def session(_: GrpcServer, infer: Infer) -> None:
        error = await outcome(infer(body(1)))
        assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        assert error.details() == "No answer within 0.1 seconds."

    run(fake(refuse=slow), Limits(timeout_seconds=0.1), session)


def test_a_client_that_gives_up_disturbs_nobody(fake: type[FakePredictor]) -> None:
    async def session(_: GrpcServer, infer: Any) -> None:
        impatient = outcome(infer(body(1), timeout=CALL_SECONDS / 10))
        error, *answered = await asyncio.gather(
            impatient, *[outcome(infer(body(value))) for value in range(4)]
        )
        assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        assert answered == [0, 2, 4, 6]

    run(fake(refuse=slow), Limits(), session)


@pytest.mark.parametrize("leaves_by", ["deadline", "cancelling"])
def test_calls_of_clients_that_have_left_are_not_scored(
    fake: type[FakePredictor], leaves_by: str
) -> None:
    opened = threading.Event()
    opened.set()

    def wait(_: Any) -> None:
        assert opened.wait(30)

    predictor = fake(refuse=wait)

    async def session(server: GrpcServer, infer: Any) -> None:
        gateway = server.gateway
        queue = gateway.scheduler.queue(gateway.service.resolve("slow"))
        queue.call_seconds = 1.0
        opened.clear()
        predictor.calls.clear()
        first = asyncio.ensure_future(outcome(infer(body(1))))
        await until(lambda: predictor.calls)
        timeout = 2.0 if leaves_by == "deadline" else None
        leaving = [infer(body(value), timeout=timeout) for value in range(5)]
        staying = asyncio.ensure_future(outcome(infer(body(2))))
        await until(lambda: queue.rows == 6)
        if timeout is None:
            for one in leaving:
                one.cancel()
        await until(lambda: queue.rows == 1)
        opened.set()
        assert (await first, await staying) == (2.0, 4.0)

    run(predictor, Limits(), session)
    # One row alone is scored as two.
    assert predictor.calls == [2, 2]


async def until(condition: Callable[[], Any]) -> None:
    while not condition():
        await asyncio.sleep(0.001)


def test_a_stopping_server_finishes_what_is_under_way(fake: type[FakePredictor]) -> None:
    async def session(server: GrpcServer, infer: Infer) -> None:
        asked = [asyncio.ensure_future(outcome(infer(body(value)))) for value in range(4)]
        await asyncio.sleep(CALL_SECONDS / 3)
        await server.stop(30)
        assert await asyncio.gather(*asked) == [0, 2, 4, 6]
        assert (await outcome(infer(body(1)))).code() is grpc.StatusCode.UNAVAILABLE

    run(fake(refuse=slow), Limits(), session)


def test_only_the_guilty_request_of_a_micro_batch_fails(fake: type[FakePredictor]) -> None:
    def refuse_seven(batch: Any) -> None:
        time.sleep(0.005)
        if (np.asarray(batch) == 7).any():
            raise EngineError("Seven is too much.")

    async def session(_: GrpcServer, infer: Infer) -> None:
        found = await asyncio.gather(*[outcome(infer(body(value))) for value in range(12)])
        guilty = found.pop(7)
        assert guilty.code() is grpc.StatusCode.INTERNAL
        assert guilty.details() == "Seven is too much."
        assert found == [2.0 * value for value in range(12) if value != 7]

    run(fake(refuse=refuse_seven), Limits(), session)


def test_a_bug_shows_no_more_than_that_there_is_one(
    fake: type[FakePredictor], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def session(server: GrpcServer, infer: Infer) -> None:
        error = await outcome(infer(body(1)))
        assert error.code() is grpc.StatusCode.INTERNAL
        assert error.details() == "The model failed while scoring: ZeroDivisionError."

    def fail(_: Any) -> None:
        raise ZeroDivisionError("secret")

    run(fake(refuse=fail), Limits(), session)
