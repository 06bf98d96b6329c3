"""What the hot path leaves for the watch of drift, and how that becomes columns."""

from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np

from mlserve_cli.signature import DType, Task

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from mlserve_cli.serving.model import LoadedModel
    from mlserve_cli.serving.rows import Rows
    from mlserve_cli.serving.scoring import Scored
    from mlserve_cli.signature import Signature

# Bytes of inputs that wait for the watch, whatever the width of a row.
_MOST_BYTES = 8 << 20
# Columns of probabilities that are watched; of more classes, the first ones.
_MOST_CLASSES = 20


class Tap:
    """Rows of one model that were scored and wait for the watch; a bounded ring of references.

    The thread that scores calls it after each micro-batch. It never waits: rows that find as many
    waiting as may are left out and counted. Only that thread writes `_put`, and only the thread of
    the watch `_taken`, so there is no lock.

    Args:
        model: The model.
        most_rows: From so many waiting rows on, others are left out.
    """

    __slots__ = ("_entries", "_most_rows", "_put", "_taken", "model", "skipped_rows")

    def __init__(self, model: "LoadedModel", most_rows: int) -> None:
        self.model = model
        self.skipped_rows = 0
        self._most_rows = max(1, min(most_rows, _MOST_BYTES // (8 * model.reader.width or 1)))
        self._entries: deque[tuple[Sequence[Rows], int, Scored]] = deque()
        self._put = self._taken = 0

    def __call__(self, parts: "Sequence[Rows]", rows: int, scored: "Scored") -> None:
        """Leaves a micro-batch for the watch; nothing is copied."""
        if self._put - self._taken < self._most_rows:
            self._entries.append((parts, rows, scored))
            self._put += rows
        else:
            self.skipped_rows += rows

    def take(self) -> "list[Served]":
        """Everything that waits, as arrays; rows of different types apart."""
        groups: dict[str, list[tuple[Sequence[Rows], Scored]]] = {}
        for _ in range(len(self._entries)):
            parts, rows, scored = self._entries.popleft()
            self._taken += rows
            groups.setdefault(parts[0].kinds, []).append((parts, scored))
        return [self._served(group) for group in groups.values()]

    def _served(self, group: "list[tuple[Sequence[Rows], Scored]]") -> "Served":
        merged = self.model.reader.merge([part for parts, _ in group for part in parts])
        inputs = list(merged.T) if isinstance(merged, np.ndarray) else list(merged.values())
        outputs = [
            column
            for arrays in (
                [scored.labels for _, scored in group],
                [scored.probabilities for _, scored in group],
            )
            for column in _stacked(arrays)
        ]
        width = len(output_names(self.model.signature))
        return Served(inputs, outputs[:width] if len(outputs) >= width else [])


class Served(NamedTuple):
    """Rows that were scored.

    Attributes:
        inputs: Columns in the order of the signature, each of shape `(rows,)`.
        outputs: Columns as `output_names` has them; empty where not everything was asked for.
    """

    inputs: "list[NDArray[Any]]"
    outputs: "list[NDArray[Any]]"


class _Packed(msgspec.Struct, array_like=True):
    """An array: its bytes, or its values where they are objects."""

    dtype: str
    values: bytes | list[Any]


class Message(msgspec.Struct, array_like=True):
    """What one worker tells the worker that watches.

    Attributes:
        name: Of the model.
        version: Of the model.
        inputs: See `Served`.
        outputs: See `Served`.
    """

    name: str
    version: int
    inputs: list[_Packed]
    outputs: list[_Packed]

    @classmethod
    def of(cls, model: "LoadedModel", served: Served, rows: slice) -> "Message":
        """Some of the rows."""
        inputs, outputs = ([_packed(column[rows]) for column in columns] for columns in served)
        return cls(model.name, model.version, inputs, outputs)

    def served(self) -> Served:
        """The rows."""
        return Served([_unpacked(p) for p in self.inputs], [_unpacked(p) for p in self.outputs])


def output_names(signature: "Signature") -> list[str]:
    """Names of the predictions and probabilities of a model."""
    classes = signature.classes or () if signature.probabilities else ()
    return [*signature.outputs, *(f"probability of {name}" for name in classes[:_MOST_CLASSES])]


def has_text_labels(signature: "Signature") -> bool:
    """Whether predictions are categories, whatever they are written as."""
    is_text = signature.label_dtype in (DType.STRING, DType.CATEGORICAL)
    return is_text or (signature.task is not Task.REGRESSION and signature.classes is not None)


def _stacked(arrays: "list[NDArray[Any] | None]") -> "list[NDArray[Any]]":
    found = [array for array in arrays if array is not None]
    if len(found) < len(arrays):
        return []
    whole = np.concatenate(found)
    return list(whole.reshape(len(whole), -1).T)


def _packed(values: "NDArray[Any]") -> _Packed:
    if values.dtype == np.object_:
        return _Packed("O", values.tolist())
    return _Packed(values.dtype.str, np.ascontiguousarray(values).tobytes())


def _unpacked(packed: _Packed) -> "NDArray[Any]":
    if isinstance(packed.values, bytes):
        return np.frombuffer(packed.values, np.dtype(packed.dtype))
    values = np.empty(len(packed.values), np.object_)
    values[:] = packed.values
    return values
