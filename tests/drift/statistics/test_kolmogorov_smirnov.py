import math
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.datasets import load_wine

from mlserve_cli.drift.statistics import kolmogorov_smirnov as ks

NORMAL = np.random.default_rng(0).standard_normal
ADVERSARIAL: dict[str, tuple[Any, Any]] = {
    "all equal": (np.ones(30), np.ones(20)),
    "apart": (np.zeros(30), np.ones(20)),
    "two values": (np.repeat([0, 1], [10, 90]), np.repeat([0, 1], [35, 5])),
    "one row each": (np.array([1.0]), np.array([1.0])),
    "heavy tails": (np.sort(NORMAL(500) ** 9), np.sort(NORMAL(300) ** 9)),
    "float32": (np.sort(NORMAL(99).astype("f4")), np.sort(NORMAL(42).astype("f4"))),
    "int64 beyond doubles": (np.arange(2**53, 2**53 + 50), np.arange(2**53 + 1, 2**53 + 40)),
    "subnormal": (np.arange(9) * 5e-324, np.arange(3, 20) * 5e-324),
    "infinite": (np.array([-np.inf, 0, np.inf]), np.array([0, 1, np.inf, np.inf])),
    "rounded": (np.sort(NORMAL(200).round(1)), np.sort(NORMAL(150).round(1))),
}


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_statistic_and_p_value_of_adversarial_data_are_scipys(name: str) -> None:
    reference, current = ADVERSARIAL[name]
    statistic, p_value = scipys(reference, current)
    found = ks.statistic(reference, current)
    assert found == statistic
    assert ks.p_value(found, len(reference), len(current)) == pytest.approx(
        p_value, rel=1e-11, abs=1e-14
    )


def scipys(reference: Any, current: Any) -> tuple[float, float]:
    """Statistic and p-value; where it finds more than 1 by a rounding error, scipy only warns."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = stats.ks_2samp(reference, current)
    return found.statistic, 1.0 if caught else found.pvalue


samples = st.lists(st.one_of(st.floats(-3, 3), st.integers(-3, 3)), min_size=1, max_size=60)


@given(samples, samples)
def test_any_two_samples_are_as_far_apart_as_scipy_says(first: Any, second: Any) -> None:
    reference, current = np.sort(np.array(first, float)), np.sort(np.array(second, float))
    statistic, p_value = scipys(reference, current)
    found = ks.statistic(reference, current)
    assert found == statistic
    assert ks.p_value(found, len(reference), len(current)) == pytest.approx(
        p_value, rel=1e-11, abs=1e-14
    )


@given(samples, samples)
def test_samples_may_change_places(first: Any, second: Any) -> None:
    reference, current = np.sort(np.array(first, float)), np.sort(np.array(second, float))
    found = ks.statistic(reference, current)
    assert found == ks.statistic(current, reference)
    rows = len(reference), len(current)
    assert ks.p_value(found, *rows) == ks.p_value(found, *reversed(rows))


@pytest.mark.parametrize("rows", [(10_001, 10_001), (50_000, 12_345), (2_000_000, 7)])
@pytest.mark.parametrize("scaled", [0.3, 0.8, 1.3, 2.0, 4.0])
def test_many_rows_take_scipys_asymptotic_law(rows: tuple[int, int], scaled: float) -> None:
    effective = math.prod(rows) / sum(rows)
    d = min(1.0, scaled / math.sqrt(effective))
    expected = stats.kstwo.sf(d, round(effective))
    assert ks.p_value(d, *rows) == pytest.approx(expected, rel=1e-10, abs=1e-14)


@pytest.mark.parametrize("rows", [(1_500, 1_201), (6_000, 1_100)])
def test_the_exact_law_gives_way_where_neither_is_worth_a_look(rows: tuple[int, int]) -> None:
    effective = math.prod(rows) / sum(rows)
    edge = math.sqrt(16 / effective)
    exact, other = ks.p_value(edge * 0.9999, *rows), ks.p_value(edge * 1.0001, *rows)
    assert 1e-15 < other < exact < 1e-13


def test_the_alcohol_of_two_cultivars_of_wine() -> None:
    values, cultivar = load_wine(return_X_y=True)
    first, second = np.sort(values[cultivar == 0, 0]), np.sort(values[cultivar == 1, 0])
    assert ks.statistic(first, second) == pytest.approx(0.873239, abs=5e-7)


@pytest.mark.parametrize("shift", [0.1, 0.25, 0.5, 1.0])
def test_quantiles_of_two_normal_distributions_are_as_far_apart_as_they_are(shift: float) -> None:
    grid = (np.arange(20_000) + 0.5) / 20_000
    reference = stats.norm.ppf(grid)
    expected = 2 * stats.norm.cdf(shift / 2) - 1
    assert ks.statistic(reference, reference + shift) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("rows", [(1_000, 1_000), (2_000, 200)])
def test_the_smallest_detectable_shift_is_found_about_as_often_as_asked(
    rows: tuple[int, int],
) -> None:
    d = ks.smallest_detectable(*rows, alpha=0.01, power=0.8)
    shift = 2 * stats.norm.ppf((1 + d) / 2)
    generator = np.random.default_rng(1)
    found = 0
    for _ in range(300):
        reference = np.sort(generator.standard_normal(rows[0]))
        current = np.sort(generator.standard_normal(rows[1]) + shift)
        found += ks.p_value(ks.statistic(reference, current), *rows) <= 0.01
    assert 0.7 <= found / 300 <= 0.9


@pytest.mark.parametrize("rows", [(1_000, 1_000), (2_000, 200), (100_000, 5_000)])
@pytest.mark.parametrize("alpha", [0.05, 0.01, 1e-4])
def test_the_critical_distance_is_where_the_p_value_is_alpha(
    rows: tuple[int, int], alpha: float
) -> None:
    assert ks.p_value(ks.critical(*rows, alpha), *rows) == pytest.approx(alpha, rel=0.2)


def test_few_rows_can_show_nothing() -> None:
    assert ks.smallest_detectable(2, 1_000, alpha=0.01) == 1.0


@settings(deadline=None)
@given(st.integers(1, 10_000), st.integers(1, 10_000), st.floats(0, 1))
def test_a_p_value_is_a_probability_for_any_number_of_rows(
    first: int, second: int, d: float
) -> None:
    assert 0 <= ks.p_value(d, first, second) <= 1
