"""Rows are checked before they are scored with those of others."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlserve_cli.errors import SignatureError
from mlserve_cli.serving.rows import RowReader
from mlserve_cli.signature import Column, DType, Layout, Signature, Task

MATRIX = Signature(
    Task.REGRESSION, (Column("a", missing=False), Column("b", missing=True)), named=True
)
FRAME = Signature(
    Task.REGRESSION,
    (
        Column("n", DType.INT64, missing=False),
        Column("x", missing=True),
        Column("t", DType.STRING, missing=True),
        Column("f", DType.BOOL, missing=False),
        Column("c", DType.CATEGORICAL, categories=(1, 2), missing=True),
    ),
    Layout.FRAME,
    named=True,
)
GOOD = {"n": 1, "x": 0.5, "t": "a", "f": True, "c": 2}

numbers = st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(st.tuples(numbers, st.none() | numbers), min_size=1))
def test_a_matrix_comes_back_as_it_was_given(rows: list[tuple[float, float | None]]) -> None:
    reader = RowReader(MATRIX)
    expected = np.array([[a, np.nan if b is None else b] for a, b in rows])
    by_name = reader.from_records([{"b": b, "a": a} for a, b in rows])
    for found in (reader.from_rows(rows), by_name, reader.from_matrix(expected)):
        np.testing.assert_array_equal(reader.merge([found]), expected)


@given(st.lists(st.integers(1, 4), min_size=1, max_size=8))
def test_merged_rows_keep_the_order_of_requests(sizes: list[int]) -> None:
    reader = RowReader(MATRIX)
    rows = np.arange(2.0 * sum(sizes)).reshape(-1, 2)
    parts = np.split(rows, np.cumsum(sizes)[:-1])
    merged = reader.merge([reader.from_rows(part.tolist()) for part in parts])
    np.testing.assert_array_equal(np.asarray(merged), rows)


def test_every_dtype_of_a_frame_has_its_array() -> None:
    reader = RowReader(FRAME)
    rows = reader.from_records([GOOD, {**GOOD, "x": None, "t": None, "c": 2.0}])
    assert isinstance(rows.data, dict)
    assert {name: array.dtype.char for name, array in rows.data.items()} == dict(
        zip("nxtfc", "ldO?O", strict=True)
    )
    assert rows.data["c"].tolist() == [2, 2]
    assert rows.kinds == "ldO?O"


@pytest.mark.parametrize(
    ("column", "value", "found", "expected"),
    [
        ("n", 1.5, "the number 1.5", "a whole number"),
        ("n", True, "true", "a whole number"),
        ("n", None, "null (a missing value)", "a whole number"),
        ("n", 2**63, "a number out of range", "a whole number"),
        ("x", "1", "the text '1'", "a number"),
        ("x", 10**400, "a number out of range", "a number"),
        ("x", [1], "a list", "a number"),
        ("t", 5, "the number 5", "text"),
        ("f", 1, "the number 1", "true or false"),
        ("c", "1", "the text '1'", "a number (a category)"),
        ("t", {}, "an object", "text"),
    ],
)
def test_what_does_not_fit_is_named(column: str, value: Any, found: str, expected: str) -> None:
    with pytest.raises(SignatureError) as caught:
        RowReader(FRAME).from_records([GOOD, {**GOOD, column: value}])
    assert caught.value.message == f"Row 2, column '{column}': found {found}, expected {expected}."
    assert (caught.value.row, caught.value.column) == (2, column)


def test_a_category_beyond_the_known_ones_is_left_to_the_estimator() -> None:
    rows = RowReader(FRAME).from_records([{**GOOD, "c": 99}])
    assert isinstance(rows.data, dict)
    assert rows.data["c"].tolist() == [99]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "Found no rows"),
        ([[1.0]], "Row 1: found 1 value, expected 2 (a, b)."),
        ([[1.0, 2.0], 3.0], "Row 2: found the number 3.0, expected a list of 2 values."),
        ([[None, 2.0]], "Row 1, column 'a': found null (a missing value), expected a number."),
    ],
)
def test_rows_of_the_wrong_form_are_refused(rows: list[Any], message: str) -> None:
    with pytest.raises(SignatureError) as caught:
        RowReader(MATRIX).from_rows(rows)
    assert caught.value.message.startswith(message)


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"a": 1.0}, "Row 1: column 'b' is missing; expected the columns a, b."),
        ({"a": 1.0, "b": 1.0, "z": 1}, "Row 1: found the text 'z' as a column"),
        (5, "Row 1: found the number 5, expected an object"),
    ],
)
def test_records_need_exactly_the_columns(record: Any, message: str) -> None:
    with pytest.raises(SignatureError) as caught:
        RowReader(MATRIX).from_records([record])
    assert caught.value.message.startswith(message)
