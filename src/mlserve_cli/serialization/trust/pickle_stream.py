"""Reads the opcodes of pickle and joblib files; subclasses decide what they may build.

joblib writes a pickle stream and puts the bytes of each array right behind its description, and
arrays of objects as a whole pickle stream of their own. Both kinds of file take one reader.
"""

import _compat_pickle
import pickle
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Self

from mlserve_cli.serialization.trust.array_header import ArrayHeader
from mlserve_cli.serialization.trust.hashing import check_keys

if TYPE_CHECKING:
    from mlserve_cli.serialization.trust.byte_source import ByteSource

_MAX_NESTED_STREAMS = 16
_MAX_NAME_CHARACTERS = 500
_MAX_MARKS = 10_000
ARRAY_WRAPPER = ("joblib.numpy_pickle", "NumpyArrayWrapper")
# Older releases of numpy write universal functions as a call of this, with a module and a name.
FUNCTION_LOOKUPS = ("numpy._core._ufunc_reconstruct", "numpy.core._ufunc_reconstruct")
# Extension codes and persistent ids stand for names and objects outside of the file, out-of-band
# buffers for data outside of it.
_OUTSIDE = (
    pickle.EXT1,
    pickle.EXT2,
    pickle.EXT4,
    pickle.PERSID,
    pickle.BINPERSID,
    pickle.NEXT_BUFFER,
    pickle.READONLY_BUFFER,
)


class MalformedPickleError(ValueError):
    """A stream that no pickler writes."""


