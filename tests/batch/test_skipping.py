"""Rows that cannot be scored go to a file of errors."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlserve_cli.batch import BatchOptions, OnError, predict_file
from mlserve_cli.batch.partitions import opened_table
from mlserve_cli.errors import InputError, SignatureError, UsageError
from mlserve_cli.inference.predictor import Prediction
from mlserve_cli.signature import Column, DType, Layout, Signature, Task
from mlserve_cli.tables.interface import SiftableBlock

_MODEL = Signature(Task.REGRESSION, (Column("a"), Column("b")), named=True)
_SKIP = BatchOptions(on_error=OnError.SKIP)


def errors(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def test_faulty_rows_are_told_with_their_place_and_their_text(fake: Any, tmp_path: Path) -> None:
    source, destination = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_bytes(b'\xef\xbb\xbfa,b\r\n1,2\r\n\r\nx,2\r\n"z\r\n",4\r\n5,6,7\r\n\xff,1\r\n7,8')
    report = predict_file(source, destination, fake(_MODEL), _SKIP)
    assert destination.read_bytes() == (
        b"\xef\xbb\xbfa,b,prediction\r\n1,2,1.0 2.0\r\n\r\n7,8,7.0 8.0"
    )
    assert (report.rows, report.skipped) == (2, 4)
    assert report.errors == f"{destination}.errors.jsonl"
    found = errors(Path(report.errors))
    assert [(error["row"], error["line"], error["column"]) for error in found] == [
        (2, 4, "a"),
        (3, 5, "a"),
        (4, 7, None),
        (5, 8, "a"),
    ]
    assert found[0]["text"] == "x,2"
    assert found[0]["reason"] == "found 'x', expected a number."
    assert found[1]["text"] == '"z\r\n",4'
    assert found[2]["reason"] == "found 3 fields, expected 2."
    assert found[3]["base64"] == "/ywx"


@given(faulty=st.sets(st.integers(0, 59)), block_bytes=st.sampled_from([8, 64, 1 << 20]))
def test_every_other_row_is_scored(
    fake: Any, tmp_path_factory: pytest.TempPathFactory, faulty: set[int], block_bytes: int
) -> None:
    folder = tmp_path_factory.mktemp("rows")
    source, destination = folder / "in.csv", folder / "out.csv"
    lines = [b"%d,%s\n" % (row, b"no" if row in faulty else b"1") for row in range(60)]
    source.write_bytes(b"a,b\n" + b"".join(lines))
    options = BatchOptions(on_error=OnError.SKIP, block_bytes=block_bytes)
    report = predict_file(source, destination, fake(_MODEL), options)
    good = [b"%d,1,%d.0 1.0\n" % (row, row) for row in range(60) if row not in faulty]
    assert destination.read_bytes() == b"a,b,prediction\n" + b"".join(good)
    assert report.skipped == len(faulty)
    if faulty:
        found = errors(Path(f"{destination}.errors.jsonl"))
        assert [error["row"] - 1 for error in found] == sorted(faulty)
        assert [error["line"] - 2 for error in found] == sorted(faulty)


_GOOD = ["{0},1\n", '"{0}",2.5\r\n']
_ROWS = [*_GOOD, "{0},no\n", "no,{0}\n", "{0}\n", "{0},1,1\r\n", "{0},\n", "9,9\n"]


@given(kinds=st.lists(st.sampled_from(_ROWS), min_size=1, max_size=60))
def test_faults_of_every_kind_are_told_row_by_row(
    fake: Any, tmp_path_factory: pytest.TempPathFactory, kinds: list[str]
) -> None:
    """Whether rows are judged at once or each in a block of its own."""

    def refuses_nine(batch: Any) -> Any:
        if ((batch[:, 0] == 9) & (batch[:, 1] == 9)).any():
            raise SignatureError("Nine is not welcome.")
        return batch.sum(axis=1)

    folder = tmp_path_factory.mktemp("kinds")
    source = folder / "in.csv"
    source.write_text("a,b\n" + "".join(kind.format(n) for n, kind in enumerate(kinds, 10)))
    columns = (Column("a"), Column("b", missing=False))
    model = fake(Signature(Task.REGRESSION, columns, named=True), labels=refuses_nine)
    found = []
    for block_bytes in (1, 1 << 20):
        options = BatchOptions(on_error=OnError.SKIP, block_bytes=block_bytes)
        destination = folder / f"{block_bytes}.csv"
        report = predict_file(source, destination, model, options)
        told = errors(Path(f"{destination}.errors.jsonl")) if report.skipped else []
        found.append((destination.read_bytes(), report.rows, report.skipped, told))
    assert found[0] == found[1]
    assert found[0][1] == sum(kind in _GOOD for kind in kinds)


_GOOD_OBJECTS = ['{{"a": {0}, "b": 1}}\n', ' {{"b": null, "a": "{0}", "c": []}}\r\n\n']
_OBJECTS = [
    *_GOOD_OBJECTS,
    '{{"a": {0}, "b": "no"}}\n',
    '{{"a": [{0}], "b": 1}}\n',
    '{{"a": {0}\n',
    "[{0}, 1]\r\n",
    '{{"b": {0}}}\n',
    '{{"a": 9, "b": 9}}\n',
]


@given(kinds=st.lists(st.sampled_from(_OBJECTS), max_size=60))
def test_faults_in_json_lines_are_told_object_by_object(
    fake: Any, tmp_path_factory: pytest.TempPathFactory, kinds: list[str]
) -> None:
    def refuses_nine(batch: Any) -> Any:
        if ((batch[:, 0] == 9) & (batch[:, 1] == 9)).any():
            raise SignatureError("Nine is not welcome.")
        return batch[:, 0]

    folder = tmp_path_factory.mktemp("objects")
    source = folder / "in.jsonl"
    lines = [kind.format(n) for n, kind in enumerate(kinds, 10)]
    source.write_bytes(("".join(['{"a": 1, "b": 2}\n', *lines])).encode())
    columns = (Column("a", missing=False), Column("b"))
    model = fake(Signature(Task.REGRESSION, columns, named=True), labels=refuses_nine)
    found = []
    for block_bytes in (1, 1 << 20):
        options = BatchOptions(on_error=OnError.SKIP, block_bytes=block_bytes)
        destination = folder / f"{block_bytes}.jsonl"
        report = predict_file(source, destination, model, options)
        told = errors(Path(f"{destination}.errors.jsonl")) if report.skipped else []
        found.append((destination.read_bytes(), report.rows, report.skipped, told))
    assert found[0] == found[1]
    assert found[0][1] == 1 + sum(kind in _GOOD_OBJECTS for kind in kinds)
    assert [error["row"] for error in found[0][3]] == [
        row for row, kind in enumerate(kinds, 2) if kind not in _GOOD_OBJECTS
    ]


def test_json_lines_find_all_faults_of_a_block_at_once(fake: Any, tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text('{"a": 1, "b": 2}\n{"a": "x", "b": 2}\nnothing\n{"a": 3, "b": 4}\n')
    with opened_table(source, fake(_MODEL), _SKIP) as (_, table, _):
        [block] = table.blocks()
        assert isinstance(block, SiftableBlock)
        sifted = block.sifted()
    assert sifted.kept.tolist() == [0, 3]
    assert [(fault.row, fault.lines, fault.column) for fault in sifted.faults] == [
        (1, 1, "a"),
        (2, 2, None),
    ]


@given(kinds=st.lists(st.sampled_from(_ROWS), min_size=1, max_size=30))
def test_the_first_faulty_row_is_named_whatever_follows(
    fake: Any, tmp_path_factory: pytest.TempPathFactory, kinds: list[str]
) -> None:
    def refuses_nine(batch: Any) -> Any:
        if ((batch[:, 0] == 9) & (batch[:, 1] == 9)).any():
            raise SignatureError("Nine is not welcome.")
        return batch.sum(axis=1)

    source = tmp_path_factory.mktemp("first") / "in.csv"
    source.write_text("a,b\n" + "".join(kind.format(n) for n, kind in enumerate(kinds, 10)))
    columns = (Column("a"), Column("b", missing=False))
    model = fake(Signature(Task.REGRESSION, columns, named=True), labels=refuses_nine)
    first = next((row for row, kind in enumerate(kinds, 1) if kind not in _GOOD), None)
    if first is None:
        predict_file(source, source.with_name("out.csv"), model)
        return
    with pytest.raises(SignatureError, match=rf"row {first} \(line"):
        predict_file(source, source.with_name("out.csv"), model)


@pytest.mark.parametrize("suffix", [".parquet", ".feather"])
def test_faults_in_typed_rows_are_told_row_by_row(fake: Any, tmp_path: Path, suffix: str) -> None:
    texts = ["1", "x", None, "2", "inf", "y", "3"]
    frame = pd.DataFrame({"a": texts, "ok": [True, None, True, "yes", "perhaps", "no", False]})
    frame["ok"] = frame["ok"].astype("str").replace("None", None)
    source, destination = tmp_path / f"in{suffix}", tmp_path / f"out{suffix}"
    write, read = (
        (frame.to_parquet, pd.read_parquet)
        if suffix == ".parquet"
        else (frame.to_feather, pd.read_feather)
    )
    write(source)
    columns = (Column("a", missing=False, infinite=False), Column("ok", DType.BOOL))
    model = fake(Signature(Task.REGRESSION, columns, layout=Layout.FRAME, named=True))
    report = predict_file(source, destination, model, _SKIP)
    assert (report.rows, report.skipped) == (3, 4)
    found = errors(Path(f"{destination}.errors.jsonl"))
    assert [(error["row"], error["column"]) for error in found] == [
        (2, "a"),
        (3, "a"),
        (5, "a"),
        (6, "a"),
    ]
    assert read(destination)["a"].tolist() == ["1", "2", "3"]


def test_a_row_that_the_model_refuses_is_skipped_alone(fake: Any, tmp_path: Path) -> None:
    def refuses_nine(batch: Any) -> Any:
        if (batch[:, 0] == 9).any():
            raise SignatureError("Nine is not welcome.")
        return Prediction(batch.sum(axis=1)).labels

    source, destination = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_bytes(b"a,b\n" + b"1,2\n" * 50 + b"9,9\n" + b"1,2\n" * 50)
    predict_file(source, destination, fake(_MODEL, labels=refuses_nine), _SKIP)
    assert destination.read_bytes() == b"a,b,prediction\n" + b"1,2,3.0\n" * 100
    [error] = errors(Path(f"{destination}.errors.jsonl"))
    assert (error["row"], error["reason"]) == (51, "Nine is not welcome.")


def test_a_job_of_faulty_rows_only_leaves_the_header(fake: Any, tmp_path: Path) -> None:
    source, destination = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_bytes(b"a,b\n" + b"x,y\n" * 2000)
    report = predict_file(source, destination, fake(_MODEL), _SKIP)
    assert destination.read_bytes() == b"a,b,prediction\n"
    assert report.skipped == 2000


def test_too_many_faults_end_the_job(fake: Any, tmp_path: Path) -> None:
    source, destination = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_bytes(b"a,b\n1,2\nx,2\ny,2\n")
    options = BatchOptions(on_error=OnError.SKIP, max_errors=1)
    with pytest.raises(InputError, match="2 rows could not be scored, 1 were allowed"):
        predict_file(source, destination, fake(_MODEL), options)
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]


def test_no_faults_leave_no_file_of_errors(fake: Any, tmp_path: Path) -> None:
    source, destination = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_bytes(b"a,b\n1,2\n")
    Path(f"{destination}.errors.jsonl").write_bytes(b"what an earlier run left\n")
    assert predict_file(source, destination, fake(_MODEL), _SKIP).errors is None
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.csv", "out.csv"]


def test_standard_output_has_no_place_for_errors(fake: Any, tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    source.write_bytes(b"a,b\n1,2\n")
    with pytest.raises(UsageError, match="OUT is no file"):
        predict_file(source, "-", fake(_MODEL), _SKIP)


def test_a_limit_without_skipping_is_a_mistake() -> None:
    with pytest.raises(UsageError, match="the first one ends the job"):
        BatchOptions(max_errors=3)
