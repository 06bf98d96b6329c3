"""What is added comes back, whatever dies in between."""

import multiprocessing
import sqlite3
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlserve_cli.errors import InputError
from mlserve_cli.monitoring.drift_state import DriftState
from mlserve_cli.monitoring.histogram import Histogram
from mlserve_cli.monitoring.history import HISTORY_NAME, History, read_drift, read_history
from mlserve_cli.monitoring.traffic import Subject, Traffic, together

IRIS, PETS = Subject("iris", "3"), Subject("pets", "1")
NOON = 1_700_000_040.0


def traffic(requests: int, bucket: int = 100, errors: int = 0) -> Traffic:
    return Traffic(requests, 2 * requests, errors, 1, 0.5 * requests, {bucket: requests})


def test_minutes_hold_what_came_in_them(tmp_path: Path) -> None:
    with History(tmp_path, "a") as history:
        history.add({IRIS: traffic(3)}, NOON)
        history.add({IRIS: traffic(5, errors=2), PETS: traffic(1)}, NOON + 59.9)
        history.add({IRIS: traffic(5, errors=2), PETS: traffic(1)}, NOON + 61)
        history.add({IRIS: traffic(9, errors=2), PETS: traffic(1)}, NOON + 62)
        # Read while it is written.
        minutes = read_history(tmp_path)
    assert [(m.start - NOON, m.subject, m.traffic.requests) for m in minutes] == [
        (0, IRIS, 5),
        (0, PETS, 1),
        (60, IRIS, 4),
    ]
    assert minutes[0].traffic == traffic(5, errors=2)
    assert minutes[2].traffic == Traffic(4, 8, 0, 0, 2.0, {100: 4})
    assert [minute.start - NOON for minute in read_history(tmp_path, NOON + 61)] == [60]
    assert len(read_history(tmp_path, NOON + 59)) == 3
    assert read_history(tmp_path, NOON + 1000) == []


def test_nobody_else_may_read_it(tmp_path: Path) -> None:
    with History(tmp_path, "a") as history:
        history.add({IRIS: traffic(3)}, NOON)
        found = {path.name: path.stat().st_mode & 0o077 for path in tmp_path.iterdir()}
    assert found == dict.fromkeys(found, 0)
    assert HISTORY_NAME in found


def test_a_process_that_replaces_another_one_counts_nothing_twice_and_forgets_nothing(
    tmp_path: Path,
) -> None:
    with History(tmp_path, "a") as history:
        history.add({IRIS: traffic(3)}, NOON)
    with History(tmp_path, "a") as history:
        # Two more came after the other one had written last.
        history.add({IRIS: traffic(5)}, NOON + 60)
    assert [minute.traffic.requests for minute in read_history(tmp_path)] == [3, 2]


def test_servers_add_to_one_another(tmp_path: Path) -> None:
    with History(tmp_path, "a") as one, History(tmp_path, "b") as other:
        one.add({IRIS: traffic(3, bucket=7)}, NOON)
        other.add({IRIS: traffic(4, bucket=9)}, NOON)
        one.add({IRIS: traffic(4, bucket=7)}, NOON)
    (minute,) = read_history(tmp_path)
    assert minute.traffic.requests == 8
    assert minute.traffic.buckets == {7: 4, 9: 4}


@given(st.lists(st.lists(st.floats(1e-6, 900), max_size=20), min_size=1, max_size=6))
def test_latencies_of_all_minutes_are_those_that_were_counted(
    parts: list[list[float]],
) -> None:
    histogram = Histogram()
    buckets: Counter[int] = Counter()
    found = []
    for part in parts:
        own = Histogram()
        for value in part:
            histogram.add(value)
            own.add(value)
        buckets = Counter({k: count for k, count in enumerate(own.counts) if count})
        found.append(Traffic(len(part), seconds=own.total, buckets=dict(buckets)))
    latency = together(found).latency
    assert latency.counts == histogram.counts
    assert latency.total == pytest.approx(histogram.total)


def test_what_a_difference_leaves_empty_is_gone(tmp_path: Path) -> None:
    whole = Traffic(3, 3, 0, 0, 1.0, {4: 2, 5: 1})
    whole.add(Traffic(2, 2, 0, 0, 0.5, {4: 2}), -1)
    assert whole == Traffic(1, 1, 0, 0, 0.5, {5: 1})


def test_old_minutes_go(tmp_path: Path) -> None:
    with History(tmp_path, "a") as history:
        history.add({IRIS: traffic(1)}, NOON)
        history.add({IRIS: traffic(2)}, NOON + 29 * 86_400)
        assert len(read_history(tmp_path)) == 2
        history.add({IRIS: traffic(3)}, NOON + 31 * 86_400)
    assert [minute.start > NOON for minute in read_history(tmp_path)] == [True, True]


