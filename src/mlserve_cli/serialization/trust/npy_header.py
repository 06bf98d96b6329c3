"""Arrays inside skops files, checked before numpy reads them."""

import io
import zipfile
from typing import IO

import numpy as np
from numpy.lib import format as npy_format

from mlserve_cli.serialization.trust.array_header import MalformedArrayError, checked_shape
from mlserve_cli.serialization.trust.inert import InertArray

_KEPT_BYTES = 2**16
_SCALAR_TYPES = frozenset(found.__name__ for found in np.sctypeDict.values())


def read_npy(stream: IO[bytes], size_bytes: int) -> InertArray:
    """The header of a `.npy` file, with its data where it is short.

    Args:
        stream: The file, at its start.
        size_bytes: Its length.

    Raises:
        MalformedArrayError: The header does not describe these bytes, or the array holds objects.
    """
    version = npy_format.read_magic(stream)
    if version == (1, 0):
        shape, _, dtype = npy_format.read_array_header_1_0(stream)
    elif version == (2, 0):
        shape, _, dtype = npy_format.read_array_header_2_0(stream)
    else:
        raise MalformedArrayError("an array file has an unknown version")
    if dtype.hasobject:
        raise MalformedArrayError("an array file holds objects")
    length = dtype.itemsize
    for part in checked_shape(shape, dtype):
        length *= part
    # numpy takes memory for what the header says before it looks for the data.
    if stream.tell() + length != size_bytes:
        raise MalformedArrayError("an array file has more or fewer bytes than it says")
    data = stream.read(length) if length <= _KEPT_BYTES else None
    return InertArray(shape, dtype, data)


def check_npz(data: bytes, limit: int) -> int:
    """Checks the arrays of a `.npz` file, as scipy writes them for sparse matrices.

    Args:
        data: The file.
        limit: How many bytes its arrays may take.

    Returns:
        How many bytes they take.

    Raises:
        MalformedArrayError: An array is not what its header says, or they take more.
    """
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        total = sum(entry.file_size for entry in archive.infolist())
        if total > limit:
            raise MalformedArrayError("a sparse matrix takes more memory than its file can justify")
        for entry in archive.infolist():
            with archive.open(entry) as stream:
                read_npy(stream, entry.file_size)
    return total


def is_scalar_type(module: str, name: str) -> bool:
    """Whether this is one of numpy's own types of single values."""
    return module == "numpy" and name in _SCALAR_TYPES
