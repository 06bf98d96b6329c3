"""Arrow's columns as values."""

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlserve_cli.drift.report import Kind
from mlserve_cli.drift.sources.interface import Field, Role, Texts
from mlserve_cli.errors import InputError
from mlserve_cli.monitoring.records.layout import ROLES_KEY, Roles
from mlserve_cli.tables import buffers

if TYPE_CHECKING:
    from numpy.typing import NDArray

_NUMBERS = (
    pa.types.is_integer,
    pa.types.is_floating,
    pa.types.is_decimal,
    # Every value is missing.
    pa.types.is_null,
)
_STRINGS = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
# Units of Arrow's times in one second.
_UNITS = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}


def kind_of(kind: pa.DataType) -> Kind | None:
    """How values of an Arrow type are compared; None where they cannot be."""
    if pa.types.is_dictionary(kind):
        return kind_of(kind.value_type)
    if pa.types.is_boolean(kind):
        return Kind.BOOLEAN
    if any(of_kind(kind) for of_kind in _NUMBERS):
        return Kind.NUMERIC
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return Kind.TIME
    return Kind.TEXT if any(of_kind(kind) for of_kind in _STRINGS) else None


def fields_of(schema: pa.Schema, name: str) -> tuple[tuple[Field, ...], tuple[str, ...]]:
    """The columns that can be compared, and a remark on each that cannot.

    Raises:
        InputError: There is none that can.
    """
    fields, notes = [], []
    roles = _recorded_roles(schema)
    for field in schema:
        kind = kind_of(field.type)
        if kind is None:
            notes.append(
                f"Column {field.name!r} of {name} holds values of type {field.type}, which are not "
                "compared."
            )
        else:
            shown = field.type
            if pa.types.is_dictionary(shown):
                shown = shown.value_type
            if kind is Kind.TEXT:
                # How texts lie in memory is the choice of whoever wrote the file.
                shown = pa.string()
            role = roles.get(field.name, Role.INPUT)
            fields.append(Field(field.name, str(shown), kind, role))
    if not fields:
        raise InputError(f"{name} has no column of numbers, truth values, times or text.")
    return tuple(fields), tuple(notes)


def _recorded_roles(schema: pa.Schema) -> dict[str, Role]:
    """Roles of columns that are no inputs, where a server has recorded the rows."""
    try:
        roles = msgspec.json.decode((schema.metadata or {})[ROLES_KEY], type=Roles)
    except (KeyError, msgspec.DecodeError):
        return {}
    outputs = dict.fromkeys((*roles.outputs, *roles.probabilities), Role.OUTPUT)
    return outputs | dict.fromkeys(roles.context.values(), Role.CONTEXT)


def values_of(array: pa.Array | pa.ChunkedArray) -> "NDArray[Any] | Texts":
    """The values of a column; whole numbers become doubles where one is missing."""
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    kind = array.type
    if pa.types.is_dictionary(kind) and kind_of(kind) is not Kind.TEXT:
        array = array.dictionary_decode()
        kind = array.type
    match kind_of(kind):
        case Kind.TEXT:
            return _texts(array)
        case Kind.BOOLEAN:
            return _numbers(pc.cast(array, pa.float64()))
        case Kind.TIME:
            return _seconds(array)
        case _:
            return _numbers(array)


def _texts(array: pa.Array) -> Texts:
    if not pa.types.is_dictionary(array.type):
        array = pc.dictionary_encode(array)
    codes = buffers.numbers(array.indices, _numpy_type(array.indices.type))
    valid = buffers.validity(array.indices)
    if valid is not None:
        codes = np.where(valid, codes, -1)
    labels = array.dictionary.to_pylist()
    if None in labels:
        # Arrow lets a dictionary hold a missing value, too.
        codes = np.where(codes == labels.index(None), -1, codes)
        labels = ["" if label is None else label for label in labels]
    return Texts(codes.astype(np.intp), labels)


def _numpy_type(kind: pa.DataType) -> "type[np.generic]":
    found: type[np.generic] = np.dtype(kind.to_pandas_dtype()).type
    return found


def _numbers(array: pa.Array) -> "NDArray[Any]":
    kind = array.type
    if pa.types.is_null(kind):
        return np.full(len(array), np.nan)
    if pa.types.is_decimal(kind):
        array = pc.cast(array, pa.float64())
    values = buffers.numbers(array, _numpy_type(array.type))
    valid = buffers.validity(array)
    if valid is None:
        return values
    if values.dtype.kind in "iu" and valid.any():
        _refuse_large(values[valid])
    return np.where(valid, values.astype(np.float64), np.nan)


def _refuse_large(values: "NDArray[Any]") -> None:
    largest = max(abs(int(values.min())), abs(int(values.max())))
    if largest > 1 << 53:
        raise InputError(
            f"A column with missing values holds the whole number {largest}; beyond 2**53 "
            "neighbours cannot be told apart as doubles.",
            hint="Such numbers are mostly identifiers: leave the column out with --columns.",
        )


def _seconds(array: pa.Array) -> "NDArray[np.float64]":
    """Times in seconds since 1970, in UTC where the type has a time zone."""
    if pa.types.is_date(array.type):
        array = pc.cast(array, pa.timestamp("s"))
    unit = _UNITS[array.type.unit]
    whole = array.cast(pa.int64())
    values = buffers.numbers(whole, np.int64) / unit
    valid = buffers.validity(whole)
    return values if valid is None else np.where(valid, values, np.nan)
