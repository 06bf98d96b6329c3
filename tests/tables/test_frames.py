"""Whole tables are read with their types, and damaged ones are named."""

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from mlserve_cli.errors import EngineError, InputError, MlserveError, UsageError
from mlserve_cli.tables import read_table, write_parquet

_FRAME = pd.DataFrame(
    {
        "x": [0.1, 2.5, np.nan],
        "n": [1, 2, 3],
        "s": ["007", "b", None],
        "c": pd.Categorical(["u", "v", "u"], categories=["v", "u", "w"]),
        "b": [True, False, True],
    }
)


@pytest.mark.parametrize("suffix", ["parquet", "arrow"])
def test_typed_formats_keep_every_type(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"t.{suffix}"
    if suffix == "parquet":
        write_parquet(_FRAME, path)
    else:
        _FRAME.to_feather(path)
    found = read_table(path)
    pd.testing.assert_frame_equal(found, _FRAME)
    assert list(found["c"].cat.categories) == ["v", "u", "w"]


def test_the_index_is_left_out_of_parquet(tmp_path: Path) -> None:
    write_parquet(_FRAME.set_index(pd.Index([5, 6, 7], name="i")), tmp_path / "t.parquet")
    assert list(read_table(tmp_path / "t.parquet").columns) == list(_FRAME.columns)


@pytest.mark.parametrize("suffix", ["csv", "csv.gz", "csv.zst", "csv.bz2", "tsv", "tsv.gz"])
def test_csv_is_read_as_pandas_reads_it(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"t.{suffix}"
    separator = "\t" if suffix.startswith("tsv") else ","
    text = _FRAME.drop(columns="c").to_csv(index=False, sep=separator)
    with pa.output_stream(str(path), compression="detect") as stream:
        stream.write(text.encode())
    found = read_table(path)
    assert found["n"].dtype == np.int64
    assert found["b"].dtype == np.bool_
    assert found["s"].tolist()[:2] == ["007", "b"]
    assert found["x"].tolist()[:2] == [0.1, 2.5]


def test_chosen_columns_of_csv_are_text_even_where_they_look_like_numbers(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("zip,n\n01234,1\nNA,2\n")
    found = read_table(path, text=["zip", "of another file"])
    assert found["zip"].tolist()[0] == "01234"
    assert found["zip"].isna().tolist() == [False, True]
    assert found["n"].tolist() == [1, 2]


def test_rows_longer_than_the_header_do_not_shift_the_names(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,b\n1,2,\n3,4,\n")
    assert read_table(path).to_dict("list") == {"a": [1, 3], "b": [2, 4]}
    path.write_text("a,b\nfirst,1,2\nsecond,3,4\n")
    with pytest.raises(InputError, match="its rows have more fields than its header has names"):
        read_table(path)


def test_another_encoding_is_told_with_the_way_out(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes("city\nZürich\n".encode("latin-1"))
    with pytest.raises(InputError, match="no readable csv file") as caught:
        read_table(path)
    assert "iconv" in (caught.value.hint or "")


def test_json_lines_keep_text_as_text(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl.gz"
    rows = '{"s":"007","x":0.1,"date":"2024-01-01"}\n{"s":"a","x":null,"date":"b"}\n'
    path.write_bytes(gzip.compress(rows.encode()))
    found = read_table(path)
    assert found["s"].tolist() == ["007", "a"]
    assert found["date"].tolist() == ["2024-01-01", "b"]
    assert found["x"].dtype == np.float64
    assert found["x"][0] == 0.1


@pytest.mark.parametrize("suffix", ["npy", "npz"])
def test_a_matrix_gets_generated_names(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"t.{suffix}"
    values = np.arange(6, dtype=np.float64).reshape(2, 3)
    if suffix == "npy":
        np.save(path, values)
    else:
        np.savez(path, anything=values)
    found = read_table(path)
    assert list(found.columns) == ["x0", "x1", "x2"]
    np.testing.assert_array_equal(found.to_numpy(), values)


def damaged(path: Path) -> None:
    name = path.name
    if name == "objects.npy":
        np.save(path, np.array([[print]], dtype=object))
    elif name == "vector.npy":
        np.save(path, np.arange(3))
    elif name == "dates.npy":
        np.save(path, np.zeros((2, 2), "datetime64[s]"))
    elif name == "two.npz":
        np.savez(path, a=np.zeros((1, 1)), b=np.zeros((1, 1)))
    elif name == "cut.csv.gz":
        path.write_bytes(gzip.compress(b"a,b\n1,2\n" * 1000)[:-9])
    elif name in ("empty.csv", "empty.parquet", "empty.jsonl", "empty.npy", "empty.npz"):
        path.write_bytes(b"")
    else:
        path.write_bytes(b'a,b\n1,2,3\n1,2,3,4\n"\xff')


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("objects.npy", InputError, "no readable npy file"),
        ("vector.npy", InputError, r"shape \(3,\), expected \(rows, columns\)"),
        ("dates.npy", InputError, "values of type datetime64"),
        ("two.npz", InputError, r"holds 2 arrays \(a, b\), expected 1"),
        ("cut.csv.gz", InputError, "truncated or damaged gzip"),
        ("empty.csv", InputError, "no readable csv file"),
        ("empty.parquet", InputError, "no readable parquet file"),
        ("empty.jsonl", InputError, "empty.jsonl"),
        ("empty.npy", InputError, "no readable npy file"),
        ("empty.npz", InputError, "no readable npz file"),
        ("bad.csv", InputError, "no readable csv file"),
        ("bad.jsonl", InputError, "no readable jsonl file"),
        ("bad.parquet", InputError, "no readable parquet file"),
        ("bad.arrow", InputError, "no readable arrow file"),
        ("bad.npz", InputError, "no readable npz file"),
        ("bad.xlsx", UsageError, "suffix .xlsx names no table format"),
        ("bad", UsageError, r"suffix \(none\) names no table format"),
    ],
)
def test_a_file_that_holds_no_table_is_named(
    tmp_path: Path, name: str, kind: type[MlserveError], message: str
) -> None:
    damaged(tmp_path / name)
    with pytest.raises(kind, match=message) as caught:
        read_table(tmp_path / name)
    assert str(tmp_path / name) in caught.value.message


def test_a_missing_file_and_a_directory_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        read_table(tmp_path / "t.csv")
    with pytest.raises(InputError, match="is a directory"):
        read_table(tmp_path)


def test_a_frame_that_parquet_cannot_hold_is_named(tmp_path: Path) -> None:
    mixed = pd.DataFrame({"a": [1, "x", object()]})
    with pytest.raises(EngineError, match=r"t\.parquet could not be written"):
        write_parquet(mixed, tmp_path / "t.parquet")
    with pytest.raises(EngineError, match="could not be written"):
        write_parquet(_FRAME, tmp_path / "nowhere" / "t.parquet")