class PickleStream(pickle._Unpickler, ABC):
    """A pickle machine that leaves every decision with consequences to its subclass.

    Args:
        source: The bytes.
        depth: In how many other streams this one is nested.
    """

    dispatch: ClassVar[dict[int, Callable[[Any], None]]] = {
        code: handler
        for code, handler in pickle._Unpickler.dispatch.items()
        if bytes((code,)) not in _OUTSIDE
    }
    # Set by the base class.
    stack: list[Any]
    append: Callable[[Any], None]
    read: Callable[[int], bytes]
    readline: Callable[[], bytes]
    pop_mark: Callable[[], list[Any]]
    metastack: list[list[Any]]
    memo: dict[int, Any]
    proto: int
    _unframer: Any

    def __init__(self, source: "ByteSource", *, depth: int = 0) -> None:
        super().__init__(source)
        self.source = source
        self.depth = depth

    @abstractmethod
    def resolve(self, module: str, name: str) -> Any:
        """What stands for `module.name`."""

    @abstractmethod
    def call(self, function: Any, args: tuple[Any, ...]) -> Any:
        """What `function(*args)` gives."""

    @abstractmethod
    def construct(self, cls: Any, args: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        """What `cls.__new__(cls, *args, **keywords)` gives."""

    @abstractmethod
    def set_state(self, instance: Any, state: Any) -> Any:
        """The instance with its state, or what takes its place."""

    @abstractmethod
    def extend(self, target: Any, items: list[Any]) -> None:
        """Appends the items to an object that is not a list."""

    @abstractmethod
    def assign(self, target: Any, pairs: list[tuple[Any, Any]]) -> None:
        """Sets the items of an object that is not a dict."""

    @abstractmethod
    def nested(self) -> Self:
        """A machine like this one for a stream inside this one."""

    def find_class(self, module: str, name: str) -> Any:
        """What stands for a name, after the renaming that files of Python 2 protocols need."""
        if self.proto < 3:
            if (module, name) in _compat_pickle.NAME_MAPPING:
                module, name = _compat_pickle.NAME_MAPPING[module, name]
            else:
                module = _compat_pickle.IMPORT_MAPPING.get(module, module)
        if not module or not name or len(module) + len(name) > _MAX_NAME_CHARACTERS:
            raise MalformedPickleError("it names something of no valid name")
        return self.resolve(module, name)

    def read_nested_array(self) -> Any:
        """The array of objects that comes next, as a pickle stream of its own."""
        if self.depth >= _MAX_NESTED_STREAMS:
            raise MalformedPickleError("it nests streams too deeply")
        return self.nested().load()

    def skip_padding(self, header: ArrayHeader) -> None:
        """Skips what aligns the bytes of an array in the file."""
        if header.padded:
            self.source.skip(self.source.read(1)[0])

    def load_reduce(self) -> None:
        """Calls a function."""
        args = self.stack.pop()
        if type(args) is not tuple:
            raise MalformedPickleError("it calls something without a tuple of arguments")
        self.stack[-1] = self.call(self.stack[-1], args)

    dispatch[pickle.REDUCE[0]] = load_reduce

    def load_newobj(self) -> None:
        """Makes an instance."""
        args, cls = self.stack.pop(), self.stack.pop()
        self._construct(cls, args, {})

    dispatch[pickle.NEWOBJ[0]] = load_newobj

    def load_newobj_ex(self) -> None:
        """Makes an instance, with named arguments."""
        keywords, args, cls = self.stack.pop(), self.stack.pop(), self.stack.pop()
        self._construct(cls, args, keywords)

    dispatch[pickle.NEWOBJ_EX[0]] = load_newobj_ex

    def _construct(self, cls: Any, args: Any, keywords: Any) -> None:
        if type(args) is not tuple or type(keywords) is not dict:
            raise MalformedPickleError("it makes an object from no valid arguments")
        self.append(self.construct(cls, args, keywords))

    def load_inst(self) -> None:
        """Calls a class, as protocol 0 of Python 2 did."""
        module = self.readline()[:-1].decode("ascii")
        name = self.readline()[:-1].decode("ascii")
        args = tuple(self.pop_mark())
        self.append(self.call(self.find_class(module, name), args))

    dispatch[pickle.INST[0]] = load_inst

    def load_obj(self) -> None:
        """Calls a class, as protocol 1 of Python 2 did."""
        cls, *args = self.pop_mark()
        self.append(self.call(cls, tuple(args)))

    dispatch[pickle.OBJ[0]] = load_obj

    def load_build(self) -> None:
        """Gives an instance its state."""
        state = self.stack.pop()
        self.stack[-1] = self.set_state(self.stack[-1], state)

    dispatch[pickle.BUILD[0]] = load_build

    def load_append(self) -> None:
        """Appends one item."""
        item = self.stack.pop()
        self._extend(self.stack[-1], [item])

    dispatch[pickle.APPEND[0]] = load_append

    def load_appends(self) -> None:
        """Appends several items."""
        items = self.pop_mark()
        self._extend(self.stack[-1], items)

    dispatch[pickle.APPENDS[0]] = load_appends

    def _extend(self, target: Any, items: list[Any]) -> None:
        if type(target) is list:
            target.extend(items)
        else:
            self.extend(target, items)

    def load_setitem(self) -> None:
        """Sets one item of a dict."""
        value, key = self.stack.pop(), self.stack.pop()
        self._assign(self.stack[-1], [key, value])

    dispatch[pickle.SETITEM[0]] = load_setitem

    def load_setitems(self) -> None:
        """Sets several items of a dict."""
        flat = self.pop_mark()
        self._assign(self.stack[-1], flat)

    dispatch[pickle.SETITEMS[0]] = load_setitems

    def load_dict(self) -> None:
        """Makes a dict of what lies above the mark."""
        flat = self.pop_mark()
        self.append({})
        self._assign(self.stack[-1], flat)

    dispatch[pickle.DICT[0]] = load_dict

    def _assign(self, target: Any, flat: list[Any]) -> None:
        keys = flat[::2]
        check_keys(keys)
        pairs = list(zip(keys, flat[1::2], strict=True))
        if type(target) is dict:
            target.update(pairs)
        else:
            self.assign(target, pairs)

    def load_additems(self) -> None:
        """Adds items to a set."""
        items = self.pop_mark()
        check_keys(items)
        target = self.stack[-1]
        if type(target) is not set:
            raise MalformedPickleError("it adds items to something that is not a set")
        target.update(items)

    dispatch[pickle.ADDITEMS[0]] = load_additems

    def load_frozenset(self) -> None:
        """Makes a frozenset of what lies above the mark."""
        items = self.pop_mark()
        check_keys(items)
        self.append(frozenset(items))

    dispatch[pickle.FROZENSET[0]] = load_frozenset

    def read_bytes(self, size: int) -> Any:
        """The bytes that come next, which may be the whole of an array."""
        # Picklers put long bytes outside of frames; those inside are in memory already.
        in_frame = self._unframer.current_frame
        return self.read(size) if in_frame else self.source.read_large(size)

    def load_binbytes(self) -> None:
        """Reads bytes."""
        self.append(self.read_bytes(int.from_bytes(self.read(4), "little")))

    dispatch[pickle.BINBYTES[0]] = load_binbytes

    def load_binbytes8(self) -> None:
        """Reads many bytes."""
        self.append(self.read_bytes(int.from_bytes(self.read(8), "little")))

    dispatch[pickle.BINBYTES8[0]] = load_binbytes8

    def load_bytearray8(self) -> None:
        """Reads a byte array; the base class takes memory for it before it looks for the bytes."""
        found = self.read_bytes(int.from_bytes(self.read(8), "little"))
        self.append(bytearray(found) if isinstance(found, bytes) else found)

    dispatch[pickle.BYTEARRAY8[0]] = load_bytearray8

    def load_mark(self) -> None:
        """Starts a list of items."""
        if len(self.metastack) >= _MAX_MARKS:
            raise MalformedPickleError("it starts too many lists inside each other")
        super().load_mark()  # type: ignore[misc]

    dispatch[pickle.MARK[0]] = load_mark

    def load_memoize(self) -> None:
        """Numbers the object on the stack."""
        self.count_object()
        self.memo[len(self.memo)] = self.stack[-1]

    dispatch[pickle.MEMOIZE[0]] = load_memoize

    def count_object(self) -> None:
        """Refuses to make more objects than the file can justify.

        One byte of a stream makes an empty set of 200.
        """
        self.source.objects_left -= 1
        if self.source.objects_left < 0:
            raise MalformedPickleError("it makes more objects than any model")


def _counted(handler: Callable[[Any], None]) -> Callable[[Any], None]:
    def load(self: PickleStream) -> None:
        self.count_object()
        handler(self)

    return load


for _code in (
    pickle.EMPTY_LIST,
    pickle.EMPTY_DICT,
    pickle.EMPTY_SET,
    pickle.LIST,
    pickle.DICT,
    pickle.FROZENSET,
    pickle.TUPLE,
    pickle.TUPLE1,
    pickle.TUPLE2,
    pickle.TUPLE3,
    pickle.NEWOBJ,
    pickle.NEWOBJ_EX,
    pickle.REDUCE,
):
    PickleStream.dispatch[_code[0]] = _counted(PickleStream.dispatch[_code[0]])


def lookup_arguments(args: tuple[Any, ...]) -> tuple[str, str]:
    """Module and name, from the arguments of one of `FUNCTION_LOOKUPS`.

    Raises:
        MalformedPickleError: They are no names.
    """
    if len(args) != 2 or not all(type(part) is str for part in args):
        raise MalformedPickleError("it looks up a function by no valid name")
    return args[0], args[1]
