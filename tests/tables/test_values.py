"""Text means what it means to pandas.read_csv."""

import io
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mlserve_cli.signature import Column, DType, Label
from mlserve_cli.tables.values import (
    NULL_SPELLINGS,
    ConversionError,
    number,
    to_bools,
    to_categories,
    to_floats,
    to_integers,
)

_NUMBERS = ["1", "+1.5", " 1.5", "1.5 ", "1.", ".5", "1e5", "1E-5", "-0", "007", "1e400", "inf"]
_NUMBERS += ["-inf", "+inf", "INF", "Infinity", "-infinity", "9007199254740993"]
_NO_NUMBERS = [
    "x",
    "1_0",
    "0x10",
    "NAN",
    "nAn",
    "+nan",
    "nan(1)",
    "1e",
    "1d5",
    "1 2",
    "--1",
    "\u0661",
]


def as_pandas_reads(text: str) -> pd.Series:
    return pd.read_csv(io.StringIO(f"a;b\n{text};1\n1.25;2\n"), sep=";")["a"]


@pytest.mark.parametrize("text", _NUMBERS)
def test_what_pandas_takes_for_a_number_is_that_number(text: str) -> None:
    assert number(text) == number(text.encode()) == as_pandas_reads(text)[0]


@pytest.mark.parametrize("text", _NO_NUMBERS)
def test_what_pandas_takes_for_text_is_no_number(text: str) -> None:
    assert not pd.api.types.is_numeric_dtype(as_pandas_reads(text))
    for spelled in (text, text.encode()):
        with pytest.raises(ValueError, match="could not convert"):
            number(spelled)


@pytest.mark.parametrize("text", NULL_SPELLINGS)
def test_every_spelling_of_missing_is_missing_to_pandas(text: str) -> None:
    assert math.isnan(as_pandas_reads(text)[0])


@given(st.sampled_from(NULL_SPELLINGS).flatmap(lambda s: st.permutations(list(s)).map("".join)))
@example("nan ")
@example("none")
@example("NIL")
@example("-")
@example("?")
def test_no_other_spelling_is_missing_to_pandas(text: str) -> None:
    assert as_pandas_reads(text).isna()[0] == (text in NULL_SPELLINGS)


def test_the_first_text_among_numbers_is_named() -> None:
    assert np.isnan(to_floats([b"1", None, b"+2"])).tolist() == [False, True, False]
    with pytest.raises(ConversionError) as caught:
        to_floats([b"1", None, b"x", b"y"])
    assert (caught.value.row, caught.value.value) == (2, b"x")


@pytest.mark.parametrize(
    ("texts", "values"),
    [
        ([b"1", b"+007", b" -3 "], [1, 7, -3]),
        ([b"9007199254740993"], [9007199254740993]),
        ([b"-9223372036854775808"], [-(2**63)]),
    ],
)
def test_whole_numbers_are_exact(texts: list[bytes], values: list[int]) -> None:
    found = to_integers(texts)
    assert found.dtype == np.int64
    assert found.tolist() == values


@pytest.mark.parametrize(
    "texts", [[b"1", None], [b"1", b"2.5"], [b"3.0"], [b"9223372036854775808"], [b"inf"]]
)
def test_what_int64_cannot_hold_is_float64(texts: list[bytes | None]) -> None:
    found = to_integers(texts)
    assert found.dtype == np.float64
    expected = [float("nan") if text is None else float(text) for text in texts]
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("text", [b"0x10", b"1_0", b"one", b""])
def test_text_is_no_whole_number(text: bytes) -> None:
    with pytest.raises(ConversionError, match="whole number"):
        to_integers([b"1", text])


@pytest.mark.parametrize(
    "true", ["true", "True", "TRUE", "t", "yes", "Y", "1", "on", " true ", "1.0"]
)
@pytest.mark.parametrize("false", ["false", "False", "FALSE", "f", "no", "N", "0", "off", "0.0"])
def test_truth_values_are_known_in_the_usual_spellings(true: str, false: str) -> None:
    values = to_bools([true, false, None], np.array([0, 1, 0]))
    assert values.dtype == np.bool_
    assert values.tolist() == [True, False, True]


def test_truth_values_with_a_missing_one_are_objects() -> None:
    values = to_bools(["true", None], np.array([0, 1]))
    assert values.dtype == np.object_
    assert values.tolist() == [True, None]


def test_the_first_value_that_is_no_truth_value_is_named() -> None:
    with pytest.raises(ConversionError) as caught:
        to_bools(["maybe", "true", "x"], np.array([1, 2, 0]))
    assert (caught.value.row, caught.value.value) == (1, "x")


@pytest.mark.parametrize(
    ("categories", "texts", "values"),
    [
        (("a", "b"), ["a", "c", None, "1"], ["a", "c", None, "1"]),
        ((1, 2), ["1", "2.0", "+1", "3", "x", None], [1, 2, 1, 3, "x", None]),
        ((1.5, 2.0), ["1.5", "2", "7"], [1.5, 2.0, 7.0]),
        ((True, False), ["true", "False", "1", "x"], [True, False, True, "x"]),
        (("1", "2"), ["1", "1.0"], ["1", "1.0"]),
    ],
)
def test_categories_are_values_of_their_own_type(
    categories: tuple[Label, ...], texts: list[str | None], values: list[Label | None]
) -> None:
    column = Column("c", DType.CATEGORICAL, categories)
    found = to_categories(texts, column)
    assert found == values
    assert [type(value) for value in found] == [type(value) for value in values]
