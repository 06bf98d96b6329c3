"""What a stopping server does with clients who do not send, or do not read."""

import asyncio
import contextlib
import json
import signal
import socket
import subprocess
import time
from collections.abc import AsyncIterator

import httpx
import pytest
from tests.serving.conftest import Serve, Server, Trained
from tests.serving.processes import is_gone, wait_until, workers_of
from tests.serving.test_server import post
from uvicorn.server import ServerState

from mlserve_cli.serving.stopping import Farewell, let_clients_go

BODY = json.dumps({"features": [5.1, 3.5, 1.4, 0.2]}).encode()
REQUEST = post("/predict", {}, BODY)
CHUNKED = b'POST /predict HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{"fea\r\n'
STALLED = {
    "a chunked body": CHUNKED,
    "a body": REQUEST[:-3],
    "a large body": post("/predict", {}, bytes(200_000))[:-3],
    "a body of the application": post("/predict?slow", {}, BODY)[:-3],
    "a head": REQUEST[:20],
    "what comes behind a complete request": REQUEST + CHUNKED,
}


def answer_on(connection: socket.socket) -> bytes:
    """The next answer, which is one JSON object."""
    answer = b""
    while not answer.endswith(b"}"):
        part = connection.recv(65_536)
        assert part, answer
        answer += part
    return answer


def connect(running: Server) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", running.port), timeout=60)
    connection.sendall(REQUEST)
    assert answer_on(connection).startswith(b"HTTP/1.1 200")
    return connection


@pytest.mark.parametrize("options", [(), ("--workers", "2"), ("--framework", "flask")], ids=str)
def test_requests_that_are_never_complete_do_not_hold_up_the_end(
    serve: Serve, trained: Trained, options: tuple[str, ...]
) -> None:
    with serve(trained.root, "iris", *options) as running, contextlib.ExitStack() as stack:
        started = workers_of(running.process.pid)
        held = {name: stack.enter_context(connect(running)) for name in STALLED}
        for name, connection in held.items():
            connection.sendall(STALLED[name])
        answer = answer_on(held["what comes behind a complete request"])
        assert answer.startswith(b"HTTP/1.1 200")
        running.process.terminate()
        # Shorter than what is in flight is waited for.
        assert running.process.wait(20) == 0
        _, errors = running.process.communicate()
        assert errors == ""
        wait_until(lambda: all(map(is_gone, started)))


# So slow that it is called in a thread.
TAKES_A_MINUTE = """
import time
from mlserve_cli.inference.onnx import OnnxPredictor
predict = OnnxPredictor.predict
def slow(self, batch, **how):
    time.sleep(60 if batch[0][0] == 99 else 0.01)
    return predict(self, batch, **how)
OnnxPredictor.predict = slow
"""


def test_a_second_interrupt_does_not_wait_for_a_call_that_takes_a_minute(
    serve: Serve, trained: Trained
) -> None:
    with serve(trained.root, "iris", before=TAKES_A_MINUTE) as running, connect(running) as slow:
        slow.sendall(post("/predict", {}, b'{"features": [99.0, 3.5, 1.4, 0.2]}'))
        assert httpx.get(f"{running.address}/v2/health/live").status_code == 200
        running.process.send_signal(signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            running.process.wait(2)
        running.process.send_signal(signal.SIGINT)
        assert running.process.wait(10) == 0


def test_a_body_that_is_sent_on_while_the_server_stops_is_answered(
    serve: Serve, trained: Trained
) -> None:
    with serve(trained.root, "iris") as running, connect(running) as slow:
        slow.sendall(CHUNKED)
        running.process.terminate()
        # Idle connections are closed meanwhile.
        time.sleep(2)
        rest = BODY[5:]
        slow.sendall(b"%x\r\n%b\r\n0\r\n\r\n" % (len(rest), rest))
        answer = answer_on(slow)
        assert answer.startswith(b"HTTP/1.1 200")
        assert b"connection: close" in answer
        assert running.process.wait(20) == 0


@contextlib.asynccontextmanager
async def endless_task() -> AsyncIterator[tuple[ServerState, asyncio.Task[None]]]:
    state = ServerState()
    task = asyncio.create_task(asyncio.sleep(60))
    state.tasks.add(task)
    task.add_done_callback(state.tasks.discard)
    yield state, task
    task.cancel()


def test_what_does_not_end_is_given_up_and_said(caplog: pytest.LogCaptureFixture) -> None:
    async def stop() -> bool:
        async with endless_task() as (state, task):
            await let_clients_go(state, Farewell(0.01, 0.02, 0.03, 1))
            return task.cancelled()

    assert asyncio.run(stop())
    assert "0.03 seconds" in caplog.text


def test_who_is_in_a_hurry_waits_for_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async def stop() -> bool:
        async with endless_task() as (state, task):
            await let_clients_go(state, is_hurried=lambda: True)
            return task.cancelled()

    assert not asyncio.run(stop())
    assert caplog.text == ""
