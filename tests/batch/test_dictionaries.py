"""Categories that are kept as a dictionary beside their rows."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

from mlserve_cli.batch import predict_file
from mlserve_cli.signature import Column, Signature, Task

_MODEL = Signature(Task.REGRESSION, (Column("a"),), named=True)


def groups(path: Path, texts: list[list[str | None]]) -> list[str | None]:
    """Writes a Parquet file with a dictionary for each group of rows; all of its texts."""
    tables = [
        pa.table({"a": [1.0] * len(part), "text": pa.array(part).dictionary_encode()})
        for part in texts
    ]
    with pq.ParquetWriter(path, tables[0].schema) as writer:
        for table in tables:
            writer.write_table(table)
    return [text for part in texts for text in part]


@pytest.mark.parametrize("suffix", ["parquet", "arrow", "csv"])
def test_groups_of_rows_with_other_dictionaries_go_into_every_format(
    fake: Any, tmp_path: Path, suffix: str
) -> None:
    source, destination = tmp_path / "in.parquet", tmp_path / f"out.{suffix}"
    texts = groups(source, [["x", "y", None], ["z", "x"]])
    predict_file(source, destination, fake(_MODEL))
    if suffix == "csv":
        assert destination.read_text().split()[1:] == [f"1.0,{text or ''},1.0" for text in texts]
        return
    read = pq.read_table if suffix == "parquet" else pyarrow.feather.read_table
    assert read(destination)["text"].to_pylist() == texts


def test_a_large_dictionary_is_written_once_and_not_with_every_group_of_rows(
    fake: Any, tmp_path: Path
) -> None:
    source, destination = tmp_path / "in.arrow", tmp_path / "out.parquet"
    texts = [None if k % 1000 == 5 else f"{k * 7919 % 400_000:030d}" for k in range(400_000)]
    column = pa.array(texts).dictionary_encode()
    table = pa.table({"a": [1.0] * len(texts), "text": column})
    pyarrow.feather.write_feather(table, source, compression="uncompressed")
    predict_file(source, destination, fake(_MODEL, labels=lambda batch: batch[:, 0]))
    assert pq.read_table(destination)["text"].to_pylist() == texts
    assert destination.stat().st_size < source.stat().st_size


def test_categories_that_no_row_has_are_kept(fake: Any, tmp_path: Path) -> None:
    source, destination = tmp_path / "in.arrow", tmp_path / "out.arrow"
    column = pa.DictionaryArray.from_arrays([1, 0, None], ["low", "middle", "high"], ordered=True)
    pyarrow.feather.write_feather(pa.table({"a": [1.0, 2.0, 3.0], "text": column}), source)
    predict_file(source, destination, fake(_MODEL))
    assert pyarrow.feather.read_table(destination)["text"].chunk(0) == column
