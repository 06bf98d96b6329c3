"""Large bodies, read and written piece by piece: the same rows and answers as in one piece."""

import contextlib
import random
import struct
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.serving.conftest import FakePredictor, Trained

from mlserve_cli.errors import SignatureError
from mlserve_cli.serving.exchange import LARGE_BODY_BYTES
from mlserve_cli.serving.model import LoadedModel
from mlserve_cli.serving.protocols.large_rows import read_large_rows, write_large_lists
from mlserve_cli.serving.protocols.native import NativeProtocol
from mlserve_cli.serving.rows import RowReader
from mlserve_cli.serving.scoring import score
from mlserve_cli.signature import Column, Signature, Task

READER = RowReader(Signature(Task.REGRESSION, (Column("a"), Column("b"))))
ROWS = 5000
blanks = st.text(" \n\t\r", max_size=2)


def large_body(rows: int = ROWS) -> tuple[list[list[float]], str]:
    numbers = random.Random(0)
    values = [[numbers.random() for _ in range(4)] for _ in range(rows)]
    return values, msgspec.json.encode({"features": values}).decode()


@given(st.lists(blanks, min_size=9, max_size=9), st.integers(1, 9000))
def test_rows_are_the_same_with_blanks_anywhere(blank: list[str], rows: int) -> None:
    values = [[0.1 * row, -row] for row in range(rows)]
    listed = f"{blank[0]},{blank[1]}".join(
        f"[{blank[2]}{first!r},{blank[3]}{second!r}{blank[4]}]" for first, second in values
    )
    body = f'{blank[5]}{{"features":{blank[6]}[{blank[7]}{listed}]{blank[8]}}}'
    assert read_large_rows(READER, body.encode()) == np.array(values, np.float64).tobytes()


JUNK = ["", ",", "]", "[", "[[1,2]]", "[3]", '"],["', "null", "1e999", "NaN", "}", "[1,2],,[1,2]"]


@given(st.integers(0, 12000), st.integers(0, 12000), st.sampled_from(JUNK), st.booleans())
def test_what_is_no_list_of_rows_is_never_taken_for_one(
    before: int, after: int, junk: str, own: bool
) -> None:
    parts = ["[1,2]"] * before + ([junk] if own else [])
    listed = ",".join(parts) + ("" if own else junk) + ",[3,4]" * after
    body = f'{{"features":[{listed}]}}'.encode()
    found = None
    with contextlib.suppress(msgspec.DecodeError, struct.error):
        found = read_large_rows(READER, body)
    try:
        rows = msgspec.json.decode(body, type=dict[str, list[list[float]]])["features"]
        expected = np.array(rows, np.float64).tobytes() if {*map(len, rows)} == {2} else None
    except msgspec.DecodeError:
        expected = None
    assert found == expected


@pytest.mark.parametrize("classes", [None, 1, 3])
@pytest.mark.parametrize("labels", [np.arange(9000), np.arange(9000).astype(str), np.eye(4097)])
def test_answers_are_the_same_as_in_one_piece(classes: int | None, labels: NDArray[Any]) -> None:
    rows = len(labels)
    probabilities = None if classes is None else np.random.default_rng(0).random((rows, classes))
    answer = {"predictions": labels.tolist(), "model": "m[]", "version": 1}
    frame = {**answer, "predictions": []}
    if probabilities is not None:
        answer["probabilities"] = probabilities.tolist()
        frame["probabilities"] = []
    found = write_large_lists(msgspec.json.encode(frame), labels, probabilities)
    assert found == msgspec.json.encode(answer)


def test_large_requests_are_answered_as_small_ones(trained: Trained) -> None:
    model = trained.load("iris")
    values, text = large_body()
    assert len(text) > LARGE_BODY_BYTES
    call = NativeProtocol().read(model, text.encode(), {})
    large = msgspec.json.decode(
        call.answer(score(model, [call.rows], call.wanted, 4096), 0, ROWS).body
    )
    small = NativeProtocol().read(model, msgspec.json.encode({"features": values[:9]}), {})
    scored = score(model, [small.rows], small.wanted, 4096)
    first = msgspec.json.decode(small.answer(scored, 0, 9).body)
    assert len(large["predictions"]) == len(large["probabilities"]) == ROWS
    assert large["predictions"][:9] == first["predictions"]
    assert large["probabilities"][:9] == first["probabilities"]


def test_a_wrong_row_of_many_is_named(fake: type[FakePredictor]) -> None:
    model = LoadedModel("m", 1, fake(4))
    _, text = large_body()
    wrong = text.removesuffix("]}") + ',[1,2,"three",4]]}'
    with pytest.raises(
        SignatureError, match=f"Row {ROWS + 1}, column 'x2': found the text 'three'"
    ):
        NativeProtocol().read(model, wrong.encode(), {})
    short = text.removesuffix("]}") + ",[1,2,3]]}"
    with pytest.raises(SignatureError, match=f"Row {ROWS + 1}: found 3 values, expected 4"):
        NativeProtocol().read(model, short.encode(), {})
