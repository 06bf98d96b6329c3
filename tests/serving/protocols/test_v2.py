"""The Open Inference Protocol, from bytes to bytes."""

import struct
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.serving.conftest import FakePredictor, Trained

from mlserve_cli.errors import InputError
from mlserve_cli.serving.exchange import Reply
from mlserve_cli.serving.model import LoadedModel
from mlserve_cli.serving.protocols.v2 import V2Protocol
from mlserve_cli.serving.protocols.v2_metadata import model_metadata
from mlserve_cli.serving.protocols.v2_tensors import DATATYPES, from_bytes, from_json, to_bytes
from mlserve_cli.serving.scoring import score

HEAD = b"inference-header-content-length"


def reply(model: LoadedModel, body: bytes, head: int | None = None) -> Reply:
    headers = {} if head is None else {HEAD: str(head).encode()}
    call = V2Protocol().read(model, body, headers)
    return call.answer(score(model, [call.rows], call.wanted, 4096), 0, call.rows.count)


def ask(model: LoadedModel, **request: Any) -> Any:
    return msgspec.json.decode(reply(model, msgspec.json.encode(request)).body)


def tensor(data: Any, shape: list[int], datatype: str = "FP64", name: str = "input") -> Any:
    return {"name": name, "datatype": datatype, "shape": shape, "data": data}


def test_nested_and_flat_data_give_the_same_answer(trained: Trained) -> None:
    model = trained.load("iris")
    rows = trained.flowers[:2]
    nested = ask(model, id="7", inputs=[tensor(rows.tolist(), [2, 4])])
    assert ask(model, id="7", inputs=[tensor(rows.ravel().tolist(), [2, 4])]) == nested
    assert (nested["id"], nested["model_name"], nested["model_version"]) == ("7", "iris", "1")
    labels, probabilities = nested["outputs"]
    assert labels == {"name": "predict", "datatype": "INT64", "shape": [2], "data": [0, 0]}
    assert (probabilities["name"], probabilities["shape"]) == ("predict_proba", [2, 3])
    np.testing.assert_allclose(
        np.reshape(probabilities["data"], (2, 3)), trained.iris.predict_proba(rows)
    )


def test_outputs_are_chosen_by_the_names_of_the_methods(trained: Trained) -> None:
    model = trained.load("iris")
    inputs = [tensor(trained.flowers[:2].tolist(), [2, 4])]
    found = ask(model, inputs=inputs, outputs=[{"name": "decision_function"}])
    (scores,) = found["outputs"]
    expected = trained.iris.decision_function(trained.flowers[:2])
    np.testing.assert_allclose(np.reshape(scores["data"], (2, 3)), expected)
    with pytest.raises(InputError, match="expected one of predict, predict_proba, decision_f"):
        ask(model, inputs=inputs, outputs=[{"name": "transform"}])


def test_one_tensor_per_column(trained: Trained) -> None:
    model = trained.load("pets")
    found = ask(
        model,
        inputs=[
            tensor(["S", "L"], [2], "BYTES", "size"),
            tensor([["black"], ["brown"]], [2, 1], "BYTES", "colour"),
            tensor([1, 2], [2, 1], "INT32", "age"),
            tensor([4.0, 30.0], [2, 1], "FP32", "weight"),
        ],
        outputs=[{"name": "predict"}],
    )
    assert found["outputs"] == [
        {"name": "predict", "datatype": "BYTES", "shape": [2], "data": ["cat", "dog"]}
    ]
    names = [one["name"] for one in model_metadata(model, [1])["inputs"]]
    assert names == ["weight", "age", "colour", "size"]


def test_binary_tensors_in_and_out(trained: Trained) -> None:
    model = trained.load("iris")
    rows = np.ascontiguousarray(trained.flowers[:3])
    head = msgspec.json.encode(
        {
            "inputs": [
                {
                    "name": "input",
                    "datatype": "FP64",
                    "shape": [3, 4],
                    "parameters": {"binary_data_size": rows.nbytes},
                }
            ],
            "outputs": [
                {"name": "predict"},
                {"name": "predict_proba", "parameters": {"binary_data": True}},
            ],
        }
    )
    found = reply(model, head + rows.tobytes(), len(head))
    length = int(dict(found.headers)[HEAD])
    assert found.content_type == b"application/octet-stream"
    outputs = msgspec.json.decode(found.body[:length])["outputs"]
    assert outputs[0]["data"] == [0, 0, 0]
    assert outputs[1]["parameters"] == {"binary_data_size": 3 * 3 * 8}
    probabilities = np.frombuffer(found.body[length:]).reshape(3, 3)
    np.testing.assert_allclose(probabilities, trained.iris.predict_proba(rows))


