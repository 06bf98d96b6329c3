"""Folders and patterns of files."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from mlserve_cli.batch import BatchOptions, OnError, is_many, predict_folder
from mlserve_cli.errors import InputError, InterruptedJobError, UsageError
from mlserve_cli.signature import Column, Signature, Task

_MODEL = Signature(Task.REGRESSION, (Column("a"),), named=True)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    for day in (1, 2):
        (folder / f"day={day}").mkdir(parents=True)
        for part in (0, 1):
            text = "".join(f"{day * 1000 + part * 100 + row}\n" for row in range(50))
            (folder / f"day={day}" / f"part-{part}.csv").write_text(f"a\n{text}")
    pd.DataFrame({"a": [1.0, 2.0]}).to_parquet(folder / "more.parquet")
    (folder / "_SUCCESS").write_text("")
    (folder / ".hidden.csv").write_text("x\n")
    (folder / "README.md").write_text("nothing")
    return folder


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_folder_keeps_its_shape(fake: Any, data: Path, tmp_path: Path) -> None:
    report = predict_folder(data, tmp_path / "out", fake(_MODEL))
    assert names(tmp_path / "out") == [
        *(f"day={day}/part-{part}.csv" for day in (1, 2) for part in (0, 1)),
        "more.parquet",
    ]
    assert (report.rows, report.skipped, report.resumed_rows) == (202, 0, 0)
    found = (tmp_path / "out" / "day=2" / "part-1.csv").read_text().splitlines()
    assert found[:2] == ["a,prediction", "2100,2100.0"]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("data/day=*/part-1.csv", ["day=1/part-1.csv", "day=2/part-1.csv"]),
        ("data/day=1/*.csv", ["part-0.csv", "part-1.csv"]),
        ("data/**/*-0.csv", ["day=1/part-0.csv", "day=2/part-0.csv"]),
        ("./data/*.parquet", ["more.parquet"]),
    ],
)
def test_a_pattern_chooses_files(
    fake: Any,
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    pattern: str,
    expected: list[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert is_many(pattern)
    predict_folder(pattern, "out", fake(_MODEL))
    assert names(tmp_path / "out") == expected
    predict_folder(f"{tmp_path}/{pattern}", "again", fake(_MODEL))
    assert names(tmp_path / "again") == expected


def test_a_file_whose_name_looks_like_a_pattern_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "a[1].csv").write_text("a\n1\n")
    assert not is_many(str(tmp_path / "a[1].csv"))
    assert is_many(str(tmp_path / "*.csv"))
    assert is_many(str(tmp_path))


def test_an_interrupted_folder_is_continued(fake: Any, data: Path, tmp_path: Path) -> None:
    def interrupt(now: Any) -> None:
        if now.rows > 120:
            raise InterruptedJobError("Stopped.")

    options = BatchOptions(block_bytes=40, resume=True)
    out = tmp_path / "out"
    predict_folder(data, tmp_path / "whole", fake(_MODEL))
    with pytest.raises(InterruptedJobError):
        predict_folder(data, out, fake(_MODEL), options, progress=interrupt)
    before = (out / "day=1" / "part-0.csv").stat().st_mtime_ns
    report = predict_folder(data, out, fake(_MODEL), options)
    assert report.rows == 202
    assert 120 < report.resumed_rows < 202
    assert (out / "day=1" / "part-0.csv").stat().st_mtime_ns == before
    assert names(out) == names(tmp_path / "whole")
    for name in names(out):
        assert (out / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_a_changed_file_is_scored_again(fake: Any, data: Path, tmp_path: Path) -> None:
    def interrupt(now: Any) -> None:
        if now.rows >= 100:
            raise InterruptedJobError("Stopped.")

    out = tmp_path / "out"
    with pytest.raises(InterruptedJobError):
        predict_folder(data, out, fake(_MODEL), progress=interrupt)
    (data / "day=1" / "part-0.csv").write_text("a\n7\n")
    predict_folder(data, out, fake(_MODEL), BatchOptions(resume=True))
    assert (out / "day=1" / "part-0.csv").read_text() == "a,prediction\n7,7.0\n"


def test_skipped_rows_are_beside_each_file(fake: Any, data: Path, tmp_path: Path) -> None:
    (data / "day=1" / "part-0.csv").write_text("a\nx\n1\n")
    options = BatchOptions(on_error=OnError.SKIP)
    report = predict_folder(data, tmp_path / "out", fake(_MODEL), options)
    assert report.skipped == 1
    assert report.errors == f"{tmp_path / 'out'}/*.errors.jsonl"
    assert "day=1/part-0.csv.errors.jsonl" in names(tmp_path / "out")


def test_nothing_to_score_and_no_folder_to_write_are_errors(
    fake: Any, data: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="means 5 files, so OUT must be a folder"):
        predict_folder(data, tmp_path / "file", fake(_MODEL))
    with pytest.raises(UsageError, match="holds the input itself"):
        predict_folder(data, data, fake(_MODEL))
    before = names(data)
    with pytest.raises(UsageError, match="the next run would score its results"):
        predict_folder(data, data / "scored", fake(_MODEL))
    assert names(data) == before
    predict_folder(data, data / "_scored", fake(_MODEL))
    assert predict_folder(data, tmp_path / "out", fake(_MODEL)).rows > 0
    assert "_scored" not in "".join(names(tmp_path / "out"))
    with pytest.raises(InputError, match="holds no table"):
        predict_folder(tmp_path / "*.csv", tmp_path / "out", fake(_MODEL))
