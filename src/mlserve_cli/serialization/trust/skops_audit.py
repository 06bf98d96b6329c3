"""Reads a skops file without building anything that it describes.

A skops file is a zip archive: `schema.json` is a tree of nodes, each with the class to make and the
loader that makes it; arrays are files of their own.
"""

import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from mlserve_cli.serialization.trust.admitted import Use
from mlserve_cli.serialization.trust.byte_source import max_inflated_bytes
from mlserve_cli.serialization.trust.inert import Inert, InertArray, Name, values_of
from mlserve_cli.serialization.trust.npy_header import check_npz, is_scalar_type, read_npy
from mlserve_cli.serialization.trust.pickle_audit import Findings, Reading

if TYPE_CHECKING:
    import os

_SCHEMA = "schema.json"
_MAX_DEPTH = 150
_BIT_GENERATORS = frozenset(("MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64"))
_CHECK_ARRAY = "sklearn.utils.validation.check_array"
_PLAIN_TYPES = frozenset(f"builtins.{name}" for name in ("str", "int", "float", "bool", "tuple"))
_FACTORIES = frozenset(f"builtins.{name}" for name in ("int", "float", "list", "dict", "set"))
# Loaders that call the class they are given, and the classes that skops gives them.
LOADER_CLASSES: dict[str, frozenset[str]] = {
    "DictNode": frozenset(
        ("builtins.dict", "collections.OrderedDict", "sklearn.utils._bunch.Bunch")
    ),
    "DefaultDictNode": frozenset(("collections.defaultdict",)),
    "ListNode": frozenset(("builtins.list",)),
    "SetNode": frozenset(("builtins.set",)),
    "BytesNode": frozenset(("builtins.bytes",)),
    "BytearrayNode": frozenset(("builtins.bytearray",)),
    "SliceNode": frozenset(("builtins.slice",)),
    "DTypeNode": frozenset(("numpy.dtype",)),
    "MaskedArrayNode": frozenset(("numpy.ma.MaskedArray", "numpy.ma.core.MaskedArray")),
    "RandomStateNode": frozenset(("numpy.random.RandomState", "numpy.random.mtrand.RandomState")),
    "RandomGeneratorNode": frozenset(
        ("numpy.random.Generator", "numpy.random._generator.Generator")
    ),
    "TreeNode": frozenset(("sklearn.tree._tree.Tree",)),
}


class MalformedSchemaError(ValueError):
    """A schema that skops does not write."""


def read_skops(file: "str | os.PathLike[str] | IO[bytes]", size_bytes: int) -> Reading:
    """Reads a skops file as stand-ins.

    Args:
        file: The file, or a stream of it.
        size_bytes: Its length.
    """
    findings = Findings()
    try:
        with zipfile.ZipFile(file) as archive:
            root = _SkopsReader(archive, findings, max_inflated_bytes(size_bytes)).read()
    # The archive is data, and data can make its readers fail in every way there is. The caller
    # still wants to know what it named until then.
    except Exception as error:
        return Reading(None, findings, error)
    return Reading(root, findings)


@dataclass(frozen=True, slots=True)
class _Node:
    """A node of the schema.

    Attributes:
        name: The class that it names.
        raw: Everything that it says.
        depth: Of its children.
    """

    name: Name
    raw: dict[str, Any]
    depth: int


