"""Profiles of single columns of a file, found by name or by position."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mlserve_cli.drift import profile_of, save_profile
from mlserve_cli.drift.report import Kind
from mlserve_cli.drift.yardsticks import yardsticks_of_file
from mlserve_cli.errors import InputError

FRAME = pd.DataFrame(
    {"size": [0.5, 1.5, np.nan, 2.5], "colour": ["red", "blue", None, "red"]}, index=range(4)
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    FRAME.to_parquet(tmp_path / "reference.parquet")
    return tmp_path / "reference.parquet"


def test_each_column_has_a_profile_of_its_own(path: Path) -> None:
    found = yardsticks_of_file(path, ["colour", "size"], named=True)

    assert {name: profile.fields[0].kind for name, profile in found.items()} == {
        "colour": Kind.TEXT,
        "size": Kind.NUMERIC,
    }
    assert [profile.columns[0]["rows"] for profile in found.values()] == [4, 4]
    assert [profile.columns[0]["missing"] for profile in found.values()] == [1, 1]


def test_columns_without_names_are_found_by_position(path: Path) -> None:
    found = yardsticks_of_file(path, ["x0", "x1"], named=False)

    assert found["x1"].fields[0].name == "x1"
    assert found["x1"].fields[0].kind is Kind.TEXT


def test_columns_that_the_file_lacks_are_left_out(path: Path) -> None:
    assert list(yardsticks_of_file(path, ["size", "weight"], named=True)) == ["size"]


def test_a_stored_profile_serves_as_well(path: Path, tmp_path: Path) -> None:
    save_profile(tmp_path / "profile", profile_of(path))

    found = yardsticks_of_file(tmp_path / "profile", ["size"], named=True)

    assert found["size"].columns[0]["rows"] == 4


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        yardsticks_of_file(tmp_path / "none.parquet", ["size"], named=True)
