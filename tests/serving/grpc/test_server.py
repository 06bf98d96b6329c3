"""A real server, asked by Triton's own client."""

import queue
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from tests.serving.conftest import Trained
from tests.serving.grpc.conftest import GrpcServe, GrpcServer, pets, triton
from tritonclient.grpc import service_pb2 as theirs
from tritonclient.utils import InferenceServerException

from mlserve_cli.serving.grpc.messages import message_type

ROW = {"input": np.array([[5.1, 3.5, 1.4, 0.2]])}


def refusal(server: GrpcServer, model: str, tensors: Any, **options: Any) -> tuple[str, str]:
    """Status and message of a request that is refused."""
    with server.client() as client, pytest.raises(InferenceServerException) as caught:
        client.ask(model, tensors, **options)
    return caught.value.status().removeprefix("StatusCode."), caught.value.message()


def call(server: GrpcServer, method: str, body: bytes = b"", **options: Any) -> bytes:
    """The bytes that a method answers to bytes."""
    with grpc.insecure_channel(server.target) as channel:
        answer: bytes = channel.unary_unary(method)(body, timeout=30, **options)
        return answer


def test_the_server_and_its_models_describe_themselves(grpc_server: GrpcServer) -> None:
    with grpc_server.client() as client:
        asked = client.triton
        assert asked.is_server_live()
        assert asked.is_server_ready()
        assert asked.is_model_ready("iris")
        assert asked.is_model_ready("iris", "1")
        server = asked.get_server_metadata()
        assert server.name == "mlserve"
        assert "binary_tensor_data" in server.extensions
        model = asked.get_model_metadata("iris", as_json=True)
        assert (model["name"], model["versions"]) == ("iris", ["1"])
        assert model["inputs"] == [{"name": "input", "datatype": "FP64", "shape": ["-1", "4"]}]
        names = [output["name"] for output in model["outputs"]]
        assert names == ["predict", "predict_proba", "decision_function"]
        columns = asked.get_model_metadata("pets").inputs
        assert {one.name: one.datatype for one in columns}["colour"] == "BYTES"
        index = asked.get_model_repository_index().models
        assert {(one.name, one.state) for one in index} == {("iris", "READY"), ("pets", "READY")}


def test_predictions_are_the_estimators(grpc_server: GrpcServer, trained: Trained) -> None:
    rows = trained.flowers[::10]
    with grpc_server.client() as client:
        found = client.ask("iris", {"input": rows}, request_id="7")
        assert found.get_response().id == "7"
        assert (found.get_response().model_name, found.get_response().model_version) == (
            "iris",
            "1",
        )
        assert found.as_numpy("predict").tolist() == trained.iris.predict(rows).tolist()
        expected = trained.iris.predict_proba(rows)
        np.testing.assert_allclose(found.as_numpy("predict_proba"), expected, atol=1e-12)
        wanted = [triton.InferRequestedOutput("decision_function")]
        found = client.ask("iris", {"input": rows}, outputs=wanted)
        assert [output.name for output in found.get_response().outputs] == ["decision_function"]
        expected = trained.iris.decision_function(rows)
        np.testing.assert_allclose(found.as_numpy("decision_function"), expected, atol=1e-9)


@pytest.mark.parametrize("dtype", ["float32", "float16", "int64", "int32", "uint8"])
def test_numbers_of_any_type_are_taken(
    grpc_server: GrpcServer, trained: Trained, dtype: str
) -> None:
    rows = trained.flowers[::10].astype(dtype)
    with grpc_server.client() as client:
        found = client.ask("iris", {"input": rows}).as_numpy("predict")
    assert found.tolist() == trained.iris.predict(rows.astype(float)).tolist()


def test_columns_of_text_and_numbers(grpc_server: GrpcServer) -> None:
    with grpc_server.client() as client:
        found = client.ask("pets", pets(3))
    assert found.get_output("predict").datatype == "BYTES"
    assert found.as_numpy("predict").tolist() == [b"cat"] * 3


