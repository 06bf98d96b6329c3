"""New versions are taken over while requests go on."""

import asyncio
import shutil
import threading
from pathlib import Path

import httpx
import pytest
from tests.serving.conftest import Serve, Trained

from mlserve_cli import save_model
from mlserve_cli.serving.gateway import Gateway
from mlserve_cli.serving.loading import ModelSource
from mlserve_cli.serving.reloading import Reloader
from mlserve_cli.serving.service import PredictionService

BODY = {"features": [5.1, 3.5, 1.4, 0.2]}


@pytest.fixture
def models(trained: Trained, tmp_path: Path) -> Path:
    shutil.copytree(trained.root / "iris", tmp_path / "models" / "iris")
    return tmp_path / "models"


def test_a_new_version_takes_over_under_load_with_no_failed_request(
    serve: Serve, trained: Trained, models: Path
) -> None:
    statuses, versions = [], []
    stop = threading.Event()

    def ask(address: str) -> None:
        with httpx.Client(base_url=address, timeout=30) as client:
            while not stop.is_set():
                answer = client.post("/predict", json=BODY)
                statuses.append(answer.status_code)
                versions.append(answer.json()["version"])
                if versions[-1] == 2:
                    return

    with serve(models, "--reload-models", "0.05") as running:
        threads = [threading.Thread(target=ask, args=(running.address,)) for _ in range(3)]
        for thread in threads:
            thread.start()
        save_model(trained.iris, name="iris", models=models)
        for thread in threads:
            thread.join(60)
        stop.set()
    assert set(statuses) == {200}
    assert set(versions) == {1, 2}


def test_a_broken_version_is_refused_and_the_old_one_stays(
    trained: Trained, models: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = ModelSource(models)
    gateway = Gateway(PredictionService(source.load_all(), source=source))
    artifact = save_model(trained.iris, name="iris", models=models)
    for entry in artifact.manifest.files:
        (artifact.path / entry.name).write_bytes(b"broken")

    async def look_twice() -> None:
        reloader = Reloader(gateway, 1.0)
        await reloader.look()
        await reloader.look()

    asyncio.run(look_twice())
    assert gateway.service.versions("iris") == [1]
    assert [record.message.split(":")[0] for record in caplog.records] == ["iris/2 is refused"]


def test_load_and_unload_on_request(serve: Serve, models: Path) -> None:
    with serve(models) as running, httpx.Client(base_url=running.address, timeout=30) as client:
        assert client.post("/v2/repository/index").json() == [
            {"name": "iris", "version": "1", "state": "READY", "reason": ""}
        ]
        assert client.post("/v2/repository/models/iris/unload").status_code == 200
        assert client.get("/v2/health/ready").status_code == 503
        assert client.post("/predict", json=BODY).status_code == 404
        assert client.post("/v2/repository/index").json()[0]["state"] == "UNAVAILABLE"
        only_ready = client.post("/v2/repository/index", json={"ready": True})
        assert only_ready.json() == []
        assert client.post("/v2/repository/index", content=b"{").status_code == 400
        assert client.post("/v2/repository/models/iris/load").status_code == 200
        assert client.post("/predict", json=BODY).status_code == 200
        refused = client.post("/v2/repository/models/none/load")
        assert refused.status_code == 404
        assert str(models) not in refused.text
