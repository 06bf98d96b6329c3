"""Open Inference Protocol (KServe V2, Triton) over REST, with the binary tensor extension."""

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from mlserve_cli.errors import InputError, SignatureError
from mlserve_cli.serving.exchange import Call, Reply, error_reply
from mlserve_cli.serving.protocols.v2_requests import (
    InferRequest,
    InputTensor,
    read_plain,
    read_request,
)
from mlserve_cli.serving.protocols.v2_tensors import datatype_of, from_bytes, from_json, to_bytes
from mlserve_cli.serving.scoring import Wanted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from mlserve_cli.errors import MlserveError
    from mlserve_cli.serving.exchange import Headers
    from mlserve_cli.serving.model import LoadedModel
    from mlserve_cli.serving.rows import Rows
    from mlserve_cli.serving.scoring import Scored

# The output of each method of an estimator, under its name.
_OUTPUTS = {
    "predict": Wanted.LABELS,
    "predict_proba": Wanted.PROBABILITIES,
    "decision_function": Wanted.DECISION,
}
_JSON_HEAD = b"inference-header-content-length"


class OutputTensor(msgspec.Struct, omit_defaults=True):
    """One tensor of an answer."""

    name: str
    datatype: str
    shape: list[int]
    parameters: dict[str, int] = {}
    data: list[Any] | None = None


class InferResponse(msgspec.Struct, omit_defaults=True):
    """The JSON of an answer."""

    model_name: str
    model_version: str
    outputs: list[OutputTensor]
    id: str | None = None


_encode = msgspec.json.Encoder().encode


class V2Protocol:
    """See `InferenceProtocol`."""

    name = "v2"

    def read(self, model: "LoadedModel", body: bytes, headers: "Headers") -> Call:
        """See `InferenceProtocol.read`."""
        head = headers.get(_JSON_HEAD) if headers else None
        plain = None if head is not None else read_plain(model, body)
        if plain is not None:
            request, rows = plain
        elif head is None:
            request = read_request(body)
            rows = tensor_rows(model, _tensors(request.inputs, b""))
        else:
            length = _head_length(head, len(body))
            if length == 0:
                rows = _raw_rows(model, body)
                return Call(model, rows, model.wanted, _Answer(model, None, _default(model)))
            request = read_request(body[:length])
            rows = tensor_rows(model, _tensors(request.inputs, body[length:]))
        outputs = _outputs(model, request)
        wanted = wanted_for(name for name, _ in outputs)
        return Call(model, rows, wanted, _Answer(model, request.id, outputs))

    def error(self, error: "MlserveError") -> Reply:
        """See `InferenceProtocol.error`: the protocol knows 400 where others say 422."""
        reply = error_reply(error, {"error": error.message})
        return reply if reply.status != 422 else msgspec.structs.replace(reply, status=400)


def outputs_of(model: "LoadedModel") -> list[str]:
    """Names of the outputs that a model has."""
    signature = model.signature
    has = {
        "predict": True,
        "predict_proba": signature.probabilities,
        "decision_function": bool(signature.decision),
    }
    return [name for name in _OUTPUTS if has[name]]


def requested_outputs(model: "LoadedModel", asked: list[str]) -> list[str]:
    """Names of the outputs that a request means: those it asks for, or those of a plain prediction.

    Raises:
        InputError: The model has no output of that name.
    """
    if not asked:
        return [name for name in _OUTPUTS if _OUTPUTS[name] in model.wanted]
    known = outputs_of(model)
    for name in asked:
        if name not in known:
            raise InputError(
                f"Found {name[:60]!r} as an output, expected one of {', '.join(known)}."
            )
    return asked


def wanted_for(names: "Iterable[str]") -> Wanted:
    """What is asked of the model for outputs of these names."""
    wanted = Wanted(0)
    for name in names:
        wanted |= _OUTPUTS[name]
    return wanted


def _default(model: "LoadedModel") -> tuple[tuple[str, bool], ...]:
    return tuple((name, False) for name in requested_outputs(model, []))


def _outputs(model: "LoadedModel", request: InferRequest) -> tuple[tuple[str, bool], ...]:
    """Names of the wanted outputs, and whether each goes out in binary."""
    all_binary = request.parameters.get("binary_data_output") is True
    asked = request.outputs or []
    names = requested_outputs(model, [output.name for output in asked])
    if not asked:
        return tuple((name, all_binary) for name in names)
    return tuple(
        (output.name, output.parameters.get("binary_data", all_binary) is True) for output in asked
    )


