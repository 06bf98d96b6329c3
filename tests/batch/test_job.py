"""A file goes in, the same file with predictions comes out."""

import itertools
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from mlserve_cli.batch import BatchOptions, BatchPredictor, Output, Progress, predict_file
from mlserve_cli.signature import Column, DType, Layout, Signature, Task

_CLASSES = Signature(
    Task.CLASSIFICATION,
    (Column("a"), Column("b")),
    named=True,
    classes=("no", "y,es"),
    probabilities=True,
    decision=("decision",),
)


def lines(fake: Any, folder: Path, data: bytes, model: Signature, **options: Any) -> list[bytes]:
    how = options.pop("how", {})
    source, destination = folder / options.pop("name", "in.csv"), folder / "out"
    source.write_bytes(data)
    predict_file(source, destination, fake(model, **how), BatchOptions(**options))
    return destination.read_bytes().splitlines(keepends=True)


@pytest.mark.parametrize(
    ("output", "head", "first"),
    [
        (Output.LABEL, b"prediction", b'"y,es"'),
        (Output.PROBABILITIES, b'probability_no,"probability_y,es"', b"0.25,0.75"),
        (Output.BOTH, b'prediction,probability_no,"probability_y,es"', b'"y,es",0.25,0.75'),
        (Output.RAW, b"decision", b"-1.0"),
    ],
)
def test_each_output_adds_its_columns(
    fake: Any, tmp_path: Path, output: Output, head: bytes, first: bytes
) -> None:
    how = {
        "labels": lambda batch: np.array(["y,es"] * len(batch)),
        "probabilities": lambda batch: np.tile([0.25, 0.75], (len(batch), 1)),
        "decision": lambda batch: -batch[:, 0],
    }
    found = lines(fake, tmp_path, b"b,a\n2,1\n4,3\n", _CLASSES, output=output, how=how)
    assert found[0] == b"b,a," + head + b"\n"
    assert found[1] == b"2,1," + first + b"\n"


def test_several_outputs_are_named_by_the_signature(fake: Any, tmp_path: Path) -> None:
    model = Signature(Task.REGRESSION, (Column("a"),), named=True, outputs=("low", "high"))
    how = {"labels": lambda batch: np.column_stack([batch[:, 0], batch[:, 0] * 2])}
    assert lines(fake, tmp_path, b"a\n1\n", model, how=how) == [b"a,low,high\n", b"1,1.0,2.0\n"]
    renamed = lines(fake, tmp_path, b"a,low\n1,5\n", model, prediction_column="p", how=how)
    assert renamed == [b"a,low,p_low,p_high\n", b"1,5,1.0,2.0\n"]


def test_the_prediction_column_can_be_renamed(fake: Any, tmp_path: Path) -> None:
    found = lines(fake, tmp_path, b"a,b,prediction\n1,2,3\n", _CLASSES, prediction_column="new")
    assert found == [b"a,b,prediction,new\n", b"1,2,3,1.0 2.0\n"]


@pytest.mark.parametrize(
    ("data", "options", "expected"),
    [
        (b"x,b,y,a\n\xff,2,,1\n", {}, b"x,b,y,a,prediction\n\xff,2,,1,1.0 2.0\n"),
        (b"b,a\n2,1\n", {"columns": ("b", "a")}, b"b,a,prediction\n2,1,2.0 1.0\n"),
        (b"2,1\n4,3", {"header": False, "columns": ("b", "a")}, b"2,1,1.0 2.0\n4,3,3.0 4.0"),
        (b"a,b", {}, b"a,b,prediction"),
        (b"a,b\r\n", {}, b"a,b,prediction\r\n"),
        (b"\n\na,b\n1,2\n\n", {}, b"\n\na,b,prediction\n1,2,1.0 2.0\n\n"),
        (b'"a","b"\n1,2\n', {}, b'"a","b",prediction\n1,2,1.0 2.0\n'),
        (b"a\tb\n1\t2\n", {"name": "in.tsv"}, b"a\tb\tprediction\n1\t2\t1.0 2.0\n"),
        (b"a|b\n1|2\n", {"delimiter": "|"}, b"a|b|prediction\n1|2|1.0 2.0\n"),
        (b"a,b,c,c\n1,2,3,4\n", {}, b"a,b,c,c,prediction\n1,2,3,4,1.0 2.0\n"),
        (b"\xef\xbb\xbfa,b\n1,2\n", {}, b"\xef\xbb\xbfa,b,prediction\n1,2,1.0 2.0\n"),
        (
            b'\xef\xbb\xbf"1",2\n',
            {"header": False, "columns": ("a", "b")},
            b'\xef\xbb\xbf"1",2,1.0 2.0\n',
        ),
    ],
)
def test_columns_are_found_by_name(
    fake: Any, tmp_path: Path, data: bytes, options: dict[str, Any], expected: bytes
) -> None:
    assert b"".join(lines(fake, tmp_path, data, _CLASSES, **options)) == expected


