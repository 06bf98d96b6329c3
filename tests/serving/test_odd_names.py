"""Models are asked by whatever name their files have, where the server itself says."""

import json
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.serving.conftest import Serve, Server, Trained

from mlserve_cli import save_model

NAMES = ("a b", "mödel", "x%41y", "q?x#", "..a", "-dash", "[x]", "it's", "a;b&c", "$HOME")


@pytest.fixture(scope="module", params=["fastapi", "flask"])
def running(
    serve: Serve,
    trained: Trained,
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("odd")
    files = [folder / f"{name}.onnx" for name in NAMES]
    for file in files:
        shutil.copy(trained.root / "iris" / "1" / "model.onnx", file)
    with serve(trained.root, *files, "--framework", request.param) as server:
        assert server.process.stdout is not None
        # The fixture reads up to the first line for curl.
        while server.announced.count("  curl ") < len(NAMES):
            server.announced += server.process.stdout.readline()
        yield server


def answers(running: Server) -> list[dict[str, object]]:
    lines = [line for line in running.announced.splitlines() if line.startswith("  curl ")]
    return [
        json.loads(
            subprocess.run([*shlex.split(line), "-s"], check=True, capture_output=True).stdout
        )
        for line in lines
    ]


def test_the_printed_curl_lines_work(running: Server) -> None:
    assert {answer["model"] for answer in answers(running)} == set(NAMES)


def test_the_described_addresses_work(running: Server) -> None:
    with running.client as client:
        paths = client.get("/openapi.json").json()["paths"]
        asked = {
            path: one["post"]["requestBody"]["content"]["application/json"]
            for path, one in paths.items()
            if path.endswith(("/predict", "/infer", ":predict"))
        }
        assert len(asked) == 3 * len(NAMES)
        for path, content in asked.items():
            found = content["example"]
            assert client.post(path, json=found).status_code == 200, path


def test_versions_of_one_model_are_asked_apart(
    serve: Serve, trained: Trained, tmp_path: Path
) -> None:
    for _ in range(2):
        save_model(trained.iris, name="iris", models=tmp_path)
    with serve(tmp_path, "iris/1", "iris/2") as running:
        assert running.process.stdout is not None
        while running.announced.count("  curl ") < 2:
            running.announced += running.process.stdout.readline()
        assert {answer["version"] for answer in answers(running)} == {1, 2}
