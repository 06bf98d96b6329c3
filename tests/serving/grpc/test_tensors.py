"""Tensors in messages, from values and from raw bytes."""

import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from mlserve_cli.errors import InputError
from mlserve_cli.serving.grpc.messages import message_type
from mlserve_cli.serving.grpc.tensors import is_raw, read_tensors, write_tensors

Request = message_type("inference.ModelInferRequest")
Response = message_type("inference.ModelInferResponse")
WIDTHS = (8, 16, 32, 64)
DTYPES = ["bool", "float32", "float64", *(f"{k}{w}" for k in ("int", "uint") for w in WIDTHS)]


def there_and_back(values: Any, *, raw: bool) -> Any:
    """An answer's tensor read as if it were a request's."""
    response = Response()
    write_tensors(response, {"t": values}, raw=raw)
    request = Request(raw_input_contents=response.raw_output_contents)
    for tensor in response.outputs:
        request.inputs.add().MergeFromString(tensor.SerializeToString())
    assert is_raw(request) is raw
    return read_tensors(request)["t"]


@pytest.mark.parametrize("raw", [True, False])
@pytest.mark.parametrize("dtype", DTYPES)
@given(data=st.data())
def test_numbers_survive(dtype: str, raw: bool, data: st.DataObject) -> None:
    shapes = arrays.array_shapes(max_dims=2, max_side=4)
    finite = {"allow_infinity": False} if dtype.startswith("float") else None
    values = data.draw(arrays.arrays(dtype, shapes, elements=finite))
    found = there_and_back(values, raw=raw)
    assert found.dtype == values.dtype
    np.testing.assert_array_equal(found, values)


@pytest.mark.parametrize("raw", [True, False])
@given(texts=st.lists(st.text(), min_size=1, max_size=5))
def test_texts_survive(raw: bool, texts: list[str]) -> None:
    assert there_and_back(np.array(texts, object), raw=raw).tolist() == texts


def tensor(
    name: str = "t", datatype: str = "FP64", shape: tuple[int, ...] = (1,), **contents: Any
) -> dict[str, Any]:
    described = {"name": name, "datatype": datatype, "shape": shape}
    return {**described, "contents": contents} if contents else described


@pytest.mark.parametrize(
    ("inputs", "raw", "message"),
    [
        ([tensor()], [], "found 0 values, expected 1 for shape [1]"),
        ([tensor(fp64_contents=[1, 2])], [], "found 2 values, expected 1 for shape [1]"),
        ([tensor(fp32_contents=[1])], [], "found fp32_contents, expected fp64_contents for FP64"),
        (
            [tensor(fp64_contents=[1], int_contents=[1])],
            [],
            "found int_contents, expected fp64_contents",
        ),
        ([tensor(datatype="FP8", fp32_contents=[1])], [], "found the datatype 'FP8'"),
        ([tensor(datatype="FP16", fp32_contents=[1])], [], "expected raw_input_contents"),
        ([tensor(datatype="INT8", int_contents=[300])], [], "out of range for INT8"),
        ([tensor(fp64_contents=[float("inf")])], [], "out of range for FP64"),
        ([tensor(shape=(), fp64_contents=[1])], [], "expected [rows] or [rows, columns]"),
        ([tensor(shape=(-1, 1), fp64_contents=[1])], [], "found the shape [-1, 1]"),
        ([tensor(shape=(2**40, 2**40), fp64_contents=[1])], [], "found the shape [10995"),
        ([tensor(datatype="BYTES", bytes_contents=[b"\xff"])], [], "text that is not UTF-8"),
        ([tensor(fp64_contents=[1])] * 2, [], "comes twice"),
        ([tensor()], [bytes(8), bytes(8)], "Found 2 raw_input_contents, expected one for each"),
        ([tensor(), tensor("u")], [bytes(8)], "expected one for each of the 2 inputs"),
        ([tensor(fp64_contents=[1])], [bytes(8)], "found fp64_contents beside raw_input_contents"),
        ([tensor()], [bytes(7)], "found 7 bytes, expected 8 for shape [1] of FP64"),
        ([tensor(datatype="BYTES")], [struct.pack("<I", 9) + b"a"], "end too early"),
        ([tensor(datatype="BYTES")], [b"\x01"], "end too early"),
        ([tensor(shape=(2**40, 2**40))], [bytes(8)], "found the shape [10995"),
    ],
)
def test_what_does_not_fit_is_named(inputs: Any, raw: list[bytes], message: str) -> None:
    with pytest.raises(InputError) as caught:
        read_tensors(Request(inputs=inputs, raw_input_contents=raw))
    assert message in caught.value.message
