"""The latest rows, whichever files they are in."""

import os
from pathlib import Path

import numpy as np
import pytest
from tests.monitoring.records.test_writer import IRIS, NOON, Written, iris_entry

from mlserve_cli.errors import InputError
from mlserve_cli.monitoring.records.latest import latest_latency


def test_the_latest_rows_of_all_writers_are_looked_at(tmp_path: Path) -> None:
    one, other = Written(tmp_path), Written(tmp_path)
    expected = []
    for k in range(40):
        seconds = 0.001 * (k % 7 + 1)
        writer = one if k % 3 else other
        writer.write(iris_entry([[1, 2]], time=NOON + k, seconds=[seconds]))
        expected.append(seconds)
    for file in one.files:
        times = [row["_time"].timestamp() for row in one.rows()]
        os.utime(file, (max(times), max(times)))
    found = latest_latency(tmp_path, 25)
    latest = np.array(expected[-25:])
    assert (found.rows, found.since) == (25, NOON + 15)
    assert found.average_seconds == pytest.approx(latest.mean())
    assert (found.min_seconds, found.max_seconds) == (latest.min(), latest.max())
    assert found.p95_seconds == np.quantile(latest, 0.95, method="inverted_cdf")
    assert latest_latency(tmp_path, 1).since == NOON + 39
    assert latest_latency(tmp_path, 1000, IRIS.name).rows == 40


def test_without_records_it_is_said_how_to_get_some(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no records in"):
        latest_latency(tmp_path, 10)
    Written(tmp_path).write(iris_entry([[1, 2]]))
    with pytest.raises(InputError, match="no records in"):
        latest_latency(tmp_path, 10, "pets")