def test_the_raw_form_is_nothing_but_numbers(fake: type[FakePredictor]) -> None:
    model = LoadedModel("m", 1, fake())
    found = msgspec.json.decode(reply(model, struct.pack("<4d", 1, 2, 3, 4), 0).body)
    assert found["outputs"][0]["data"] == [3.0, 7.0]
    with pytest.raises(InputError, match="Found 12 bytes, expected rows of 2 FP64 values"):
        reply(model, bytes(12), 0)


@pytest.mark.parametrize("datatype", [name for name in DATATYPES if name not in {"BYTES", "BF16"}])
def test_every_datatype_is_read_as_json_and_as_bytes(datatype: str) -> None:
    data = [True, False] if datatype == "BOOL" else [1, 0]
    array = from_json("t", datatype, [2, 1], data)
    again = from_bytes("t", datatype, [2, 1], to_bytes(array))
    np.testing.assert_array_equal(array, again)
    assert array.dtype == again.dtype
    assert array.tolist() == [[data[0]], [data[1]]]


def test_bfloats_are_the_upper_halves_of_floats() -> None:
    halves = np.array([1.0, -2.5, np.nan], np.float32).view(np.uint32) >> 16
    found = from_bytes("t", "BF16", [3], halves.astype("<u2").tobytes())
    np.testing.assert_array_equal(found, np.array([1.0, -2.5, np.nan], np.float32))
    with pytest.raises(InputError, match="found 12 bytes, expected 6 for shape"):
        from_bytes("t", "BF16", [3], bytes(12))
    with pytest.raises(InputError, match="holds infinity"):
        from_bytes("t", "BF16", [1], b"\x80\x7f")


def test_whole_numbers_may_be_written_with_a_point() -> None:
    assert from_json("t", "INT64", [2], [3.0, 2**62]).tolist() == [3, 2**62]
    with pytest.raises(InputError, match=r"found the number 3\.5, expected INT64"):
        from_json("t", "INT64", [1], [3.5])
    with pytest.raises(InputError, match="out of range for INT64"):
        from_json("t", "INT64", [1], [1e300])


@given(st.lists(st.text(), max_size=5))
def test_texts_survive_the_binary_form(texts: list[str]) -> None:
    array = from_json("t", "BYTES", [len(texts)], texts)
    assert from_bytes("t", "BYTES", [len(texts)], to_bytes(array)).tolist() == texts


@pytest.mark.parametrize(
    ("request_json", "message"),
    [
        ({}, "Found no inputs"),
        ({"inputs": [tensor([1], [1, 2])]}, "found 1 values, expected 2 for shape [1, 2]"),
        ({"inputs": [tensor([1, 2], [1, 2], "FP8")]}, "found the datatype 'FP8'"),
        ({"inputs": [tensor([1, 2], [-1, 2])]}, "found the shape [-1, 2]"),
        ({"inputs": [tensor([], [10**30, 0])]}, "found the shape [1000000"),
        ({"inputs": [tensor([1, "x"], [1, 2])]}, "found the text 'x', expected FP64"),
        ({"inputs": [tensor([1, 300], [1, 2], "INT8")]}, "out of range for INT8"),
        ({"inputs": [tensor([1, 1e300], [1, 2], "FP32")]}, "out of range for FP32"),
        ({"inputs": [tensor([[1], 2], [1, 2])]}, "the data mix lists and values"),
        ({"inputs": [tensor(5, [1, 2])]}, "found the number 5 as data"),
        ({"inputs": [tensor([1, 2], [1, 2])] * 2}, "comes twice"),
        ({"inputs": [tensor([1, 2, 3], [1, 3])]}, "expected rows of 2 values"),
        ({"inputs": [{**tensor(0, [1, 2]), "parameters": {"binary_data_size": 8}}]}, "end too"),
    ],
)
def test_what_is_wrong_is_named_with_status_400(
    fake: type[FakePredictor], request_json: Any, message: str
) -> None:
    with pytest.raises(InputError) as caught:
        ask(LoadedModel("m", 1, fake()), **request_json)
    assert message in caught.value.message
    assert V2Protocol().error(caught.value).status == 400
