"""The current data window by window: how often it is wrong, and what it finds."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from mlserve_cli.drift import drift_check, load_profile
from mlserve_cli.drift.course.report import ColumnCourse, Course
from mlserve_cli.drift.course.thresholds import critical_distance, expected_distance

Generator = np.random.Generator


def table(r: Generator, rows: int) -> dict[str, Any]:
    return {
        "normal": r.normal(size=rows),
        "heavy": r.lognormal(0, 2, rows),
        "text": r.choice(["a", "b", "c"], rows, p=[0.9, 0.07, 0.03]),
        "count": r.poisson(2, rows),
        "gaps": np.where(r.random(rows) < 0.02, np.nan, r.normal(size=rows)),
    }


def course(before: Any, after: Any, **given: Any) -> Course:
    found = drift_check(before, after, **given).course
    assert found is not None
    return found


def column(found: Course, name: str) -> ColumnCourse:
    return next(one for one in found.columns if one.name == name)


@pytest.mark.parametrize("window", [60, 400])
def test_quiet_windows_raise_no_alarm(window: int) -> None:
    """At a rate of 1 % two runs of 30 with an alarm, or more, have a probability of 3.6 %."""
    r = np.random.default_rng(window)
    runs = [course(table(r, 2_000), table(r, 2_000), window=window) for _ in range(30)]
    assert sum(any(one.exceeded for one in found.columns) for found in runs) <= 1
    assert sum(any(one.changes for one in found.columns) for found in runs) <= 1


@pytest.mark.parametrize("change", ["shift", "spread", "missing", "new category", "count"])
def test_a_change_halfway_is_found_where_it_began(change: str) -> None:
    r = np.random.default_rng(0)
    before, after = table(r, 5_000), table(r, 5_000)
    late = np.arange(5_000) >= 2_500
    name, values = {
        "shift": ("normal", after["normal"] + late),
        "spread": ("normal", after["normal"] * (1 + 1.5 * late)),
        "missing": ("heavy", np.where(late & (r.random(5_000) < 0.4), np.nan, after["heavy"])),
        "new category": ("text", np.where(late & (r.random(5_000) < 0.3), "new", after["text"])),
        "count": ("count", after["count"] + 3 * late),
    }[change]
    found = course(before, after | {name: values}, window=250)
    # The column that drifted most comes first.
    assert found.columns[0].name == name
    assert set(found.columns[0].exceeded) == set(range(10, 20))
    assert [(one.window, one.label) for one in found.columns[0].changes] == [(10, "row 2,501")]
    assert not any(one.exceeded for one in found.columns[1:])


def test_distances_are_those_of_the_definition() -> None:
    r = np.random.default_rng(1)
    before, after = r.choice(list("abc"), 900), r.choice(list("abc"), 500)
    found = course({"x": before}, {"x": after}, window=250)
    shares = [pd.Series(part).value_counts(normalize=True) for part in (before, after[:250])]
    expected = (shares[0] - shares[1]).abs().sum() / 2
    assert column(found, "x").values[0] == pytest.approx(expected, rel=1e-12)
    assert [one.rows for one in found.windows] == [250, 250]


def test_thresholds_know_nothing_but_the_numbers_of_rows() -> None:
    r = np.random.default_rng(2)
    before = {"x": r.normal(size=3_000)}
    quiet = course(before, {"x": r.normal(size=1_150)}, window=200)
    wild = course(before, {"x": r.normal(9, 5, size=1_150)}, window=200)
    assert quiet.columns[0].thresholds == wild.columns[0].thresholds
    # The last window has fewer rows, and so a higher one.
    assert quiet.columns[0].thresholds[-1] > quiet.columns[0].thresholds[0]


def test_windows_of_time_are_in_its_order_whatever_that_of_rows() -> None:
    r = np.random.default_rng(3)
    when = pd.Timestamp("2024-05-01") + pd.to_timedelta(r.integers(0, 10 * 24, 4_000), unit="h")
    frame = pd.DataFrame({"when": when, "x": r.normal(size=4_000)})
    frame["x"] += frame.when >= "2024-05-08"
    found = course(frame[frame.when < "2024-05-04"], frame, time="when", window="1d")
    assert [one.label for one in found.windows] == [f"2024-05-{day:02}" for day in range(1, 11)]
    assert [one.name for one in found.columns] == ["x"]
    assert found.columns[0].exceeded == (7, 8, 9)


def test_rows_without_a_time_are_counted() -> None:
    r = np.random.default_rng(4)
    when = pd.Series(pd.date_range("2024-05-01", periods=300, freq="h"))
    when = when.where(when.index >= 5)
    frame = pd.DataFrame({"when": when, "x": r.normal(size=300)})
    report = drift_check(frame, frame, time="when", window="1d")
    assert report.course is not None
    assert report.course.rows_without_time == 5
    assert report.notes == ("5 rows have no time and are in no window.",)


def test_it_informs_and_does_not_decide() -> None:
    r = np.random.default_rng(5)
    after = r.normal(size=10_000)
    after[-400:] += 2
    report = drift_check({"x": r.normal(size=10_000)}, {"x": after}, window=200)
    assert report.course is not None
    assert report.course.columns[0].exceeded == (48, 49)
    assert not report


@pytest.mark.parametrize("suffix", ["csv", "parquet", "arrow", "jsonl", "npz"])
def test_every_kind_of_file_gives_the_same_course(tmp_path: Path, suffix: str) -> None:
    r = np.random.default_rng(6)
    frame = pd.DataFrame(table(r, 1_000)).drop(columns="gaps")
    path = tmp_path / f"data.{suffix}"
    match suffix:
        case "csv":
            frame.to_csv(path, index=False)
        case "parquet":
            frame.to_parquet(path)
        case "arrow":
            frame.to_feather(path)
        case "jsonl":
            frame.to_json(path, orient="records", lines=True, double_precision=15)
        case _:
            texts = frame.text.to_numpy(str)
            arrays: dict[str, Any] = {str(name): frame[name].to_numpy() for name in frame}
            np.savez(path, **(arrays | {"text": texts}))
    found, expected = course(path, path, window=100), course(frame, frame, window=100)
    assert sorted(one.name for one in found.columns) == ["count", "heavy", "normal", "text"]
    for one in expected.columns:
        assert column(found, one.name).values == pytest.approx(one.values, abs=0.011)


def test_a_profile_will_do_for_the_reference(tmp_path: Path) -> None:
    r = np.random.default_rng(7)
    before, after = table(r, 3_000), table(r, 1_000)
    drift_check(before, after, profile=tmp_path / "p.drift")
    found = course(load_profile(tmp_path / "p.drift"), after, window=100)
    for one in course(before, after, window=100).columns:
        assert column(found, one.name).values == pytest.approx(one.values, abs=0.02)


def test_the_critical_distance_follows_from_the_chi_squared_law() -> None:
    for cells, level in ((2, 0.01), (20, 1e-5)):
        expected = stats.chi2.isf(level, cells - 1) ** 0.5 / 2
        assert critical_distance(cells, level) == pytest.approx(expected, rel=1e-5)


def test_the_expected_distance_is_what_quiet_windows_have() -> None:
    r = np.random.default_rng(8)
    reference = r.multinomial(1_000, [0.05] * 20)
    rows = r.multinomial(200, [0.05] * 20, size=300)
    others = r.multinomial(1_000, [0.05] * 20, size=300)
    found = np.abs(rows / 200 - others / 1_000).sum(axis=1).mean() / 2
    assert expected_distance(reference, np.array([200.0]))[0] == pytest.approx(found, rel=0.03)


def test_identifiers_and_empty_columns_have_no_course() -> None:
    before = {"x": np.arange(200.0), "empty": np.full(200, np.nan)}
    found = course(before, before, window=50)
    assert [one.name for one in found.columns] == ["x"]


def test_nothing_but_times_is_no_obstacle() -> None:
    when = pd.DataFrame({"when": pd.date_range("2024-05-01", periods=30, freq="h")})
    for window in ("1d", 10):
        found = course(when, when, time="when", window=window)
        assert found.columns == ()
        assert len(found.windows) in (2, 3)
