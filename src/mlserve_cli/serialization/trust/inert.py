"""Stand-ins for what a model file would build: they hold what the file says and do nothing."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mlserve_cli.serialization.trust.array_header import make_dtype, set_dtype_state

_RECONSTRUCT = ("numpy._core.multiarray._reconstruct", "numpy.core.multiarray._reconstruct")
_FROM_BUFFER = ("numpy._core.numeric._frombuffer", "numpy.core.numeric._frombuffer")
_SCALAR = ("numpy._core.multiarray.scalar", "numpy.core.multiarray.scalar")


@dataclass(frozen=True, slots=True)
class Name:
    """A name that the file would look up."""

    module: str
    name: str

    @property
    def full(self) -> str:
        """The name as `module.Name`."""
        return f"{self.module}.{self.name}"


@dataclass(slots=True, eq=False)
class Inert:
    """An object that the file would make.

    Attributes:
        type: What would be called or constructed; empty where that is no name.
        args: With which arguments.
        state: The state it would be given.
    """

    type: str
    args: tuple[Any, ...] = ()
    state: Any = None
    items: list[Any] = field(default_factory=list)

    @property
    def attributes(self) -> dict[str, Any]:
        """The state as attributes by name; empty where it is something else."""
        state = self.state
        if isinstance(state, tuple) and len(state) == 2 and isinstance(state[0], dict):
            state = state[0]
        return state if type(state) is dict else {}


@dataclass(frozen=True, slots=True)
class InertArray:
    """An array that the file holds.

    Attributes:
        shape: Length of each dimension.
        dtype: Type of the items.
        data: Its bytes, its items for an array of objects, or None where they were left out.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    data: bytes | list[Any] | None


@dataclass(frozen=True, slots=True)
class SkippedBytes:
    """Bytes that were too many to keep."""

    size: int


def inert_call(name: str, args: tuple[Any, ...]) -> Any:
    """What a call gives in the inert world: only dtypes become real ones."""
    if name == "numpy.dtype":
        return make_dtype(args)
    if name == "_codecs.encode" and len(args) == 2 and type(args[0]) is str:
        # This is how protocol 2 writes bytes.
        return args[0].encode("latin1")
    return Inert(name, args)


def inert_state(instance: Any, state: Any) -> Any:
    """The instance with its state."""
    if isinstance(instance, np.dtype):
        set_dtype_state(instance, state)
    elif isinstance(instance, Inert):
        instance.state = state
    return instance


def values_of(found: Any) -> list[Any] | None:
    """The items of a one-dimensional array or of a list; None where they cannot be told."""
    array = _as_array(found)
    if isinstance(found, list | tuple):
        return [_scalar(item) for item in found]
    if array is None or len(array.shape) != 1 or array.data is None:
        return None
    if isinstance(array.data, list):
        return [_scalar(item) for item in array.data]
    if array.dtype.hasobject or len(array.data) != array.shape[0] * array.dtype.itemsize:
        return None
    items: list[Any] = np.frombuffer(array.data, dtype=array.dtype).tolist()
    return items


def _as_array(found: Any) -> InertArray | None:
    if isinstance(found, InertArray):
        return found
    if not isinstance(found, Inert):
        return None
    if found.type in _RECONSTRUCT and isinstance(found.state, tuple) and len(found.state) == 5:
        return _array(found.state[1], found.state[2], found.state[4])
    if found.type in _FROM_BUFFER and len(found.args) >= 3:
        return _array(found.args[2], found.args[1], found.args[0])
    return None


def _array(shape: Any, dtype: Any, data: Any) -> InertArray | None:
    if not isinstance(dtype, np.dtype) or not isinstance(shape, tuple):
        return None
    data = bytes(data) if isinstance(data, bytearray) else data
    return InertArray(shape, dtype, data if isinstance(data, bytes | list) else None)


def _scalar(item: Any) -> Any:
    if isinstance(item, Inert) and item.type in _SCALAR and len(item.args) == 2:
        values = values_of(_array((1,), *item.args))
        return values[0] if values else item
    return item
