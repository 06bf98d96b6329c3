"""A file that grows says what pyarrow's own file of the same rows says."""

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlserve_cli.monitoring.records.columns import Column, ColumnKind, column_of
from mlserve_cli.monitoring.records.parquet import GrowingParquet

TYPES = {
    ColumnKind.FLOAT64: pa.float64(),
    ColumnKind.INT64: pa.int64(),
    ColumnKind.BOOL: pa.bool_(),
    ColumnKind.STRING: pa.string(),
    ColumnKind.TIME: pa.timestamp("us", tz="UTC"),
}
KINDS = {f"{kind} Ä": kind for kind in ColumnKind}
METADATA = {b"mlserve": b'{"a": "\xc3\xa4"}', b"second": b""}
INTEGERS = st.integers(-(2**63), 2**63 - 1)
VALUES: dict[ColumnKind, st.SearchStrategy[Any]] = {
    ColumnKind.FLOAT64: st.none() | st.floats(),
    ColumnKind.INT64: st.none() | INTEGERS,
    ColumnKind.BOOL: st.none() | st.booleans(),
    ColumnKind.STRING: st.none() | st.sampled_from(["", "setosa", "Ça\0"]) | st.text(),
    ColumnKind.TIME: INTEGERS,
}
ROWS = st.lists(st.tuples(*(VALUES[kind] for kind in KINDS.values())), min_size=1, max_size=30)


def columns_of(rows: Sequence[tuple[Any, ...]]) -> dict[str, Column]:
    found = {}
    for (name, kind), values in zip(KINDS.items(), zip(*rows, strict=True), strict=True):
        objects = np.empty(len(values), object)
        objects[:] = values
        if kind is ColumnKind.TIME:
            found[name] = Column(objects.astype(np.int64))
        else:
            found[name] = column_of(objects, kind)
    return found


def table_of(rows: Sequence[tuple[Any, ...]]) -> pa.Table:
    """What pyarrow reads of what it has written itself."""
    arrays = [
        pa.array(values, TYPES[kind])
        for kind, values in zip(KINDS.values(), zip(*rows, strict=True), strict=True)
    ]
    sink = io.BytesIO()
    pq.write_table(pa.table(arrays, list(KINDS), metadata=METADATA), sink)
    return pq.read_table(io.BytesIO(sink.getvalue()))


def read(file: GrowingParquet) -> pa.Table:
    return pq.read_table(io.BytesIO(b"".join(file.parts())))


def same(found: pa.Table, expected: pa.Table) -> bool:
    """Whether nothing differs, where NaN is NaN."""
    moment = pa.int64()
    for place, kind in enumerate(KINDS.values()):
        one, other = found.column(place), expected.column(place)
        if kind is ColumnKind.TIME:
            one, other = one.cast(moment), other.cast(moment)
        if repr(one.to_pylist()) != repr(other.to_pylist()):
            return False
    return bool(found.schema.equals(expected.schema, check_metadata=True))


@given(st.lists(ROWS, min_size=1, max_size=4))
def test_pyarrow_reads_what_it_would_have_written(additions: list[list[tuple[Any, ...]]]) -> None:
    file = GrowingParquet(KINDS, METADATA)
    rows: list[tuple[Any, ...]] = []
    for addition in additions:
        file.add(columns_of(addition), len(addition))
        rows += addition
        assert same(read(file), table_of(rows))


@given(st.lists(st.integers(1, 1500), min_size=1, max_size=6), st.booleans())
def test_rows_stay_in_order_over_many_pages(sizes: list[int], has_missing: bool) -> None:
    kinds = {"number": ColumnKind.INT64, "flag": ColumnKind.BOOL, "text": ColumnKind.STRING}
    file = GrowingParquet(kinds, {})
    expected: list[dict[str, Any]] = []
    for size in sizes:
        numbers = np.arange(len(expected), len(expected) + size)
        valid = numbers % 3 > 0 if has_missing else None
        texts = [b"%d" % number for number in numbers]
        columns = {
            "number": Column(numbers, valid),
            "flag": Column(numbers % 2 == 0, valid),
            "text": Column(texts, valid),
        }
        file.add(columns, size)
        for n in numbers.tolist():
            known = n % 3 > 0 or not has_missing
            row = (
                {"number": n, "flag": n % 2 == 0, "text": str(n)} if known else dict.fromkeys(kinds)
            )
            expected.append(row)
    found = read(file)
    assert found.to_pylist() == expected
    assert pq.ParquetFile(io.BytesIO(b"".join(file.parts()))).num_row_groups == 1


@pytest.mark.parametrize("size", [0, 1, 65_526, 65_527, 65_528, 131_070, 200_000])
def test_long_texts_are_kept_before_a_page_is_full_and_after(size: int) -> None:
    text = bytes(65 + place % 7 for place in range(size))
    file = GrowingParquet({"text": ColumnKind.STRING}, {})
    for rows in range(1, 4):
        file.add({"text": Column([text])}, 1)
        assert read(file).column(0).to_pylist() == [text.decode()] * rows
    file.add({"text": Column([b"short"] * 1000)}, 1000)
    assert read(file).column(0).to_pylist() == [text.decode()] * 3 + ["short"] * 1000


def test_other_tools_read_all_kinds(tmp_path: Any) -> None:
    rows = [(1.5, -(2**63), True, "Ça", 1_700_000_000_000_000), (None, None, None, None, 0)]
    file = GrowingParquet(KINDS, METADATA)
    file.add(columns_of(rows * 800), 1600)
    file.add(columns_of(rows), 2)
    path = tmp_path / "file.parquet"
    path.write_bytes(b"".join(file.parts()))
    expected = table_of(rows * 801).to_pylist()
    polars = pytest.importorskip("polars")
    assert polars.read_parquet(path).to_dicts() == expected


def test_duckdb_reads_all_kinds(tmp_path: Any) -> None:
    rows = [(1.5, 7, True, "Ça", 1_700_000_000_000_000), (None, None, None, None, 0)]
    file = GrowingParquet(KINDS, METADATA)
    file.add(columns_of(rows * 800), 1600)
    file.add(columns_of(rows), 2)
    path = tmp_path / "file.parquet"
    path.write_bytes(b"".join(file.parts()))
    duckdb = pytest.importorskip("duckdb")
    names = ", ".join(f'"{name}"' for name in list(KINDS)[:-1])
    found = duckdb.sql(f"select {names}, epoch_us(\"time Ä\") from '{path}'").fetchall()
    assert found == rows * 801


def test_what_repeats_takes_little_room_once_a_page_is_complete() -> None:
    file = GrowingParquet({"text": ColumnKind.STRING}, {})
    file.add({"text": Column([b"setosa"] * 10_000)}, 10_000)
    assert sum(map(len, file.parts())) < 2000
