"""One table in every format."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from mlserve_cli.drift.profile import Profile
from mlserve_cli.drift.sources.files import open_path
from mlserve_cli.drift.sources.interface import Dataset, Texts

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def frame() -> pd.DataFrame:
    """Columns of every kind, with gaps."""
    r = np.random.default_rng(0)
    rows = 2_500
    table = pd.DataFrame(
        {
            "number": r.normal(size=rows),
            "whole": r.integers(-5, 1_000, rows),
            "gaps": np.where(r.random(rows) < 0.2, np.nan, r.normal(size=rows)),
            "flag": r.random(rows) < 0.5,
            "word": r.choice(["Ulm", "Köln", "a,b", 'say "x"', "007"], rows),
            "when": pd.Timestamp("2024-02-29") + pd.to_timedelta(r.integers(0, 10**6, rows), "s"),
        }
    )
    table.loc[::7, "word"] = None
    return table


@pytest.fixture
def read() -> "Callable[[Path], dict[str, Any]]":
    """Reads all columns of a file, text as text."""
    return read_all


@pytest.fixture
def gather() -> "Callable[[Dataset], dict[str, Any]]":
    """Reads all columns of an opened file."""
    return gathered


def read_all(path: Path | str) -> dict[str, Any]:
    dataset = open_path(path)
    assert not isinstance(dataset, Profile)
    return gathered(dataset)


def gathered(dataset: Dataset) -> dict[str, Any]:
    found: dict[str, list[Any]] = {field.name: [] for field in dataset.fields}
    for block in dataset.blocks(range(len(dataset.fields))):
        for field, values in zip(dataset.fields, block, strict=True):
            if isinstance(values, Texts):
                labels = np.array([*values.labels, None], object)
                found[field.name].extend(labels[values.codes].tolist())
            else:
                found[field.name].extend(values.astype(float).tolist())
    return found
