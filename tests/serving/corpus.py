"""Requests in every protocol, good and bad, that every transport must answer alike."""

import gzip
import io
import json
import zlib
from typing import Any

import numpy as np
import pandas as pd

Request = tuple[str, dict[str, str], bytes]

ROW = [5.1, 3.5, 1.4, 0.2]
ROWS = [ROW, [6.7, 3.0, 5.2, 2.3]]
PETS = [
    {"weight": 4.0, "age": 1, "colour": "black", "size": "S"},
    {"weight": 30, "age": 2.0, "colour": "brown", "size": "L"},
]
CSV = {"content-type": "text/csv"}
NPY = {"content-type": "application/x-npy"}
PARQUET = {"content-type": "application/vnd.apache.parquet"}
BINARY_HEAD = "inference-header-content-length"


def encoded(content: Any) -> bytes:
    return json.dumps(content).encode()


def tensor(data: Any, shape: list[int], datatype: str = "FP64", name: str = "input") -> Any:
    return {"name": name, "datatype": datatype, "shape": shape, "data": data}


def infer(*tensors: Any, **rest: Any) -> bytes:
    return encoded({"inputs": tensors, **rest})


def binary(values: Any, datatype: str, **rest: Any) -> tuple[dict[str, str], bytes]:
    """Headers and body of a request whose tensor follows its JSON."""
    data = values.tobytes()
    head = {"name": "input", "datatype": datatype, "shape": values.shape}
    content = encoded({"inputs": [head | {"parameters": {"binary_data_size": len(data)}}], **rest})
    return {BINARY_HEAD: str(len(content))}, content + data


def npy(values: Any) -> bytes:
    content = io.BytesIO()
    np.save(content, np.asarray(values), allow_pickle=True)
    return content.getvalue()


BFLOATS = (np.array(ROWS, np.float32).view(np.uint32) >> 16).astype(np.uint16)
TEXTS = b"".join(len(text).to_bytes(4, "little") + text for text in (b"black", b"brown"))
FLOWER_TENSOR = tensor(ROWS, [2, 4])
PET_TENSORS = [
    tensor([4.0, 30.0], [2, 1], "FP16", "weight"),
    tensor([1, 2.0], [2], "UINT8", "age"),
    tensor(["black", "red"], [2, 1], "BYTES", "colour"),
    tensor([["S"], ["L"]], [2, 1], "BYTES", "size"),
]

