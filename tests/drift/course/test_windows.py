"""Which window a row belongs to."""

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from mlserve_cli.drift.course.windows import Windows, WindowSize
from mlserve_cli.drift.sources.opening import open_data
from mlserve_cli.errors import UsageError

DAY = 86_400


def windows(times: Any, window: int | str) -> Windows:
    data: Any = open_data({"t": np.asarray(times)}, "data")
    return Windows.of(data, "t", window)


@pytest.mark.parametrize(
    ("text", "rows", "seconds"),
    [
        ("100", 100, None),
        (7, 7, None),
        ("90s", None, 90),
        ("1.5h", None, 5_400),
        ("2w", None, 14 * DAY),
    ],
)
def test_sizes_are_rows_or_spans(text: int | str, rows: int | None, seconds: float | None) -> None:
    size = WindowSize.parse(text)
    assert (size.rows, size.seconds) == (rows, seconds)


@pytest.mark.parametrize(
    "text", ["0", "-5", "1x", "d", "", "1 d", "0d", "nan", "1e3", 0, "9999999w"]
)
def test_other_sizes_are_refused(text: int | str) -> None:
    with pytest.raises(UsageError, match="neither a number of rows nor a span"):
        WindowSize.parse(text)


def test_rows_are_counted_on_from_block_to_block() -> None:
    data: Any = open_data(np.zeros((9, 1)), "data")
    found = Windows.of(data, None, 4)
    assert found.places(None, 5).tolist() == [0, 0, 0, 0, 1]
    assert found.places(None, 4).tolist() == [1, 1, 1, 2]
    assert [one.label for one in found.told(np.array([4, 4, 1]))] == ["row 1", "row 5", "row 9"]


def test_days_begin_at_midnight_and_weeks_on_mondays() -> None:
    moment = datetime(2024, 5, 1, 15, 30, tzinfo=UTC).timestamp()
    times = np.array([moment, moment + DAY, np.nan, moment - 15.6 * 3_600, moment + 60])
    by_day = windows(times.astype("datetime64[s]"), "1d")
    assert by_day.places(times, 5).tolist() == [1, 2, -1, 0, 1]
    assert [one.label for one in by_day.told(np.ones(3, int))] == [
        "2024-04-30",
        "2024-05-01",
        "2024-05-02",
    ]
    assert by_day.without_time == 1
    by_week = windows(times.astype("datetime64[s]"), "1w")
    by_week.places(times[:1], 1)
    assert by_week.told(np.ones(1, int))[0].label == "2024-04-29"


def test_times_may_be_text() -> None:
    data: Any = open_data(
        {"t": np.array(["2024-05-01T23:59:59Z", "2024-05-02T01:00:00+02:00", "2024-05-02"])}, "data"
    )
    found = Windows.of(data, "t", "1d")
    (values,) = next(data.blocks([0]))
    assert found.places(values, 3).tolist() == [0, 0, 1]


def test_text_that_is_no_time_is_refused() -> None:
    data: Any = open_data({"t": np.array(["yesterday"])}, "data")
    (values,) = next(data.blocks([0]))
    with pytest.raises(UsageError, match="holds values of type"):
        Windows.of(data, "t", "1d").places(values, 1)


def test_windows_of_rows_need_the_order_of_time() -> None:
    with pytest.raises(UsageError, match="not in the order of 't'"):
        windows([0.0], 2).places(np.array([3.0, 2.0]), 2)
    later = windows([0.0], 2)
    later.places(np.array([1.0, 5.0]), 2)
    with pytest.raises(UsageError, match="not in the order of 't'"):
        later.places(np.array([4.0, 6.0]), 2)


def test_windows_of_rows_are_called_by_their_times() -> None:
    found = windows([0.0], 2)
    found.places(np.array([5.0, np.nan, np.nan, 7.5]), 4)
    assert [one.label for one in found.told(np.array([2, 2]))] == ["5", "7.5"]


@pytest.mark.parametrize(
    ("time", "window", "message"),
    [
        (None, "1d", "need a column with times"),
        ("t", "1d", "expected times"),
        ("z", 5, "no column 'z'; it has t"),
    ],
)
def test_what_does_not_fit_is_refused_before_any_row(
    time: str | None, window: int | str, message: str
) -> None:
    data: Any = open_data({"t": np.zeros(3)}, "data")
    with pytest.raises(UsageError, match=message):
        Windows.of(data, time, window)


def test_too_many_windows_are_refused() -> None:
    with pytest.raises(UsageError, match="more than 500 windows of 1"):
        windows(np.zeros(1), 1).places(np.zeros(501), 501)
    times = np.arange(501.0) * DAY
    with pytest.raises(UsageError, match="more than 500 windows of 1d"):
        windows(times.astype("datetime64[s]"), "1d").places(times, 501)
