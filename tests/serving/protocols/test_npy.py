"""npy bodies."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlserve_cli.errors import InputError
from mlserve_cli.serving.protocols.npy import read_npy


def written(array: object) -> bytes:
    content = io.BytesIO()
    np.save(content, np.asarray(array), allow_pickle=True)
    return content.getvalue()


@pytest.mark.parametrize("dtype", ["f8", ">f8", "f4", "f2", "i8", "u1", "?"])
@pytest.mark.parametrize("shape", [(3,), (2, 3), (0, 4)])
@pytest.mark.parametrize("order", ["C", "F"])
def test_what_numpy_writes_comes_back(dtype: str, shape: tuple[int, ...], order: str) -> None:
    numbers = np.arange(np.prod(shape)).reshape(shape)
    array = np.asarray(numbers, dtype=dtype, order="F" if order == "F" else "C")
    found = read_npy(written(array))
    np.testing.assert_array_equal(found, array)
    assert found.shape == array.shape


@pytest.mark.parametrize(
    "body",
    [
        b"",
        written([[object()]]),
        written([["text"]]),
        written(np.zeros((1, 1, 1))),
        written(np.zeros(2))[:-1],
        written(np.zeros((2, 2))).replace(b"(2, 2)", b"(9, 9)"),
    ],
    ids=["empty", "objects", "text", "three dimensions", "cut", "other shape"],
)
def test_everything_else_is_refused(body: bytes) -> None:
    with pytest.raises(InputError, match="npy array"):
        read_npy(body)


@given(st.integers(0, 140), st.binary(max_size=5))
def test_a_damaged_body_is_read_or_refused(position: int, noise: bytes) -> None:
    body = written(np.zeros((2, 3)))
    try:
        found = read_npy(body[:position] + noise + body[position + len(noise) :])
    except InputError:
        return
    assert found.ndim in {1, 2}
