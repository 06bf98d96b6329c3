"""Reads a pickle or joblib file without building anything that it describes."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from mlserve_cli.serialization.trust.admitted import TrustPolicy, Use
from mlserve_cli.serialization.trust.array_header import ArrayHeader
from mlserve_cli.serialization.trust.byte_source import open_source
from mlserve_cli.serialization.trust.inert import (
    Inert,
    InertArray,
    Name,
    SkippedBytes,
    inert_call,
    inert_state,
)
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

# Longer arrays are data; shorter ones may hold class labels and feature names.
_KEPT_BYTES = 2**16
_WRAPPER_NAME = ".".join(ARRAY_WRAPPER)
_PARTIAL = "functools.partial"
_PARTIAL_OF = "sklearn.utils.validation.check_array"


@dataclass(slots=True)
class Findings:
    """What a stream and those inside it name and how.

    Attributes:
        uses: The highest use of each name, in the order of first appearance.
        odd: What no pickler writes; such a file is refused even if all names are admitted.
        array_count: How many arrays joblib wrote.
    """

    uses: dict[Name, Use] = field(default_factory=dict)
    refused: dict[Name, None] = field(default_factory=dict)
    odd: list[str] = field(default_factory=list)
    array_count: int = 0

    def use(self, name: Name, use: Use) -> None:
        """Notes a use."""
        self.uses[name] = max(self.uses.get(name, use), use)


@dataclass(frozen=True, slots=True)
class Reading:
    """A file, read.

    Attributes:
        root: The outermost object, inert; None where the stream broke before its end.
        findings: What the file names.
        failure: Why the stream broke.
    """

    root: Any
    findings: Findings
    failure: Exception | None = None


def read_inert(path: "str | os.PathLike[str]") -> Reading:
    """Reads a pickle or joblib file, plain or compressed, as stand-ins.

    Raises:
        ArtifactError: The file cannot be opened or decompressed.
    """
    findings = Findings()
    with open_source(path) as source:
        try:
            root = _InertStream(source, findings).load()
            # The end of a compressed stream carries its checksum.
            source.read_up_to(1)
        # The stream is data, and data can make the machine fail in every way there is. The caller
        # still wants to know what it named until then.
        except Exception as error:
            return Reading(None, findings, error)
    return Reading(root, findings)


def refused_names(findings: Findings, policy: TrustPolicy) -> list[str]:
    """The names whose use the policy does not admit, in the order of first appearance."""
    refused = dict.fromkeys(
        name
        for name, use in findings.uses.items()
        if name in findings.refused or not policy.admits(name.module, name.name, use)
    )
    return [name.full for name in refused if name.full not in policy.trusted]


class _InertStream(PickleStream):
    """The pickle machine over stand-ins."""

    def __init__(self, source: "ByteSource", findings: Findings, *, depth: int = 0) -> None:
        super().__init__(source, depth=depth)
        self._findings = findings

    def nested(self) -> Self:
        return type(self)(self.source, self._findings, depth=self.depth + 1)

    def resolve(self, module: str, name: str) -> Any:
        found = Name(module, name)
        if (module, name) != ARRAY_WRAPPER:
            self._findings.use(found, Use.REFERENCE)
        return found

    def call(self, function: Any, args: tuple[Any, ...]) -> Any:
        if not isinstance(function, Name):
            self._findings.odd.append("it calls something that is not a name")
            return Inert("", args)
        if function.full in FUNCTION_LOOKUPS:
            return self.resolve(*lookup_arguments(args))
        self._findings.use(function, Use.CALL)
        if function.full == _PARTIAL and not _is_checking_partial(args):
            self._findings.refused[function] = None
        return inert_call(function.full, args)

    def construct(self, cls: Any, args: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        if not isinstance(cls, Name):
            self._findings.odd.append("it makes an instance of something that is not a name")
            return Inert("", args)
        if cls.full != _WRAPPER_NAME:
            plain = not args and not keywords
            self._findings.use(cls, Use.CONSTRUCT if plain else Use.CALL)
        return Inert(cls.full, (*args, *keywords.values()))

    def set_state(self, instance: Any, state: Any) -> Any:
        if isinstance(instance, Inert) and instance.type == _WRAPPER_NAME:
            return self._array(state)
        if isinstance(instance, Name):
            self._findings.odd.append(f"it changes {instance.full} itself")
        return inert_state(instance, state)

    def _array(self, state: Any) -> Any:
        subclass = state.get("subclass") if isinstance(state, dict) else None
        full_name = subclass.full if isinstance(subclass, Name) else ""
        header = ArrayHeader.from_state(state, full_name)
        self._findings.array_count += 1
        if header.dtype.hasobject:
            return self.read_nested_array()
        self.skip_padding(header)
        if header.size_bytes <= _KEPT_BYTES:
            return InertArray(header.shape, header.dtype, self.source.read_large(header.size_bytes))
        self.source.skip(header.size_bytes)
        return InertArray(header.shape, header.dtype, None)

    def extend(self, target: Any, items: list[Any]) -> None:
        if not isinstance(target, Inert):
            raise MalformedPickleError("it appends to something that is not a list")
        target.items.extend(items)

    def assign(self, target: Any, pairs: Iterable[tuple[Any, Any]]) -> None:
        if not isinstance(target, Inert):
            raise MalformedPickleError("it sets items of something that is not a dict")
        target.items.extend(pairs)

    def read_bytes(self, size: int) -> Any:
        if size <= _KEPT_BYTES or self._unframer.current_frame:
            return super().read_bytes(size)
        self.source.skip(size)
        return SkippedBytes(size)


def _is_checking_partial(args: tuple[Any, ...]) -> bool:
    return len(args) == 1 and isinstance(args[0], Name) and args[0].full == _PARTIAL_OF
