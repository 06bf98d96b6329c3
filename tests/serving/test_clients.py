"""Clients that others wrote are content: KServe, MLflow, Open Inference, curl, requests.

The first three come with dependencies that do not install beside ours. They run in an environment
of their own, which `make clients` creates.
"""

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import requests
from tests.serving.conftest import Serve, Server, Trained
from tests.serving.corpus import PETS, ROW, encoded, npy

ENVIRONMENT = os.environ.get("MLSERVE_CLIENTS") or str(Path(sys.prefix) / "clients")
CLIENTS_PYTHON = Path(ENVIRONMENT) / "bin" / "python"
needs_clients = pytest.mark.skipif(
    not CLIENTS_PYTHON.exists(), reason=f"{ENVIRONMENT} is not there; make clients creates it"
)

KSERVE = """
import asyncio, sys
import numpy as np
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig

base = sys.argv[1]
rows = np.array([[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3]])

async def first_protocol():
    async with InferenceRESTClient(RESTConfig(protocol="v1", retries=1)) as client:
        assert await client.is_server_live(base)
        assert await client.is_model_ready(base, "iris")
        found = await client.infer(base, {"instances": rows.tolist()}, model_name="iris")
        assert found == {"predictions": [0, 2]}

async def second_protocol():
    async with InferenceRESTClient(RESTConfig(protocol="v2", retries=1)) as client:
        assert await client.is_server_live(base)
        assert await client.is_server_ready(base)
        assert await client.is_model_ready(base, "iris")
        assert not await client.is_model_ready(base, "none")
        for binary in (True, False):
            tensor = InferInput("input", [2, 4], "FP64")
            tensor.set_data_from_numpy(rows, binary_data=binary)
            request = InferRequest("iris", [tensor], request_id="7")
            found = await client.infer(base, request, model_name="iris")
            assert found.id == "7"
            outputs = {output.name: output.as_numpy() for output in found.outputs}
            assert outputs["predict"].tolist() == [0, 2]
            assert outputs["predict_proba"].shape == (2, 3)
        try:
            await client.infer(base, request, model_name="none")
        except Exception as error:
            assert "No model 'none' is served" in str(error)
        else:
            raise AssertionError

asyncio.run(first_protocol())
asyncio.run(second_protocol())
"""

MLFLOW = """
import sys
import numpy as np
import pandas as pd
from mlflow.pyfunc.scoring_server.client import ScoringServerClient

client = ScoringServerClient("127.0.0.1", int(sys.argv[1].rpartition(":")[2]))
client.wait_server_ready()
client.ping()
assert client.get_version()
pets = pd.DataFrame(
    {"weight": [4.0, 30.0], "age": [1, 2], "colour": ["black", "brown"], "size": ["S", "L"]},
    index=["first", "second"],
)
for params in (None, {"temperature": 0.5}):
    found = client.invoke(pets[["size", "age", "weight", "colour"]], params=params)
    assert found.get_predictions()[0].tolist() == ["cat", "dog"]
found = client.invoke(pets.to_numpy(object))
assert found.get_predictions(predictions_format="ndarray").tolist() == ["cat", "dog"]
try:
    client.invoke(pets[["size"]])
except Exception as error:
    assert "error code 400" in str(error) and "column 'weight' is missing" in str(error)
else:
    raise AssertionError
"""

OPEN_INFERENCE = """
import sys
from open_inference.openapi.client import InferenceRequest, OpenInferenceClient
from open_inference.openapi.core.api_error import ApiError

client = OpenInferenceClient(base_url=sys.argv[1])
client.check_server_liveness()
client.check_server_readiness()
client.check_model_readiness("iris")
client.check_model_version_readiness("iris", "1")
assert client.read_server_metadata().name == "mlserve"
for metadata in (
    client.read_model_metadata("iris"), client.read_model_version_metadata("iris", "1")
):
    assert metadata.inputs[0].shape == [-1, 4]
flowers = [5.1, 3.5, 1.4, 0.2, 6.7, 3.0, 5.2, 2.3]
tensor = {"name": "input", "datatype": "FP64", "shape": [2, 4], "data": flowers}
request = InferenceRequest(id="7", inputs=[tensor], outputs=[{"name": "predict"}])
for found in (
    client.model_infer("iris", request=request),
    client.model_version_infer("iris", "1", request=request),
):
    assert found.id == "7"
    assert found.outputs[0].data.__root__ == [0, 2]
try:
    client.model_infer("none", request=request)
except ApiError as error:
    assert error.status_code == 404
else:
    raise AssertionError
"""


