"""Every input format gives the same predictions in every output format."""

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlserve_cli.batch import BatchOptions, OnError, predict_file
from mlserve_cli.errors import InputError, InterruptedJobError, SignatureError, UsageError
from mlserve_cli.signature import Column, DType, Layout, Signature, Task

_MODEL = Signature(
    Task.CLASSIFICATION,
    (
        Column("amount"),
        Column("count", DType.INT64),
        Column("paid", DType.BOOL),
        Column("city", DType.CATEGORICAL, ("Köln", 'a "b", c', "x")),
    ),
    layout=Layout.FRAME,
    named=True,
)
_FRAME = pd.DataFrame(
    {
        "id": ["007", "008", "009", "010"],
        "city": ["Köln", 'a "b", c', None, "new\nline"],
        "amount": [1.5, np.nan, -2.0, 1e300],
        "count": [1, 2**53 + 1, -3, 4],
        "paid": [True, False, True, False],
    }
)
_SUFFIXES = [".csv", ".tsv", ".csv.gz", ".jsonl", ".jsonl.zst", ".parquet", ".feather"]


def write(path: Path, frame: pd.DataFrame) -> None:
    compression: Any = {".gz": "gzip", ".zst": "zstd"}.get(path.suffix)
    match path.name.split(".")[1]:
        case "csv":
            frame.to_csv(path, index=False, compression=compression)
        case "tsv":
            frame.to_csv(path, index=False, sep="\t")
        case "jsonl":
            lines = [
                json.dumps({key: None if pd.isna(value) else value for key, value in row.items()})
                for row in frame.astype(object).to_dict("records")
            ]
            text = "\n".join(lines).encode()
            if compression:
                with pa.output_stream(str(path), compression="zstd") as stream:
                    stream.write(text)
            else:
                path.write_bytes(text)
        case "parquet":
            frame.to_parquet(path, index=False, row_group_size=3)
        case _:
            pa.feather.write_feather(frame, str(path), compression="lz4")


def read(path: Path) -> list[dict[str, Any]]:
    match path.name.split(".")[1]:
        case "csv" | "tsv":
            separator = "\t" if ".tsv" in path.name else ","
            frame = pd.read_csv(path, sep=separator, dtype=str, keep_default_na=False)
        case "jsonl":
            with pa.input_stream(str(path), compression="detect") as stream:
                return [json.loads(line) for line in stream.read().splitlines()]
        case "parquet":
            frame = pq.read_table(path).to_pandas()
        case _:
            frame = pa.feather.read_table(str(path)).to_pandas()
    return [{str(name): row[name] for name in row} for row in frame.to_dict("records")]


@pytest.mark.parametrize("written", _SUFFIXES)
@pytest.mark.parametrize("given_as", _SUFFIXES)
def test_any_format_goes_to_any_other(
    fake: Any, tmp_path: Path, given_as: str, written: str
) -> None:
    source, destination = tmp_path / f"in{given_as}", tmp_path / f"out{written}"
    write(source, _FRAME)
    if {given_as, written} == {".csv", ".tsv"} or {given_as, written} == {".csv.gz", ".tsv"}:
        with pytest.raises(UsageError, match="different suffixes"):
            predict_file(source, destination, fake(_MODEL))
        return
    assert predict_file(source, destination, fake(_MODEL)).rows == 4
    rows = read(destination)
    assert list(rows[0]) == [*_FRAME.columns, "prediction"]
    assert [row["id"] for row in rows] == ["007", "008", "009", "010"]
    assert [row["prediction"] for row in rows] == [
        "1.5 1 True 'Köln'",
        "nan 9007199254740993 False 'a \"b\", c'",
        "-2.0 -3 True None",
        "1e+300 4 False 'new\\nline'",
    ]
    assert int(rows[1]["count"]) == 2**53 + 1
    assert str(rows[2]["paid"]) == "True"


def test_an_array_gives_one_row_of_features_a_line(fake: Any, tmp_path: Path) -> None:
    model = Signature(Task.REGRESSION, (Column("p"), Column("q")), named=True)
    for name, values in (
        ("c.npy", np.array([[1, 2], [3, 4]], np.int32)),
        ("f.npy", np.asfortranarray([[1.0, 2.0], [3.0, 4.0]])),
        ("big-endian.npy", np.array([[1, 2], [3, 4]], ">f8")),
    ):
        np.save(tmp_path / name, values)
        predict_file(tmp_path / name, tmp_path / "out.csv", fake(model))
        rows = (tmp_path / "out.csv").read_text().splitlines()
        assert [row.split(",")[-1] for row in rows] == ["prediction", "1.0 2.0", "3.0 4.0"]
    np.savez(tmp_path / "one.npz", x=[[1.0, 2.0]])
    predict_file(tmp_path / "one.npz", tmp_path / "out.parquet", fake(model))
    assert read(tmp_path / "out.parquet") == [{"x0": 1.0, "x1": 2.0, "prediction": "1.0 2.0"}]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([[{}, 1]], object), "no readable npy file"),
        (np.zeros((2, 2, 2)), "shape"),
        (np.zeros(3), "shape"),
        (np.zeros((2, 2), complex), "complex128"),
        (np.array([["a", "b"]]), "<U1"),
        (np.zeros((2, 3)), "has 3 columns; the model takes 2"),
    ],
    ids=["objects", "3-d", "1-d", "complex", "text", "width"],
)
def test_an_array_that_is_no_table_of_numbers_is_refused(
    fake: Any, tmp_path: Path, values: Any, expected: str
) -> None:
    np.save(tmp_path / "in.npy", values)
    model = Signature(Task.REGRESSION, (Column("x0"), Column("x1")))
    with pytest.raises(InputError, match=expected):
        predict_file(tmp_path / "in.npy", tmp_path / "out.csv", fake(model))


