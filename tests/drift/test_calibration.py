"""How often the whole check is wrong, and how often right, on seeded data.

The full sizes are in `benchmarks/drift_calibration.py`; these are small enough for every run.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from mlserve_cli.drift import Verdict, drift_check

Generator = np.random.Generator
Draw = Callable[[Generator, int], Any]

RUNS = 60


def columns(draw: Callable[[Generator, int], Any], count: int) -> Draw:
    return lambda r, rows: {f"x{k}": draw(r, rows) for k in range(count)}


def normal(r: Generator, rows: int) -> Any:
    return r.normal(size=rows)


def gaps(r: Generator, rows: int) -> Any:
    return np.where(r.random(rows) < 0.3, np.nan, r.normal(size=rows))


def categories(count: int) -> Callable[[Generator, int], Any]:
    return lambda r, rows: r.integers(0, count, rows).astype("U4")


def zipf(r: Generator, rows: int) -> Any:
    return (r.zipf(1.5, rows) % 100_000).astype("U6")


QUIET = {
    "1 column of 100 rows": (columns(normal, 1), 100, 100),
    "20 columns of 100 rows": (columns(normal, 20), 100, 100),
    "50 columns, a small window": (columns(normal, 50), 1_000, 100),
    "20 columns of 1,000 rows": (columns(normal, 20), 1_000, 1_000),
    "heavy tails": (columns(lambda r, n: r.standard_cauchy(n), 20), 500, 500),
    "missing values": (columns(gaps, 20), 300, 300),
    "2 categories": (columns(categories(2), 20), 1_000, 200),
    "3 categories": (columns(categories(3), 20), 200, 200),
    "20 categories": (columns(categories(20), 20), 1_000, 200),
    "300 categories": (columns(categories(300), 10), 500, 500),
    "categories without end": (columns(zipf, 10), 1_000, 500),
    "counts": (columns(lambda r, n: r.poisson(2, n), 20), 300, 300),
    "half zeros": (columns(lambda r, n: r.normal(size=n) * (r.random(n) < 0.5), 20), 300, 300),
}


@pytest.mark.parametrize("case", QUIET)
def test_quiet_data_raise_no_alarm(case: str) -> None:
    """At a rate of 2 % four alarms in 60 runs, or more, have a probability of 3 %."""
    draw, reference_rows, current_rows = QUIET[case]
    r = np.random.default_rng(20_240_229)
    alarms = sum(
        bool(drift_check(draw(r, reference_rows), draw(r, current_rows))) for _ in range(RUNS)
    )
    assert alarms <= 3


def shifted(amount: float, scale: float = 1.0) -> Callable[[Any], Any]:
    return lambda values: values * scale + amount


def a_third_missing(values: Any) -> Any:
    changed = values.copy()
    changed[::3] = np.nan
    return changed


CHANGES = {
    "a quarter sigma, 1,000 rows": (normal, shifted(0.25), 1_000, 1_000, 0.8),
    "half a sigma, 200 rows": (normal, shifted(0.5), 1_000, 200, 0.9),
    "a scale of 1.5": (normal, shifted(0, 1.5), 1_000, 1_000, 1.0),
    "a third missing": (normal, a_third_missing, 1_000, 1_000, 1.0),
    "one new category": (
        categories(5),
        lambda values: np.where(np.arange(len(values)) % 10 == 0, "new", values),
        1_000,
        1_000,
        1.0,
    ),
}


@pytest.mark.parametrize("case", CHANGES)
def test_a_change_of_one_column_in_twenty_is_found(case: str) -> None:
    draw, change, reference_rows, current_rows, share = CHANGES[case]
    table = columns(draw, 20)
    r = np.random.default_rng(20_240_301)
    found = 0
    for _ in range(RUNS):
        before, after = table(r, reference_rows), table(r, current_rows)
        after["x0"] = change(after["x0"])
        found += drift_check(before, after).column("x0").verdict is Verdict.DRIFT
    # Two standard deviations of such a share in so few runs.
    assert found / RUNS >= share - 2 * (share * (1 - share) / RUNS) ** 0.5
