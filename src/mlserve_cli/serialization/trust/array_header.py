"""Descriptions of numpy arrays in a model file, checked before memory is taken for them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

_MAX_DIMENSIONS = 64
_MAX_FIELDS = 1000
_MAX_ITEM_BYTES = 2**24
# What numpy.dtype is called with when a dtype is read back: a code such as f8, U12, V64, O8, M8.
_KINDS = frozenset("biufcSUVOMm?")


class MalformedArrayError(ValueError):
    """A description that numpy never writes."""


class ArrayPlaceholder:
    """Stands for an array of which joblib wrote a description, until its bytes are read."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class ArrayHeader:
    """What joblib writes before the bytes of an array.

    Attributes:
        shape: Length of each dimension.
        dtype: Type of the items.
        is_fortran: Whether the first index varies fastest.
        is_matrix: Whether this is a `numpy.matrix`.
        padded: Whether a byte with the length of a padding comes before the array's bytes.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    is_fortran: bool
    is_matrix: bool
    padded: bool

    @property
    def size_bytes(self) -> int:
        """How many bytes the items take."""
        return math.prod(self.shape) * self.dtype.itemsize

    @classmethod
    def from_state(cls, state: object, subclass: str) -> "ArrayHeader":
        """Checks the state of a joblib `NumpyArrayWrapper`.

        Args:
            state: Its attributes.
            subclass: Name of the class that the array has.

        Raises:
            MalformedArrayError: joblib does not write this.
        """
        if not isinstance(state, Mapping):
            raise MalformedArrayError("an array has no description")
        if subclass not in ("numpy.ndarray", "numpy.memmap", "numpy.matrix"):
            raise MalformedArrayError("an array is of another class than numpy's")
        order, dtype = state.get("order"), state.get("dtype")
        if order not in ("C", "F") or not isinstance(dtype, np.dtype):
            raise MalformedArrayError("an array has no valid order or dtype")
        alignment = state.get("numpy_array_alignment_bytes")
        return cls(
            shape=checked_shape(state.get("shape"), dtype),
            dtype=dtype,
            is_fortran=order == "F",
            is_matrix=subclass == "numpy.matrix",
            padded=alignment is not None,
        )


def checked_shape(shape: object, dtype: np.dtype[Any]) -> tuple[int, ...]:
    """The shape, if an array can have it.

    Raises:
        MalformedArrayError: It is no tuple of lengths, or has more items than any memory.
    """
    if isinstance(shape, int) and not isinstance(shape, bool):
        shape = (shape,)
    if not isinstance(shape, tuple) or len(shape) > _MAX_DIMENSIONS:
        raise MalformedArrayError("an array has no valid shape")
    if not all(type(length) is int and 0 <= length < 2**48 for length in shape):
        raise MalformedArrayError("an array has no valid shape")
    count = math.prod(shape)
    if count >= 2**48 or (count and not dtype.itemsize):
        raise MalformedArrayError("an array has an impossible number of items")
    return shape


def make_dtype(args: tuple[Any, ...]) -> np.dtype[Any]:
    """A new dtype from the arguments that numpy writes, `(code, align, copy)`.

    Raises:
        MalformedArrayError: numpy does not write these arguments.
    """
    if not args or len(args) > 3 or type(args[0]) is not str:
        raise MalformedArrayError("a dtype has no code")
    code = args[0]
    digits = code[1:]
    if code[:1] not in _KINDS or not (len(code) < 10 and digits.isascii() and digits.isdigit()):
        raise MalformedArrayError("a dtype has an unknown code")
    # A copy: the state that follows must not change the dtype that the process shares.
    dtype: np.dtype[Any] = np.dtype(code, align=False, copy=True)
    if dtype.itemsize > _MAX_ITEM_BYTES:
        raise MalformedArrayError("a dtype has huge items")
    return dtype


def set_dtype_state(dtype: np.dtype[Any], state: object) -> None:
    """Gives a dtype from `make_dtype` its byte order, length, unit and fields.

    numpy takes over field offsets unchecked. So the dtype is built a second time through numpy's
    checking constructor, and the state is taken from that one.

    Raises:
        MalformedArrayError: numpy does not write this state.
    """
    if not isinstance(state, tuple) or len(state) not in (7, 8, 9) or state[0] not in (3, 4):
        raise MalformedArrayError("a dtype has an unknown state")
    byte_order, subtype, names, fields, size = state[1:6]
    if byte_order not in ("<", ">", "|", "=") or subtype is not None:
        raise MalformedArrayError("a dtype has an unknown state")
    if names is None:
        checked = _plain_dtype(dtype, size, state)
    else:
        checked = _structured_dtype(dtype, names, fields, size)
    if byte_order in ("<", ">"):
        checked = checked.newbyteorder(byte_order)
    dtype.__setstate__(checked.__reduce__()[2])  # type: ignore[attr-defined]


def _plain_dtype(dtype: np.dtype[Any], size: object, state: tuple[Any, ...]) -> np.dtype[Any]:
    if dtype.kind in "Mm":
        return _dated_dtype(dtype, state)
    if dtype.kind in "SUV" and size not in (-1, dtype.itemsize):
        raise MalformedArrayError("a dtype contradicts its own length")
    return np.dtype(dtype.str)


def _dated_dtype(dtype: np.dtype[Any], state: tuple[Any, ...]) -> np.dtype[Any]:
    metadata = state[8] if len(state) == 9 else None
    if not (isinstance(metadata, tuple) and len(metadata) == 2):
        return np.dtype(dtype.str)
    unit = metadata[1]
    if not (isinstance(unit, tuple) and len(unit) == 4):
        raise MalformedArrayError("a date dtype has no unit")
    name = unit[0].decode("ascii") if isinstance(unit[0], bytes) else unit[0]
    if not isinstance(name, str) or type(unit[1]) is not int or not 0 < unit[1] < 10_000:
        raise MalformedArrayError("a date dtype has an unknown unit")
    return np.dtype(f"{dtype.kind}8" if name == "generic" else f"{dtype.kind}8[{unit[1]}{name}]")


def _structured_dtype(
    dtype: np.dtype[Any], names: object, fields: object, size: object
) -> np.dtype[Any]:
    if not isinstance(names, tuple) or not isinstance(fields, Mapping):
        raise MalformedArrayError("a dtype has no valid fields")
    if size != dtype.itemsize or not 0 < len(names) <= _MAX_FIELDS or set(names) != set(fields):
        raise MalformedArrayError("a dtype contradicts its own fields")
    parts = [fields[name] for name in names]
    if not all(
        isinstance(part, tuple)
        and len(part) == 2
        and isinstance(part[0], np.dtype)
        # Objects inside records would be read as pointers.
        and not part[0].hasobject
        and type(part[1]) is int
        for part in parts
    ):
        raise MalformedArrayError("a dtype has no valid fields")
    return np.dtype(
        {
            "names": list(names),
            "formats": [part[0] for part in parts],
            "offsets": [part[1] for part in parts],
            "itemsize": size,
        }
    )
