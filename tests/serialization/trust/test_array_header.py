"""Descriptions of arrays are checked before memory is taken for them."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from mlserve_cli.serialization.trust.array_header import (
    ArrayHeader,
    MalformedArrayError,
    checked_shape,
    make_dtype,
    set_dtype_state,
)


def _read_back(dtype: np.dtype[Any]) -> np.dtype[Any]:
    reduced: Any = dtype.__reduce__()
    _, args, state = reduced
    found = make_dtype(args)
    set_dtype_state(found, state)
    return found


_SCALARS = st.one_of(
    npst.boolean_dtypes(),
    npst.integer_dtypes(),
    npst.floating_dtypes(sizes=(16, 32, 64)),
    npst.complex_number_dtypes(sizes=(64, 128)),
    npst.unicode_string_dtypes(),
    npst.byte_string_dtypes(),
    npst.datetime64_dtypes(),
    npst.timedelta64_dtypes(),
)
_NAMES = st.lists(st.text("abcdef", min_size=1, max_size=3), min_size=1, max_size=4, unique=True)


@given(_SCALARS)
def test_every_dtype_comes_back(dtype: np.dtype[Any]) -> None:
    assert _read_back(dtype) == dtype


@given(st.data())
def test_records_come_back_packed_and_aligned(data: st.DataObject) -> None:
    names = data.draw(_NAMES)
    fields = [(name, data.draw(_SCALARS)) for name in names]
    for align in (False, True):
        dtype: np.dtype[Any] = np.dtype(fields, align=align)

        found = _read_back(dtype)

        assert found == dtype
        assert found.itemsize == dtype.itemsize


def test_a_dtype_read_back_is_not_the_one_of_the_process() -> None:
    assert make_dtype(("f8", False, False)) is not np.dtype("f8")


@pytest.mark.parametrize(
    "args",
    [
        (),
        (5,),
        ("object",),
        ("f8,f8",),
        ("V99999999999",),
        ("(1000,1000)f8",),
        ("f",),
        ({"names": ["a"]},),
        ("f8", False, True, 1),
        ("x8",),
    ],
)
def test_other_arguments_of_a_dtype_are_refused(args: tuple[Any, ...]) -> None:
    with pytest.raises(MalformedArrayError):
        make_dtype(args)


_F8 = np.dtype("f8")
_PLAIN = (3, "<", None, None, None, -1, -1, 0)


@pytest.mark.parametrize(
    "state",
    [
        None,
        (),
        _PLAIN[:4],
        (7, *_PLAIN[1:]),
        (3, "?", *_PLAIN[2:]),
        (3, "|", (_F8, (1000,)), None, None, 8, 1, 0),
        (3, "|", None, ("a",), {"a": (_F8, 1)}, 8, 1, 16),
        (3, "|", None, ("a",), {"a": (_F8, -8)}, 8, 1, 16),
        (3, "|", None, ("a",), {"a": (_F8, 0)}, 800, 1, 16),
        (3, "|", None, ("a",), {"a": (np.dtype(object), 0)}, 8, 1, 63),
        (3, "|", None, ("a",), {"b": (_F8, 0)}, 8, 1, 16),
        (3, "|", None, ("a", "a"), {"a": (_F8, 0)}, 8, 1, 16),
        (3, "|", None, ("a",), {"a": (float, 0)}, 8, 1, 16),
        (3, "|", None, ("a",), {"a": 0}, 8, 1, 16),
        (3, "|", None, "a", {"a": (_F8, 0)}, 8, 1, 16),
    ],
)
def test_other_states_of_a_dtype_are_refused(state: Any) -> None:
    dtype = make_dtype(("V8", False, True))

    with pytest.raises((MalformedArrayError, ValueError, TypeError)):
        set_dtype_state(dtype, state)

    assert dtype == np.dtype("V8")


@pytest.mark.parametrize(
    "shape", [None, "3", (-1,), (1.5,), (True,), (2**48,), (2**30, 2**30), [3], (1,) * 100]
)
def test_impossible_shapes_are_refused(shape: Any) -> None:
    with pytest.raises(MalformedArrayError):
        checked_shape(shape, _F8)


def test_many_items_of_no_size_are_refused() -> None:
    with pytest.raises(MalformedArrayError):
        checked_shape((10,), np.dtype("V0"))


def test_a_header_knows_how_many_bytes_follow() -> None:
    state = {"shape": (3, 4), "order": "F", "dtype": _F8, "numpy_array_alignment_bytes": 16}

    header = ArrayHeader.from_state(state, "numpy.ndarray")

    assert header.size_bytes == 96
    assert header.is_fortran
    assert header.padded


@pytest.mark.parametrize(
    ("state", "subclass"),
    [
        ({"shape": (3,), "order": "C", "dtype": _F8}, "os.system"),
        ({"shape": (3,), "order": "K", "dtype": _F8}, "numpy.ndarray"),
        ({"shape": (3,), "order": "C", "dtype": "f8"}, "numpy.ndarray"),
        ({"order": "C", "dtype": _F8}, "numpy.ndarray"),
        (None, "numpy.ndarray"),
    ],
)
def test_a_header_that_joblib_does_not_write_is_refused(state: Any, subclass: str) -> None:
    with pytest.raises(MalformedArrayError):
        ArrayHeader.from_state(state, subclass)