@pytest.mark.parametrize("suffix", [".parquet", ".feather", ".npy", ".npz", ".jsonl"])
@pytest.mark.parametrize("content", [b"", b"PAR1", b"\x93NUMPY\x01", b"nothing of the kind"])
def test_a_file_of_another_format_is_one_clear_error(
    fake: Any, tmp_path: Path, suffix: str, content: bytes
) -> None:
    source = tmp_path / f"in{suffix}"
    source.write_bytes(content)
    with pytest.raises(InputError):
        predict_file(source, tmp_path / "out.csv", fake(_MODEL))
    assert [path.name for path in tmp_path.iterdir()] == [source.name]


@pytest.mark.parametrize("suffix", [".parquet", ".feather"])
def test_a_damaged_file_is_one_clear_error(fake: Any, tmp_path: Path, suffix: str) -> None:
    whole, source = tmp_path / f"whole{suffix}", tmp_path / f"in{suffix}"
    write(whole, pd.concat([_FRAME] * 500))
    data = bytearray(whole.read_bytes())
    for position in range(100, len(data), len(data) // 15):
        source.write_bytes(data[:position] + bytes(9) + data[position + 9 :])
        try:
            predict_file(source, tmp_path / "out.csv", fake(_MODEL))
        except InputError:
            assert not (tmp_path / "out.csv").exists()
        (tmp_path / "out.csv").unlink(missing_ok=True)
    source.write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError, match="is no readable"):
        predict_file(source, tmp_path / "out.csv", fake(_MODEL))


def test_a_column_of_another_type_is_refused_at_once(fake: Any, tmp_path: Path) -> None:
    frame = _FRAME.assign(amount=pd.Timestamp("2024-01-01"))
    write(tmp_path / "in.parquet", frame)
    with pytest.raises(InputError, match=r"column 'amount': found values of type timestamp"):
        predict_file(tmp_path / "in.parquet", tmp_path / "out.csv", fake(_MODEL))


def test_a_faulty_row_of_a_typed_file_is_named(fake: Any, tmp_path: Path) -> None:
    frame = _FRAME.assign(amount=["1", "2", "oops", "4"])
    write(tmp_path / "in.parquet", frame)
    with pytest.raises(SignatureError, match=r"in\.parquet, row 3, column 'amount': found 'oops'"):
        predict_file(tmp_path / "in.parquet", tmp_path / "out.csv", fake(_MODEL))
    options = BatchOptions(on_error=OnError.SKIP)
    report = predict_file(tmp_path / "in.parquet", tmp_path / "out.csv", fake(_MODEL), options)
    assert (report.rows, report.skipped) == (3, 1)
    [error] = (tmp_path / "out.csv.errors.jsonl").read_text().splitlines()
    found = json.loads(error)
    assert (found["row"], found["line"]) == (3, None)
    assert json.loads(found["text"])["amount"] == "oops"


def test_lines_of_json_keep_every_byte(fake: Any, tmp_path: Path) -> None:
    model = Signature(Task.REGRESSION, (Column("a", missing=True), Column("b")), named=True)
    source, destination = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_bytes(
        b'{"a": 1.10, "b":2, "z": [1, {"y": "}"}]}\r\n\n  {"b":"3" ,"a":null }  \n{"b":4,"a":1e2}'
    )
    predict_file(source, destination, fake(model))
    assert destination.read_bytes() == (
        b'{"a": 1.10, "b":2, "z": [1, {"y": "}"}],"prediction":"1.1 2.0"}\r\n\n'
        b'  {"b":"3" ,"a":null ,"prediction":"nan 3.0"}  \n'
        b'{"b":4,"a":1e2,"prediction":"100.0 4.0"}'
    )


def test_an_object_without_members_gets_its_first(fake: Any, tmp_path: Path) -> None:
    source, destination = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_bytes(b'{"a":1}\n{ }\n{"a":2}\n')
    predict_file(source, destination, fake(Signature(Task.REGRESSION, (Column("a"),), named=True)))
    assert [json.loads(line) for line in destination.read_bytes().splitlines()] == [
        {"a": 1, "prediction": "1.0"},
        {"prediction": "nan"},
        {"a": 2, "prediction": "2.0"},
    ]


