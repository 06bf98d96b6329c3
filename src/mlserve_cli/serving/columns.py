"""Values from a request turned into the array that a column of the model takes."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlserve_cli.errors import SignatureError
from mlserve_cli.signature import Column, DType

_INT64 = 2**63
# Characters of an offending value that an answer repeats.
_SHOWN_CHARACTERS = 40

_EXPECTED = {
    DType.FLOAT64: "a number",
    DType.INT64: "a whole number",
    DType.BOOL: "true or false",
    DType.STRING: "text",
}


def column_array(values: Sequence[Any], column: Column) -> NDArray[Any]:
    """The values of one column, in the form that `Predictor.predict` takes.

    Args:
        values: As JSON gives them: numbers, text, booleans, None for missing.
        column: What the model takes.

    Raises:
        SignatureError: The first value that the column does not hold.
    """
    kinds = set(map(type, values))
    missing = type(None) in kinds
    if missing and column.missing is False:
        raise _refusal(values, column, lambda value: value is not None)
    match column.dtype:
        case DType.FLOAT64:
            return _floats(values, kinds, column)
        case DType.INT64:
            return _integers(values, kinds, column, missing=missing)
        case DType.BOOL:
            _require(values, column, lambda value: isinstance(value, bool))
            return _objects(values) if missing else np.array(values, np.bool_)
        case DType.STRING:
            if not kinds <= {str, type(None)}:
                _require(values, column, lambda value: isinstance(value, str))
            return _objects(values)
        case DType.CATEGORICAL:
            return _categories(values, column)


def check_missing(values: NDArray[Any], column: Column) -> None:
    """Refuses NaN in a column of numbers that takes no missing values.

    Raises:
        SignatureError: Naming the first row with NaN.
    """
    if column.missing is False and values.dtype.kind == "f" and np.isnan(values).any():
        row = int(np.flatnonzero(np.isnan(values))[0]) + 1
        raise _error(None, column, row)


def expected_of(column: Column) -> str:
    """What a column holds, with an article."""
    if column.dtype is not DType.CATEGORICAL:
        return _EXPECTED[column.dtype]
    kinds = {type(category) for category in column.categories or ()}
    if kinds <= {str}:
        return "text (a category)"
    return "true or false" if kinds <= {bool} else "a number (a category)"


def _floats(values: Sequence[Any], kinds: set[type], column: Column) -> NDArray[np.float64]:
    if not kinds <= {float, int, type(None)}:
        _require(values, column, _is_number)
    try:
        # None becomes NaN.
        return np.array(values, np.float64)
    except OverflowError:
        raise _refusal(values, column, _fits_float) from None


def _integers(
    values: Sequence[Any], kinds: set[type], column: Column, *, missing: bool
) -> NDArray[Any]:
    if not kinds <= {int}:
        _require(values, column, _is_whole)
    if missing:
        return _floats(values, kinds, column)
    try:
        return np.array([int(value) for value in values], np.int64)
    except OverflowError:
        raise _refusal(values, column, lambda value: -_INT64 <= value < _INT64) from None


def _categories(values: Sequence[Any], column: Column) -> NDArray[Any]:
    kinds = {type(category) for category in column.categories or ()}
    if kinds <= {str}:
        _require(values, column, lambda value: isinstance(value, str))
        return _objects(values)
    if kinds <= {bool}:
        _require(values, column, lambda value: isinstance(value, bool))
        return _objects(values)
    if str in kinds:
        return _objects(values)
    _require(values, column, _is_number)
    if float in kinds:
        return _objects([None if value is None else float(value) for value in values])
    return _objects([_as_int(value) for value in values])


def _as_int(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_whole(value: Any) -> bool:
    return _is_number(value) and (isinstance(value, int) or value.is_integer())


def _fits_float(value: Any) -> bool:
    try:
        return math.isfinite(float(value))
    except OverflowError:
        return False


def _objects(values: Sequence[Any]) -> NDArray[Any]:
    array = np.empty(len(values), np.object_)
    array[:] = values
    return array


def _require(values: Sequence[Any], column: Column, holds: Any) -> None:
    if not all(value is None or holds(value) for value in values):
        raise _refusal(values, column, lambda value: value is None or holds(value))


def _refusal(values: Sequence[Any], column: Column, holds: Any) -> SignatureError:
    for position, value in enumerate(values):
        if not (value is None and column.missing is not False) and not holds(value):
            return _error(value, column, position + 1)
    raise AssertionError("no value is at fault")


def _error(value: Any, column: Column, row: int) -> SignatureError:
    return SignatureError(
        f"Row {row}, column '{column.name}': found {describe(value)}, "
        f"expected {expected_of(column)}.",
        row=row,
        column=column.name,
    )


def describe(value: Any) -> str:
    """A value as an error message shows it, cut to a bounded length."""
    shown = "an object"
    match value:
        case None:
            shown = "null (a missing value)"
        case bool():
            shown = "true" if value else "false"
        case str():
            text, cut = value[:_SHOWN_CHARACTERS], "..." if len(value) > _SHOWN_CHARACTERS else ""
            shown = f"the text {text + cut!r}"
        case int() if abs(value) >= _INT64:
            shown = "a number out of range"
        case int() | float():
            shown = f"the number {value!r}"
        case list():
            shown = "a list"
    return shown