@pytest.mark.parametrize(
    ("data", "options", "expected"),
    [
        (b"p,q\n1,2\n", {}, b"1,2,1.0 2.0\n"),
        (b"0,1\n1,2\n", {}, b"1,2,1.0 2.0\n"),
        (b"i,p,q\n9,1,2\n", {"columns": ("q", "p")}, b"9,1,2,2.0 1.0\n"),
        (b"1,2\n", {"header": False}, b"1,2,1.0 2.0\n"),
        (b"1,2\n", {"header": False, "columns": ("p", "q")}, b"1,2,1.0 2.0\n"),
        (b"9,1,2\n", {"header": False, "columns": ("i", "x1", "x0")}, b"9,1,2,2.0 1.0\n"),
    ],
)
def test_a_model_without_column_names_takes_columns_by_position_or_by_choice(
    fake: Any, tmp_path: Path, data: bytes, options: dict[str, Any], expected: bytes
) -> None:
    model = Signature(Task.REGRESSION, (Column("x0"), Column("x1")))
    assert lines(fake, tmp_path, data, model, **options)[-1] == expected


def test_a_frame_has_the_dtypes_of_the_signature(fake: Any, tmp_path: Path) -> None:
    model = Signature(
        Task.CLASSIFICATION,
        (
            Column("f"),
            Column("i", DType.INT64),
            Column("b", DType.BOOL),
            Column("s", DType.STRING),
            Column("c", DType.CATEGORICAL, (1, 2)),
        ),
        layout=Layout.FRAME,
        named=True,
    )
    seen: list[dict[str, Any]] = []

    def labels(batch: Any) -> Any:
        seen.append(batch)
        return np.zeros(len(batch["f"]))

    data = b"f,i,b,s,c\n1,9007199254740993,yes, NA,2.0\n,,,NA,\n2,3,F,007,9\n"
    lines(fake, tmp_path, data, model, batch_rows=1, how={"labels": labels})
    assert [[batch[name].dtype.kind for name in "fibsc"] for batch in seen] == [list("ffOOO")] * 3
    assert [batch["b"][0] for batch in seen] == [True, None, False]
    assert [batch["s"][0] for batch in seen] == [" NA", None, "007"]
    assert [batch["c"][0] for batch in seen] == [2, None, 9]
    seen.clear()
    data = b"f,i,b,s,c\n1,9007199254740993,yes,x,2.0\n+1.5,+3,0,,1\n"
    lines(fake, tmp_path, data, model, how={"labels": labels})
    assert [seen[0][name].dtype.kind for name in "fibsc"] == list("fibOO")
    assert seen[0]["i"].tolist() == [9007199254740993, 3]
    assert seen[0]["f"].tolist() == [1.0, 1.5]
    assert all(values.flags.writeable for values in seen[0].values())


def test_a_matrix_is_float64_in_c_order(fake: Any, tmp_path: Path) -> None:
    model = Signature(
        Task.REGRESSION, (Column("a", DType.INT64), Column("b", DType.BOOL)), named=True
    )
    seen: list[Any] = []

    def labels(batch: Any) -> Any:
        seen.append(batch)
        return batch[:, 0]

    lines(fake, tmp_path, b"b,a\nTrue,1\n,NA\nno,2.5\n", model, how={"labels": labels})
    assert seen[0].dtype == np.float64
    assert seen[0].flags.c_contiguous
    np.testing.assert_array_equal(seen[0], [[1, 1], [np.nan, np.nan], [2.5, 0]])