NATIVE: list[Request] = [
    ("/models/iris/predict", {}, encoded({"features": ROW})),
    ("/models/iris/versions/1/predict", {}, encoded({"features": ROW})),
    ("/models/iris/predict", {}, encoded({"features": ROWS})),
    ("/models/pets/predict", {}, encoded({"rows": PETS})),
    ("/models/pets/predict", {}, encoded({"rows": [{**PETS[0], "colour": "red", "size": "XL"}]})),
    ("/models/pets/predict", {}, encoded({"rows": [{**PETS[0], "weight": None}]})),
    ("/models/pets/predict", {}, encoded({"rows": [{**PETS[0], "weight": "x"}]})),
    ("/models/pets/predict", {}, encoded({"rows": [{**PETS[0], "age": 2.5}]})),
    ("/models/pets/predict", {}, encoded({"rows": [{**PETS[0], "age": 2**63}]})),
    ("/models/pets/predict", {}, encoded({"rows": [{**PETS[0], "name": "x"}]})),
    ("/models/pets/predict", {}, encoded({"features": list(PETS[0].values())})),
    ("/models/iris/predict", {}, b'{"features":[1]}'),
    ("/models/iris/predict", {}, b'{"features":[NaN,1,1,1]}'),
    ("/models/iris/predict", {}, b'{"features":[1e999,1,1,1]}'),
    ("/models/iris/predict", {}, b'{"features":[1e308,1e308,1e308,1e308]}'),
    ("/models/iris/predict", {}, b'{"features":[' + b"9" * 400 + b",1,1,1]}"),
    ("/models/iris/predict", {}, b'{"features":[null,1,1,1]}'),
    ("/models/iris/predict", {}, b'{"features":[]}'),
    ("/models/iris/predict", {}, b'{"features":[1,2,3,4],"features":[5,6,7,8]}'),
    ("/models/iris/predict", {}, b'{"features":[1,2,3,4],"rows":[]}'),
    ("/models/iris/predict", {}, b"{}"),
    ("/models/iris/predict", {}, b"[" * 100_000),
    ("/models/iris/predict", {}, b'{"x":' * 50_000),
    ("/models/iris/predict", {}, b'{"features":["\xff"]}'),
    ("/models/iris/predict", {}, b'{"features":["\\ud800"]}'),
    ("/models/iris/predict", {}, b"\xef\xbb\xbf" + encoded({"features": ROW})),
    ("/models/iris/predict", {}, json.dumps({"features": ROW}).encode("utf-16")),
    ("/models/iris/predict", {}, b""),
    ("/models/iris/predict", {"content-type": "application/xml"}, b"<a/>"),
    ("/models/iris/predict", {"content-type": "application/json; charset=utf-8"}, b"[]"),
    ("/models/iris/predict", {"content-encoding": "br"}, b"x"),
    ("/models/iris/predict", {"content-encoding": "gzip"}, b"x"),
    (
        "/models/iris/predict",
        {"content-encoding": "gzip"},
        gzip.compress(encoded({"features": ROW}), mtime=0),
    ),
    ("/models/none/predict", {}, encoded({"features": ROW})),
    ("/models/iris/versions/9/predict", {}, encoded({"features": ROW})),
    ("/models/iris/versions/x/predict", {}, encoded({"features": ROW})),
    ("/predict", {}, encoded({"features": ROW})),
]
INFER: list[Request] = [
    ("/v2/models/iris/infer", {}, infer(tensor([5, 3, 1, 0], [1, 4], "FP32"), id="a")),
    ("/v2/models/iris/infer", {}, infer(FLOWER_TENSOR, parameters={"priority": 1})),
    ("/v2/models/iris/versions/1/infer", {}, infer(tensor([*ROWS[0], *ROWS[1]], [2, 4]))),
    ("/v2/models/iris/infer", {}, infer(FLOWER_TENSOR, outputs=[{"name": "decision_function"}])),
    ("/v2/models/iris/infer", {}, infer(FLOWER_TENSOR, outputs=[{"name": "transform"}])),
    ("/v2/models/iris/infer", {}, infer(FLOWER_TENSOR, parameters={"binary_data_output": True})),
    ("/v2/models/iris/infer", *binary(np.array(ROWS), "FP64")),
    ("/v2/models/iris/infer", *binary(np.array(ROWS, np.float16), "FP16")),
    ("/v2/models/iris/infer", *binary(BFLOATS, "BF16")),
    ("/v2/models/iris/infer", *binary(np.array([[1, 2, 3, 4]], np.uint8), "UINT8")),
    ("/v2/models/iris/infer", *binary(np.array([[1, 2, 3, 4]], np.int64), "INT32")),
    ("/v2/models/iris/infer", {}, infer(tensor([True] * 4, [1, 4], "BOOL"))),
    ("/v2/models/iris/infer", {}, infer(tensor([1, 2, 3, 300], [1, 4], "UINT8"))),
    ("/v2/models/iris/infer", {}, infer(tensor([], [0, 4]))),
    ("/v2/models/iris/infer", {}, infer(tensor([], [10**30, 0]))),
    ("/v2/models/iris/infer", {BINARY_HEAD: "0"}, np.array(ROWS).tobytes()),
    ("/v2/models/iris/infer", {BINARY_HEAD: "0"}, b""),
    ("/v2/models/iris/infer", {BINARY_HEAD: "x"}, bytes(32)),
    ("/v2/models/iris/infer", {"content-encoding": "deflate"}, zlib.compress(infer(FLOWER_TENSOR))),
    ("/v2/models/pets/infer", {}, infer(*PET_TENSORS)),
    ("/v2/models/pets/infer", {}, infer(*PET_TENSORS[:3])),
    ("/v2/models/pets/infer", {}, infer(tensor([[1, 2, 3, 4]], [1, 4]))),
    ("/v2/models/none/infer", {}, b"{}"),
]
INSTANCES: list[Request] = [
    ("/v1/models/iris:predict", {}, encoded({"instances": ROWS})),
    ("/v1/models/iris/versions/1:predict", {}, encoded({"instances": ROWS})),
    ("/v1/models/iris:predict", {}, encoded({"instances": [[5.1]]})),
    ("/v1/models/iris:predict", {}, encoded({"inputs": ROWS, "signature_name": "predict_proba"})),
    ("/v1/models/iris:predict", {}, encoded({"inputs": ROWS, "signature_name": "other"})),
    ("/v1/models/pets:predict", {}, encoded({"instances": PETS})),
    (
        "/v1/models/pets:predict",
        {},
        encoded({"inputs": {name: [[pet[name]] for pet in PETS] for name in PETS[0]}}),
    ),
    ("/v1/models/pets:predict", {}, encoded({"inputs": {}})),
    ("/invocations", CSV, b"1,2,3,4\n"),
]
CORPUS = [*NATIVE, *INFER, *INSTANCES]

# For a server of the model `pets` alone.
ONLY_PETS: list[Request] = [
    ("/predict", {}, encoded({"rows": PETS})),
    ("/invocations", {}, encoded({"dataframe_records": PETS, "params": {"a": 1}})),
    ("/invocations", {}, encoded({"dataframe_split": pd.DataFrame(PETS).to_dict("split")})),
    ("/invocations", {}, encoded({"instances": PETS})),
    ("/invocations", {}, encoded({"inputs": pd.DataFrame(PETS).to_dict("list")})),
    ("/invocations", {}, encoded({"inputs": PETS, "instances": PETS})),
    ("/invocations", CSV, b"4,1,black,S\n30,2.0,brown,L\n"),
    ("/invocations", CSV, b'\xef\xbb\xbfsize,age,x,colour,weight\r\nS,1,,"black",4\r\n'),
    ("/invocations", CSV, b"4,1.5,black,S\n"),
    ("/invocations", CSV, b'"'),
    ("/invocations", {**CSV, "accept": "text/csv"}, b"4,1,black,S\n"),
    ("/invocations", {**CSV, "accept": "application/x-npy"}, b"4,1,black,S\n"),
    ("/invocations", {**CSV, "accept": "image/png"}, b"4,1,black,S\n"),
    ("/invocations", PARQUET, pd.DataFrame(PETS).astype({"age": int}).to_parquet()),
    ("/invocations", {"content-type": "application/x-parquet"}, b"PAR1" * 5),
    ("/invocations", NPY, npy([[1.0, 2.0, 3.0, 4.0]])),
    ("/invocations", NPY, npy([[object()]])),
    ("/invocations", {"content-type": "application/pdf"}, b"%PDF"),
    ("/vertex/predict", {}, encoded({"instances": PETS, "parameters": {"a": 1}})),
    ("/vertex/predict", {}, encoded({"instances": [["x"]]})),
]
