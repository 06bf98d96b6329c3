"""The arithmetic of false alarms, against simulations that do not share it."""

import numpy as np
import pytest

from mlserve_cli.drift.budget import DAY_SECONDS, WatchOptions, horizon_level, window_level
from mlserve_cli.errors import UsageError

_NORMAL_QUANTILES = np.sort(np.random.default_rng(0).normal(size=2_000_000))


def _alarms_of_quiet_streams(
    level: float, rows: int, reference_rows: int, streams: int, windows: int
) -> float:
    """Alarms begun per window and stream: means of normal rows, against one reference each."""
    generator = np.random.default_rng(1)
    critical = _NORMAL_QUANTILES[int(len(_NORMAL_QUANTILES) * (1 - level))]
    reference = generator.normal(size=(streams, 1)) / np.sqrt(reference_rows)
    current = generator.normal(size=(streams, windows)) / np.sqrt(rows)
    distance = (current - reference) / np.sqrt(1 / rows + 1 / reference_rows)
    flags = distance > critical
    again = flags[:, 2:] & (flags[:, 1:-1] | flags[:, :-2])
    return float(again.mean())


@pytest.mark.parametrize("reference_rows", [100, 500, 5_000, 100_000])
def test_quiet_streams_alarm_as_often_as_the_budget_says_whatever_the_reference(
    reference_rows: int,
) -> None:
    budget = 0.002
    level = window_level(budget, 1, 500, reference_rows)

    found = _alarms_of_quiet_streams(level, 500, reference_rows, streams=20_000, windows=102)

    # The level never goes above 1 %, and one window may stand in both pairs.
    assert found <= 1.15 * budget
    assert level == 0.01 or found >= 0.5 * budget


def test_levels_that_ignored_the_common_reference_would_break_the_budget() -> None:
    budget = 0.0002
    independent = (budget / 2) ** 0.5

    assert _alarms_of_quiet_streams(independent, 500, 500, 20_000, 102) > 3 * budget


def test_the_budget_of_a_day_does_not_depend_on_how_many_windows_it_has() -> None:
    options = WatchOptions(false_alarms_per_day=0.1)

    for windows in (24, 1_440, 50_000):
        budget = windows * options.budget(DAY_SECONDS / windows)
        assert budget == pytest.approx(0.05)


def test_a_night_without_rows_buys_no_larger_budget_than_an_hour() -> None:
    options = WatchOptions()

    assert options.budget(12 * 3600) == options.budget(3600)
    assert options.budget(-1) == 0


def test_levels_get_stricter_with_more_windows_more_columns_and_fewer_rows_of_reference() -> None:
    budget = WatchOptions().budget(60)
    level = window_level(budget, 80, 500, 20_000)

    assert window_level(budget / 10, 80, 500, 20_000) < level
    assert window_level(budget, 800, 500, 20_000) < level
    assert window_level(budget, 80, 500, 500) < level
    assert 0 < window_level(0, 80, 500, 0) < 1e-14
    assert horizon_level(0.08, 80) == pytest.approx(0.001)


@pytest.mark.parametrize(
    "values",
    [
        {"rows": 49},
        {"seconds": 0},
        {"seconds": float("nan")},
        {"false_alarms_per_day": 0},
        {"false_alarms_per_day": 101},
    ],
)
def test_options_out_of_range_are_refused(values: dict[str, float]) -> None:
    with pytest.raises(UsageError, match=r"expected|needs"):
        WatchOptions(**values)  # type: ignore[arg-type]


def test_two_fifths_of_a_window_are_enough_once_it_is_old() -> None:
    assert WatchOptions().least_rows == 200
    assert WatchOptions(rows=60).least_rows == 50
