"""What Vertex AI and SageMaker say to their containers is understood."""

import os
import socket
import subprocess
from pathlib import Path

import httpx
import joblib
import pytest
from tests.conftest import Mlserve
from tests.serving.conftest import Serve, Trained
from tests.serving.corpus import PETS

from mlserve_cli.errors import ModelNotFoundError
from mlserve_cli.serving.loading import ModelSource


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_vertex_tells_model_and_addresses(
    serve: Serve, trained: Trained, tmp_path: Path, scheme: str
) -> None:
    (tmp_path / "keys").write_text("secret\n")
    vertex = {
        "AIP_STORAGE_URI": f"{scheme}{trained.root}/pets/1",
        "AIP_PREDICT_ROUTE": "/v1/endpoints/1/deployedModels/2:predict",
        "AIP_HEALTH_ROUTE": "/v1/endpoints/1/deployedModels/2",
    }
    keys = ("--api-key-file", tmp_path / "keys")
    with serve(tmp_path / "none", *keys, **vertex) as running, running.client as client:
        assert client.get(vertex["AIP_HEALTH_ROUTE"]).json() == {"ready": True}
        body = {"instances": PETS, "parameters": {"confidence": 0.5}}
        assert client.post(vertex["AIP_PREDICT_ROUTE"], json=body).status_code == 401
        client.headers["x-api-key"] = "secret"
        answer = client.post(vertex["AIP_PREDICT_ROUTE"], json=body)
        assert answer.json() == {"predictions": ["cat", "dog"]}
        assert client.post("/models/pets/predict", json={"rows": PETS}).status_code == 200


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_a_bare_model_file_in_the_folder_of_vertex_is_served(
    serve: Serve, trained: Trained, tmp_path: Path, scheme: str
) -> None:
    folder = tmp_path / "uploaded"
    folder.mkdir()
    joblib.dump(trained.iris, folder / "model.joblib")
    vertex = {"AIP_STORAGE_URI": f"{scheme}{folder}"}
    with serve(tmp_path / "none", **vertex) as running, running.client as client:
        answer = client.post("/predict", json={"features": trained.flowers[0].tolist()}).json()
        assert (answer["prediction"], answer["model"]) == (0, "uploaded")


def test_the_folder_of_sagemaker_is_served_where_nothing_else_is_there(
    trained: Trained, tmp_path: Path
) -> None:
    folder = tmp_path / "ml" / "model"
    folder.mkdir(parents=True)
    joblib.dump(trained.iris, folder / "classifier.joblib")
    found = ModelSource(tmp_path / "none", platform=folder).load_all()
    assert [model.name for model in found] == ["classifier"]
    found = ModelSource(trained.root, platform=folder).load_all()
    assert [model.name for model in found] == ["iris", "pets"]
    with pytest.raises(ModelNotFoundError, match="holds none"):
        ModelSource(tmp_path / "none", platform=tmp_path / "ml" / "other").load_all()


def test_a_named_model_comes_before_that_of_vertex(serve: Serve, trained: Trained) -> None:
    with (
        serve(trained.root, "iris", AIP_STORAGE_URI=f"{trained.root}/pets/1") as running,
        running.client as client,
    ):
        assert [model["name"] for model in client.get("/models").json()["models"]] == ["iris"]


def test_flask_answers_at_the_same_addresses(serve: Serve, trained: Trained) -> None:
    vertex = {"AIP_PREDICT_ROUTE": "/predict", "AIP_HEALTH_ROUTE": "/alive"}
    with (
        serve(trained.root, "pets", "--framework", "flask", **vertex) as running,
        running.client as client,
    ):
        assert client.get("/alive").json() == {"ready": True}
        answer = client.post("/predict", json={"instances": PETS})
        assert answer.json() == {"predictions": ["cat", "dog"]}


def test_an_address_that_is_none_is_refused(mlserve: Mlserve) -> None:
    finished = mlserve("serve", AIP_PREDICT_ROUTE="predict")
    assert finished.exit_code == 2
    assert "Found 'predict' as a path" in finished.stderr


def test_sagemaker_says_serve_and_a_port(
    trained: Trained, clean_environment: dict[str, str]
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = clean_environment | {
        "SAGEMAKER_BIND_TO_PORT": str(port),
        "MLSERVE_MODELS": str(trained.root),
        "MLSERVE_MODEL": "pets",
        "PATH": clean_environment["PATH"] + os.pathsep + os.defpath,
    }
    process = subprocess.Popen(
        ["mlserve", "serve"], env=environment, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert str(port) in process.stdout.readline()
        address = f"http://127.0.0.1:{port}"
        assert httpx.get(f"{address}/ping").status_code == 200
        answer = httpx.post(
            f"{address}/invocations",
            content="4,1,black,S\n30,2,brown,L\n",
            headers={"content-type": "text/csv", "accept": "text/csv"},
        )
        assert answer.text == "cat\ndog\n"
    finally:
        process.terminate()
        process.communicate(timeout=60)
