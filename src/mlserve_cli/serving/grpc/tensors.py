"""Tensors in messages: values in the field of their datatype, or all of them as raw bytes."""

from typing import TYPE_CHECKING, Any

from mlserve_cli.errors import InputError
from mlserve_cli.serving.protocols.v2_tensors import datatype_of, from_bytes, from_json, to_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

# FP16 has none: it only comes as raw bytes.
_FIELDS = {
    "BOOL": "bool_contents",
    "INT8": "int_contents",
    "INT16": "int_contents",
    "INT32": "int_contents",
    "INT64": "int64_contents",
    "UINT8": "uint_contents",
    "UINT16": "uint_contents",
    "UINT32": "uint_contents",
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}
_SHOWN_CHARACTERS = 60


def is_raw(request: Any) -> bool:
    """Whether the inputs of a request are raw bytes."""
    return bool(request.raw_input_contents)


def read_tensors(request: Any) -> "dict[str, NDArray[Any]]":
    """The inputs of a `ModelInferRequest` by name.

    Raises:
        InputError: The values do not fit datatype and shape, a name comes twice, or raw bytes and
            values are mixed.
    """
    raw = request.raw_input_contents
    if raw and len(raw) != len(request.inputs):
        raise InputError(
            f"Found {len(raw)} raw_input_contents, expected one for each of the "
            f"{len(request.inputs)} inputs."
        )
    tensors: dict[str, NDArray[Any]] = {}
    for position, tensor in enumerate(request.inputs):
        name = tensor.name[:_SHOWN_CHARACTERS]
        if tensor.name in tensors:
            raise InputError(f"Tensor '{name}' comes twice.")
        shape = list(tensor.shape)
        filled = [field.name for field, _ in tensor.contents.ListFields()]
        if not raw:
            data = _data(name, tensor, filled)
            tensors[tensor.name] = from_json(name, tensor.datatype, shape, data)
        elif filled:
            raise InputError(
                f"Tensor '{name}': found {filled[0]} beside raw_input_contents, expected one of "
                "the two."
            )
        else:
            tensors[tensor.name] = from_bytes(name, tensor.datatype, shape, raw[position])
    return tensors


def write_tensors(response: Any, outputs: "Mapping[str, NDArray[Any]]", *, raw: bool) -> None:
    """Adds outputs to a `ModelInferResponse`."""
    for name, values in outputs.items():
        datatype = datatype_of(values)
        tensor = response.outputs.add(name=name, datatype=datatype, shape=values.shape)
        if raw:
            response.raw_output_contents.append(to_bytes(values))
            continue
        data = values.ravel().tolist()
        if datatype == "BYTES":
            data = [str(value).encode() for value in data]
        getattr(tensor.contents, _FIELDS[datatype]).extend(data)


def _data(name: str, tensor: Any, filled: list[str]) -> list[Any]:
    field = _FIELDS.get(tensor.datatype, "")
    if tensor.datatype == "FP16":
        raise InputError(f"Tensor '{name}': FP16 has no field, expected raw_input_contents.")
    if field and filled and filled != [field]:
        wrong = next(other for other in filled if other != field)
        raise InputError(f"Tensor '{name}': found {wrong}, expected {field} for {tensor.datatype}.")
    data = list(getattr(tensor.contents, field)) if field else []
    if tensor.datatype != "BYTES":
        return data
    try:
        return [text.decode() for text in data]
    except UnicodeDecodeError:
        raise InputError(f"Tensor '{name}' holds text that is not UTF-8.") from None