class _SkopsReader:
    """Turns nodes into stand-ins, and notes every name and what is done with it."""

    def __init__(self, archive: zipfile.ZipFile, findings: Findings, limit: int) -> None:
        self._archive = archive
        self._findings = findings
        self._left = limit
        self._owners = set[tuple[Any, str]]()

    def read(self) -> Any:
        """The outermost object."""
        for entry in self._archive.infolist():
            # Other compressions take as much memory as their headers ask for.
            if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise MalformedSchemaError("it is compressed in a way that skops does not write")
            self._claim(entry.file_size)
        schema = json.loads(self._archive.read(_SCHEMA))
        if not isinstance(schema, dict) or type(schema.get("protocol")) is not int:
            raise MalformedSchemaError("its schema has no protocol number")
        return self._node(schema, 0)

    def _claim(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise MalformedSchemaError("it takes more memory than its size can justify")

    def _node(self, node: Any, depth: int) -> Any:
        if not isinstance(node, dict) or depth > _MAX_DEPTH:
            raise MalformedSchemaError("its schema has a malformed or too deeply nested node")
        loader = node.get("__loader__")
        if loader == "CachedNode":
            return None
        module, name = node.get("__module__"), node.get("__class__")
        if not (isinstance(loader, str) and isinstance(module, str) and isinstance(name, str)):
            raise MalformedSchemaError("its schema has a node without a type")
        found = Name(module, name)
        if loader in LOADER_CLASSES and found.full not in LOADER_CLASSES[loader]:
            # The loader would call whatever this is.
            self._refuse(found)
        read = _READERS.get(loader)
        if read is None:
            self._findings.odd.append("its schema has a node of an unknown kind")
            self._refuse(found)
            return Inert(found.full)
        return read(self, _Node(found, node, depth + 1))

    def _refuse(self, name: Name) -> None:
        self._findings.use(name, Use.CALL)
        self._findings.refused[name] = None

    def _nodes(self, content: Any, depth: int) -> list[Any]:
        if not isinstance(content, list):
            raise MalformedSchemaError("its schema has a list that is none")
        return [self._node(node, depth) for node in content]

    def _file(self, node: dict[str, Any]) -> zipfile.ZipInfo:
        entry = self._archive.getinfo(node["file"])
        # skops reads a file once for each object that it belongs to.
        owner = (node.get("__id__"), entry.filename)
        if owner not in self._owners:
            self._owners.add(owner)
            self._claim(entry.file_size)
        return entry

    def _json(self, node: _Node) -> Any:
        return json.loads(node.raw["content"])

    def _dict(self, node: _Node) -> Any:
        for key_type in self._node(node.raw["key_types"], node.depth):
            # skops calls the type of each key.
            if isinstance(key_type, Name) and not _is_key_type(key_type):
                self._refuse(key_type)
        return {key: self._node(value, node.depth) for key, value in node.raw["content"].items()}

    def _default_dict(self, node: _Node) -> Any:
        factory = self._node(node.raw["content"]["default_factory"], node.depth)
        if isinstance(factory, Name) and factory.full not in _FACTORIES:
            self._refuse(factory)
        return self._node(node.raw["content"]["main"], node.depth)

    def _list(self, node: _Node) -> Any:
        return self._nodes(node.raw["content"], node.depth)

    def _tuple(self, node: _Node) -> Any:
        if node.name.full != "builtins.tuple":
            self._findings.use(node.name, Use.CALL)
        return tuple(self._nodes(node.raw["content"], node.depth))

    def _bytes(self, node: _Node) -> Any:
        self._file(node.raw)
        return None

    def _slice(self, node: _Node) -> Any:
        if not all(type(part) in (int, str, type(None)) for part in node.raw["content"].values()):
            raise MalformedSchemaError("its schema has a malformed slice")
        return Inert(node.name.full)

    def _name(self, node: _Node) -> Any:
        self._findings.use(node.name, Use.REFERENCE)
        content = node.raw.get("content")
        if isinstance(content, dict):
            # The form that functions had in the first version.
            self._findings.use(
                Name(str(content["module_path"]), str(content["function"])), Use.CALL
            )
        return node.name

    def _method(self, node: _Node) -> Any:
        method = Name(node.name.module, f"{node.name.name}.{node.raw['content']['func']}")
        self._findings.use(method, Use.REFERENCE)
        self._node(node.raw["content"]["obj"], node.depth)
        return method

    def _partial(self, node: _Node) -> Any:
        content = node.raw["content"]
        parts = [
            self._node(content[key], node.depth) for key in ("func", "args", "kwds", "namespace")
        ]
        function, arguments, _, namespace = parts
        self._findings.use(node.name, Use.CALL)
        if getattr(function, "full", "") != _CHECK_ARRAY or arguments or namespace:
            self._refuse(node.name)
        return Inert(node.name.full, tuple(parts))

    def _operator(self, node: _Node) -> Any:
        return self._called(node.name, self._node(node.raw["attrs"], node.depth))

    def _constructor(self, node: _Node) -> Any:
        return self._called(node.name, self._node(node.raw["content"], node.depth))

    def _called(self, found: Name, args: Any) -> Any:
        self._findings.use(found, Use.CALL)
        if not isinstance(args, tuple) or not all(
            isinstance(part, str | int | float | InertArray | None) for part in args
        ):
            self._refuse(found)
        return Inert(found.full)

    def _object(self, node: _Node) -> Any:
        self._findings.use(node.name, Use.CONSTRUCT)
        content = node.raw.get("content")
        return Inert(
            node.name.full, (), None if content is None else self._node(content, node.depth)
        )

    def _reduced(self, node: _Node) -> Any:
        args = self._node(node.raw["__reduce__"]["args"], node.depth)
        self._node(node.raw["content"], node.depth)
        if node.name.full in LOADER_CLASSES["TreeNode"]:
            _check_tree_arguments(args)
        return self._called(node.name, args)

    def _array(self, node: _Node) -> Any:
        if node.name.full != "numpy.ndarray" and not is_scalar_type(
            node.name.module, node.name.name
        ):
            self._refuse(node.name)
        if node.raw["type"] == "json":
            shape = self._node(node.raw["shape"], node.depth)
            items = self._nodes(node.raw["content"], node.depth)
            return InertArray(shape, np.dtype(object), items)
        entry = self._file(node.raw)
        with self._archive.open(entry) as stream:
            array = read_npy(stream, entry.file_size)
        values = values_of(array) if node.name.full != "numpy.ndarray" else None
        return values[0] if values else array

    def _masked_array(self, node: _Node) -> Any:
        return [self._node(node.raw["content"][key], node.depth) for key in ("data", "mask")]

    def _inner(self, node: _Node) -> Any:
        self._node(node.raw["content"], node.depth)
        return Inert(node.name.full)

    def _generator(self, node: _Node) -> Any:
        content = node.raw["content"]
        state = self._node(content["bit_generator"], node.depth)
        if "seed_seq" in content:
            self._node(content["seed_seq"], node.depth)
        # skops calls the attribute of numpy.random that has this name.
        name = state["bit_generator"]
        if name not in _BIT_GENERATORS:
            self._refuse(Name("numpy.random", str(name)))
        return Inert(node.name.full)

    def _sparse(self, node: _Node) -> Any:
        self._findings.use(node.name, Use.REFERENCE)
        entry = self._file(node.raw)
        self._claim(check_npz(self._archive.read(entry), self._left))
        return Inert(node.name.full)


_Read = Callable[[_SkopsReader, _Node], Any]
_READERS: dict[str, _Read] = {
    "JsonNode": _SkopsReader._json,
    "DictNode": _SkopsReader._dict,
    "DefaultDictNode": _SkopsReader._default_dict,
    "ListNode": _SkopsReader._list,
    "SetNode": _SkopsReader._list,
    "TupleNode": _SkopsReader._tuple,
    "BytesNode": _SkopsReader._bytes,
    "BytearrayNode": _SkopsReader._bytes,
    "SliceNode": _SkopsReader._slice,
    "FunctionNode": _SkopsReader._name,
    "TypeNode": _SkopsReader._name,
    "MethodNode": _SkopsReader._method,
    "PartialNode": _SkopsReader._partial,
    "OperatorFuncNode": _SkopsReader._operator,
    "ConstructorFromReduceNode": _SkopsReader._constructor,
    "ObjectNode": _SkopsReader._object,
    "TreeNode": _SkopsReader._reduced,
    "LossNode": _SkopsReader._reduced,
    "NdArrayNode": _SkopsReader._array,
    "MaskedArrayNode": _SkopsReader._masked_array,
    "DTypeNode": _SkopsReader._inner,
    "RandomStateNode": _SkopsReader._inner,
    "RandomGeneratorNode": _SkopsReader._generator,
    "SparseMatrixNode": _SkopsReader._sparse,
}


def _is_key_type(found: Name) -> bool:
    return found.full in _PLAIN_TYPES or is_scalar_type(found.module, found.name)


def _check_tree_arguments(args: Any) -> None:
    # The constructor reads as many items of the array as the last argument says.
    if not (isinstance(args, tuple) and len(args) == 3 and isinstance(args[1], InertArray)):
        raise MalformedSchemaError("a tree has no valid arguments")
    features, classes, outputs = args
    if type(features) is not int or not 0 <= features < 2**31 or classes.shape != (outputs,):
        raise MalformedSchemaError("a tree has no valid arguments")
    counts = values_of(classes)
    if classes.dtype != np.intp or not counts or min(counts) < 1:
        raise MalformedSchemaError("a tree has no valid arguments")
