"""Tensors of the Open Inference Protocol: datatypes, JSON data, the binary tensor extension."""

import itertools
import math
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlserve_cli.errors import InputError
from mlserve_cli.serving.columns import describe

_DTYPES: dict[str, type[np.generic]] = {
    "BOOL": np.bool_,
    "UINT8": np.uint8,
    "UINT16": np.uint16,
    "UINT32": np.uint32,
    "UINT64": np.uint64,
    "INT8": np.int8,
    "INT16": np.int16,
    "INT32": np.int32,
    "INT64": np.int64,
    "FP16": np.float16,
    "BF16": np.float32,
    "FP32": np.float32,
    "FP64": np.float64,
}
DATATYPES = (*_DTYPES, "BYTES")
_NAMES = {np.dtype(dtype): name for name, dtype in _DTYPES.items()}
# The upper half of an FP32; numpy has no such type.
_BF16 = "BF16"
_MOST_DIMENSIONS = 2
_LONGEST = 2**31


def datatype_of(array: NDArray[Any]) -> str:
    """The protocol's name for the type of an array; text is BYTES."""
    return _NAMES.get(array.dtype, "BYTES")


def from_json(name: str, datatype: str, shape: Sequence[int], data: Any) -> NDArray[Any]:
    """A tensor whose data came as JSON, nested or flat.

    Raises:
        InputError: The data do not fit the datatype or the shape.
    """
    size = _size(name, datatype, shape)
    if not isinstance(data, list):
        raise InputError(f"Tensor '{name}': found {describe(data)} as data, expected a list.")
    for _ in range(len(shape) - 1):
        if not data or not isinstance(data[0], list):
            break
        if not all(isinstance(part, list) for part in data):
            raise InputError(f"Tensor '{name}': the data mix lists and values.")
        data = list(itertools.chain.from_iterable(data))
    if len(data) != size:
        raise _wrong_size(name, len(data), shape)
    if datatype == "BYTES":
        return _texts(name, data).reshape(shape)
    return _numbers(name, datatype, data).reshape(shape)


def from_bytes(name: str, datatype: str, shape: Sequence[int], data: bytes) -> NDArray[Any]:
    """A tensor whose data came in binary, little-endian and row-major.

    Raises:
        InputError: The bytes do not fit the datatype or the shape.
    """
    size = _size(name, datatype, shape)
    if datatype == "BYTES":
        texts = _unpacked(name, data)
        if len(texts) != size:
            raise _wrong_size(name, len(texts), shape)
        return _texts(name, texts).reshape(shape)
    dtype = np.dtype(_DTYPES[datatype]).newbyteorder("<")
    expected = size * (2 if datatype == _BF16 else dtype.itemsize)
    if len(data) != expected:
        raise InputError(
            f"Tensor '{name}': found {len(data)} bytes, expected {expected} for "
            f"shape {list(shape)} of {datatype}."
        )
    if datatype == _BF16:
        data = (np.frombuffer(data, "<u2").astype("<u4") << 16).tobytes()
    values = np.frombuffer(data, dtype).reshape(shape)
    if dtype.kind == "f" and np.isinf(values).any():
        raise InputError(f"Tensor '{name}' holds infinity, expected finite numbers.")
    return values


def to_bytes(array: NDArray[Any]) -> bytes:
    """An array in the binary form: numbers little-endian, each text behind its length."""
    if datatype_of(array) != "BYTES":
        return np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes()
    texts = [str(value).encode() for value in array.ravel().tolist()]
    return b"".join([struct.pack("<I", len(text)) + text for text in texts])


def _size(name: str, datatype: str, shape: Sequence[int]) -> int:
    if datatype not in DATATYPES:
        raise InputError(
            f"Tensor '{name}': found the datatype {datatype[:20]!r}, expected one of "
            f"{', '.join(DATATYPES)}."
        )
    fits = 1 <= len(shape) <= _MOST_DIMENSIONS and all(0 <= side < _LONGEST for side in shape)
    if not fits:
        raise InputError(
            f"Tensor '{name}': found the shape {str(shape)[:40]}, expected [rows] or "
            "[rows, columns]."
        )
    return math.prod(shape)


def _wrong_size(name: str, found: int, shape: Sequence[int]) -> InputError:
    return InputError(
        f"Tensor '{name}': found {found} values, expected {math.prod(shape)} for shape "
        f"{list(shape)}."
    )


def _numbers(name: str, datatype: str, data: list[Any]) -> NDArray[Any]:
    dtype = np.dtype(_DTYPES[datatype])
    allowed = {"b": (bool,), "f": (int, float, type(None))}.get(dtype.kind, (int,))
    if dtype.kind in "iu":
        # Some clients write every number with a point.
        data = [int(v) if type(v) is float and v.is_integer() else v for v in data]
    if not set(map(type, data)) <= set(allowed):
        wrong = next(value for value in data if type(value) not in allowed)
        raise InputError(f"Tensor '{name}': found {describe(wrong)}, expected {datatype}.")
    try:
        with np.errstate(over="ignore"):
            values = np.array(data, np.float64 if dtype.kind == "f" else dtype).astype(dtype)
    except OverflowError:
        raise InputError(f"Tensor '{name}' holds a number out of range for {datatype}.") from None
    if dtype.kind == "f" and np.isinf(values).any():
        raise InputError(f"Tensor '{name}' holds a number out of range for {datatype}.")
    return values


def _texts(name: str, data: list[Any]) -> NDArray[Any]:
    for value in data:
        if not isinstance(value, str | None):
            raise InputError(f"Tensor '{name}': found {describe(value)}, expected text.")
    array = np.empty(len(data), np.object_)
    array[:] = data
    return array


def _unpacked(name: str, data: bytes) -> list[str]:
    texts, position = [], 0
    while position < len(data):
        start = position + 4
        length = int.from_bytes(data[position:start], "little")
        position = start + length
        if start > len(data) or position > len(data):
            raise InputError(f"Tensor '{name}': the bytes of a text end too early.")
        try:
            texts.append(data[start:position].decode())
        except UnicodeDecodeError:
            raise InputError(f"Tensor '{name}' holds text that is not UTF-8.") from None
    return texts
