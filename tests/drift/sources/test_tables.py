"""The same table in every format gives the same values."""

import gzip
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq
import pytest

from mlserve_cli.drift import drift_check
from mlserve_cli.drift.profile import Profile
from mlserve_cli.drift.report import Kind
from mlserve_cli.drift.sources import arrow_files, files, typed
from mlserve_cli.drift.sources.files import open_path
from mlserve_cli.drift.sources.frames import open_frame
from mlserve_cli.drift.sources.remembered import Remembered
from mlserve_cli.errors import InputError, MlserveError, UsageError

Read = Callable[[Path], dict[str, Any]]
KINDS = [Kind.NUMERIC, Kind.NUMERIC, Kind.NUMERIC, Kind.BOOLEAN, Kind.TEXT, Kind.TIME]


def write(frame: pd.DataFrame, path: Path) -> Path:
    match path.name.split(".", 1)[1]:
        case "csv" | "csv.gz":
            frame.to_csv(path, index=False)
        case "tsv":
            frame.to_csv(path, index=False, sep="\t")
        case "semicolon.csv":
            frame.to_csv(path, index=False, sep=";")
        case "parquet":
            frame.to_parquet(path, row_group_size=700)
        case "arrow":
            frame.to_feather(path)
        case "stream.arrow":
            table = pa.Table.from_pandas(frame)
            with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, table.schema) as out:
                out.write_table(table, 300)
        case "jsonl":
            table = frame.assign(when=frame["when"].dt.strftime("%Y-%m-%d %H:%M:%S"))
            table.to_json(path, orient="records", lines=True, double_precision=15)
    return path


FORMATS = ["csv", "csv.gz", "tsv", "semicolon.csv", "parquet", "arrow", "stream.arrow", "jsonl"]


@pytest.mark.parametrize("suffix", FORMATS)
def test_every_format_gives_the_same_values(
    frame: pd.DataFrame, read: Read, tmp_path: Path, suffix: str
) -> None:
    path = write(frame, tmp_path / f"data.{suffix}")
    dataset = open_path(path)
    assert [field.kind for field in dataset.fields] == KINDS
    found = read(path)
    for name in ("number", "whole", "gaps", "flag"):
        expected = frame[name].to_numpy(float)
        assert np.array(found[name]) == pytest.approx(expected, abs=1e-14, nan_ok=True)
    assert found["word"] == [None if pd.isna(word) else word for word in frame["word"]]
    seconds = (frame["when"] - pd.Timestamp(0)) / pd.Timedelta("1s")
    assert found["when"] == seconds.tolist()


def test_a_frame_gives_the_same_values(frame: pd.DataFrame) -> None:
    for table in (frame, frame.convert_dtypes(), frame.astype({"word": "category"})):
        dataset = open_frame(table, "table")
        assert [field.kind for field in dataset.fields] == KINDS
        report = drift_check(frame, table)
        assert not report
        assert {column.p_value for column in report.columns} <= {1.0, None}


