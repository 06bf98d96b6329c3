"""How many rows an input has, about."""

import gzip
from pathlib import Path

import pandas as pd
import pytest

from mlserve_cli.batch import estimate_rows


@pytest.mark.parametrize("line", [b"1,2\n", b"1,2\r\n", b"1,2\r", b"%s\n" % (b"x" * 500)])
def test_lines_are_counted_in_the_first_ones(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "in.csv"
    path.write_bytes(line * 30_000)
    found = estimate_rows(path)
    assert found is not None
    assert abs(found - 30_000) < 300


def test_parquet_tells_its_rows_and_others_do_not(tmp_path: Path) -> None:
    pd.DataFrame({"a": range(7)}).to_parquet(tmp_path / "in.parquet")
    assert estimate_rows(tmp_path / "in.parquet") == 7
    (tmp_path / "bad.parquet").write_bytes(b"PAR1")
    assert estimate_rows(tmp_path / "bad.parquet") is None
    (tmp_path / "empty.csv").write_bytes(b"")
    assert estimate_rows(tmp_path / "empty.csv") is None
    assert estimate_rows("-") is None
    assert estimate_rows(tmp_path) is None
    (tmp_path / "in.csv.gz").write_bytes(gzip.compress(b"1,2\n" * 1000))
    assert estimate_rows(tmp_path / "in.csv.gz") is not None
