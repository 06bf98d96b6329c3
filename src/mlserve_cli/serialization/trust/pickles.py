"""Loads and writes pickle and joblib files; loading builds admitted and trusted types only."""

import pickle
import types
import warnings
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from enum import Enum
from typing import TYPE_CHECKING, Any, Self

import joblib
import numpy as np

from mlserve_cli.errors import UntrustedTypeError
from mlserve_cli.serialization.trust.admitted import TrustPolicy, Use
from mlserve_cli.serialization.trust.array_header import ArrayHeader, checked_shape, set_dtype_state
from mlserve_cli.serialization.trust.audit import audit_file, require_trust
from mlserve_cli.serialization.trust.byte_source import open_source
from mlserve_cli.serialization.trust.call_rules import Call
from mlserve_cli.serialization.trust.importing import import_name
from mlserve_cli.serialization.trust.native_state import check_native_state
from mlserve_cli.serialization.trust.pickle_stream import (
    ARRAY_WRAPPER,
    FUNCTION_LOOKUPS,
    MalformedPickleError,
    PickleStream,
    lookup_arguments,
)

if TYPE_CHECKING:
    import os

    from mlserve_cli.serialization.trust.byte_source import ByteSource


def load_pickled(path: "str | os.PathLike[str]", *, trust: Collection[str] = ()) -> object:
    """The object in a pickle or joblib file, plain or compressed.

    The whole file is audited first. Then it is read by a machine that looks up admitted and trusted
    names only, calls functions only with arguments that libraries write, and checks what compiled
    code relies on. Arrays take no more memory than the file has bytes for.

    Args:
        path: The file.
        trust: Exact names, `module.Name`, that the caller vouches for.

    Raises:
        UntrustedTypeError: The file uses names that are not admitted; all of them are listed.
        CorruptArtifactError: The file is truncated or damaged, or needs another release.
        ArtifactError: A package or a trusted module is not there.
    """
    audit = audit_file(path, trust=trust)
    require_trust(str(path), audit.refused)
    loading = _Loading(str(path), TrustPolicy.of(trust), audit.facts.sklearn_versions)
    with open_source(path) as source, without_warnings():
        loaded: object = _RestrictedStream(source, loading).load()
        check_native_state(loaded)
    return loaded