@pytest.mark.parametrize(
    "line", [b"[1]", b"1", b'{"a":1', b'{"a":}', b"\xff", b'{"a":"x"}', b'{"a":[1]}']
)
def test_a_faulty_line_of_json_is_named_and_can_be_skipped(
    fake: Any, tmp_path: Path, line: bytes
) -> None:
    model = Signature(Task.REGRESSION, (Column("a"),), named=True)
    source, destination = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_bytes(b'{"a":1}\n\n' + line + b'\n{"a":2}\n')
    with pytest.raises(InputError, match=r"in\.jsonl, row 2 \(line 3 of the file\)"):
        predict_file(source, destination, fake(model))
    predict_file(source, destination, fake(model), BatchOptions(on_error=OnError.SKIP))
    assert destination.read_bytes() == (
        b'{"a":1,"prediction":"1.0"}\n\n{"a":2,"prediction":"2.0"}\n'
    )


_values = (
    st.none() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False)
)


@given(rows=st.lists(st.fixed_dictionaries({"a": _values, "note": st.text()}), min_size=1))
def test_numbers_in_json_are_read_as_python_reads_them(
    fake: Any, tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]]
) -> None:
    folder = tmp_path_factory.mktemp("json")
    (folder / "in.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    model = Signature(Task.REGRESSION, (Column("a"),), named=True)
    predict_file(folder / "in.jsonl", folder / "out.jsonl", fake(model))
    written = [json.loads(line) for line in (folder / "out.jsonl").read_text().splitlines()]
    expected = [repr(float("nan") if row["a"] is None else float(row["a"])) for row in rows]
    assert [row["prediction"] for row in written] == expected
    assert [{"a": row["a"], "note": row["note"]} for row in written] == rows


def test_lines_of_json_are_continued(fake: Any, tmp_path: Path) -> None:
    model = Signature(Task.REGRESSION, (Column("a"),), named=True)
    source = tmp_path / "in.jsonl"
    source.write_text("".join(f'{{"a":{number}}}\n' for number in range(3000)))
    predict_file(source, tmp_path / "whole.jsonl", fake(model))

    def interrupt(now: Any) -> None:
        if now.rows > 1000:
            raise InterruptedJobError("Stopped.")

    options = BatchOptions(block_bytes=500)
    with pytest.raises(InterruptedJobError):
        predict_file(source, tmp_path / "out.jsonl", fake(model), options, progress=interrupt)
    options = BatchOptions(block_bytes=500, resume=True)
    assert predict_file(source, tmp_path / "out.jsonl", fake(model), options).resumed_rows > 1000
    assert (tmp_path / "out.jsonl").read_bytes() == (tmp_path / "whole.jsonl").read_bytes()


def test_who_interrupts_before_anything_is_finished_is_told(fake: Any, tmp_path: Path) -> None:
    model = Signature(Task.REGRESSION, (Column("a"),), named=True)
    source, destination = tmp_path / "in.csv", tmp_path / "out.parquet"
    source.write_text("a\n" + "1\n" * 3_000)

    def interrupt(_: Any) -> None:
        raise InterruptedJobError("Stopped.", hint="Go on with --resume.")

    # A group of Parquet has more rows than a block.
    options = BatchOptions(block_bytes=1_000)
    with pytest.raises(InterruptedJobError) as caught:
        predict_file(source, destination, fake(model), options, progress=interrupt)
    nothing = f"Nothing of {destination} is finished yet."
    assert caught.value.hint == f"Go on with --resume. {nothing}"


def test_large_typed_files_are_read_in_parts(fake: Any, tmp_path: Path) -> None:
    model = Signature(Task.REGRESSION, (Column("a"),), named=True)
    sizes: list[int] = []

    def labels(batch: Any) -> Any:
        sizes.append(len(batch))
        return batch[:, 0]

    table = pa.table({"a": pa.array(range(200_000), pa.float64())})
    pq.write_table(table, tmp_path / "in.parquet", row_group_size=150_000)
    predict_file(tmp_path / "in.parquet", tmp_path / "out.parquet", fake(model, labels=labels))
    assert max(sizes) <= 1 << 16
    found = pq.read_table(tmp_path / "out.parquet")
    assert found["prediction"].equals(found["a"])


def test_types_without_an_output_format_are_refused(fake: Any, tmp_path: Path) -> None:
    write(tmp_path / "in.csv", _FRAME)
    with pytest.raises(UsageError, match="are compressed inside"):
        predict_file(tmp_path / "in.csv", tmp_path / "out.parquet.gz", fake(_MODEL))
    with pytest.raises(UsageError, match="an array needs that"):
        predict_file(tmp_path / "in.csv", tmp_path / "out.npz", fake(_MODEL))


def test_parquet_needs_neither_pandas_nor_scipy(tmp_path: Path) -> None:
    script = Path(__file__).with_name("scoring_process.py")
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0], "c": ["x", None]})
    frame.to_parquet(tmp_path / "in.parquet")
    for name in ("out.parquet", "out.csv", "out.jsonl"):
        command = [sys.executable, str(script), str(tmp_path / "in.parquet")]
        done = subprocess.run(
            [*command, str(tmp_path / name), "modules"], capture_output=True, check=True
        )
        assert done.stderr == b""
    assert pd.read_csv(io.BytesIO((tmp_path / "out.csv").read_bytes())).shape == (2, 4)
