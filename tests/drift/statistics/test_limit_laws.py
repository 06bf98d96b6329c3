import math

import numpy as np
import pytest
from scipy import special, stats

from mlserve_cli.drift.statistics import limit_laws


@pytest.mark.parametrize(
    ("value", "probability"),
    [(0.11888, 0.5), (0.34730, 0.1), (0.46136, 0.05), (0.74346, 0.01), (1.16786, 0.001)],
)
def test_cramer_von_mises_has_its_published_quantiles(value: float, probability: float) -> None:
    # Anderson and Darling, 1952, table 1.
    assert limit_laws.cramer_von_mises(value) == pytest.approx(probability, rel=1e-4)


@pytest.mark.parametrize("value", [0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 2.0])
def test_cramer_von_mises_is_one_minus_the_series_of_anderson_and_darling(value: float) -> None:
    order = np.arange(20)
    argument = (4 * order + 1) ** 2 / (16 * value)
    summands = np.sqrt(4 * order + 1) * special.poch(order + 1, -0.5) * np.exp(-2 * argument)
    series = (summands * special.kve(0.25, argument)).sum() / (math.pi**1.5 * math.sqrt(value))
    assert limit_laws.cramer_von_mises(value) == pytest.approx(1 - series, abs=1e-13)


@pytest.mark.parametrize(
    ("value", "probability"),
    [(1.9329578, 0.1), (2.4923671, 0.05), (3.8781250, 0.01), (5.9694, 0.001)],
)
def test_anderson_darling_has_its_published_quantiles(value: float, probability: float) -> None:
    # G. and J. Marsaglia, 2004.
    assert limit_laws.anderson_darling(value) == pytest.approx(probability, rel=1e-3)


LAWS = [
    pytest.param(limit_laws.cramer_von_mises, lambda j: (j * math.pi) ** 2, id="cramer-von-mises"),
    pytest.param(limit_laws.anderson_darling, lambda j: j * (j + 1), id="anderson-darling"),
]


@pytest.mark.parametrize(("law", "number"), LAWS)
def test_the_law_is_of_a_sum_of_squared_normal_variables(law: object, number: object) -> None:
    assert callable(law)
    assert callable(number)
    generator = np.random.default_rng(0)
    divisors = np.array([number(j) for j in range(1, 200)])
    sums = (generator.standard_normal((20_000, 199)) ** 2 / divisors).sum(axis=1)
    # The tail that is cut off varies little: its mean will do.
    sums += sum(1 / number(j) for j in range(200, 100_000))
    transformed = [law(value) for value in sums[:5_000]]
    assert stats.kstest(transformed, "uniform").pvalue > 0.001


@pytest.mark.parametrize(("law", "number"), LAWS)
def test_small_probabilities_keep_their_digits(law: object, number: object) -> None:
    assert callable(law)
    assert callable(number)
    rate = number(1) / 2
    for value in (20.0, 40.0, 100.0):
        # Far out the first of the squares decides.
        ratio = law(value + 0.1) / law(value)
        assert ratio == pytest.approx(math.exp(-0.1 * rate), rel=0.01)
    assert law(1e6) == 0.0


@pytest.mark.parametrize(("law", "number"), LAWS)
def test_nothing_lies_below_zero(law: object, number: object) -> None:
    assert callable(law)
    assert law(-1.0) == 1.0
    assert law(1e-3) == 1.0
    assert 0 < 1 - law(0.05) < 0.3
