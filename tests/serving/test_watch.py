"""Connections that hold resources without using them are closed."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import uvicorn
from tests.serving.conftest import FakePredictor
from uvicorn.server import ServerState

from mlserve_cli.serving.gateway import Gateway
from mlserve_cli.serving.hot import HotProtocol
from mlserve_cli.serving.model import LoadedModel
from mlserve_cli.serving.request_log import RequestLog
from mlserve_cli.serving.scheduling import Scheduler
from mlserve_cli.serving.scoring import Scored
from mlserve_cli.serving.service import PredictionService
from mlserve_cli.serving.transport import protocol_class
from mlserve_cli.serving.waiting import Limits, Waiting
from mlserve_cli.serving.watch import ConnectionWatch, Patience

REQUEST = b'POST /predict HTTP/1.1\r\ncontent-length: 18\r\n\r\n{"features":[1,2]}'


class RecordingTransport(asyncio.Transport):
    """Keeps what is written, and whether it was aborted."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.aborted = False

    def write(self, data: Any) -> None:
        self.written += data

    def abort(self) -> None:
        self.aborted = True

    def close(self) -> None:
        raise AssertionError

    def is_closing(self) -> bool:
        return self.aborted

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass


async def no_app(scope: Any, receive: Any, send: Any) -> None:
    raise AssertionError


async def connected(fake: Callable[[], FakePredictor]) -> tuple[HotProtocol, RecordingTransport]:
    gateway = Gateway(PredictionService([LoadedModel("m", 1, fake())]))
    config = uvicorn.Config(no_app, http=protocol_class(gateway), log_config=None)
    loop = asyncio.get_running_loop()
    protocol = protocol_class(gateway)(config, ServerState(), {}, loop)
    transport = RecordingTransport()
    protocol.connection_made(transport)
    return protocol, transport


@pytest.mark.parametrize(
    ("received", "seconds", "closed"),
    [
        (b"", 9, False),
        (b"", 10, True),
        (REQUEST[:20], 4, False),
        (REQUEST[:20], 5, True),
        (REQUEST[:-3], 5, True),
        (REQUEST, 9, False),
        (REQUEST, 10, True),
    ],
)
def test_who_is_still_for_too_long_is_closed(
    fake: type[FakePredictor], received: bytes, seconds: float, closed: bool
) -> None:
    async def watch() -> bool:
        protocol, transport = await connected(fake)
        if received:
            protocol.data_received(received)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert transport.written.endswith(b'"version":1}') == (received == REQUEST)
        watch = ConnectionWatch(lambda: [protocol], Patience(10, 5))
        watch.look(100)
        watch.look(100 + seconds)
        return transport.aborted

    assert asyncio.run(watch()) is closed


def test_activity_starts_the_clock_anew(fake: type[FakePredictor]) -> None:
    async def watch() -> bool:
        protocol, transport = await connected(fake)
        watch = ConnectionWatch(lambda: [protocol], Patience(10, 5))
        for second in range(0, 40, 8):
            watch.look(second)
            protocol.data_received(REQUEST)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        return transport.aborted

    assert asyncio.run(watch()) is False


def test_who_waits_for_an_answer_is_not_closed(fake: type[FakePredictor]) -> None:
    async def watch() -> bool:
        protocol, transport = await connected(fake)
        protocol.data_received(REQUEST)
        watch = ConnectionWatch(lambda: [protocol], Patience(10, 5))
        watch.look(0)
        watch.look(1000)
        return transport.aborted

    assert asyncio.run(watch()) is False


def test_who_does_not_read_the_answer_is_closed(fake: type[FakePredictor]) -> None:
    async def watch() -> bool:
        protocol, transport = await connected(fake)
        protocol.data_received(REQUEST)
        protocol.pause_writing()
        watch = ConnectionWatch(lambda: [protocol], Patience(10, 5))
        watch.look(0)
        watch.look(9)
        assert not transport.aborted
        protocol.resume_writing()
        protocol.pause_writing()
        watch.look(18)
        assert not transport.aborted
        watch.look(28)
        return transport.aborted

    assert asyncio.run(watch()) is True


@pytest.mark.parametrize(("crowd", "closed"), [(1, False), (0, True)])
def test_idle_clients_get_less_time_where_there_are_too_many(
    fake: type[FakePredictor], crowd: int, closed: bool
) -> None:
    async def watch() -> bool:
        protocol, transport = await connected(fake)
        watch = ConnectionWatch(lambda: [protocol], Patience(10, 5, 2, crowd))
        watch.look(0)
        watch.look(2)
        return transport.aborted

    assert asyncio.run(watch()) is closed


def test_a_request_that_began_behind_another_has_its_time_once_that_is_answered(
    fake: type[FakePredictor],
) -> None:
    async def watch() -> list[bool]:
        protocol, transport = await connected(fake)
        watch = ConnectionWatch(lambda: [protocol], Patience(10, 5))
        watch.look(100)
        protocol.data_received(REQUEST + REQUEST[:30])
        watch.look(101)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert transport.written.endswith(b'"version":1}')
        found = []
        for now in (105, 109, 110):
            watch.look(now)
            found.append(transport.aborted)
        return found

    # Five seconds from the first look after the answer.
    assert asyncio.run(watch()) == [False, False, True]


def test_what_is_scored_after_its_deadline_keeps_the_name_of_its_answer(
    fake: type[FakePredictor],
) -> None:
    scored: list[bytes] = []

    def note(_: LoadedModel, waiting: Sequence[Waiting], __: Scored) -> None:
        # As records do where every request is logged.
        scored.extend(log.name(one.arrival) for one in waiting if one.arrival is not None)

    log = RequestLog()
    limits = Limits(timeout_seconds=0.05)

    async def ask() -> tuple[HotProtocol, bytes]:
        protocol, transport = await connected(lambda: fake(refuse=lambda _: time.sleep(0.3)))
        gateway = protocol.gateway
        gateway.scheduler = Scheduler(limits, on_scored=note)
        # In a thread, so that there are deadlines.
        gateway.scheduler.queue(gateway.service.models()[0]).call_seconds = 1.0
        protocol.data_received(REQUEST)
        await asyncio.sleep(0.6)
        gateway.scheduler.close()
        return protocol, transport.written

    protocol, written = asyncio.run(ask())
    assert written.startswith(b"HTTP/1.1 504 ")
    assert [b"x-request-id: " + name in written for name in scored] == [True]
    assert protocol.request_id == b""
