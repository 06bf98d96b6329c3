"""Parquet bodies: what common writers write is read, what is hostile is refused."""

import io
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.serving.conftest import FakePredictor, Trained

from mlserve_cli.errors import InputError, MlserveError, SignatureError
from mlserve_cli.serving.model import LoadedModel
from mlserve_cli.serving.protocols import parquet_pages
from mlserve_cli.serving.protocols.mlflow import MlflowProtocol
from mlserve_cli.serving.protocols.parquet import read_parquet
from mlserve_cli.serving.refusals import TooLargeError
from mlserve_cli.serving.rows import RowReader
from mlserve_cli.signature import Column, DType, Layout, Signature, Task

MIXED = Signature(
    Task.REGRESSION,
    (
        Column("n", DType.INT64),
        Column("x"),
        Column("t", DType.STRING),
        Column("f", DType.BOOL),
        Column("c", DType.CATEGORICAL, categories=("a", "b")),
    ),
    Layout.FRAME,
    named=True,
)
FRAME = pd.DataFrame(
    {
        "other": [{"nested": 1}] * 3,
        "c": pd.Categorical(["a", None, "b"]),
        "f": [True, False, True],
        "t": ["eins", None, "zwei"],
        "x": [0.5, None, 2.5],
        "n": [1, 2, 3],
    }
)
ONE = Signature(Task.REGRESSION, (Column("x"),), Layout.FRAME, named=True)
TEXT = Signature(Task.REGRESSION, (Column("t", DType.STRING),), Layout.FRAME, named=True)


def written(table: Any, **options: Any) -> bytes:
    content = io.BytesIO()
    pq.write_table(pa.table(table) if isinstance(table, dict) else table, content, **options)
    return content.getvalue()


def columns(body: bytes, signature: Signature) -> dict[str, list[Any]]:
    data = read_parquet(body, RowReader(signature)).data
    assert isinstance(data, dict)
    return {name: values.tolist() for name, values in data.items()}


@pytest.mark.parametrize("compression", ["none", "snappy", "gzip", "zstd", "lz4", "brotli"])
@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_what_pandas_writes_is_read_by_name(compression: str, version: str) -> None:
    table = pa.Table.from_pandas(FRAME)
    body = written(table, compression=compression, data_page_version=version, row_group_size=2)
    found = columns(body, MIXED)
    assert found.pop("x") == [0.5, pytest.approx(np.nan, nan_ok=True), 2.5]
    assert found == {
        "n": [1, 2, 3],
        "t": ["eins", None, "zwei"],
        "f": [True, False, True],
        "c": ["a", None, "b"],
    }


def test_a_model_without_names_takes_the_columns_in_order(fake: type[FakePredictor]) -> None:
    frame = pd.DataFrame({"b": [1, 3], "a": [2.0, 4.0]}, index=["first", "second"])
    call = MlflowProtocol().read(
        LoadedModel("m", 1, fake()),
        frame.to_parquet(),
        {b"content-type": b"application/vnd.apache.parquet"},
    )
    assert call.rows.data == np.array([[1.0, 2.0], [3.0, 4.0]]).tobytes()


def test_the_predictions_are_the_estimators(trained: Trained) -> None:
    rows = read_parquet(trained.animals.to_parquet(), trained.load("pets").reader)
    assert rows.count == len(trained.animals)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"y": [1.0]}, "has no column 'x'"),
        ({"x": [[1.0]]}, "nested or comes twice"),
        ({"x": [{"a": 1.0}]}, "nested or comes twice"),
        ({"x": [b"1"]}, "holds binary, expected numbers, booleans or text"),
        ({"x": pd.to_datetime(["2026-01-01"])}, "holds timestamp"),
        ({"x": ["1"]}, "Row 1, column 'x': found the text '1', expected a number."),
        ({"x": [1.0, np.inf]}, "holds infinity"),
        ({"x": pa.array([], pa.float64())}, "Found no rows"),
    ],
)
def test_what_does_not_fit_is_named(table: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        columns(written(table), ONE)


def test_one_long_text_in_every_row_takes_no_more_than_itself() -> None:
    long = "x" * (1 << 20)
    repeated = pa.DictionaryArray.from_arrays(pa.array([0] * 100_000, pa.int32()), [long])
    body = written({"t": repeated}, compression="zstd", dictionary_pagesize_limit=1 << 24)
    assert len(body) < 1 << 20
    found = read_parquet(body, RowReader(TEXT)).data
    assert isinstance(found, dict)
    assert len({id(value) for value in found["t"].tolist()}) == 1


@pytest.mark.parametrize(
    ("body", "error", "message"),
    [
        (b"", InputError, "not a Parquet file"),
        (b"PAR1" + bytes(100) + b"PAR1", InputError, "not a Parquet file"),
        (written({"x": [1.0]})[:-1], InputError, "not a Parquet file"),
        (written({"x": np.zeros(17 << 20, np.int8)}), TooLargeError, "more than 16777216 values"),
        (
            written({"x": [1], "z": ["a" * (129 << 20)]}, compression="zstd", use_dictionary=False),
            TooLargeError,
            "more than 134217728 bytes when it is decompressed",
        ),
        (
            written(
                {"t": ["a" * 9, "a" * 9]},
                use_dictionary=False,
                column_encoding={"t": "DELTA_BYTE_ARRAY"},
            ),
            InputError,
            "pages in the encoding 7, which is not read",
        ),
    ],
    ids=["empty", "zeros", "cut", "rows", "bomb", "delta"],
)
def test_hostile_bodies_are_refused(body: bytes, error: type[InputError], message: str) -> None:
    signature = TEXT if b"DELTA" in body or b"aaaaaaaaa" in body else ONE
    with pytest.raises(InputError, match=message) as caught:
        columns(body, signature)
    assert type(caught.value) is error


def test_the_number_of_pages_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_pages, "MAX_PAGES", 3)
    with pytest.raises(TooLargeError, match="more than 3 pages"):
        columns(written({"x": np.arange(100.0)}, row_group_size=20), ONE)


SMALL = written(pa.Table.from_pandas(FRAME.drop(columns="other")))


@given(st.lists(st.tuples(st.integers(0, len(SMALL)), st.binary(max_size=4)), max_size=4))
def test_a_damaged_body_is_read_or_refused(damage: list[tuple[int, bytes]]) -> None:
    body = SMALL
    for position, noise in damage:
        body = body[:position] + noise + body[position + len(noise) :]
    try:
        rows = read_parquet(body, RowReader(MIXED))
    except (MlserveError, MemoryError):
        return
    assert rows.count >= 1


def test_missing_values_where_the_model_takes_none_are_refused() -> None:
    strict = Signature(Task.REGRESSION, (Column("x", missing=False),), named=True)
    with pytest.raises(SignatureError, match="Row 2, column 'x': found null"):
        read_parquet(written({"x": [1.0, None]}), RowReader(strict))
