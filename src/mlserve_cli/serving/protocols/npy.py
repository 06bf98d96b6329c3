"""npy bodies, read without numpy's own reader.

That one evaluates the header as Python, fails in a dozen ways on damaged ones, and takes memory for
whatever shape the header claims.
"""

import math
import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlserve_cli.errors import InputError

_MAGIC = b"\x93NUMPY"
# Numbers and booleans with their byte order: nothing that could hold an object.
_HEADER = re.compile(
    rb"\{'descr': '([<>|=]?[fiub][1248])', 'fortran_order': (True|False), "
    rb"'shape': \((\d{1,9}), ?(\d{1,9})?\),? ?\} *\n?"
)


def read_npy(body: bytes) -> NDArray[Any]:
    """An array of numbers with one or two dimensions.

    Raises:
        InputError: The body is something else.
    """
    wrong = InputError("The body is not an npy array of numbers with one or two dimensions.")
    if not body.startswith(_MAGIC) or len(body) < 12:
        raise wrong
    length_bytes = 2 if body[6] == 1 else 4
    start = 8 + length_bytes
    end = start + int.from_bytes(body[8:start], "little")
    header = _HEADER.fullmatch(body[start:end])
    if header is None:
        raise wrong
    try:
        dtype = np.dtype(header[1].decode())
    except TypeError:
        raise wrong from None
    shape = [int(size) for size in header.groups()[2:] if size is not None]
    if math.prod(shape) * dtype.itemsize != len(body) - end:
        raise InputError(
            f"The npy array holds {len(body) - end} bytes, expected "
            f"{math.prod(shape) * dtype.itemsize} for its shape {shape}."
        )
    values = np.frombuffer(body, dtype, offset=end)
    if header[2] == b"True":
        return values.reshape(shape[::-1]).T
    return values.reshape(shape)
