"""Which columns the records of a model have."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from mlserve_cli.monitoring.records.columns import ColumnKind
from mlserve_cli.signature import Column, DType, Layout, Signature

if TYPE_CHECKING:
    from mlserve_cli.monitoring.records.entry import RecordedModel

SCHEMA_VERSION = 1
# Where a file's metadata says which of its columns is what.
ROLES_KEY = b"mlserve"

_KINDS = {
    DType.FLOAT64: ColumnKind.FLOAT64,
    DType.INT64: ColumnKind.INT64,
    DType.BOOL: ColumnKind.BOOL,
    DType.STRING: ColumnKind.STRING,
}
_CONTEXT = {
    "time": ColumnKind.TIME,
    "latency_seconds": ColumnKind.FLOAT64,
    "request_id": ColumnKind.STRING,
    "row": ColumnKind.INT64,
    "model": ColumnKind.STRING,
    "version": ColumnKind.INT64,
}


class Roles(msgspec.Struct, frozen=True):
    """Which column of a file is what; JSON in its metadata under the key `mlserve`.

    Attributes:
        schema_version: Version of this format.
        model: Name of the model.
        version: Its version.
        signature: What it takes and returns.
        inputs: Columns of the model's inputs, without those that were left out.
        outputs: Columns of the predicted values.
        probabilities: Columns of the class probabilities, in the order of the classes.
        context: Column by what it says: `time` of the answer, `latency_seconds` of the request,
            `request_id` as the client gave it, `row` in the request from 1 on, `model`, `version`.
    """

    schema_version: int
    model: str
    version: int
    signature: Signature
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    probabilities: tuple[str, ...] = ()
    context: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RecordLayout:
    """The columns of a model's records.

    Attributes:
        positions: Places of the recorded inputs among those of the model.
        kinds: Of the columns, by name, in order: inputs, outputs, probabilities, context.
        roles: What they are.
    """

    positions: tuple[int, ...]
    kinds: dict[str, ColumnKind]
    roles: Roles


def layout_of(model: "RecordedModel", redacted: Collection[str] = ()) -> RecordLayout:
    """The columns of a model's records.

    Outputs are named as `mlserve batch-predict` names them. Where an input has the name of another
    column already, that one begins with one more underscore.

    Args:
        model: The model.
        redacted: Inputs that are left out.
    """
    signature = model.signature
    positions = tuple(
        place for place, column in enumerate(signature.columns) if column.name not in redacted
    )
    kinds = {signature.columns[place].name: _input_kind(signature, place) for place in positions}
    # Also those that are left out, so that a redacted column never seems to be there.
    taken = set(signature.names)
    label_kind = _KINDS.get(signature.label_dtype, ColumnKind.STRING)
    outputs = tuple(_free(name, taken) for name in signature.outputs)
    classes = signature.classes if signature.probabilities else None
    probabilities = tuple(_free(f"probability_{label}", taken) for label in classes or ())
    context = {role: _free(f"_{role}", taken) for role in _CONTEXT}
    kinds |= dict.fromkeys(outputs, label_kind)
    kinds |= dict.fromkeys(probabilities, ColumnKind.FLOAT64)
    kinds |= {context[role]: kind for role, kind in _CONTEXT.items()}
    roles = Roles(
        SCHEMA_VERSION,
        model.name,
        model.version,
        signature,
        tuple(signature.columns[place].name for place in positions),
        outputs,
        probabilities,
        context,
    )
    return RecordLayout(positions, kinds, roles)


def _input_kind(signature: Signature, place: int) -> ColumnKind:
    if signature.layout is Layout.MATRIX:
        return ColumnKind.FLOAT64
    column = signature.columns[place]
    return _category_kind(column) if column.dtype is DType.CATEGORICAL else _KINDS[column.dtype]


def _category_kind(column: Column) -> ColumnKind:
    kinds = {type(category) for category in column.categories or ()}
    if kinds == {bool}:
        return ColumnKind.BOOL
    if kinds and kinds <= {int, float}:
        return ColumnKind.INT64 if kinds == {int} else ColumnKind.FLOAT64
    return ColumnKind.STRING


def _free(name: str, taken: set[str]) -> str:
    while name in taken:
        name = f"_{name}"
    taken.add(name)
    return name
