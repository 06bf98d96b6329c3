"""New versions are taken over while requests go on."""

import asyncio
import json
import os
import shutil
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from tests.serving.conftest import Serve, Server, Trained
from tests.serving.load_client import iris_questions, load, statuses
from tests.serving.processes import wait_until, workers_of

from mlserve_cli import convert_onnx, save_model
from mlserve_cli.serving.gateway import Gateway
from mlserve_cli.serving.loading import ModelSource
from mlserve_cli.serving.reloading import Reloader
from mlserve_cli.serving.service import PredictionService

BODY = {"features": [5.1, 3.5, 1.4, 0.2]}


@pytest.fixture(scope="module")
def next_version(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A version 2 of `iris` that is not in the repository yet."""
    root = tmp_path_factory.mktemp("next")
    shutil.copytree(trained.root / "iris", root / "iris")
    save_model(trained.iris, name="iris", models=root)
    convert_onnx("iris", models=root)
    return root / "iris" / "2"


@dataclass(frozen=True)
class Repository:
    """A repository with version 1 of `iris`, and a version 2 that is ready to be put there."""

    models: Path
    next_version: Path

    def publish(self, *, broken: bool = False) -> None:
        """Puts version 2 in the repository, whole from the first moment on."""
        staged = self.models.parent / "staged"
        shutil.copytree(self.next_version, staged)
        for path in staged.iterdir() if broken else ():
            if path.name != "manifest.json":
                path.write_bytes(b"broken")
        staged.rename(self.models / "iris" / "2")

    def mend(self) -> None:
        """Makes good what was broken."""
        for path in self.next_version.iterdir():
            shutil.copy(path, self.models / "iris" / "2")


@pytest.fixture
def repository(trained: Trained, next_version: Path, tmp_path: Path) -> Repository:
    shutil.copytree(trained.root / "iris", tmp_path / "models" / "iris")
    return Repository(tmp_path / "models", next_version)


def read_until(running: Server, text: str) -> None:
    """Reads the server's log until a line holds the text."""
    assert running.process.stderr is not None
    for line in running.process.stderr:
        if text in line:
            return
    raise AssertionError(text)


def wait_for_swap(running: Server, how: str) -> None:
    """Returns when the server says that it serves version 2."""
    if how == "reload":
        read_until(running, "is served from now on")
    else:
        address = f"{running.address}/v2/repository/models/iris/load"
        assert httpx.post(address, timeout=60).json()["version"] == "2"


@pytest.mark.parametrize("how", ["reload", "request"])
@pytest.mark.parametrize("workers", ["1", "3"])
@pytest.mark.parametrize("framework", ["fastapi", "flask"])
def test_a_new_version_takes_over_in_all_workers_with_no_failed_request(
    serve: Serve,
    trained: Trained,
    repository: Repository,
    framework: str,
    workers: str,
    how: str,
) -> None:
    arguments = ["--workers", workers, "--framework", framework]
    arguments += ["--reload-models", "0.05"] if how == "reload" else []
    with serve(repository.models, *arguments) as running:
        with load(running.port, iris_questions(trained)) as asking:
            asking.wait_for(200)
            assert {answer.version for answer in asking.answers} == {1}
            repository.publish()
            wait_for_swap(running, how)
            swapped = time.monotonic()
            asking.wait_for(200)
        assert asking.failures == []
        assert asking.versions_after(swapped) == {2}


def test_whoever_replaces_a_worker_serves_what_the_others_do(
    serve: Serve, trained: Trained, repository: Repository
) -> None:
    with serve(repository.models, "--workers", "2") as running:
        repository.publish()
        wait_for_swap(running, "request")
        before = workers_of(running.process.pid)
        with load(running.port, iris_questions(trained)) as asking:
            for worker in before:
                asking.wait_for(200)
                os.kill(worker, signal.SIGKILL)
            wait_until(lambda: len(workers_of(running.process.pid) - before) == 2)
            asking.wait_for(400)
        assert {answer.version for answer in asking.answers} == {2}


def test_a_model_that_is_unloaded_is_gone_from_all_workers(
    serve: Serve, repository: Repository
) -> None:
    with serve(repository.models, "--workers", "3") as running:

        def answers() -> set[int]:
            return statuses(running.port, json.dumps(BODY).encode())

        asked = f"{running.address}/v2/repository/models/iris"
        assert httpx.post(f"{asked}/unload", timeout=60).status_code == 200
        assert answers() == {404}
        assert httpx.post(f"{asked}/unload", timeout=60).status_code == 404
        assert httpx.post(f"{asked}/load", timeout=60).status_code == 200
        assert answers() == {200}


def test_a_broken_version_is_refused_under_load_until_it_is_mended(
    serve: Serve, trained: Trained, repository: Repository
) -> None:
    with (
        serve(repository.models, "--workers", "2", "--reload-models", "0.05") as running,
        load(running.port, iris_questions(trained)) as asking,
    ):
        repository.publish(broken=True)
        read_until(running, "iris/2 is refused")
        refused = httpx.post(f"{running.address}/v2/repository/models/iris/load", timeout=60)
        assert refused.status_code == 400
        asking.wait_for(200)
        assert {answer.version for answer in asking.answers} == {1}
        repository.mend()
        read_until(running, "info iris/2 is served from now on")
        mended = time.monotonic()
        asking.wait_for(200)
    assert asking.failures == []
    assert asking.versions_after(mended) == {2}


def test_a_broken_version_is_refused_and_the_old_one_stays(
    trained: Trained, repository: Repository, caplog: pytest.LogCaptureFixture
) -> None:
    source = ModelSource(repository.models)
    gateway = Gateway(PredictionService(source.load_all(), source=source))
    artifact = save_model(trained.iris, name="iris", models=repository.models)
    for entry in artifact.manifest.files:
        (artifact.path / entry.name).write_bytes(b"broken")

    async def look_twice() -> None:
        reloader = Reloader(gateway, 1.0)
        await reloader.look()
        await reloader.look()

    asyncio.run(look_twice())
    assert gateway.service.versions("iris") == [1]
    assert [record.message.split(":")[0] for record in caplog.records] == ["iris/2 is refused"]


def test_load_and_unload_on_request(serve: Serve, repository: Repository) -> None:
    with (
        serve(repository.models) as running,
        httpx.Client(base_url=running.address, timeout=30) as client,
    ):
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
        assert str(repository.models) not in refused.text
