"""Columns as text: fields of CSV and members of JSON objects.

Numbers are the shortest text that reads back as the same number, whole floats with `.0`. Truth
values are `True` and `False` in CSV.
"""

from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mlserve_cli.tables import buffers
from mlserve_cli.tables.csv_table import csv_text


def as_text(values: NDArray[Any], delimiter: str, decimal: str = ".") -> pa.BinaryArray:
    """Predicted values, shape `(rows,)`, as CSV fields; missing numbers are `nan`."""
    if values.dtype.kind in "iu":
        return buffers.from_numpy(values).cast(pa.string()).cast(pa.binary())
    if values.dtype.kind == "f":
        texts = _floats(_arrow_floats(values))
        return texts if decimal == "." else pc.replace_substring(texts, b".", decimal.encode())
    return _each(values, lambda value: csv_text(_plain(value), delimiter).encode())


def as_json(name: str, values: NDArray[Any]) -> pa.BinaryArray:
    """Predicted values, shape `(rows,)`, as `"name":value`; what JSON has no number for is null."""
    key = msgspec.json.encode(name) + b":"
    if values.dtype.kind not in "iuf":
        return _each(values, lambda value: key + msgspec.json.encode(value))
    if values.dtype.kind == "f":
        numbers = _arrow_floats(values)
        null, start, nothing = buffers.texts([b"null", key, b""])
        texts = pc.if_else(pc.is_finite(numbers), _floats(numbers), null)
        return pc.binary_join_element_wise(start, texts, nothing)
    start, nothing = buffers.texts([key, b""])
    texts = buffers.from_numpy(values).cast(pa.string()).cast(pa.binary())
    return pc.binary_join_element_wise(start, texts, nothing)


def column_text(column: pa.Array, delimiter: str) -> pa.BinaryArray:
    """A column of any type as CSV fields; null is an empty field."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_floating(column.type):
        texts = _floats(column)
    elif pa.types.is_boolean(column.type):
        true, false = buffers.texts([b"True", b"False"])
        texts = pc.if_else(column, true, false)
    else:
        texts = _quoted(column.cast(pa.large_string()).cast(pa.string()), delimiter)
    return pc.fill_null(texts, buffers.texts([b""])[0])


def _quoted(texts: pa.StringArray, delimiter: str) -> pa.BinaryArray:
    special = pc.match_substring_regex(texts, f'["\r\n{delimiter}]')
    if not special.true_count:
        return texts.cast(pa.binary())
    doubled = pc.replace_substring(texts, '"', '""').cast(pa.binary())
    quote, nothing = buffers.texts([b'"', b""])
    quoted = pc.binary_join_element_wise(quote, doubled, quote, nothing)
    return pc.if_else(special, quoted, texts.cast(pa.binary()))


def _each(values: NDArray[Any], text: Any) -> pa.BinaryArray:
    known: dict[Any, bytes] = {}
    fields = []
    for value in values.tolist():
        field = known.get(value)
        if field is None:
            field = known[value] = text(value)
        fields.append(field)
    return buffers.texts(fields)


def _arrow_floats(values: NDArray[np.floating[Any]]) -> pa.FloatingPointArray:
    return buffers.from_numpy(values.astype(np.float32) if values.dtype.itemsize < 4 else values)


def _floats(numbers: pa.FloatingPointArray) -> pa.BinaryArray:
    texts = numbers.cast(pa.string()).cast(pa.binary())
    whole = pc.match_substring_regex(texts, r"^-?[0-9]+$")
    if not whole.true_count:
        return texts
    point, nothing = buffers.texts([b".0", b""])
    return pc.if_else(whole, pc.binary_join_element_wise(texts, point, nothing), texts)


def _plain(value: object) -> str:
    return "" if value is None else str(value)