def _head_length(value: bytes, body_bytes: int) -> int:
    if not value.isdigit() or len(value) > 12 or int(value) > body_bytes:
        raise InputError(
            f"Inference-Header-Content-Length is {value.decode('latin-1')[:20]!r}, expected a "
            f"number of at most {body_bytes} bytes."
        )
    return int(value)


def _tensors(inputs: list[InputTensor], binary: bytes) -> dict[str, "NDArray[Any]"]:
    tensors: dict[str, NDArray[Any]] = {}
    position = 0
    for tensor in inputs:
        size = tensor.parameters.get("binary_data_size")
        if tensor.name in tensors:
            raise InputError(f"Tensor '{tensor.name[:60]}' comes twice.")
        name = tensor.name[:60]
        if size is None:
            array = from_json(name, tensor.datatype, tensor.shape, tensor.data)
        else:
            if type(size) is not int or not 0 <= size <= len(binary) - position:
                raise InputError(f"Tensor '{name}': the binary data end too early.")
            part = binary[position : position + size]
            array = from_bytes(name, tensor.datatype, tensor.shape, part)
            position += size
        tensors[tensor.name] = array
    if position != len(binary):
        raise InputError(f"Found {len(binary) - position} bytes behind the last binary tensor.")
    return tensors


def tensor_rows(model: "LoadedModel", tensors: dict[str, "NDArray[Any]"]) -> "Rows":
    """The rows that tensors hold: one matrix of any name, or one tensor per column.

    Raises:
        InputError: There are none.
        SignatureError: They do not fit the model.
    """
    reader = model.reader
    if not tensors:
        raise InputError("Found no inputs, expected at least one tensor.")
    names = model.signature.names
    if len(tensors) == 1 and (only := next(iter(tensors))) not in names:
        matrix = tensors[only]
        return reader.from_matrix(matrix.reshape(-1, 1) if matrix.ndim == 1 else matrix)
    columns = {}
    for name, array in tensors.items():
        if array.ndim == 2 and array.shape[1] != 1:
            raise SignatureError(
                f"Tensor '{name[:60]}': found the shape {list(array.shape)}, expected [rows] or "
                "[rows, 1] for one column."
            )
        columns[name] = array.reshape(-1)
    return reader.from_columns(columns)


def _raw_rows(model: "LoadedModel", body: bytes) -> "Rows":
    """The raw form: nothing but the numbers of the only tensor, float64."""
    width = model.reader.width
    if len(body) % (8 * width):
        raise InputError(
            f"Found {len(body)} bytes, expected rows of {width} FP64 values ({8 * width} bytes)."
        )
    return model.reader.from_matrix(
        from_bytes("input", "FP64", [len(body) // 8 // width, width], body)
    )


class _Answer(msgspec.Struct, frozen=True):
    """Writes the answer."""

    model: "LoadedModel"
    id: str | None
    outputs: tuple[tuple[str, bool], ...]

    def __call__(self, scored: "Scored", start: int, stop: int) -> Reply:
        tensors, binary = [], []
        for name, is_binary in self.outputs:
            values = output_values(scored, name)[start:stop]
            tensor = OutputTensor(name, datatype_of(values), list(values.shape))
            if is_binary:
                data = to_bytes(values)
                tensor.parameters = {"binary_data_size": len(data)}
                binary.append(data)
            else:
                tensor.data = values.ravel().tolist()
            tensors.append(tensor)
        model = self.model
        head = _encode(InferResponse(model.name, str(model.version), tensors, self.id))
        if not binary:
            return Reply(head)
        length = ((_JSON_HEAD, str(len(head)).encode()),)
        return Reply(b"".join([head, *binary]), 200, b"application/octet-stream", length)


def output_values(scored: "Scored", name: str) -> "NDArray[Any]":
    """One output of a scored micro-batch that holds it."""
    match _OUTPUTS[name]:
        case Wanted.LABELS:
            values = scored.labels
        case Wanted.PROBABILITIES:
            values = scored.probabilities
        case _:
            values = scored.decision
    assert values is not None
    return np.asarray(values)
