"""What the three tests of whole rows have in common."""

from typing import Any

import numpy as np
import pytest

from mlserve_cli.drift.statistics.multivariate.domain_classifier import domain_classifier
from mlserve_cli.drift.statistics.multivariate.maximum_mean_discrepancy import (
    maximum_mean_discrepancy,
)
from mlserve_cli.drift.statistics.multivariate.pca_reconstruction import pca_reconstruction

TESTS: dict[str, Any] = {
    test.__name__: test
    for test in (domain_classifier, maximum_mean_discrepancy, pca_reconstruction)
}
# All columns but the last two go together.
MIXING = np.random.default_rng(9).standard_normal((3, 8)) * [1, 1, 1, 1, 1, 1, 0, 0]


def rows(count: int, generator: np.random.Generator) -> Any:
    hidden = generator.standard_normal((count, 3))
    return hidden @ MIXING + generator.standard_normal((count, 8)) * 0.4


@pytest.mark.parametrize("name", TESTS)
def test_without_drift_there_are_few_alarms(name: str) -> None:
    runs = 150 if name == "pca_reconstruction" else 25
    generator = np.random.default_rng(0)
    found = [
        TESTS[name](rows(300, generator), rows(100, generator), seed=run).p_value
        for run in range(runs)
    ]
    assert np.mean(np.array(found) <= 0.05) <= (0.2 if runs == 25 else 0.12)
    assert min(found) > 0


@pytest.mark.parametrize("name", TESTS)
def test_columns_that_no_longer_go_together_are_found(name: str) -> None:
    generator = np.random.default_rng(1)
    reference, current = rows(1_500, generator), rows(1_500, generator)
    for column in range(8):
        # Every column for itself stays as it was.
        current[:, column] = generator.permutation(current[:, column])
    assert TESTS[name](reference, current).p_value <= 0.01


@pytest.mark.parametrize("name", TESTS)
def test_missing_values_and_constant_columns_are_no_obstacle(name: str) -> None:
    generator = np.random.default_rng(2)
    reference, current = rows(400, generator), rows(300, generator)
    for part in (reference, current):
        part[:, 0] = 7.0
        part[generator.random(part.shape) < 0.05] = np.nan
        part[:, 5] = np.nan
    found = TESTS[name](reference, current)
    assert 0.001 < found.p_value <= 1


@pytest.mark.parametrize("name", TESTS)
def test_a_seed_fixes_the_answer(name: str) -> None:
    generator = np.random.default_rng(3)
    reference, current = rows(100, generator), rows(90, generator)
    assert TESTS[name](reference, current, seed=5) == TESTS[name](reference, current, seed=5)


@pytest.mark.parametrize("name", TESTS)
def test_constant_rows_do_not_differ(name: str) -> None:
    assert TESTS[name](np.ones((50, 3)), np.ones((40, 3))).p_value > 0.01
