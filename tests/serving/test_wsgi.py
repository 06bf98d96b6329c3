"""Flask and FastAPI give the same answers."""

import json

import httpx
import pytest
from tests.serving.conftest import Server, Trained
from tests.serving.test_server import CORPUS

from mlserve_cli.serving import create_wsgi_app
from mlserve_cli.serving.gateway import GatewayOptions
from mlserve_cli.serving.service import PredictionService


@pytest.fixture(scope="module")
def service(trained: Trained) -> PredictionService:
    return PredictionService([trained.load("iris"), trained.load("pets")])


def wsgi_client(service: PredictionService, options: GatewayOptions | None = None) -> httpx.Client:
    app = create_wsgi_app(service, options)
    return httpx.Client(transport=httpx.WSGITransport(app=app), base_url="http://test")


@pytest.mark.parametrize("number", range(len(CORPUS)))
def test_both_give_the_same_answers(
    service: PredictionService, server: Server, number: int
) -> None:
    path, headers, body = CORPUS[number]
    with wsgi_client(service) as flask, server.client as fastapi:
        here = flask.post(path, headers=headers, content=body)
        there = fastapi.post(path, headers=headers, content=body)
    assert (here.status_code, here.content) == (there.status_code, there.content)
    assert here.headers["content-type"] == there.headers["content-type"]


def test_metadata_health_and_errors(service: PredictionService) -> None:
    with wsgi_client(service, GatewayOptions(max_body_bytes=20)) as client:
        assert client.get("/health/ready").json() == {"ready": True}
        assert client.get("/v2/models/iris").json()["versions"] == ["1"]
        assert client.get("/none").json() == {"error": "There is nothing at this address."}
        assert client.get("/predict").status_code == 405
        assert client.post("/models/iris/predict", content=b" " * 21).status_code == 413
        assert "mlserve_requests_total" in client.get("/metrics").text
        assert json.loads(client.get("/v2/models/none").content)["error"].startswith("No model")
