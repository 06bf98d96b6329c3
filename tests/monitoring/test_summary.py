"""Figures of what was observed."""

from pathlib import Path

import pytest

from mlserve_cli.errors import InputError
from mlserve_cli.monitoring.histogram import Histogram
from mlserve_cli.monitoring.history import History
from mlserve_cli.monitoring.summary import (
    Observation,
    observe_history,
    since_minutes,
    summarize,
)
from mlserve_cli.monitoring.traffic import Minute, Subject, Traffic

IRIS, OLD, NOBODY = Subject("iris", "2"), Subject("iris", "1"), Subject("", "")
NOON = 1_700_000_040


def traffic(*seconds: float, rows: int = 0, refused: int = 0, failed: int = 0) -> Traffic:
    histogram = Histogram()
    for value in seconds:
        histogram.add(value)
    buckets = {place: count for place, count in enumerate(histogram.counts) if count}
    return Traffic(len(seconds), rows, refused, failed, sum(seconds), buckets)


def observed(*minutes: Minute, started: float = NOON, until: float = NOON + 100.0) -> Observation:
    totals: dict[Subject, Traffic] = {}
    for minute in minutes:
        totals.setdefault(minute.subject, Traffic()).add(minute.traffic)
    return Observation("here", started, until, totals, minutes)


FOUND = observed(
    Minute(NOON, OLD, traffic(0.1, 0.3, rows=7, refused=1)),
    Minute(NOON + 60, OLD, traffic(0.2, rows=1)),
    Minute(NOON + 60, IRIS, traffic(2.0, rows=2, failed=1)),
    Minute(NOON + 60, NOBODY, traffic(0.001, refused=1)),
)


def test_figures_are_those_of_each_version_and_of_all() -> None:
    summary = summarize(FOUND)
    assert [(m.model, m.version, m.requests) for m in summary.models] == [
        ("", "", 1),
        ("iris", "1", 3),
        ("iris", "2", 1),
    ]
    old = summary.models[1]
    assert (old.rows, old.errors, old.client_errors, old.server_errors) == (8, 1, 1, 0)
    assert (old.requests_per_second, old.rows_per_second) == (0.03, 0.08)
    assert old.average_seconds == pytest.approx(0.2)
    assert old.min_seconds == pytest.approx(0.1, rel=0.01)
    assert old.p50_seconds == pytest.approx(0.2, rel=0.01)
    assert old.max_seconds == pytest.approx(0.3, rel=0.01)
    total = summary.total
    assert (total.requests, total.rows, total.errors, total.server_errors) == (5, 10, 3, 1)
    assert total.p99_seconds == pytest.approx(2, rel=0.01)


def test_minutes_are_told_over_all_models() -> None:
    first, second = summarize(FOUND).minutes
    assert (first.time, first.requests, first.rows, first.errors) == (NOON, 2, 7, 1)
    assert (second.time, second.requests, second.errors) == (NOON + 60, 3, 2)
    assert second.p99_seconds == pytest.approx(2, rel=0.01)


@pytest.mark.parametrize(("name", "requests"), [("iris", 4), ("iris/1", 3), ("iris/2", 1)])
def test_one_model_or_version_can_be_looked_at(name: str, requests: int) -> None:
    summary = summarize(FOUND, name)
    assert summary.total.requests == sum(m.requests for m in summary.models) == requests
    assert sum(point.requests for point in summary.minutes) == requests


@pytest.mark.parametrize("name", ["pets", "iris/3"])
def test_a_model_of_which_nothing_is_known_is_an_error(name: str) -> None:
    with pytest.raises(InputError, match=f"nothing of the model {name}; it knows: iris"):
        summarize(FOUND, name)


def test_nothing_has_no_durations() -> None:
    summary = summarize(observed())
    assert (summary.total.requests, summary.total.requests_per_second) == (0, 0)
    assert summary.total.average_seconds is None
    assert summary.total.p99_seconds is None
    assert summary.models == ()
    assert summary.minutes == ()


def test_what_was_before_is_left_out() -> None:
    later = since_minutes(FOUND, NOON + 70)
    assert later.totals[OLD].requests == 1
    # Its minute began before.
    assert later.started == NOON + 70
    assert summarize(later).total.requests == 3
    assert summarize(since_minutes(FOUND, NOON + 500)).total.requests == 0


def test_the_time_begins_with_the_server_or_with_what_came_before_it() -> None:
    minute = Minute(NOON, OLD, traffic(0.1))
    young = observed(minute, started=NOON + 30)
    assert since_minutes(young, NOON - 500).started == NOON + 30
    earlier = Minute(NOON - 60, OLD, traffic(0.1))
    both = observed(earlier, minute, started=NOON + 30)
    assert since_minutes(both, NOON - 500).started == NOON - 60


def test_a_history_is_about_the_time_in_which_something_was_asked(tmp_path: Path) -> None:
    with History(tmp_path, "a") as history:
        history.add({IRIS: traffic(0.1)}, NOON)
        history.add({IRIS: traffic(0.1, 0.2)}, NOON + 300)
    found = observe_history(tmp_path)
    assert (found.source, found.started, found.until) == (str(tmp_path), NOON, NOON + 360)
    assert summarize(found).total.requests == 2
    later = observe_history(tmp_path, NOON + 310)
    assert (later.started, later.totals[IRIS].requests) == (NOON + 310, 1)
    assert observe_history(tmp_path, NOON + 9999).totals == {}
