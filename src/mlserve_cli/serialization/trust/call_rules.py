"""With which arguments a model file may call the functions that rebuild objects.

`admitted.txt` says which functions. Many of them are safe only with the arguments that libraries
write: with others they take memory without end, read memory that is not theirs, or call on.
"""

import functools
import math
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlserve_cli.serialization.trust.array_header import checked_shape, make_dtype
from mlserve_cli.serialization.trust.hashing import check_keys

_MAX_TEXT = 10_000
_MAX_RANGE = 2**40
_BIT_GENERATORS = frozenset(("MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64"))
_ARROW_TYPES = frozenset(("string", "large_string"))
# LightGBM keeps its scores in the last of them.
_FACTORIES = frozenset(
    (
        *(f"builtins.{name}" for name in ("int", "float", "list", "dict", "set")),
        "collections.OrderedDict",
    )
)
_PLAIN = (str, int, float, bool, bytes, complex, type(None))
_INDEX_KEYS = frozenset(("data", "name", "dtype", "start", "stop", "step"))


class RefusedCallError(ValueError):
    """A call with arguments that no library writes."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call that a file makes.

    Attributes:
        name: Name of the function.
        function: The function.
        args: Its arguments, from the file.
        names: Names of the globals that the file looked up so far, by their id.
    """

    name: str
    function: Callable[..., Any]
    args: tuple[Any, ...]
    names: Mapping[int, str]

    def run(self) -> Any:
        """What the function gives.

        Raises:
            RefusedCallError: These are arguments that no library writes.
        """
        rule = _RULES.get(self.name)
        if rule is None:
            last = self.name.rpartition(".")[2]
            rule = _cython_object if last.startswith("__pyx_unpickle_") else _plain_call
        return rule(self)

    @property
    def takes_state(self) -> bool:
        """Whether libraries give the result a state after the call."""
        last = self.name.rpartition(".")[2]
        return self.name in _STATEFUL or last.startswith("__pyx_unpickle_")

    def require(self, condition: object) -> None:
        """Refuses the call unless the condition holds."""
        if not condition:
            raise RefusedCallError(f"it calls {self.name} with arguments that nothing writes")

    def name_at(self, index: int) -> str:
        """Name of the global that is handed over there; empty where it is none."""
        return self.names.get(id(self.args[index]), "") if index < len(self.args) else ""


Rule = Callable[[Call], Any]


def _plain_call(call: Call) -> Any:
    call.require(len(call.args) <= 10)
    for argument in call.args:
        call.require(type(argument) in _PLAIN)
        call.require(not isinstance(argument, str | bytes) or len(argument) <= _MAX_TEXT)
    return call.function(*call.args)


def _dtype(call: Call) -> Any:
    return make_dtype(call.args)


def _empty_array(call: Call) -> Any:
    call.require(call.name_at(0) in ("numpy.ndarray", "numpy.matrix"))
    call.require(call.args[1:] in (((0,), b"b"), ((0,), "b")))
    return call.function(*call.args)


def _empty_masked_array(call: Call) -> Any:
    call.require(call.name_at(0) in ("numpy.ma.MaskedArray", "numpy.ma.core.MaskedArray"))
    call.require(call.name_at(1) == "numpy.ndarray")
    call.require(call.args[2:] in (((0,), b"b"), ((0,), "b")))
    return call.function(*call.args)


def _numpy_scalar(call: Call) -> Any:
    call.require(len(call.args) == 2 and isinstance(call.args[0], np.dtype))
    dtype, data = call.args
    call.require(isinstance(data, bytes) and len(data) == dtype.itemsize and not dtype.hasobject)
    return call.function(dtype, data)


def _array_from_buffer(call: Call) -> Any:
    call.require(len(call.args) in (4, 5) and isinstance(call.args[1], np.dtype))
    buffer, dtype, shape, order, *axes = call.args
    call.require(isinstance(buffer, bytes | bytearray) and not dtype.hasobject)
    size = math.prod(checked_shape(shape, dtype)) * dtype.itemsize
    call.require(size == len(buffer) and order in ("C", "F", "A", "K"))
    call.require(not axes or axes[0] is None or sorted(axes[0]) == list(range(len(shape))))
    return call.function(*call.args)