@contextmanager
def without_warnings() -> Iterator[None]:
    """Keeps quiet what libraries say about other versions: the caller compares versions itself."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


class _Loading:
    """What the streams of one file share.

    Attributes:
        names: Full names of the globals that were looked up, by their id.
        made: Objects that were made here and have no state yet, by their id.
    """

    def __init__(self, path: str, policy: TrustPolicy, written_with: tuple[str, ...]) -> None:
        self.path = path
        self.policy = policy
        self.written_with = written_with
        self.names: dict[int, str] = {}
        self.modules: dict[int, tuple[str, str]] = {}
        self.made: dict[int, object] = {}
        # Ids are only good while their objects live.
        self._kept: list[object] = []

    def look_up(self, module: str, name: str) -> Any:
        self.require(module, name, Use.REFERENCE)
        full_name = f"{module}.{name}"
        found = import_name(
            self.path,
            module,
            name,
            trusted=full_name in self.policy.trusted,
            written_with=self.written_with,
        )
        if isinstance(found, types.ModuleType):
            raise MalformedPickleError("it looks up a module")
        self._kept.append(found)
        self.names.setdefault(id(found), full_name)
        self.modules.setdefault(id(found), (module, name))
        return found

    def require(self, module: str, name: str, use: Use) -> None:
        if not self.policy.admits(module, name, use):
            raise UntrustedTypeError(self.path, [f"{module}.{name}"])

    def require_use(self, function: Any, use: Use) -> str:
        """Name of a global that may be put to this use."""
        if id(function) not in self.modules:
            raise MalformedPickleError("it calls or constructs something that is not a name")
        self.require(*self.modules[id(function)], use)
        return self.names[id(function)]

    def note_made(self, made: Any) -> Any:
        self.made[id(made)] = made
        return made

    def take_made(self, instance: Any) -> None:
        """Refuses state for what was not made here, or got its state before."""
        if self.made.pop(id(instance), None) is not instance:
            raise MalformedPickleError("it changes an object that it did not make")
        self._kept.append(instance)


class _RestrictedStream(PickleStream):
    """The pickle machine that builds admitted and trusted types."""

    def __init__(self, source: "ByteSource", loading: _Loading, *, depth: int = 0) -> None:
        super().__init__(source, depth=depth)
        self._loading = loading

    def nested(self) -> Self:
        return type(self)(self.source, self._loading, depth=self.depth + 1)

    def resolve(self, module: str, name: str) -> Any:
        if (module, name) == ARRAY_WRAPPER:
            return _ArrayWrapper
        if f"{module}.{name}" in FUNCTION_LOOKUPS:
            # numpy's function imports whatever it is given; this looks it up like any other name.
            return _FunctionLookup
        return self._loading.look_up(module, name)

    def call(self, function: Any, args: tuple[Any, ...]) -> Any:
        if function is _FunctionLookup:
            return self.resolve(*lookup_arguments(args))
        name = self._loading.require_use(function, Use.CALL)
        if name in self._loading.policy.trusted:
            made = function(*args)
            # Classes, functions and members of enumerations belong to the whole process.
            shared = isinstance(made, type | types.FunctionType | types.ModuleType | Enum)
            return made if shared else self._loading.note_made(made)
        call = Call(name, function, args, self._loading.names)
        return self._loading.note_made(call.run()) if call.takes_state else call.run()

    def construct(self, cls: Any, args: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        if cls is _ArrayWrapper:
            return self._loading.note_made(_ArrayWrapper())
        if args or keywords:
            return self._construct_with(cls, args, keywords)
        self._loading.require_use(cls, Use.CONSTRUCT)
        return self._loading.note_made(_class(cls).__new__(cls))

    def _construct_with(self, cls: Any, args: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        name = self._loading.require_use(cls, Use.CALL)
        if name in self._loading.policy.trusted:
            return self._loading.note_made(_class(cls).__new__(cls, *args, **keywords))
        if keywords:
            raise MalformedPickleError("it makes an object with named arguments")
        return self._loading.note_made(Call(name, cls, args, self._loading.names).run())

    def set_state(self, instance: Any, state: Any) -> Any:
        self._loading.take_made(instance)
        if isinstance(instance, _ArrayWrapper):
            return self._read_array(state)
        if isinstance(instance, np.dtype):
            set_dtype_state(instance, state)
        elif isinstance(instance, np.ndarray):
            instance.__setstate__(_checked_array_state(state))
        elif (restore := getattr(type(instance), "__setstate__", None)) is not None:
            # From the class: an instance can hold anything under that name.
            restore(instance, _checked_state(instance, state))
        elif isinstance(state, dict):
            vars(instance).update(_attribute_names(state))
        else:
            self._set_slots(instance, state)
        return instance

    def _set_slots(self, instance: Any, state: Any) -> None:
        cls = type(instance)
        # Setting an attribute can run code of the class, and no admitted class has slots.
        if f"{cls.__module__}.{cls.__qualname__}" not in self._loading.policy.trusted:
            raise MalformedPickleError("it sets attributes of an object one by one")
        attributes, slots = state
        vars(instance).update(_attribute_names(attributes or {}))
        for name, value in _attribute_names(slots).items():
            setattr(instance, name, value)

    def _read_array(self, state: Any) -> Any:
        subclass = state.get("subclass") if isinstance(state, dict) else None
        header = ArrayHeader.from_state(state, self._loading.names.get(id(subclass), ""))
        if header.dtype.hasobject:
            array = self.read_nested_array()
            if not isinstance(array, np.ndarray):
                raise MalformedPickleError("an array of objects is not an array")
            return array
        self.skip_padding(header)
        if header.size_bytes > self.source.left:
            raise EOFError
        array = np.empty(header.shape, header.dtype, order="F" if header.is_fortran else "C")
        if header.size_bytes:
            flat = array.T if header.is_fortran else array
            self.source.read_into(flat.reshape(-1).view(np.uint8).data)
        if not array.dtype.isnative:
            array = array.astype(array.dtype.newbyteorder("="))
        return array.view(np.matrix) if header.is_matrix else array

    def extend(self, target: Any, items: list[Any]) -> None:
        if not isinstance(target, list):
            raise MalformedPickleError("it appends to something that is not a list")
        list.extend(target, items)

    def assign(self, target: Any, pairs: list[tuple[Any, Any]]) -> None:
        if not isinstance(target, dict):
            raise MalformedPickleError("it sets items of something that is not a dict")
        for key, value in pairs:
            target[key] = value


class _FunctionLookup:
    """Stands for numpy's function that looks up universal functions by their names."""


