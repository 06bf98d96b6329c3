"""Connections that hold resources without using them are closed."""

import asyncio
from typing import Any

import pytest
import uvicorn
from tests.serving.conftest import FakePredictor
from uvicorn.server import ServerState

from mlserve_cli.serving.gateway import Gateway
from mlserve_cli.serving.hot import HotProtocol
from mlserve_cli.serving.model import LoadedModel
from mlserve_cli.serving.service import PredictionService
from mlserve_cli.serving.transport import protocol_class
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


async def no_app(scope: Any, receive: Any, send: Any) -> None:
    raise AssertionError


async def connected(fake: type[FakePredictor]) -> tuple[HotProtocol, RecordingTransport]:
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