def _latin1_bytes(call: Call) -> Any:
    call.require(len(call.args) == 2 and type(call.args[0]) is str)
    call.require(call.args[1] in ("latin1", "latin-1"))
    return call.args[0].encode("latin1")


def _byte_array(call: Call) -> Any:
    call.require(not call.args or (len(call.args) == 1 and isinstance(call.args[0], bytes)))
    return call.function(*call.args)


def _container(call: Call) -> Any:
    call.require(len(call.args) <= 1)
    items = call.args[0] if call.args else []
    call.require(type(items) in (list, tuple))
    check_keys(items)
    return call.function(items)


def _range(call: Call) -> Any:
    call.require(1 <= len(call.args) <= 3)
    call.require(all(type(part) is int and abs(part) < _MAX_RANGE for part in call.args))
    return call.function(*call.args)


def _plain_object(call: Call) -> Any:
    call.require(len(call.args) == 3 and isinstance(call.args[0], type))
    call.require(call.name_at(0) and call.args[1] is object and call.args[2] is None)
    return object.__new__(call.args[0])


def _default_dict(call: Call) -> Any:
    call.require(len(call.args) <= 1)
    call.require(not call.args or call.args[0] is None or call.name_at(0) in _FACTORIES)
    return call.function(*call.args)


def _checking_partial(call: Call) -> Any:
    call.require(len(call.args) == 1)
    call.require(call.name_at(0) == "sklearn.utils.validation.check_array")
    return functools.partial(call.args[0])


def _bit_generator(call: Call) -> Any:
    call.require(len(call.args) == 1)
    given = call.args[0]
    name = given if isinstance(given, str) else call.name_at(0).rpartition(".")[2]
    call.require(name in _BIT_GENERATORS)
    return call.function(given)


def _random_generator(call: Call) -> Any:
    call.require(1 <= len(call.args) <= 2)
    given = call.args[0]
    # The second argument is called with the first.
    constructor = "numpy.random._pickle.__bit_generator_ctor"
    call.require(len(call.args) == 1 or call.name_at(1) == constructor)
    if isinstance(given, str):
        call.require(given in _BIT_GENERATORS)
    else:
        call.require(isinstance(given, np.random.BitGenerator))
    return call.function(*call.args)


def _cython_object(call: Call) -> Any:
    call.require(len(call.args) == 3 and isinstance(call.args[0], type))
    cls, checksum, state = call.args
    wanted = call.name.rpartition(".__pyx_unpickle_")[2]
    call.require(call.name_at(0).rpartition(".")[2] == wanted)
    call.require(type(checksum) is int and (state is None or type(state) is tuple))
    call.require(state is None or all(type(part) in _PLAIN for part in state))
    return call.function(cls, checksum, state)


def _cython_new(call: Call) -> Any:
    # newObj(cls) is cls.__new__(cls).
    module = call.name.rpartition(".")[0]
    call.require(len(call.args) == 1 and isinstance(call.args[0], type))
    call.require(call.name_at(0).rpartition(".")[0] == module)
    return call.function(call.args[0])


def _tree(call: Call) -> Any:
    # The constructor reads n_outputs items of n_classes, however many there are.
    call.require(len(call.args) == 3)
    features, classes, outputs = call.args
    call.require(type(features) is int and 0 <= features < 2**31 and type(outputs) is int)
    call.require(isinstance(classes, np.ndarray) and classes.dtype == np.intp)
    call.require(classes.shape == (outputs,) and (classes >= 1).all())
    return call.function(features, np.ascontiguousarray(classes), outputs)


def _named_tuple(call: Call) -> Any:
    fields = getattr(call.function, "_fields", None)
    call.require(isinstance(call.function, type) and issubclass(call.function, tuple))
    call.require(isinstance(fields, tuple) and len(call.args) == len(fields))
    return tuple.__new__(typing.cast("type[tuple[Any, ...]]", call.function), call.args)


