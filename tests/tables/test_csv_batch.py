"""Batches hold what pandas.read_csv would have read."""

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlserve_cli.errors import EngineError
from mlserve_cli.signature import Column, DType, Layout, Signature, Task
from mlserve_cli.tables.csv_batch import CsvBatchReader
from mlserve_cli.tables.matching import Matching
from mlserve_cli.tables.records import Records, RecordScanner
from mlserve_cli.tables.values import NULL_SPELLINGS

if TYPE_CHECKING:
    from mlserve_cli.inference.predictor import Batch

_NUMBERS = st.sampled_from([*NULL_SPELLINGS, "+1", " 2.5 ", "1e400", "-inf", "007"]) | (
    st.floats(allow_nan=False).map(repr) | st.integers(-(10**20), 10**20).map(str)
)


def read(data: bytes, *columns: Column, layout: Layout = Layout.FRAME) -> "Batch":
    names = tuple(column.name for column in columns)
    signature = Signature(Task.REGRESSION, columns, layout, named=True)
    matching = Matching(len(columns), names, tuple(range(len(columns))))
    reader = CsvBatchReader(matching, signature, ",")
    return reader.read(data, RecordScanner(b",").records(data))


def frame(data: bytes, *columns: Column) -> Mapping[str, "np.typing.NDArray[np.generic]"]:
    batch = read(data, *columns)
    assert isinstance(batch, Mapping)
    return batch


@given(st.lists(st.tuples(_NUMBERS, _NUMBERS), min_size=1, max_size=6))
@settings(max_examples=200, deadline=None)
def test_numbers_are_the_ones_that_pandas_reads(rows: list[tuple[str, str]]) -> None:
    text = "".join(f"{a},{b},\n" for a, b in rows)
    expected = pd.read_csv(io.StringIO(text), header=None, dtype={0: float, 1: float})
    columns = (Column("a"), Column("b"), Column("c"))
    found = read(text.encode(), *columns, layout=Layout.MATRIX)
    assert isinstance(found, np.ndarray)
    # pandas before 3.1 may be off by one unit in the last place.
    np.testing.assert_allclose(found, expected.to_numpy(), rtol=4e-16)


@pytest.mark.parametrize("dtype", [DType.STRING, DType.CATEGORICAL])
def test_text_is_missing_where_pandas_finds_it_missing(dtype: DType) -> None:
    texts = [*NULL_SPELLINGS, "none", " NA", "NAN", "-", "007", "é"]
    data = "".join(f'"{text}",{text}\n' for text in texts).encode()
    columns = Column("a", dtype), Column("b", dtype)
    expected = pd.read_csv(io.BytesIO(data), header=None, dtype=str)
    for name, position in (("a", 0), ("b", 1)):
        found = frame(data, *columns)[name]
        assert [value is None for value in found] == expected[position].isna().tolist()
        assert [value for value in found if value is not None] == texts[len(NULL_SPELLINGS) :]


def test_one_reader_gives_the_same_values_after_it_met_odd_ones() -> None:
    signature = Signature(
        Task.REGRESSION, (Column("f"), Column("i", DType.INT64)), Layout.FRAME, named=True
    )
    reader = CsvBatchReader(Matching(2, ("f", "i"), (0, 1)), signature, ",")
    plain, odd = b"0.1,9007199254740993\n-0,-1\n,-2\n", b"+.1,+1\n1,2.5\n"
    scanner = RecordScanner(b",")

    def values(data: bytes) -> list[tuple[str, list[float]]]:
        batch = reader.read(data, scanner.records(data))
        assert isinstance(batch, Mapping)
        return [(column.dtype.str, column.tolist()) for column in batch.values()]

    before = repr(values(plain))
    assert values(odd) == [("<f8", [0.1, 1.0]), ("<f8", [1.0, 2.5])]
    assert repr(values(plain)) == before


def test_hexadecimal_elsewhere_in_the_block_changes_no_integer() -> None:
    found = frame(b"1,0x1f\n-7,0XAB\n", Column("i", DType.INT64), Column("s", DType.STRING))
    assert found["i"].dtype == np.int64
    assert found["i"].tolist() == [1, -7]


def test_a_byte_order_mark_inside_a_file_is_data() -> None:
    found = frame(b"\xef\xbb\xbfa,1\n", Column("s", DType.STRING), Column("f"))
    assert found["s"].tolist() == ["\ufeffa"]


def test_nul_bytes_are_data() -> None:
    found = frame(b"a\0b,1\n\0,2\n", Column("s", DType.STRING), Column("f"))
    assert found["s"].tolist() == ["a\0b", "\0"]


def test_a_disagreement_on_the_number_of_rows_is_an_error() -> None:
    signature = Signature(Task.REGRESSION, (Column("f"),), named=True)
    reader = CsvBatchReader(Matching(1, ("f",), (0,)), signature, ",")
    wrong = Records(np.array([0]), np.array([3]), 1)
    with pytest.raises(EngineError, match="finds 2 rows in a block where the record scanner finds"):
        reader.read(b"1\n2\n", wrong)
