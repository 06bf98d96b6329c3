"""Whatever comes in whatever protocol is answered, or refused as the client's own fault."""

import gzip
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.serving.conftest import Trained

from mlserve_cli.errors import InputError, MlserveError
from mlserve_cli.serving.exchange import Headers, plain_body
from mlserve_cli.serving.model import LoadedModel
from mlserve_cli.serving.protocols.interface import InferenceProtocol
from mlserve_cli.serving.protocols.mlflow import MlflowProtocol
from mlserve_cli.serving.protocols.native import NativeProtocol
from mlserve_cli.serving.protocols.tensorflow import TensorflowProtocol
from mlserve_cli.serving.protocols.v2 import V2Protocol
from mlserve_cli.serving.protocols.v2_tensors import DATATYPES
from mlserve_cli.serving.refusals import TooLargeError
from mlserve_cli.serving.scoring import score

PROTOCOLS: list[InferenceProtocol] = [
    NativeProtocol(),
    V2Protocol(),
    TensorflowProtocol(),
    MlflowProtocol(),
]
KEYS = (
    *("features", "rows", "instances", "inputs", "outputs", "signature_name", "params"),
    *("dataframe_split", "dataframe_records", "columns", "data", "index", "id", "parameters"),
    *("name", "datatype", "shape", "weight", "age", "colour", "size", "x0", "x1", "x2", "x3"),
)
NUMBERS = st.sampled_from([0, 1, 5.1, 1e308, 5e-324, 2**53 + 1, 2**63, 2**64, 10**400, -1])

scalars = st.none() | st.booleans() | NUMBERS | st.floats() | st.text(max_size=5)
content = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=5) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5)
    ),
    max_leaves=20,
)
tensors = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["input", "weight", "age", "colour", "size"]),
        "datatype": st.sampled_from([*DATATYPES, "FP8"]),
        "shape": st.lists(st.sampled_from([0, 1, 2, 4, -1, 2**31, 2**64]), max_size=3),
        "data": content,
    },
    optional={"parameters": st.dictionaries(st.sampled_from(["binary_data_size"]), content)},
)
bodies = content | st.fixed_dictionaries(
    {"inputs": st.lists(tensors, max_size=4)}, optional={"outputs": content, "id": content}
)
cells = st.sampled_from(["4.0", "1", "black", "S", "", "nan", "1e999", "1_0", "٣", '"', '"a\n"'])
tables = st.lists(st.lists(cells, min_size=1, max_size=5).map(",".join)).map("\n".join)


@pytest.fixture(scope="module")
def models(trained: Trained) -> list[LoadedModel]:
    return [trained.load("iris"), trained.load("pets")]


def answered(
    protocol: InferenceProtocol, model: LoadedModel, body: bytes, headers: Headers
) -> None:
    try:
        call = protocol.read(model, body, headers)
        scored = score(model, [call.rows], call.wanted, 4096)
        reply = call.answer(scored, 0, call.rows.count)
    except MlserveError as error:
        reply = protocol.error(error)
    assert reply.status < 500
    if reply.content_type == b"application/json":
        json.loads(reply.body)


@given(body=bodies, model=st.integers(0, 1))
def test_json_of_any_shape(models: list[LoadedModel], body: Any, model: int) -> None:
    for protocol in PROTOCOLS:
        answered(protocol, models[model], json.dumps(body).encode(), {})


@given(
    table=tables,
    model=st.integers(0, 1),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-7"]),
    accept=st.sampled_from(["", "text/csv", "application/x-npy", "text/plain"]),
)
def test_csv_of_any_shape(
    models: list[LoadedModel], table: str, model: int, encoding: str, accept: str
) -> None:
    headers = {b"content-type": b"text/csv", b"accept": accept.encode()}
    answered(MlflowProtocol(), models[model], table.encode(encoding), headers)


@given(
    body=st.binary(max_size=64),
    head=st.sampled_from(["", "0", "1", "-1", "64", "9" * 30, "x"]),
    kind=st.sampled_from(["", "text/csv", "application/x-npy", "application/x-parquet"]),
)
def test_bytes_of_any_kind(models: list[LoadedModel], body: bytes, head: str, kind: str) -> None:
    headers = {b"content-type": kind.encode(), b"inference-header-content-length": head.encode()}
    for protocol in PROTOCOLS:
        answered(protocol, models[0], body, {name: v for name, v in headers.items() if v})


def test_what_unpacks_to_more_than_the_limit_is_refused_before_it_is_unpacked() -> None:
    bomb = gzip.compress(bytes(100 << 20))
    with pytest.raises(TooLargeError, match="larger than 1000 bytes"):
        plain_body(bomb, {b"content-encoding": b"gzip"}, 1000)
    with pytest.raises(InputError, match="is damaged"):
        plain_body(bomb[5:], {b"content-encoding": b"gzip"}, 1000)


def test_gzip_of_several_parts_is_read_and_bounded_as_one() -> None:
    encoded = {b"content-encoding": b"gzip"}
    parts = gzip.compress(b"a" * 600) + gzip.compress(b"b" * 400)
    assert plain_body(parts, encoded, 1000) == b"a" * 600 + b"b" * 400
    with pytest.raises(TooLargeError):
        plain_body(parts, encoded, 999)
    with pytest.raises(InputError, match="damaged"):
        plain_body(parts + b"rubbish", encoded, 1000)
    with pytest.raises(InputError, match="ends too early"):
        plain_body(parts[:-1], encoded, 1000)
    with pytest.raises(InputError, match="more than 100 parts"):
        plain_body(gzip.compress(b"") * 102, encoded, 1000)