def _pandas_index(call: Call) -> Any:
    call.require(len(call.args) == 2 and isinstance(call.args[0], type))
    call.require(call.name_at(0).rpartition(".")[2] in ("Index", "RangeIndex"))
    cls, parts = call.args
    call.require(type(parts) is dict and _INDEX_KEYS.issuperset(parts))
    for key, value in parts.items():
        if key == "data":
            call.require(isinstance(value, np.ndarray) or type(value).__name__.endswith("Array"))
        elif key == "dtype":
            call.require(isinstance(value, np.dtype) or type(value).__name__.endswith("Dtype"))
        else:
            call.require(type(value) in _PLAIN)
    return call.function(cls, parts)


def _arrow_type(call: Call) -> Any:
    call.require(len(call.args) == 1 and call.args[0] in _ARROW_TYPES)
    return call.function(*call.args)


def _arrow_buffer(call: Call) -> Any:
    call.require(len(call.args) == 1 and isinstance(call.args[0], bytes | bytearray))
    return call.function(*call.args)


def _arrow_array(call: Call) -> Any:
    call.require(len(call.args) == 1 and type(call.args[0]) is tuple and len(call.args[0]) == 7)
    _, length, nulls, offset, _, children, dictionary = call.args[0]
    call.require(all(type(part) is int for part in (length, nulls, offset)))
    call.require(not children and dictionary is None)
    array = call.function(call.args[0])
    # Buffers are taken over as they are; this compares them with the lengths and offsets.
    array.validate(full=True)
    return array


def _old_and_new(name: str, rule: Rule) -> dict[str, Rule]:
    return {f"numpy.core.{name}": rule, f"numpy._core.{name}": rule}


_RULES: dict[str, Rule] = {
    **_old_and_new("multiarray._reconstruct", _empty_array),
    **_old_and_new("multiarray.scalar", _numpy_scalar),
    **_old_and_new("numeric._frombuffer", _array_from_buffer),
    "numpy.dtype": _dtype,
    "numpy.ma.core._mareconstruct": _empty_masked_array,
    "_codecs.encode": _latin1_bytes,
    "builtins.bytearray": _byte_array,
    "builtins.bytes": _byte_array,
    "builtins.set": _container,
    "builtins.frozenset": _container,
    "builtins.list": _container,
    "builtins.tuple": _container,
    "builtins.range": _range,
    "copyreg._reconstructor": _plain_object,
    "collections.defaultdict": _default_dict,
    "functools.partial": _checking_partial,
    "numpy.random._pickle.__bit_generator_ctor": _bit_generator,
    "numpy.random._pickle.__randomstate_ctor": _random_generator,
    "numpy.random._pickle.__generator_ctor": _random_generator,
    "sklearn.neighbors._kd_tree.newObj": _cython_new,
    "sklearn.neighbors._ball_tree.newObj": _cython_new,
    "sklearn.metrics._dist_metrics.newObj": _cython_new,
    "sklearn.tree._tree.Tree": _tree,
    "sklearn.impute._iterative._ImputerTriplet": _named_tuple,
    "pandas.core.indexes.base._new_Index": _pandas_index,
    "pyarrow.lib.type_for_alias": _arrow_type,
    "pyarrow.lib.py_buffer": _arrow_buffer,
    "pyarrow.lib._restore_array": _arrow_array,
}

# What the others give is finished, or belongs to the whole process.
_STATEFUL = frozenset(
    (
        "copyreg._reconstructor",
        "functools.partial",
        "numpy.dtype",
        "numpy.ma.core._mareconstruct",
        "numpy._core.multiarray._reconstruct",
        "numpy.core.multiarray._reconstruct",
        "numpy.random._pickle.__bit_generator_ctor",
        "numpy.random._pickle.__generator_ctor",
        "numpy.random._pickle.__randomstate_ctor",
        "sklearn.metrics._dist_metrics.newObj",
        "sklearn.neighbors._ball_tree.newObj",
        "sklearn.neighbors._kd_tree.newObj",
        "sklearn.tree._tree.Tree",
    )
)
