"""Seeded samples of whole rows."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlserve_cli.drift.rows.sample import row_limit, sample_rows
from mlserve_cli.drift.sources.opening import open_data
from mlserve_cli.errors import InputError


def drawn(data: Any, limit: int, seed: int = 0) -> Any:
    opened: Any = open_data(data, "data")
    return sample_rows(opened, range(len(opened.fields)), limit, seed=seed)


def test_small_data_are_taken_whole_and_in_order() -> None:
    numbers, texts = drawn({"n": np.arange(5), "t": np.array(list("abcde"))}, 10)
    assert numbers.tolist() == [0, 1, 2, 3, 4]
    assert texts.tolist() == list("abcde")


@pytest.mark.parametrize("suffix", ["npy", "csv", "parquet", "jsonl"])
def test_every_part_of_a_file_is_drawn_from_alike(tmp_path: Path, suffix: str) -> None:
    import pandas as pd

    rows, limit = 120_000, 6_000
    frame = pd.DataFrame({"a": np.arange(rows), "b": -np.arange(rows)})
    path = tmp_path / f"data.{suffix}"
    match suffix:
        case "npy":
            np.save(path, frame.to_numpy())
        case "csv":
            frame.to_csv(path, index=False)
        case "parquet":
            frame.to_parquet(path)
        case _:
            frame.to_json(path, orient="records", lines=True)
    first, second = drawn(path, limit)
    assert len(first) == limit
    assert len(set(first.tolist())) == limit
    # Rows stay whole.
    assert (first == -second).all()
    by_tenth = np.bincount((first // (rows // 10)).astype(int), minlength=10)
    # Four standard deviations of such a count.
    assert np.abs(by_tenth - limit / 10).max() < 4 * (limit * 0.09) ** 0.5


def test_a_seed_fixes_the_sample() -> None:
    values = np.random.default_rng(0).normal(size=(5_000, 2))
    assert (drawn(values, 100, seed=3)[0] == drawn(values, 100, seed=3)[0]).all()
    assert (drawn(values, 100, seed=3)[0] != drawn(values, 100, seed=4)[0]).any()


def test_missing_text_is_none() -> None:
    import pandas as pd

    assert drawn(pd.DataFrame({"t": ["a", None, "b"]}), 10)[0].tolist() == ["a", None, "b"]


def test_data_without_rows_are_refused() -> None:
    with pytest.raises(InputError, match="no rows"):
        drawn(np.empty((0, 2)), 10)


def test_the_sample_of_a_wide_table_has_fewer_rows() -> None:
    assert row_limit(10, 20_000) == 20_000
    assert row_limit(1_000, 20_000) == 4_194
    assert row_limit(1_000_000, 20_000) == 1_000
