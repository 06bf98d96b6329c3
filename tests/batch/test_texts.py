"""Added values are text that reads back as the same value."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from mlserve_cli.batch.texts import as_text


def texts(values: NDArray[Any], delimiter: str = ",") -> list[str]:
    return [text.decode() for text in as_text(values, delimiter).to_pylist()]


@given(hnp.arrays(np.float64, st.integers(0, 20)))
def test_doubles_read_back_as_the_same_doubles(values: NDArray[np.float64]) -> None:
    found = np.array([float(text) for text in texts(values)])
    np.testing.assert_array_equal(found, values)
    np.testing.assert_array_equal(np.signbit(found)[values == 0], np.signbit(values)[values == 0])


@given(hnp.arrays(np.float32, st.integers(0, 20)))
def test_floats_read_back_as_the_same_floats(values: NDArray[np.float32]) -> None:
    np.testing.assert_array_equal(np.array(texts(values), np.float32), values)


@given(hnp.arrays(hnp.integer_dtypes(endianness="<"), st.integers(0, 20)))
def test_integers_are_plain_digits(values: NDArray[np.int64]) -> None:
    assert texts(values) == [str(value) for value in values.tolist()]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([1.0, -2.0, 0.5, -0.0]), ["1.0", "-2.0", "0.5", "-0.0"]),
        (np.array([1e16, 1e-7, np.nan, np.inf, -np.inf]), ["1e+16", "1e-7", "nan", "inf", "-inf"]),
        (np.array([0.1, 3], np.float32), ["0.1", "3.0"]),
        (np.array([0.5, 3], np.float16), ["0.5", "3.0"]),
        (np.array([True, False]), ["True", "False"]),
        (np.array(["a", "b,c", 'd"e']), ["a", '"b,c"', '"d""e"']),
        (np.array(["f\ng", "h\r", ""]), ['"f\ng"', '"h\r"', ""]),
        (np.array(["x", None, 1.0, 7], np.object_), ["x", "", "1.0", "7"]),
        (np.array([], np.object_), []),
        (np.array([[1, 2], [3, 4]])[:, 1], ["2", "4"]),
    ],
)
def test_values_are_written_as_python_and_csv_write_them(
    values: NDArray[Any], expected: list[str]
) -> None:
    assert texts(values) == expected


def test_a_label_is_quoted_for_the_delimiter_in_use() -> None:
    assert texts(np.array(["a,b", "a;b"]), ";") == ["a,b", '"a;b"']