@pytest.mark.parametrize("suffix", ["", ".gz", ".bz2", ".zst"])
@pytest.mark.parametrize("compression", [None, "gzip", "bz2", "zstd"])
def test_input_is_decompressed_by_content_and_output_compressed_by_suffix(
    fake: Any, tmp_path: Path, compression: str | None, suffix: str
) -> None:
    data = b"a,b\n" + b"1,2\n" * 50_000
    source, destination = tmp_path / "in.csv", tmp_path / f"out.csv{suffix}"
    with pa.output_stream(str(source), compression=compression) as stream:
        stream.write(data)
    predict_file(source, destination, fake(_CLASSES))
    with pa.input_stream(str(destination), compression="detect") as stream:
        assert stream.read() == b"a,b,prediction\n" + b"1,2,1.0 2.0\n" * 50_000


def test_the_report_tells_rows_time_engine_and_files(fake: Any, tmp_path: Path) -> None:
    source, destination = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_bytes(b"a,b\n1,2\n3,4\n")
    clock = itertools.count(10.0, 4.0)
    report = predict_file(source, destination, fake(_CLASSES), clock=lambda: next(clock))
    assert report.to_dict() == {
        "rows": 2,
        "skipped": 0,
        "resumed_rows": 0,
        "seconds": 4.0,
        "rows_per_second": 0.5,
        "engine": "sklearn",
        "source": str(source),
        "destination": str(destination),
        "errors": None,
    }


def test_progress_ends_with_all_bytes_and_rows(fake: Any, tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    source.write_bytes(b"a,b\n" + b"1,2\n" * 1000)
    seen: list[Progress] = []
    options = BatchOptions(block_bytes=512)
    predict_file(source, tmp_path / "out.csv", fake(_CLASSES), options, progress=seen.append)
    assert seen[-1] == Progress(4004, 4004, 1000)
    assert [now.rows for now in seen] == sorted(now.rows for now in seen)
    assert len(seen) > 4


def test_many_columns_and_long_fields_pass(fake: Any, tmp_path: Path) -> None:
    names = [f"c{k}" for k in range(10_000)]
    model = Signature(Task.REGRESSION, (Column("c9999"), Column("c0")), named=True)
    row = ",".join(["1", *["x" * 300] * 9_998, "2"])
    data = (",".join(names) + "\n" + f"{row}\n" * 3).encode()
    found = lines(fake, tmp_path, data, model)
    assert found[1:] == [f"{row},2.0 1.0\n".encode()] * 3


def test_the_class_of_the_tutorials_does_the_same(fake: Any, tmp_path: Path) -> None:
    predictor = BatchPredictor(fake(_CLASSES, labels=lambda batch: batch[:, 0]))
    assert predictor.predict_batch(np.array([[1.0, 2.0]])).labels.tolist() == [1.0]
    source, destination = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_bytes(b"a,b\n1,2\n")
    assert predictor.predict_file(source, destination).rows == 1
    assert destination.read_bytes() == b"a,b,prediction\n1,2,1.0\n"


def test_an_interrupt_leaves_the_output_as_it_was(fake: Any, tmp_path: Path) -> None:
    source, destination = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_bytes(b"a,b\n" + b"1,2\n" * 1000)
    destination.write_bytes(b"before")

    def interrupt(now: Progress) -> None:
        if now.rows > 100:
            raise KeyboardInterrupt

    options = BatchOptions(block_bytes=64)
    with pytest.raises(KeyboardInterrupt):
        predict_file(source, destination, fake(_CLASSES), options, progress=interrupt)
    assert destination.read_bytes() == b"before"
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == [".out.csv.checkpoint", ".out.csv.part", "in.csv", "out.csv"]


def test_an_error_of_our_own_making_is_not_hidden(fake: Any, tmp_path: Path) -> None:
    def broken(batch: Any) -> Any:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        lines(fake, tmp_path, b"a,b\n1,2\n", _CLASSES, how={"labels": broken})
    assert "out" not in [path.name for path in tmp_path.iterdir()]


def test_standard_input_is_read_where_a_dash_is_given(
    fake: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: Any
) -> None:
    source = tmp_path / "in.csv"
    source.write_bytes(b"a,b\n1,2\n")
    with source.open("r") as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        report = predict_file("-", "-", fake(_CLASSES))
    assert capfdbinary.readouterr().out == b"a,b,prediction\n1,2,1.0 2.0\n"
    assert (report.source, report.destination) == ("-", "-")