@pytest.mark.parametrize(
    ("datatype", "contents"),
    [("FP64", {"fp64_contents": [5.1, 3.5, 1.4, 0.2]}), ("INT32", {"int_contents": [5, 3, 1, 0]})],
)
def test_values_are_answered_with_values(
    grpc_server: GrpcServer, datatype: str, contents: Any
) -> None:
    tensor = {"name": "input", "datatype": datatype, "shape": [1, 4], "contents": contents}
    request = theirs.ModelInferRequest(model_name="iris", inputs=[tensor])
    answer = theirs.ModelInferResponse.FromString(
        call(
            grpc_server,
            "/inference.GRPCInferenceService/ModelInfer",
            request.SerializeToString(),
        )
    )
    assert not answer.raw_output_contents
    labels, probabilities = answer.outputs
    assert (labels.datatype, list(labels.contents.int64_contents)) == ("INT64", [0])
    assert list(probabilities.shape) == [1, 3]
    assert sum(probabilities.contents.fp64_contents) == pytest.approx(1)


@pytest.mark.parametrize(
    ("model", "tensors", "options", "status", "message"),
    [
        ("none", ROW, {}, "NOT_FOUND", "No model 'none' is served; the models are: iris, pets."),
        ("", ROW, {}, "NOT_FOUND", "No model '' is served"),
        ("iris", ROW, {"model_version": "9"}, "NOT_FOUND", "has no version 9"),
        ("iris", ROW, {"model_version": "x"}, "NOT_FOUND", "has no version"),
        ("iris", {}, {}, "INVALID_ARGUMENT", "Found no inputs"),
        ("iris", {"input": np.ones((1, 3))}, {}, "INVALID_ARGUMENT", "expected rows of 4 values"),
        ("iris", {"input": np.ones((0, 4))}, {}, "INVALID_ARGUMENT", "expected at least one"),
        ("iris", {"input": np.full((2, 4), np.nan)}, {}, "INVALID_ARGUMENT", "Row 1, column"),
        ("iris", {"input": np.full((2, 4), np.inf)}, {}, "INVALID_ARGUMENT", "infinity"),
        ("pets", {**pets(), "age": pets()["size"]}, {}, "INVALID_ARGUMENT", "column 'age'"),
        ("pets", {**pets(), "tail": pets()["size"]}, {}, "INVALID_ARGUMENT", "'tail'"),
        ("pets", {"size": pets()["size"]}, {}, "INVALID_ARGUMENT", "is missing"),
        ("pets", {**pets(), "age": pets(2)["age"]}, {}, "INVALID_ARGUMENT", "number of rows"),
    ],
    ids=[
        *("model", "no-model", "version", "no-version", "inputs", "width", "rows"),
        *("missing", "infinity", "type", "unknown", "column", "lengths"),
    ],
)
def test_what_is_wrong_is_named(
    grpc_server: GrpcServer, model: str, tensors: Any, options: Any, status: str, message: str
) -> None:
    found, text = refusal(grpc_server, model, tensors, **options)
    assert found == status
    assert message in text


def test_an_unknown_output_is_refused(grpc_server: GrpcServer) -> None:
    wanted = [triton.InferRequestedOutput("transform")]
    status, message = refusal(grpc_server, "iris", ROW, outputs=wanted)
    assert status == "INVALID_ARGUMENT"
    assert "expected one of predict, predict_proba, decision_function" in message


@pytest.mark.parametrize("method", ["ModelReady", "ModelMetadata", "RepositoryModelUnload"])
def test_other_methods_name_an_unknown_model(grpc_server: GrpcServer, method: str) -> None:
    field = "model_name" if method.startswith("Repository") else "name"
    body = message_type(f"inference.{method}Request")(**{field: "none"}).SerializeToString()
    with pytest.raises(grpc.RpcError) as caught:
        call(grpc_server, f"/inference.GRPCInferenceService/{method}", body)
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize("body", [b"\xff" * 20, b"\x0a\x02\xff\xfe", b"\x2a\x7f"])
@pytest.mark.parametrize("method", ["ModelInfer", "ModelReady", "RepositoryIndex"])
def test_bytes_that_are_no_message_end_only_their_own_call(
    grpc_server: GrpcServer, method: str, body: bytes
) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        call(grpc_server, f"/inference.GRPCInferenceService/{method}", body)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert f"no inference.{method}Request" in caught.value.details()
    with grpc_server.client() as client:
        assert client.ask("iris", ROW).as_numpy("predict").tolist() == [0]


