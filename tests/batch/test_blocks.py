"""Blocks of text have as many rows as memory allows, whatever is added to each."""

from pathlib import Path
from typing import Any

import pytest

from mlserve_cli.batch import BatchOptions, predict_file
from mlserve_cli.batch.partitions import opened_table
from mlserve_cli.signature import Column, Signature, Task
from mlserve_cli.tables.cutting import bounded

ROWS = 300_000


@pytest.mark.parametrize(
    ("name", "head", "row"),
    [
        ("in.csv", "a\n", "{}\n"),
        ("quoted.csv", "a\r\n", '"{}"\r\n'),
        ("old.csv", "a\r", "{}\r"),
        ("in.jsonl", "", '{{"a":{}}}\n'),
    ],
)
def test_narrow_rows_come_in_small_blocks_and_are_scored_as_in_large_ones(
    fake: Any, tmp_path: Path, name: str, head: str, row: str
) -> None:
    model = fake(Signature(Task.REGRESSION, (Column("a"),), named=True), lambda batch: batch[:, 0])
    source = tmp_path / name
    source.write_bytes((head + "".join(row.format(k % 9) for k in range(ROWS))).encode())
    with opened_table(source, model, BatchOptions()) as (_, table, _):
        lines = [block.lines for block in table.blocks(None)]
    assert sum(lines) == ROWS
    # Two columns: one that is read, one that is added.
    assert max(lines) <= 101_000
    assert len(lines) <= 4
    whole = tmp_path / f"whole-{name}"
    predict_file(source, whole, model)
    small = tmp_path / f"small-{name}"
    predict_file(source, small, model, BatchOptions(block_bytes=20_000))
    assert whole.read_bytes() == small.read_bytes()


def test_wide_rows_are_left_alone() -> None:
    assert bounded(1 << 20, b"x" * 199 + b"\n", 10_000) == 1 << 20
    assert bounded(1 << 20, b"no line ends here", 10) == 1 << 20
    assert bounded(1 << 20, b"1\n" * 100, 50_000) == 100_000
    assert bounded(1000, b"1\n" * 100, 1) == 1000
