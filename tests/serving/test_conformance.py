"""The fast path, the application under any ASGI server and the Flask one: the same bytes."""

import asyncio
from collections.abc import Iterator

import httpx
import pytest
from tests.serving.conftest import Serve, Server, Trained
from tests.serving.corpus import CORPUS, ONLY_PETS, Request
from tests.serving.test_server import exchange, post

from mlserve_cli.serving import create_app, create_wsgi_app
from mlserve_cli.serving.gateway import GatewayOptions
from mlserve_cli.serving.routes import PlatformPaths
from mlserve_cli.serving.service import PredictionService

PATHS = PlatformPaths("/vertex/predict", "/vertex/health")
Answer = tuple[int, str, bytes]


class Transports:
    """The same models behind the fast path of a real server, ASGI and WSGI."""

    def __init__(self, running: Server, service: PredictionService) -> None:
        options = GatewayOptions(paths=PATHS)
        self.port = running.port
        self._asgi = httpx.ASGITransport(app=create_app(service, options))
        self._wsgi = httpx.WSGITransport(app=create_wsgi_app(service, options))

    def fast(self, request: Request) -> Answer:
        head, _, body = exchange(self.port, post(*request)).partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        kind = next(line for line in lines if line.startswith("content-type: "))
        return int(lines[0].split()[1]), kind.removeprefix("content-type: "), body

    def asgi(self, request: Request) -> Answer:
        async def ask() -> httpx.Response:
            async with httpx.AsyncClient(transport=self._asgi, base_url="http://test") as client:
                return await client.post(request[0], headers=request[1], content=request[2])

        answer = asyncio.run(ask())
        return answer.status_code, answer.headers["content-type"], answer.content

    def wsgi(self, request: Request) -> Answer:
        with httpx.Client(transport=self._wsgi, base_url="http://test") as client:
            answer = client.post(request[0], headers=request[1], content=request[2])
        return answer.status_code, answer.headers["content-type"], answer.content


@pytest.fixture(scope="module")
def both(server: Server, trained: Trained) -> Transports:
    return Transports(server, PredictionService([trained.load("iris"), trained.load("pets")]))


@pytest.fixture(scope="module")
def pets(serve: Serve, trained: Trained) -> Iterator[Transports]:
    vertex = {"AIP_PREDICT_ROUTE": "/vertex/predict", "AIP_HEALTH_ROUTE": "/vertex/health"}
    with serve(trained.root, "pets", **vertex) as running:
        yield Transports(running, PredictionService([trained.load("pets")]))


@pytest.mark.parametrize("number", range(len(CORPUS)))
def test_every_request_has_one_answer(both: Transports, number: int) -> None:
    fast = both.fast(CORPUS[number])
    assert fast[0] < 500
    assert both.asgi(CORPUS[number]) == fast


@pytest.mark.parametrize("number", range(len(ONLY_PETS)))
def test_every_request_to_the_only_model_has_one_answer(pets: Transports, number: int) -> None:
    fast = pets.fast(ONLY_PETS[number])
    assert fast[0] < 500
    assert pets.asgi(ONLY_PETS[number]) == fast
    assert pets.wsgi(ONLY_PETS[number]) == fast


def test_the_corpus_holds_good_requests_of_every_protocol(
    both: Transports, pets: Transports
) -> None:
    good = {request[0] for request in CORPUS if both.fast(request)[0] == 200}
    good |= {request[0] for request in ONLY_PETS if pets.fast(request)[0] == 200}
    assert good >= {request[0] for request in [*CORPUS, *ONLY_PETS]} - {
        *("/models/none/predict", "/models/iris/versions/9/predict"),
        *("/models/iris/versions/x/predict", "/v2/models/none/infer"),
    }