class _ArrayWrapper:
    """Stands for an array whose bytes come next."""

    __slots__ = ()


def _class(found: Any) -> Any:
    if not isinstance(found, type):
        raise MalformedPickleError("it makes an instance of something that is not a class")
    return found


def _attribute_names(state: Any) -> dict[str, Any]:
    if type(state) is not dict or not all(type(name) is str for name in state):
        raise MalformedPickleError("it gives an object attributes without names")
    if any(name.startswith("__") and name.endswith("__") for name in state):
        raise MalformedPickleError("it gives an object a special attribute")
    return state


def _checked_state(instance: Any, state: Any) -> Any:
    if isinstance(state, dict):
        return _attribute_names(state)
    if type(instance).__module__ == "functools":
        _check_partial(instance, state)
    return state


def _check_partial(instance: Any, state: Any) -> None:
    """Refuses state that would have a partial call something else than it was made for."""
    if not (isinstance(state, tuple) and len(state) == 4):
        raise MalformedPickleError("it gives a partial function no valid state")
    function, args, keywords, names = state
    plain = (str, int, float, bool, type(None), type, np.dtype, list)
    if (
        function is not instance.func
        or args != ()
        or names
        or not all(isinstance(value, plain) for value in keywords.values())
    ):
        raise MalformedPickleError("it makes a partial function of something else")


def _checked_array_state(state: Any) -> Any:
    """The state of an array or a masked array, if its data has the length that it says."""
    if not isinstance(state, tuple) or len(state) not in (5, 7):
        raise MalformedPickleError("an array has no valid state")
    shape, dtype, _, data = state[1:5]
    if not isinstance(dtype, np.dtype):
        raise MalformedPickleError("an array has no dtype")
    count = int(np.prod(checked_shape(shape, dtype), dtype=np.int64))
    wanted = list if dtype.hasobject else bytes
    size = count if dtype.hasobject else count * dtype.itemsize
    if not isinstance(data, wanted) or len(data) != size:
        raise MalformedPickleError("an array has more or fewer items than it says")
    if len(state) == 7 and (
        dtype.names or not isinstance(state[5], bytes) or len(state[5]) != count
    ):
        raise MalformedPickleError("a mask has another shape than its array")
    return state


def dump_pickle(estimator: object, path: "str | os.PathLike[str]") -> None:
    """Writes an estimator as a plain pickle, protocol 5."""
    with open(path, "wb") as stream:  # noqa: PTH123
        pickle.dump(estimator, stream, protocol=5)


def dump_joblib(estimator: object, path: "str | os.PathLike[str]") -> None:
    """Writes an estimator with joblib, compressed.

    Level 1 of zlib makes a forest four times smaller and is as fast to read as no compression; the
    higher levels take twice as long to write and save another tenth.
    """
    joblib.dump(estimator, path, compress=("zlib", 1))
