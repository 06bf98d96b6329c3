"""Triton's own client is content."""

import subprocess
import sys

import pytest
from tests.serving.conftest import Serve, Trained

# In a process of its own: gevent, which the client imports, patches what others use.
SESSION = """
import sys
import ml_dtypes
import numpy as np
import tritonclient.http as http
from tritonclient.utils import InferenceServerException

client = http.InferenceServerClient(sys.argv[1])
assert client.is_server_live() and client.is_server_ready() and client.is_model_ready("iris")
assert client.get_server_metadata()["name"] == "mlserve"
assert client.get_model_metadata("iris")["inputs"][0]["shape"] == [-1, 4]
rows = np.array([[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3]])
for binary in (True, False):
    for compression in (None, "gzip", "deflate"):
        tensor = http.InferInput("input", [2, 4], "FP64")
        tensor.set_data_from_numpy(rows, binary_data=binary)
        found = client.infer(
            "iris", [tensor], request_id="7", request_compression_algorithm=compression
        )
        assert found.get_response()["id"] == "7"
        assert found.as_numpy("predict").tolist() == [0, 2]
        wanted = http.InferRequestedOutput("predict_proba", binary_data=binary)
        found = client.infer("iris", [tensor], outputs=[wanted])
        assert found.as_numpy("predict_proba").argmax(axis=1).tolist() == [0, 2]
for datatype, array in (
    ("FP32", rows.astype(np.float32)),
    ("FP16", rows.astype(np.float16)),
    ("BF16", rows.astype(ml_dtypes.bfloat16)),
    ("INT64", rows.astype(np.int64)),
    ("UINT8", rows.astype(np.uint8)),
):
    tensor = http.InferInput("input", [2, 4], datatype)
    tensor.set_data_from_numpy(array)
    assert client.infer("iris", [tensor]).as_numpy("predict").shape == (2,)
outputs = [
    http.InferRequestedOutput("decision_function", binary_data=True),
    http.InferRequestedOutput("predict", binary_data=False),
]
tensor = http.InferInput("input", [2, 4], "FP64")
tensor.set_data_from_numpy(rows)
found = client.infer("iris", [tensor], model_version="1", outputs=outputs)
assert found.as_numpy("decision_function").shape == (2, 3)
assert found.as_numpy("predict").tolist() == [0, 2]
body, length = http.InferenceServerClient.generate_request_body([tensor], outputs=outputs)
assert length
pending = [client.async_infer("iris", [tensor], request_id=str(i)) for i in range(20)]
assert [one.get_result().get_response()["id"] for one in pending] == [str(i) for i in range(20)]
texts = http.InferInput("colour", [1, 1], "BYTES")
texts.set_data_from_numpy(np.array([["black"]], dtype=object))
size = http.InferInput("size", [1, 1], "BYTES")
size.set_data_from_numpy(np.array([["S"]], dtype=object))
numbers = http.InferInput("weight", [1, 1], "FP32")
numbers.set_data_from_numpy(np.array([[4.0]], dtype=np.float32))
ages = http.InferInput("age", [1, 1], "INT64")
ages.set_data_from_numpy(np.array([[1]]))
found = client.infer("pets", [texts, size, numbers, ages])
assert found.as_numpy("predict").tolist() == [b"cat"]
assert client.is_model_ready("iris", "1") and not client.is_model_ready("none")
client.unload_model("pets")
assert not client.is_model_ready("pets")
client.load_model("pets")
assert client.infer("pets", [texts, size, numbers, ages]).as_numpy("predict").tolist() == [b"cat"]
assert {model["name"] for model in client.get_model_repository_index()} == {"iris", "pets"}
try:
    client.infer("none", [numbers])
except InferenceServerException as error:
    assert "No model 'none' is served" in str(error)
else:
    raise AssertionError
"""


def test_tritonclient_gets_what_it_asks_for(serve: Serve, trained: Trained) -> None:
    pytest.importorskip("tritonclient")
    # It loads and unloads models, which others may want to ask.
    with serve(trained.root) as running:
        address = running.address.removeprefix("http://")
        finished = subprocess.run(
            [sys.executable, "-c", SESSION, address], capture_output=True, text=True, check=False
        )
    assert finished.returncode == 0, finished.stderr
