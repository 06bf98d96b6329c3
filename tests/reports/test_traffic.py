"""Figures of servers on terminals of all kinds."""

from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from mlserve_cli.monitoring.summary import LatestLatency, Observation, summarize
from mlserve_cli.monitoring.traffic import Minute, Subject, Traffic
from mlserve_cli.reports.traffic import duration, traffic_view

NOON = 1_700_000_040
IRIS, NOBODY = Subject("[iris]", "2"), Subject("", "")


def shown(
    *minutes: Minute, width: int = 80, rates: "dict[str, float] | None" = None, **options: Any
) -> str:
    totals: dict[Subject, Traffic] = {}
    for minute in minutes:
        totals.setdefault(minute.subject, Traffic()).add(minute.traffic)
    observation = Observation("here", NOON, NOON + 100, totals, minutes)
    console = Console(width=width, markup=False, highlight=False)
    with console.capture() as capture:
        console.print(traffic_view(summarize(observation), rates, **options))
    return capture.get()


def test_everything_fits_the_usual_terminal() -> None:
    busy = Traffic(123_456_789, 987_654_321, 1_234_567, 9, 5e5, {400: 123_456_789})
    text = shown(Minute(NOON, IRIS, busy), Minute(NOON + 60, NOBODY, Traffic(1, 0, 1)))
    assert "…" not in text
    assert "[iris]/2" in text
    assert "123,456,789" in text
    assert "1,234,576 (1.0%)" in text
    assert "(no such model)" in text
    assert "\nall " in text


def test_time_is_shown_in_lines() -> None:
    minutes = [Minute(NOON + 60 * k, IRIS, Traffic(k, buckets={400: k})) for k in (1, 4, 8)]
    text = shown(*minutes)
    assert "▂  ▅   █  at most 8" in text
    assert "per minute" in text
    plain = shown(*minutes, ascii_only=True)
    assert plain.isascii()
    assert ":  +   @  at most 8" in plain


def test_long_times_are_shown_in_fewer_characters() -> None:
    minutes = [Minute(NOON + 60 * k, IRIS, Traffic(1, buckets={400: 1})) for k in range(600)]
    text = shown(*minutes)
    assert "per 13 minutes" in text
    assert "█" * 46 in text
    assert "at most 13" in text


def test_one_minute_needs_no_line() -> None:
    assert "per minute" not in shown(Minute(NOON, IRIS, Traffic(1)))


def test_nothing_has_no_figures() -> None:
    assert "requests" in shown()


def test_who_watches_sees_the_rate_of_the_moment() -> None:
    minutes = (Minute(NOON, IRIS, Traffic(5)), Minute(NOON, NOBODY, Traffic(5)))
    text = shown(*minutes, rates={"[iris]/2": 12.0, "(no such model)": 30.0})
    assert "now/s" in text
    for rate in ("12.0", "30.0", "42.0"):
        assert rate in text


def test_the_latest_rows_have_a_line() -> None:
    observation = Observation("here", NOON, NOON + 1, {IRIS: Traffic(1)}, [])
    latest = LatestLatency(100, NOON, 0.5, 0.1, 0.2, 0.3, 0.4, 2.0)
    console = Console(width=80)
    with console.capture() as capture:
        console.print(traffic_view(replace(summarize(observation), window=latest)))
    assert "last 100 rows" in capture.get()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(12.5, "12.5 s"), (0.01234, "12.3 ms"), (0.0000512, "51.2 us"), (0.0, "0 us"), (1, "1 s")],
)
def test_durations_have_units(seconds: float, text: str) -> None:
    assert duration(seconds) == text
