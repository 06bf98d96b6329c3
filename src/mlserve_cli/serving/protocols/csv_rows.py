"""CSV bodies, with or without a line of names."""

import csv
import io
from typing import TYPE_CHECKING, Any

from mlserve_cli.errors import InputError, SignatureError
from mlserve_cli.serving.columns import describe, expected_of
from mlserve_cli.signature import Column, DType
from mlserve_cli.tables.values import NULL_SPELLINGS, number, to_categories

if TYPE_CHECKING:
    from mlserve_cli.serving.rows import RowReader, Rows

_NULLS = frozenset(NULL_SPELLINGS)
_TRUTH = {"true": True, "false": False, "1": True, "0": False}


def read_csv(body: bytes, reader: "RowReader") -> "Rows":
    """The rows of a CSV body.

    The first line holds names if it holds all of the model's; SageMaker's clients send none. Where
    the model has no names, a first line that cannot be a row of values is taken for names.

    Raises:
        InputError: It is no CSV in UTF-8.
        SignatureError: The rows do not fit the model.
    """
    try:
        text = body.decode("utf-8-sig")
        lines = [line for line in csv.reader(io.StringIO(text, newline=""), strict=True) if line]
    except UnicodeDecodeError as error:
        raise InputError("The CSV is not valid UTF-8.") from error
    except csv.Error as error:
        raise InputError(f"The CSV cannot be read: {error}.") from error
    if not lines:
        raise SignatureError("Found no rows, expected at least one.")
    positions, rows = _without_names(lines, reader)
    for row, line in enumerate(rows, 1):
        if len(line) != len(lines[0]):
            raise SignatureError(
                f"Row {row}: found {len(line)} fields, expected {len(lines[0])}.", row=row
            )
    columns = reader.signature.columns
    values = {
        column.name: _values([line[position] for line in rows], column)
        for column, position in zip(columns, positions, strict=True)
    }
    return reader.from_columns(values)


def _without_names(
    lines: list[list[str]], reader: "RowReader"
) -> tuple[list[int], list[list[str]]]:
    """Position of each of the model's columns, and the lines that hold values."""
    first = lines[0]
    names = reader.signature.names
    if reader.signature.named and set(names) <= set(first):
        return [first.index(name) for name in names], lines[1:]
    if len(first) != reader.width:
        raise SignatureError(
            f"Found {len(first)} fields, expected {reader.width}: {', '.join(names[:10])}."
        )
    in_order = list(range(reader.width))
    if not reader.signature.named and not _could_be_values(first, reader):
        return in_order, lines[1:]
    return in_order, lines


def _could_be_values(fields: list[str], reader: "RowReader") -> bool:
    for field, column in zip(fields, reader.signature.columns, strict=True):
        try:
            _values([field], column)
        except SignatureError:
            return False
    return True


def _values(fields: list[str], column: Column) -> list[Any]:
    texts = [None if field in _NULLS else field for field in fields]
    match column.dtype:
        case DType.STRING:
            return list(texts)
        case DType.CATEGORICAL:
            return list(to_categories(texts, column))
        case DType.BOOL:
            return [_parsed(text, column, row, _truth) for row, text in enumerate(texts, 1)]
        case DType.FLOAT64 | DType.INT64:
            return [_parsed(text, column, row, _number) for row, text in enumerate(texts, 1)]


def _parsed(text: str | None, column: Column, row: int, parse: Any) -> Any:
    if text is None:
        return None
    try:
        return parse(text.strip())
    except (ValueError, KeyError):
        raise SignatureError(
            f"Row {row}, column '{column.name}': found {describe(text)}, "
            f"expected {expected_of(column)}.",
            row=row,
            column=column.name,
        ) from None


def _truth(text: str) -> bool:
    return _TRUTH[text.lower()]


def _number(text: str) -> float | int:
    # int() would also take digits with underscores, and digits of all scripts.
    if text.isascii() and text.lstrip("+-").isdigit() and len(text) < 20:
        return int(text)
    value = number(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError(text)
    return value
