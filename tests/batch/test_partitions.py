"""Columns that stand in the path of a file."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from mlserve_cli.batch import BatchOptions, predict_file, predict_folder
from mlserve_cli.batch.partitions import partition_values
from mlserve_cli.errors import SignatureError, UsageError
from mlserve_cli.signature import Column, DType, Layout, Signature, Task
from mlserve_cli.tables.formats import Format

_MATRIX = Signature(
    Task.REGRESSION, (Column("a"), Column("day", DType.INT64), Column("b")), named=True
)
_FRAME = Signature(
    Task.REGRESSION,
    (
        Column("day", DType.INT64),
        Column("city", DType.CATEGORICAL, ("Köln", "a/b")),
        Column("a"),
        Column("open", DType.BOOL),
    ),
    layout=Layout.FRAME,
    named=True,
)


def test_the_path_tells_columns() -> None:
    path = "s3://data/x=1/city=K%C3%B6ln/none=__HIVE_DEFAULT_PARTITION__/odd/=3/k=v=w/file=1.csv"
    assert partition_values(path) == {"x": "1", "city": "Köln", "none": None, "k": "v=w"}
    assert partition_values("https://host/day=1/x.csv?day=2") == {"day": "1"}
    assert partition_values("-") == {}


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_a_column_of_the_path_goes_where_the_model_wants_it(
    fake: Any, tmp_path: Path, suffix: str
) -> None:
    for day in (1, 2):
        folder = tmp_path / "in" / f"day={day}"
        folder.mkdir(parents=True)
        frame = pd.DataFrame({"b": [4, 5], "a": [0.5, 1.5], "id": ["007", "x"]})
        match suffix:
            case ".csv":
                frame.to_csv(folder / "part.csv", index=False)
            case ".jsonl":
                frame.to_json(folder / "part.jsonl", orient="records", lines=True)
            case _:
                frame.to_parquet(folder / "part.parquet")
    options = BatchOptions(output_format=Format.CSV)
    predict_folder(tmp_path / "in", tmp_path / "out", fake(_MATRIX), options)
    for day in (1, 2):
        lines = (tmp_path / "out" / f"day={day}" / "part.csv").read_text().splitlines()
        assert lines[0] == "b,a,id,prediction"
        assert [line.partition(",007,")[2] for line in lines[1:2]] == [f"0.5 {day}.0 4.0"]


def test_text_missing_values_and_flags_come_as_in_a_file(fake: Any, tmp_path: Path) -> None:
    name = tmp_path / "city=a%2Fb" / "open=true" / "day=3" / "x.csv"
    name.parent.mkdir(parents=True)
    name.write_text("a\n1\n2\n")
    predict_file(name, tmp_path / "out.csv", fake(_FRAME))
    rows = (tmp_path / "out.csv").read_text().splitlines()
    assert rows[1:] == ["1,3 'a/b' 1.0 True", "2,3 'a/b' 2.0 True"]
    other = tmp_path / "city=__HIVE_DEFAULT_PARTITION__" / "open=no" / "day=4" / "x.csv"
    other.parent.mkdir(parents=True)
    other.write_text("a\n1\n")
    predict_file(other, tmp_path / "out.csv", fake(_FRAME))
    assert (tmp_path / "out.csv").read_text().splitlines()[1] == "1,4 None 1.0 False"


def test_what_the_file_has_itself_counts(fake: Any, tmp_path: Path) -> None:
    (tmp_path / "day=1").mkdir()
    (tmp_path / "day=1" / "x.csv").write_text("a,day,b\n1,9,2\n")
    predict_file(tmp_path / "day=1" / "x.csv", tmp_path / "out.csv", fake(_MATRIX))
    assert (tmp_path / "out.csv").read_text().splitlines()[1] == "1,9,2,1.0 9.0 2.0"


def test_a_value_that_is_no_number_names_the_path(fake: Any, tmp_path: Path) -> None:
    (tmp_path / "day=monday").mkdir()
    (tmp_path / "day=monday" / "x.csv").write_text("a,b\n1,2\n")
    with pytest.raises(SignatureError, match="column 'day' of the path: found 'monday', expected"):
        predict_file(tmp_path / "day=monday" / "x.csv", tmp_path / "out.csv", fake(_MATRIX))


def test_what_neither_has_is_missing(fake: Any, tmp_path: Path) -> None:
    (tmp_path / "month=1").mkdir()
    (tmp_path / "month=1" / "x.csv").write_text("a,b\n1,2\n")
    with pytest.raises(SignatureError, match="lacks the column 'day'"):
        predict_file(tmp_path / "month=1" / "x.csv", tmp_path / "out.csv", fake(_MATRIX))


def test_a_model_may_take_columns_of_the_path_only(fake: Any, tmp_path: Path) -> None:
    only = Signature(Task.REGRESSION, (Column("day"),), named=True)
    (tmp_path / "day=5").mkdir()
    for name, text in (("x.csv", "id\n007\n8\n"), ("x.jsonl", '{"id":7}\n{"id":8}\n')):
        (tmp_path / "day=5" / name).write_text(text)
        predict_file(tmp_path / "day=5" / name, tmp_path / f"out{name}", fake(only))
    assert (tmp_path / "outx.csv").read_text() == "id,prediction\n007,5.0\n8,5.0\n"


def test_files_get_the_suffix_of_their_new_format(fake: Any, tmp_path: Path) -> None:
    model = fake(Signature(Task.REGRESSION, (Column("a"),), named=True))
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "x.csv").write_text("a\n1\n")
    options = BatchOptions(output_format=Format.JSONL)
    predict_folder(tmp_path / "in", tmp_path / "out", model, options)
    assert (tmp_path / "out" / "x.jsonl").read_text() == '{"a":1.0,"prediction":"1.0"}\n'
    (tmp_path / "in" / "x.jsonl").write_text('{"a":1}\n')
    with pytest.raises(UsageError, match=r"Several of the files would be written to x\.jsonl"):
        predict_folder(tmp_path / "in", tmp_path / "out", model, options)


def test_files_of_no_known_name_are_read_as_told(fake: Any, tmp_path: Path) -> None:
    model = fake(Signature(Task.REGRESSION, (Column("a"),), named=True))
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "part-00000").write_text('{"a":1}\n')
    options = BatchOptions(input_format=Format.JSONL)
    predict_folder(tmp_path / "in", tmp_path / "out", model, options)
    assert (tmp_path / "out" / "part-00000").read_text() == '{"a":1,"prediction":"1.0"}\n'