@pytest.fixture(scope="module")
def pets(serve: Serve, trained: Trained) -> Iterator[Server]:
    with serve(trained.root, "pets") as running:
        yield running


def run(session: str, server: Server) -> None:
    finished = subprocess.run(
        [CLIENTS_PYTHON, "-W", "ignore", "-c", session, server.address],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={"PATH": os.defpath, "HOME": "/tmp", "MLFLOW_DISABLE_TELEMETRY": "true"},
    )
    assert finished.returncode == 0, finished.stderr


@needs_clients
@pytest.mark.parametrize("session", [KSERVE, OPEN_INFERENCE], ids=["kserve", "open inference"])
def test_a_client_gets_what_it_asks_for(server: Server, session: str) -> None:
    run(session, server)


@needs_clients
def test_mlflows_client_gets_what_it_asks_for(pets: Server) -> None:
    run(MLFLOW, pets)


def test_requests_gets_what_it_asks_for(server: Server, pets: Server) -> None:
    with requests.Session() as client:
        path = f"{server.address}/models/iris/predict"
        assert client.post(path, json={"features": ROW}, timeout=30).json()["prediction"] == 0
        # A body without a content type, and one in pieces.
        body = encoded({"features": ROW})
        assert client.post(path, data=body, timeout=30).json()["prediction"] == 0
        assert client.post(path, data=iter([body[:5], body[5:]]), timeout=30).status_code == 200
        packed = client.post(
            path, data=gzip.compress(body), headers={"content-encoding": "gzip"}, timeout=30
        )
        assert packed.json()["prediction"] == 0
        csv = client.post(
            f"{pets.address}/invocations",
            data=pd.DataFrame(PETS).to_csv(index=False),
            headers={"content-type": "text/csv", "accept": "text/csv"},
            timeout=30,
        )
        assert (csv.text, csv.headers["content-type"]) == ("cat\ndog\n", "text/csv")


def curl(*arguments: str | Path) -> bytes:
    command = ["curl", "--silent", "--show-error", "--fail-with-body", "--max-time", "30"]
    return subprocess.run([*command, *arguments], capture_output=True, check=True).stdout


def test_curl_gets_what_it_asks_for(server: Server, pets: Server, tmp_path: Path) -> None:
    path = f"{server.address}/models/iris/predict"
    body = encoded({"features": ROW}).decode()
    for arguments in ((), ("--http1.0",), ("--compressed",), ("-H", "Transfer-Encoding: chunked")):
        assert json.loads(curl(path, "-d", body, *arguments))["prediction"] == 0
    # curl asks before it sends this much.
    (tmp_path / "many.json").write_bytes(encoded({"features": [ROW] * 100_000}))
    many = json.loads(curl(path, "--data-binary", f"@{tmp_path}/many.json"))
    assert many["predictions"] == [0] * 100_000
    invocations = f"{pets.address}/invocations"
    frame = pd.DataFrame(PETS).astype({"age": int})
    frame.to_parquet(tmp_path / "pets.parquet")
    frame.to_csv(tmp_path / "pets.csv", index=False, header=False)
    for file, kind in (
        ("pets.parquet", "application/vnd.apache.parquet"),
        ("pets.csv", "text/csv"),
    ):
        sent = ("--data-binary", f"@{tmp_path / file}", "-H", f"Content-Type: {kind}")
        assert json.loads(curl(invocations, *sent)) == {"predictions": ["cat", "dog"]}


def test_curl_sends_and_gets_npy(serve: Serve, trained: Trained, tmp_path: Path) -> None:
    (tmp_path / "flowers.npy").write_bytes(npy(trained.flowers))
    with serve(trained.root, "iris") as running:
        curl(
            f"{running.address}/invocations",
            *("--data-binary", f"@{tmp_path}/flowers.npy", "-H", "Accept: application/x-npy"),
            *("-H", "Content-Type: application/x-npy", "-o", f"{tmp_path}/species.npy"),
        )
    found = np.load(tmp_path / "species.npy")
    assert found.tolist() == trained.iris.predict(trained.flowers).tolist()
