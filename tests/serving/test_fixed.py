"""Addresses that need no web framework are answered as it answers, and do without it."""

import asyncio
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.serving.conftest import Serve, Trained

from mlserve_cli.serving.app import app_of
from mlserve_cli.serving.fixed import FixedApp
from mlserve_cli.serving.gateway import Gateway, GatewayOptions
from mlserve_cli.serving.security import ApiKeys
from mlserve_cli.serving.service import PredictionService

# What they say changes from one moment to the next.
CHANGING = {"/metrics", "/dashboard/data", "/history"}


async def somewhere_else(_scope: Any, _receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 299, "headers": []})
    await send({"type": "http.response.body"})


def ask(app: Any, method: str, path: str, headers: Any = None) -> httpx.Response:
    async def run() -> httpx.Response:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.request(method, path, headers=headers)

    return asyncio.run(run())


def gateway_of(trained: Trained, keys: ApiKeys | None = None) -> Gateway:
    service = PredictionService([trained.load("iris")])
    return Gateway(service, GatewayOptions(keys=keys or ApiKeys()))


@pytest.mark.parametrize("needs_key", [False, True])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_both_give_the_same_answers(
    trained: Trained, tmp_path: Path, method: str, needs_key: bool
) -> None:
    keys = tmp_path / "keys"
    keys.write_text("secret-of-sixteen\n")
    gateway = gateway_of(trained, ApiKeys(keys) if needs_key else None)
    fixed, whole = FixedApp(gateway, somewhere_else), app_of(gateway)
    assert {"/health", "/metrics", "/docs", "/dashboard"} <= set(fixed._routes)
    for path in fixed._routes:
        for more in ([], [("accept", "application/json")], [("x-api-key", "wrong")]):
            headers = [("x-request-id", "mine"), *more]
            one, other = (ask(app, method, path, headers) for app in (fixed, whole))
            assert one.status_code == other.status_code < 500 or path == "/history"
            if path not in CHANGING:
                assert one.headers.raw == other.headers.raw
                assert one.content == other.content


def test_a_fixed_address_is_counted_under_its_own_name(trained: Trained) -> None:
    gateway = gateway_of(trained)
    app = FixedApp(gateway, somewhere_else)
    for path in ("/health", "/metrics"):
        ask(app, "GET", path)
    assert 'route="/health"' in ask(app, "GET", "/metrics").text


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/health"), ("GET", "/health/"), ("GET", "/models/iris")]
)
def test_everything_else_goes_on(trained: Trained, method: str, path: str) -> None:
    assert ask(FixedApp(gateway_of(trained), somewhere_else), method, path).status_code == 299


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_a_server_does_without_a_framework_until_somebody_needs_it(
    serve: Serve, trained: Trained
) -> None:
    with serve(trained.root, "iris") as running, running.client as client:
        maps = Path(f"/proc/{running.process.pid}/maps")
        flower = {"features": trained.flowers[0].tolist()}
        for _ in range(3):
            assert client.post("/predict", json=flower).status_code == 200
            for path in ("/health", "/v2/health/ready", "/metrics", "/v2", "/dashboard"):
                assert client.get(path).status_code == 200
        assert "onnxruntime" in maps.read_text()
        assert "pydantic" not in maps.read_text()
        assert client.get("/v2/models/iris").json()["name"] == "iris"
        assert "pydantic" in maps.read_text()
