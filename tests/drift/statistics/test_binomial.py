import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from mlserve_cli.drift.statistics import binomial


@given(st.integers(1, 300), st.data())
def test_probabilities_are_those_of_exact_fractions(trials: int, data: st.DataObject) -> None:
    successes = data.draw(st.integers(0, trials))
    chance = data.draw(st.floats(1e-6, 1 - 1e-6))
    share = Fraction(chance)
    exact = math.comb(trials, successes) * share**successes * (1 - share) ** (trials - successes)
    found = float(binomial.probability(successes, trials, chance))
    assert found == pytest.approx(float(exact), rel=1e-12, abs=1e-300)


@pytest.mark.parametrize("chance", [0.5, 1e-4, 0.999])
def test_a_million_trials_lose_no_digits(chance: float) -> None:
    centre = 10**6 * chance
    successes = np.unique(np.clip(centre + np.arange(-300, 300, 7), 0, 10**6).round())
    expected = stats.binom.pmf(successes, 10**6, chance)
    found = binomial.probability(successes, 10**6, chance)
    assert found == pytest.approx(expected, rel=1e-11, abs=1e-300)


def test_a_walk_passes_its_start_for_sure() -> None:
    assert binomial.weight([0, 1, 0, 1], [0, 0, 1, 1], 0.25).tolist() == pytest.approx(
        [1, 0.25, 0.75, 2 * 0.25 * 0.75], rel=1e-15
    )


@pytest.mark.parametrize("expected", [1e-6, 0.3, 15.0, 700.0])
def test_poisson_probabilities_are_scipys(expected: float) -> None:
    counts = np.arange(0, 2_000)
    theirs = stats.poisson.pmf(counts, expected)
    assert binomial.poisson(counts, expected) == pytest.approx(theirs, rel=1e-11, abs=1e-290)
