"""Requests of the Open Inference Protocol: their JSON, and the plain ones read faster."""

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from mlserve_cli.serving.exchange import LARGE_BODY_BYTES, decode_json
from mlserve_cli.serving.json_numbers import read_list, read_matrix, without

if TYPE_CHECKING:
    from mlserve_cli.serving.model import LoadedModel
    from mlserve_cli.serving.rows import RowReader, Rows


class InputTensor(msgspec.Struct):
    """One tensor of a request."""

    name: str
    datatype: str
    shape: list[int]
    parameters: dict[str, Any] = {}
    data: Any = msgspec.UNSET


class RequestedOutput(msgspec.Struct):
    """An output that a request asks for."""

    name: str
    parameters: dict[str, Any] = {}


class InferRequest(msgspec.Struct):
    """The JSON of a request."""

    inputs: list[InputTensor] = []
    id: str | None = None
    outputs: list[RequestedOutput] | None = None
    parameters: dict[str, Any] = {}


class _TextOfTensor(msgspec.Struct):
    data: msgspec.Raw


class _TextOfRequest(msgspec.Struct):
    inputs: list[_TextOfTensor]


_REQUEST = msgspec.json.Decoder(InferRequest)
_decode_texts = msgspec.json.Decoder(_TextOfRequest).decode


def read_request(body: bytes) -> InferRequest:
    """The JSON of a request.

    Raises:
        InputError: It cannot be read.
    """
    request: InferRequest = decode_json(body, _REQUEST)
    return request


def read_plain(model: "LoadedModel", body: bytes) -> "tuple[InferRequest, Rows] | None":
    """A request whose only tensor is a matrix of floats for a matrix model.

    Returns:
        The request without its data, and the rows; None where it is anything else.
    """
    if not model.reader.is_matrix or len(body) > LARGE_BODY_BYTES:
        return None
    try:
        texts = _decode_texts(body).inputs
        if len(texts) != 1:
            return None
        data = bytes(texts[0].data)
        # All that is beside the data is read as it always is.
        rest = without(body, data, b"null")
        request = None if rest is None else _REQUEST.decode(rest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if request is None:
        return None
    rows = _plain_rows(model.reader, request.inputs[0], data)
    return None if rows is None else (request, rows)


def _plain_rows(reader: "RowReader", tensor: InputTensor, data: bytes) -> "Rows | None":
    # A tensor by the name of a column is that column; one with parameters may be binary.
    if tensor.parameters or tensor.name in reader.signature.names:
        return None
    match tensor.shape:
        case [rows, width] if rows > 0 and width == reader.width:
            numbers = _numbers(data, rows, width)
        case _:
            return None
    if numbers is None or tensor.datatype == "FP64":
        return None if numbers is None else reader.from_numbers(numbers)
    if tensor.datatype != "FP32":
        return None
    with np.errstate(over="ignore"):
        singles = np.frombuffer(numbers, np.float64).astype(np.float32)
    # What is too large for the type is refused elsewhere.
    return None if np.isinf(singles).any() else reader.from_matrix(singles.reshape(rows, width))


def _numbers(data: bytes, rows: int, width: int) -> bytes | None:
    is_nested = data.find(b"[", 1) > 0
    if not is_nested:
        return read_list(data, rows * width)
    numbers = read_matrix(data, width)
    return numbers if numbers is not None and len(numbers) == 8 * rows * width else None