def test_an_unknown_method_is_unimplemented(grpc_server: GrpcServer) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        call(grpc_server, "/inference.GRPCInferenceService/ModelStreamInfer")
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_every_one_of_many_clients_gets_the_answer_to_its_own_rows(
    grpc_server: GrpcServer, trained: Trained
) -> None:
    expected = trained.iris.predict_proba(trained.flowers)

    def ask_often(number: int) -> None:
        with grpc_server.client() as client:
            for turn in range(15):
                start = (number * 15 + turn) % 140
                rows = trained.flowers[start : start + 1 + turn % 3]
                found = client.ask("iris", {"input": rows}, request_id=f"{number}-{turn}")
                assert found.get_response().id == f"{number}-{turn}"
                values = found.as_numpy("predict_proba")
                np.testing.assert_allclose(values, expected[start : start + len(rows)], atol=1e-12)

    with ThreadPoolExecutor(32) as threads:
        list(threads.map(ask_often, range(32)))


def test_requests_are_counted(grpc_serve: GrpcServe, trained: Trained) -> None:
    with grpc_serve(trained.root, "iris") as running:
        with running.client() as client:
            client.ask("iris", ROW)
        refusal(running, "iris", {})
        lines = running.metrics.splitlines()
    counted = {
        line.rpartition("status=")[2].partition(",")[0].strip('"}'): float(line.split()[-1])
        for line in lines
        if line.startswith("mlserve_requests_total") and 'model="iris"' in line
    }
    assert any('protocol="grpc"' in line for line in lines)
    assert counted == {"200": 1, "400": 1}


def test_models_are_unloaded_and_loaded(grpc_serve: GrpcServe, trained: Trained) -> None:
    with grpc_serve(trained.root) as running, running.client() as client:
        client.triton.unload_model("pets")
        with pytest.raises(InferenceServerException, match="No model 'pets'"):
            client.ask("pets", pets())
        index = client.triton.get_model_repository_index().models
        assert {one.name: one.state for one in index}["pets"] == "UNAVAILABLE"
        client.triton.load_model("pets")
        assert client.ask("pets", pets()).as_numpy("predict").tolist() == [b"cat"]
        with pytest.raises(InferenceServerException, match="'none' in the repository"):
            client.triton.load_model("none")


def test_the_usual_health_check_is_answered(grpc_server: GrpcServer) -> None:
    kind = message_type("grpc.health.v1.HealthCheckResponse")
    for name in ("", "inference.GRPCInferenceService"):
        request = message_type("grpc.health.v1.HealthCheckRequest")(service=name)
        answer = call(grpc_server, "/grpc.health.v1.Health/Check", request.SerializeToString())
        assert kind.FromString(answer).status == kind.SERVING
    other = message_type("grpc.health.v1.HealthCheckRequest")(service="other")
    with pytest.raises(grpc.RpcError) as caught:
        call(grpc_server, "/grpc.health.v1.Health/Check", other.SerializeToString())
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


def test_callbacks_of_the_client_work(grpc_server: GrpcServer) -> None:
    answers: queue.Queue[tuple[Any, Any]] = queue.Queue()
    with grpc_server.client() as client:
        for _ in range(8):
            tensor = triton.InferInput("input", [1, 4], "FP64")
            tensor.set_data_from_numpy(ROW["input"])
            client.triton.async_infer(
                "iris", [tensor], lambda result, error: answers.put((result, error))
            )
        found = [answers.get(timeout=30) for _ in range(8)]
    assert [error for _, error in found] == [None] * 8


def test_an_onnx_model_is_served_without_scikit_learn(
    grpc_serve: GrpcServe, trained: Trained
) -> None:
    with grpc_serve(trained.root, "iris") as running:
        with running.client() as client:
            client.ask("iris", ROW)
        maps = Path(f"/proc/{running.http.process.pid}/maps").read_text()
    assert "cygrpc" in maps
    assert "sklearn" not in maps
    assert "/scipy/" not in maps


def test_http_goes_on_beside_it(grpc_server: GrpcServer) -> None:
    stop = threading.Event()

    def ask_often() -> int:
        count = 0
        with grpc_server.client() as client:
            while not stop.is_set():
                client.ask("iris", ROW)
                count += 1
        return count

    with ThreadPoolExecutor(4) as threads:
        asked = [threads.submit(ask_often) for _ in range(4)]
        try:
            with grpc_server.http.client as client:
                for _ in range(50):
                    body = {"features": ROW["input"].tolist()[0]}
                    assert client.post("/models/iris/predict", json=body).status_code == 200
        finally:
            stop.set()
        assert all(one.result() > 0 for one in asked)
