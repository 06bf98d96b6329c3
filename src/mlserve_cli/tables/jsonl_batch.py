"""The model's columns of a block of JSON Lines, parsed by pyarrow with types given."""

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.json as pa_json

from mlserve_cli.signature import Signature
from mlserve_cli.tables.arrow_batch import readable
from mlserve_cli.tables.column_values import BYTES, arrow_type
from mlserve_cli.tables.fault import RowFaultError

if TYPE_CHECKING:
    from numpy.typing import NDArray

JSON_OBJECT = msgspec.json.Decoder(dict[str, Any])

_LF = ord("\n")
_BLANK = np.zeros(256, np.bool_)
_BLANK[[*b" \t\r\n"]] = True


class JsonLines:
    """The lines of a block that are not blank.

    Attributes:
        starts: Offset of the first character of each that is no blank, shape `(rows,)`.
        ends: Offset after the last such character, shape `(rows,)`.
        limits: Where each of these lines begins, and where the last one ends, shape `(rows + 1,)`.
            Blank lines go with the line before.
    """

    def __init__(self, data: bytes) -> None:
        bytes_ = np.frombuffer(data, np.uint8)
        breaks = np.flatnonzero(bytes_ == _LF)
        limits = np.concatenate(([-1], breaks, [len(data)]))
        filled = np.flatnonzero(~_BLANK[bytes_])
        first = np.searchsorted(filled, limits[:-1], side="right")
        last = np.searchsorted(filled, limits[1:])
        rows = last > first
        self.starts: NDArray[np.intp] = filled[first[rows]]
        self.ends: NDArray[np.intp] = filled[last[rows] - 1] + 1
        self.limits: NDArray[np.intp] = np.append(limits[:-1][rows] + 1, len(data))
        self.limits[0] = 0


class JsonlReader:
    """Parses the model's columns of blocks. Safe to use from several threads at once.

    Args:
        names: What the model's columns are called in the file.
        signature: What the model takes.
    """

    def __init__(self, names: tuple[str, ...], signature: Signature) -> None:
        self.signature = signature
        self._names = names
        kinds = [arrow_type(column, signature.layout) for column in signature.columns]
        self._schema = pa.schema(
            [
                (name, kind if pa.types.is_primitive(kind) else pa.string())
                for name, kind in zip(names, kinds, strict=True)
            ]
        )

    def values(self, data: bytes, lines: JsonLines) -> "JsonValues":
        """The model's columns of a block, as far as its lines are objects."""
        try:
            table = pa_json.read_json(
                pa.py_buffer(data),
                read_options=pa_json.ReadOptions(use_threads=False, block_size=len(data) + 1),
                parse_options=pa_json.ParseOptions(
                    explicit_schema=self._schema, unexpected_field_behavior="ignore"
                ),
            )
        except pa.ArrowInvalid:
            table = None
        faults: list[RowFaultError] = []
        if table is None or table.num_rows != len(lines.starts):
            chunks = self._one_by_one(data, lines, faults)
        else:
            chunks = [table.column(name).combine_chunks() for name in self._names]
        typed = [
            readable(chunk, column, self.signature.layout)
            for chunk, column in zip(chunks, self.signature.columns, strict=True)
        ]
        return JsonValues(typed, faults)

    def _one_by_one(
        self, data: bytes, lines: JsonLines, faults: list[RowFaultError]
    ) -> list[pa.Array]:
        """The model's columns, from values that are not all of their column's type.

        Args:
            data: The block.
            lines: Where its lines are.
            faults: Takes the lines that are no objects, which have no values.
        """
        objects: list[dict[str, Any]] = []
        for row, (start, end) in enumerate(zip(lines.starts, lines.ends, strict=True)):
            try:
                objects.append(JSON_OBJECT.decode(data[start:end]))
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                faults.append(RowFaultError(row, None, f"it is no JSON object: {error}."))
        return [
            _column([values.get(field.name) for values in objects], field.type)
            for field in self._schema
        ]


@dataclass(frozen=True, slots=True)
class JsonValues:
    """The model's columns of a block.

    Attributes:
        chunks: The columns, without the lines that are no objects.
        faults: Those lines; where in the file they are is not told yet.
    """

    chunks: list[pa.Array]
    faults: list[RowFaultError]


def _column(values: list[Any], kind: pa.DataType) -> pa.Array:
    """Values of any type as numbers, where all of them are, else as text."""
    found = set(map(type, values)) - {type(None)}
    if kind == pa.float64() and found <= {float, int}:
        # Whole numbers beyond 2**53 become the nearest float, as pyarrow reads them.
        with contextlib.suppress(OverflowError):
            return pa.array([None if value is None else float(value) for value in values], kind)
    return pa.array([_as_bytes(value) for value in values], BYTES)


def _as_bytes(value: object) -> bytes | None:
    if value is None:
        return None
    return value.encode() if isinstance(value, str) else msgspec.json.encode(value)