def test_a_locked_file_is_tried_again_with_nothing_lost(tmp_path: Path) -> None:
    with History(tmp_path, "a") as history:
        history.add({IRIS: traffic(1)}, NOON)
        other = sqlite3.connect(tmp_path / HISTORY_NAME, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            history.add({IRIS: traffic(2)}, NOON)
        other.execute("ROLLBACK")
        other.close()
        history.add({IRIS: traffic(3)}, NOON)
    (minute,) = read_history(tmp_path)
    assert minute.traffic.requests == 3


def _write_until_killed(folder: Path) -> None:
    history = History(folder, "a")
    for count in range(1, 1_000_000):
        history.add({IRIS: traffic(count)}, NOON + count)


def test_a_killed_process_leaves_a_file_that_is_whole(tmp_path: Path) -> None:
    process = multiprocessing.get_context("spawn").Process(
        target=_write_until_killed, args=(tmp_path,)
    )
    process.start()
    deadline = 2000
    while not (tmp_path / HISTORY_NAME).exists() or len(_minutes(tmp_path)) < 3:
        process.join(0.02)
        deadline -= 1
        assert deadline
        assert process.is_alive()
    process.kill()
    process.join()
    minutes = read_history(tmp_path)
    assert sum(minute.traffic.requests for minute in minutes) >= 120
    with History(tmp_path, "a") as history:
        history.add({IRIS: traffic(2_000_000)}, NOON)
    assert sum(minute.traffic.requests for minute in read_history(tmp_path)) == 2_000_000


def _minutes(folder: Path) -> list[object]:
    try:
        return list(read_history(folder))
    except InputError:
        return []


def test_the_last_state_of_drift_is_kept(tmp_path: Path) -> None:
    calm, moved = DriftState("iris", "10", "ok"), DriftState("iris", "9", "alarm", 1, "x", 0.5, 0.1)
    with History(tmp_path, "a") as history:
        history.add_drift([DriftState("iris", "9", "waiting"), calm], NOON)
        history.add_drift([moved, calm], NOON + 1)
        # What is not served any more is still known.
        history.add_drift([calm], NOON + 2)
    assert read_drift(tmp_path) == [moved, calm]


def test_a_history_of_before_drift_was_kept_is_read_and_goes_on(tmp_path: Path) -> None:
    with History(tmp_path, "a") as history:
        history.add({IRIS: traffic(3)}, NOON)
    with sqlite3.connect(tmp_path / HISTORY_NAME) as database:
        database.executescript("DROP TABLE drift; PRAGMA user_version = 1;")
    assert read_drift(tmp_path) == []
    assert read_history(tmp_path)[0].traffic.requests == 3
    with History(tmp_path, "b") as history:
        history.add_drift([DriftState("iris", "3", "ok")], NOON)
    assert read_drift(tmp_path) == [DriftState("iris", "3", "ok")]


def test_without_a_history_it_is_said_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no history") as caught:
        read_history(tmp_path)
    assert "mlserve serve" in str(caught.value.hint)


def test_a_file_that_is_no_history_is_named(tmp_path: Path) -> None:
    (tmp_path / HISTORY_NAME).write_bytes(b"nothing of the kind" * 100)
    with pytest.raises(InputError, match="cannot be read"):
        read_history(tmp_path)


def test_a_history_of_a_later_format_is_refused(tmp_path: Path) -> None:
    with History(tmp_path, "a") as history:
        history.add({IRIS: traffic(1)}, NOON)
    database = sqlite3.connect(tmp_path / HISTORY_NAME)
    database.execute("PRAGMA user_version = 9")
    database.close()
    with pytest.raises(InputError, match="has format 9"):
        read_history(tmp_path)


def test_percentiles_of_the_history_are_within_the_stated_error(tmp_path: Path) -> None:
    values = np.random.default_rng(0).lognormal(-6, 1, 3000)
    histogram = Histogram()
    for value in values:
        histogram.add(value)
    buckets = {k: count for k, count in enumerate(histogram.counts) if count}
    with History(tmp_path, "a") as history:
        history.add({IRIS: Traffic(3000, buckets=buckets)}, NOON)
    (minute,) = read_history(tmp_path)
    exact = np.quantile(values, 0.99, method="inverted_cdf")
    assert minute.traffic.latency.quantile(0.99) == pytest.approx(exact, rel=0.01)
