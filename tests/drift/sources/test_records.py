"""What a server has recorded is compared as the rows that it was asked about."""

from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.linear_model import LogisticRegression

from mlserve_cli.drift.check import drift_check
from mlserve_cli.errors import InputError
from mlserve_cli.inference.describe import describe_estimator
from mlserve_cli.monitoring.records.columns import ColumnKind
from mlserve_cli.monitoring.records.layout import ROLES_KEY, layout_of
from mlserve_cli.signature import Signature

ROWS = np.random.default_rng(0).normal(size=(500, 3))
LATER = np.random.default_rng(1).normal(size=(500, 3))
TIME = pa.timestamp("us", tz="UTC")
MODEL = LogisticRegression().fit(ROWS, ROWS[:, 0] > 0)


@dataclass(frozen=True)
class Recorded:
    """A served model."""

    signature: Signature = field(default_factory=lambda: describe_estimator(MODEL))
    name: str = "m"
    version: int = 1
    metrics: dict[str, float] = field(default_factory=dict)


def write_records(path: Path, rows: "np.ndarray") -> Path:
    layout = layout_of(Recorded())
    probabilities = MODEL.predict_proba(rows)
    count = len(rows)
    columns = [
        *rows.T,
        MODEL.predict(rows),
        *probabilities.T,
        np.arange(count) * 1_000_000,
        np.full(count, 0.001),
        ["order"] * count,
        np.arange(count),
        ["m"] * count,
        np.ones(count, np.int64),
    ]
    arrays = [
        pa.array(column, TIME if kind is ColumnKind.TIME else kind.value)
        for column, kind in zip(columns, layout.kinds.values(), strict=True)
    ]
    metadata = {ROLES_KEY: msgspec.json.encode(layout.roles)}
    pq.write_table(pa.table(arrays, list(layout.kinds), metadata=metadata), path)
    return path


def test_records_and_plain_rows_differ_in_nothing_but_the_rows(tmp_path: Path) -> None:
    records = write_records(tmp_path / "records.parquet", ROWS)
    np.save(tmp_path / "later.npy", LATER)
    for sides in ((records, tmp_path / "later.npy"), (tmp_path / "later.npy", records)):
        report = drift_check(*sides)
        assert not report
        assert not report.schema
        assert len(report.columns) == 3


def test_two_records_are_compared_with_their_predictions_and_without_their_times(
    tmp_path: Path,
) -> None:
    before = write_records(tmp_path / "before.parquet", ROWS)
    after = write_records(tmp_path / "after.parquet", np.add(LATER, [2.0, 0, 0]))
    report = drift_check(before, after)
    drifted = {column.name for column in report.columns if column.verdict == "drift"}
    assert drifted == {"x0", "prediction", "probability_False", "probability_True"}
    assert {column.name for column in report.columns} == drifted | {"x1", "x2"}


def test_what_was_noted_beside_the_rows_can_be_asked_for(tmp_path: Path) -> None:
    before = write_records(tmp_path / "before.parquet", ROWS)
    after = write_records(tmp_path / "after.parquet", LATER)
    report = drift_check(before, after, columns=["x0", "_latency_seconds"])
    assert [column.name for column in report.columns] == ["x0", "_latency_seconds"]


def test_records_of_another_width_are_not_matched_by_position(tmp_path: Path) -> None:
    records = write_records(tmp_path / "records.parquet", ROWS)
    np.save(tmp_path / "wide.npy", np.zeros((10, 4)))
    with pytest.raises(InputError, match=r"records.parquet has 3 columns and .*wide.npy 4"):
        drift_check(records, tmp_path / "wide.npy")
