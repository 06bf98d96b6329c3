"""Arrow arrays to numpy and back through their buffers.

pyarrow's own conversions (`pa.array(ndarray)`, `pa.scalar`, `to_numpy`) import pandas, which takes
half a second.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


def validity(array: pa.Array) -> "NDArray[np.bool_] | None":
    """Which values are not null, shape `(len(array),)`; None where all are."""
    if not array.null_count:
        return None
    bits = np.frombuffer(array.buffers()[0], np.uint8)
    flags = np.unpackbits(bits, bitorder="little")[array.offset : array.offset + len(array)]
    return flags.view(np.bool_)


def numbers(array: pa.Array, dtype: "type[np.generic]") -> NDArray[Any]:
    """The values of a numeric array, a view; what stands where it is null has no meaning."""
    if not len(array):
        return np.empty(0, dtype)
    return np.frombuffer(array.buffers()[1], dtype, array.offset + len(array))[array.offset :]


def texts(values: Sequence[bytes]) -> pa.BinaryArray:
    """A binary array of `values`."""
    offsets = np.zeros(len(values) + 1, np.int32)
    np.cumsum([len(value) for value in values], out=offsets[1:])
    return spans(b"".join(values), offsets)


def spans(data: "bytes | memoryview", offsets: NDArray[np.int32]) -> pa.BinaryArray:
    """A binary array whose item k is `data[offsets[k]:offsets[k + 1]]`; nothing is copied."""
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(data)]
    return pa.Array.from_buffers(pa.binary(), len(offsets) - 1, buffers)


def from_numpy(values: NDArray[Any]) -> pa.Array:
    """An Arrow array over the memory of a numeric array."""
    contiguous = np.ascontiguousarray(values)
    buffers = [None, pa.py_buffer(contiguous)]
    return pa.Array.from_buffers(pa.from_numpy_dtype(values.dtype), len(values), buffers)


def end(array: pa.BinaryArray) -> int:
    """Offset of the end of the last value in the array's data buffer."""
    offsets = np.frombuffer(array.buffers()[1], np.int32)
    return int(offsets[array.offset + len(array)])
