"""numpy arrays as Arrow arrays, through their memory: pyarrow's own ways import pandas."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

TIME = pa.timestamp("us", tz="UTC")
_DTYPES: dict[pa.DataType, type[np.generic]] = {
    pa.float64(): np.float64,
    pa.int64(): np.int64,
    pa.bool_(): np.bool_,
}


def arrow_array(values: NDArray[Any], kind: pa.DataType) -> pa.Array:
    """An array of one of the types that records have.

    Args:
        values: Shape `(rows,)`. None is missing among objects, and NaN among numbers that become
            integers or booleans.
        kind: float64, int64, bool or string.
    """
    if kind == pa.string():
        return texts([None if value is None else str(value) for value in values.tolist()])
    dtype = _DTYPES[kind]
    if values.dtype == np.object_:
        valid = np.array([value is not None for value in values], np.bool_)
        known = np.array([0 if value is None else value for value in values], dtype)
    elif values.dtype.kind == "f" and kind != pa.float64():
        valid = ~np.isnan(values)
        known = np.where(valid, values, 0).astype(dtype)
    else:
        valid, known = None, values.astype(dtype, copy=False)
    if kind == pa.bool_():
        return numbers(_packed(known), kind, valid, len(known))
    return numbers(known, kind, valid)


def numbers(
    values: NDArray[Any],
    kind: pa.DataType,
    valid: NDArray[np.bool_] | None = None,
    length: int | None = None,
) -> pa.Array:
    """An array over the memory of values that are laid out as the type asks.

    Args:
        values: The values.
        kind: Its type.
        valid: Which are not missing; None where none is.
        length: How many there are, where they do not have an element each.
    """
    flags = None if valid is None or valid.all() else pa.py_buffer(_packed(valid))
    buffers = [flags, pa.py_buffer(np.ascontiguousarray(values))]
    return pa.Array.from_buffers(kind, len(values) if length is None else length, buffers)


def texts(values: Sequence[str | bytes | None]) -> pa.Array:
    """An array of texts, given as they are or in UTF-8."""
    encoded = [
        value.encode(errors="replace") if isinstance(value, str) else value or b""
        for value in values
    ]
    valid = np.array([value is not None for value in values], np.bool_)
    offsets = np.zeros(len(encoded) + 1, np.int32)
    np.cumsum([len(value) for value in encoded], out=offsets[1:])
    flags = None if valid.all() else pa.py_buffer(_packed(valid))
    buffers = [flags, pa.py_buffer(offsets), pa.py_buffer(b"".join(encoded))]
    return pa.Array.from_buffers(pa.string(), len(encoded), buffers)


def repeated(text: str, count: int) -> pa.Array:
    """An array of the same text."""
    encoded = text.encode()
    offsets = np.arange(count + 1, dtype=np.int32) * np.int32(len(encoded))
    return pa.Array.from_buffers(
        pa.string(), count, [None, pa.py_buffer(offsets), pa.py_buffer(encoded * count)]
    )


def _packed(flags: NDArray[np.bool_]) -> NDArray[np.uint8]:
    return np.packbits(flags, bitorder="little")