@pytest.mark.parametrize("suffix", FORMATS)
def test_large_files_are_read_again_rather_than_kept(
    frame: pd.DataFrame, tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The distances are the same whether the data fit into memory or not."""
    path = write(frame, tmp_path / f"data.{suffix}")
    other = write(frame.assign(number=frame["number"] + 0.5), tmp_path / f"new.{suffix}")
    kept = drift_check(path, other)
    monkeypatch.setattr(files, "KEPT_BYTES", 1_000)
    monkeypatch.setattr(typed, "BLOCK_BYTES", 5_000)
    again = drift_check(path, other)
    for column in kept.columns:
        found = again.column(column.name)
        assert found.verdict is column.verdict
        for side, other_side in (
            (found.reference, column.reference),
            (found.current, column.current),
        ):
            assert side is not None
            assert other_side is not None
            assert (side.rows, side.missing) == (other_side.rows, other_side.missing)
            assert (side.minimum, side.maximum) == (other_side.minimum, other_side.maximum)
            assert side.mean == pytest.approx(other_side.mean)
        for check, other_check in zip(column.checks, found.checks, strict=True):
            # Bins lie elsewhere, since the sample is another one.
            expected = {measure.name: measure.value for measure in check.measures}
            values = {measure.name: measure.value for measure in other_check.measures}
            assert values == pytest.approx(expected, rel=0.02, abs=1e-15)


def test_a_sorted_file_gets_its_bins_where_the_values_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its first rows, all that a sample can be taken of, are its smallest values."""
    r = np.random.default_rng(0)
    for name in ("ref", "cur"):
        values = np.sort(r.normal(size=30_000))
        pd.DataFrame({"x": values}).to_csv(tmp_path / f"{name}.csv", index=False)
    kept = drift_check(tmp_path / "ref.csv", tmp_path / "cur.csv").column("x")
    monkeypatch.setattr(files, "KEPT_BYTES", 1_000)
    monkeypatch.setattr(typed, "BLOCK_BYTES", 5_000)
    column = drift_check(tmp_path / "ref.csv", tmp_path / "cur.csv").column("x")
    assert column.reference is not None
    assert kept.reference is not None
    assert column.reference.quantiles == pytest.approx(kept.reference.quantiles, abs=1e-3)
    measures = {measure.name: measure.value for measure in column.checks[0].measures}
    expected = {measure.name: measure.value for measure in kept.checks[0].measures}
    assert measures["ks"] == expected["ks"]
    assert measures["psi"] == pytest.approx(expected["psi"], rel=0.2)


def test_columns_get_the_type_that_all_values_fit(read: Read, tmp_path: Path) -> None:
    rows = [f"{k},{k},true,x{k},2024-01-01,," for k in range(3_000)]
    rows[1_500] = "1.5,word,maybe,5,2024-01-01 12:30:00,7,"
    header = "float,mixed,flag,text,when,late,never"
    (tmp_path / "a.csv").write_text("\n".join([header, *rows]))
    typed_small = open_path(tmp_path / "a.csv")
    assert [field.kind for field in typed_small.fields] == [
        Kind.NUMERIC,
        Kind.TEXT,
        Kind.TEXT,
        Kind.TEXT,
        Kind.TIME,
        Kind.NUMERIC,
        Kind.NUMERIC,
    ]
    found = read(tmp_path / "a.csv")
    assert found["float"][1_499:1_502] == [1499.0, 1.5, 1501.0]
    assert found["mixed"][1_499:1_502] == ["1499", "word", "1501"]
    assert np.isnan(found["never"]).all()


def test_a_text_far_down_in_numbers_is_told_with_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(typed, "_TYPED_BYTES", 1_000)
    monkeypatch.setattr(typed, "BLOCK_BYTES", 500)
    rows = [f"{k},{k}" for k in range(20_000)]
    rows[17_000] = "3,oops"
    path = tmp_path / "a.csv"
    path.write_text("\n".join(["a,b", *rows]))
    with pytest.raises(InputError, match=r"(?s)column 'b': after about row 1[0-6],\d\d\d.*'oops'"):
        drift_check(path, path)
    # Whole numbers may become fractions.
    rows[17_000] = "3.5,4"
    path.write_text("\n".join(["a,b", *rows]))
    assert not drift_check(path, path)


def test_parts_are_one_table_whatever_the_order_of_their_columns(
    frame: pd.DataFrame, tmp_path: Path
) -> None:
    folder = tmp_path / "records"
    (folder / "day=1").mkdir(parents=True)
    write(frame[:800], folder / "a.parquet")
    write(frame[800:2_000][frame.columns[::-1]], folder / "b.parquet")
    write(frame[2_000:], folder / "day=1" / "c.csv")
    (folder / "_metadata").write_text("not a table")
    (folder / ".hidden.csv").write_text("not a table")
    for reference in (folder, f"{tmp_path}/rec*/**/*.*[vt]"):
        report = drift_check(reference, frame)
        assert not report
        assert report.reference_rows == len(frame)
        assert {column.p_value for column in report.columns} <= {1.0, None}


def test_parts_with_other_columns_are_refused(frame: pd.DataFrame, tmp_path: Path) -> None:
    write(frame, tmp_path / "a.csv")
    write(frame.drop(columns="flag"), tmp_path / "b.csv")
    with pytest.raises(InputError, match=r"b.csv has the columns number, whole, gaps, word, when;"):
        drift_check(tmp_path, frame)
    write(frame.assign(number="text"), tmp_path / "b.csv")
    with pytest.raises(InputError, match=r"Column 'number' is of type string in .*b.csv"):
        drift_check(tmp_path, frame)


def test_uris_of_local_files_are_read(frame: pd.DataFrame, tmp_path: Path) -> None:
    write(frame[:1_000], tmp_path / "a.parquet")
    write(frame[1_000:], tmp_path / "b.parquet")
    for uri in (f"file://{tmp_path}", f"file://{tmp_path}/*.parquet"):
        report = drift_check(uri, frame)
        assert (report.reference, report.reference_rows) == (uri, len(frame))
    one = drift_check(f"file://{tmp_path}/a.parquet", frame)
    assert one.reference == f"file://{tmp_path}/a.parquet"
    with pytest.raises(InputError, match=r"nope.csv does not exist"):
        drift_check(f"file://{tmp_path}/nope.csv", frame)


def test_types_that_have_no_order_and_no_categories_are_left_out_with_a_remark(
    tmp_path: Path,
) -> None:
    table = pa.table({"a": [1.0, 2.0], "b": [[1], [2, 3]], "c": [b"x", b"y"]})
    pq.write_table(table, tmp_path / "a.parquet")
    report = drift_check(tmp_path / "a.parquet", tmp_path / "a.parquet")
    assert [column.name for column in report.columns] == ["a"]
    assert len(report.notes) == 2
    assert "'b'" in report.notes[0]
    pq.write_table(table.select(["b"]), tmp_path / "a.parquet")
    with pytest.raises(InputError, match="no column of numbers, truth values, times or text"):
        drift_check(tmp_path / "a.parquet", tmp_path / "a.parquet")


def test_how_texts_lie_in_memory_is_no_change_of_type(tmp_path: Path) -> None:
    for name, kind in (("a", pa.string()), ("b", pa.large_string()), ("c", pa.string_view())):
        table = pa.table({"x": pa.array(["one", "two"] * 50, kind)})
        with pa.ipc.new_file(str(tmp_path / f"{name}.arrow"), table.schema) as out:
            out.write_table(table)
    for other in ("b", "c"):
        column = drift_check(tmp_path / "a.arrow", tmp_path / f"{other}.arrow").columns[0]
        assert column.reference is not None
        assert column.current is not None
        assert column.reference.dtype == column.current.dtype == "string"


ARROW_TYPES = [
    *(pa.int8(), pa.uint16(), pa.int64(), pa.float16(), pa.float32(), pa.decimal128(9, 2)),
    *(pa.bool_(), pa.string(), pa.large_string(), pa.string_view(), pa.date32()),
    *(pa.timestamp("ms"), pa.timestamp("ns", "Europe/Berlin")),
    *(pa.dictionary(pa.int8(), pa.string()), pa.dictionary(pa.int16(), pa.int64()), pa.null()),
]


@pytest.mark.parametrize("kind", ARROW_TYPES, ids=str)
def test_arrow_types_are_read_with_their_gaps(tmp_path: Path, kind: pa.DataType) -> None:
    raw: list[Any] = [1, 0, None, 1]
    if pa.types.is_boolean(kind):
        raw = [True, False, None, True]
    if "string" in str(kind):
        raw = ["1", "0", None, "1"]
    if pa.types.is_null(kind):
        raw = [None] * 4
    array = (
        pa.array(raw, kind)
        if not pa.types.is_float16(kind)
        else pa.array(
            np.array([1, 0, 0, 1], np.float16), mask=np.array([False, False, True, False])
        )
    )
    # A slice has offsets, which readers like to forget.
    batch = pa.record_batch({"x": pa.concat_arrays([array, array])}).slice(4, 4)
    path = str(tmp_path / "x.arrow")
    with pa.OSFile(path, "wb") as file, pa.ipc.new_file(file, batch.schema) as out:
        out.write_batch(batch)
    column = drift_check(tmp_path / "x.arrow", tmp_path / "x.arrow").column("x")
    assert column.reference is not None
    assert column.reference.rows == 4
    assert column.reference.missing == (4 if pa.types.is_null(kind) else 1)
    if column.categories is not None and not pa.types.is_null(kind):
        assert sorted(column.categories.reference) == [1, 2]


BAD: dict[str, tuple[str, bytes, str]] = {
    "empty": ("a.csv", b"", "is empty"),
    "header only": ("a.csv", b"a,b\n", "has no rows"),
    "ragged": ("a.csv", b"a,b\n1,2\n3\n", "row 2: found 1 fields, expected 2"),
    "no header": ("a.csv", b"1.5,2\n3,4\n", "seems to have no header"),
    "repeated name": ("a.csv", b"a,a\n1,2\n", "more than one column named 'a'"),
    "a picture": ("a.csv", b"\x89PNG\r\n\x1a\n1,2\n", "text that is not UTF-8"),
    "null JSON": ("a.jsonl", b'{"a":1}\n null\n', "line 2: one JSON object per line"),
    "numbers only": ("a.jsonl", b"1\n2\n", "line 1: one JSON object per line"),
    "open quote": ("a.csv", b'a,b\n"x,2\n', "a quote near its end is never closed"),
    "not UTF-8": ("a.csv", "a,b\nä,1\n".encode("latin-1"), "text that is not UTF-8"),
    "a workbook": ("a.csv", b"PK\x03\x04 and so on", "zip archive"),
    "truncated gzip": ("a.csv.gz", gzip.compress(b"a\n" + b"1\n" * 99)[:-20], "truncated"),
    "no Parquet": ("a.parquet", b"PAR1 and then nothing", "no readable Parquet file"),
    "no Arrow": ("a.arrow", b"ARROW1 and then nothing", "no readable Arrow file"),
    "JSON array": ("a.jsonl", b'[{"a":1}]', "holds one JSON array"),
    "broken JSON": ("a.jsonl", b'{"a":1}\n{"a":\n', "JSON parse error"),
    "mixed JSON": ("a.jsonl", b'{"a":1}\n{"a":"x"}\n', "column 'a'"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_files_are_told_in_a_sentence(tmp_path: Path, case: str) -> None:
    name, content, message = BAD[case]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=f"(?s){message}") as caught:
        drift_check(tmp_path / name, tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("nope.csv", InputError, "does not exist"),
        ("data.xlsx", UsageError, "the suffix .xlsx names no table format"),
        ("folder", InputError, "holds no file with a table"),
        ("pipe.csv", InputError, "is no regular file"),
        ("x" * 300 + ".csv", InputError, "name too long"),
    ],
)
def test_what_is_no_table_is_refused(
    tmp_path: Path, name: str, error: type[MlserveError], message: str
) -> None:
    (tmp_path / "data.xlsx").write_text("x")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(error, match=message):
        drift_check(tmp_path / name, tmp_path / name)


def test_frames_with_odd_columns_are_told(frame: pd.DataFrame) -> None:
    with pytest.raises(InputError, match="no columns"):
        drift_check(pd.DataFrame(index=[0, 1]), frame)
    with pytest.raises(InputError, match=r"column 'number'.*complex128"):
        drift_check(frame.assign(number=1j), frame)
    odd = pd.DataFrame({"x": [1, 2.5, None, True], "y": ["a", 1, None, b"z"]}, dtype=object)
    report = drift_check(odd, odd)
    assert {column.kind for column in report.columns} <= {Kind.TEXT, Kind.NUMERIC, Kind.DISCRETE}


def test_small_data_are_parsed_once(tmp_path: Path) -> None:
    passes = 0

    class Counting:
        def __init__(self, stream: Any) -> None:
            self.name, self.fields = stream.name, stream.fields
            self.named, self.notes = stream.named, stream.notes
            self._stream = stream

        def blocks(self, positions: Any) -> Any:
            nonlocal passes
            passes += 1
            return self._stream.blocks(positions)

    (tmp_path / "a.jsonl").write_text("\n".join(json.dumps({"a": k * 0.5}) for k in range(99)))
    source = open_path(tmp_path / "a.jsonl")
    kept = Remembered(Counting(source))
    kept.sample([0], 10)
    for _ in range(3):
        list(kept.blocks([0]))
    assert passes == 1
    large = Remembered(Counting(source), kept_bytes=10)
    passes = 0
    large.sample([0], 10)
    assert sum(len(block[0]) for block in large.blocks([0])) == 99
    assert passes == 1
    assert sum(len(block[0]) for block in large.blocks([0])) == 99
    assert passes == 2


def test_an_empty_name_is_no_folder(frame: pd.DataFrame) -> None:
    """As of a variable of a shell that is not set."""
    with pytest.raises(UsageError, match="name of a file is empty"):
        drift_check("", frame)


def test_no_columns_are_nothing_to_compare(frame: pd.DataFrame) -> None:
    with pytest.raises(UsageError, match="nothing to compare"):
        drift_check(frame, frame, columns=[])


@pytest.mark.parametrize("suffix", ["parquet", "arrow", "lz4.arrow", "stream.arrow"])
def test_large_files_are_read_by_few_columns_at_a_time(
    tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is read at once, the report is that of the arrays in memory."""
    r = np.random.default_rng(0)
    sides = [{f"c{k}": r.normal(k * side, 1, 4_000) for k in range(9)} for side in range(2)]
    sides[0]["word"] = sides[1]["word"] = r.choice(["x", "y"], 4_000)
    paths = []
    for side, columns in enumerate(sides):
        table = pa.table(columns)
        paths.append(tmp_path / f"{side}.{suffix}")
        if suffix == "parquet":
            pq.write_table(table, paths[-1], row_group_size=1_500)
            continue
        opened = pa.ipc.new_stream if suffix == "stream.arrow" else pa.ipc.new_file
        options = pa.ipc.IpcWriteOptions(compression="lz4" if suffix == "lz4.arrow" else None)
        with opened(str(paths[-1]), table.schema, options=options) as out:
            out.write_table(table, 1_500)
    expected = drift_check(sides[0], sides[1])
    monkeypatch.setattr(files, "KEPT_BYTES", 1_000)
    monkeypatch.setattr(arrow_files, "_STATE_BYTES", 1 << 19)
    opened_file = open_path(paths[0])
    assert not isinstance(opened_file, Profile)
    narrow = suffix in ("parquet", "lz4.arrow")
    assert (opened_file.columns_at_once is not None) == narrow
    found = drift_check(paths[0], paths[1])
    for column in found.columns:
        other = expected.column(column.name)
        assert column.verdict is other.verdict
        assert column.reference is not None
        assert column.reference.rows == 4_000
        ks = [m.value for c in column.checks for m in c.measures if m.name == "ks"]
        assert ks == [m.value for c in other.checks for m in c.measures if m.name == "ks"]
