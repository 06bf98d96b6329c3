"""Without drift each p-value is below alpha in about a share alpha of all runs, or less."""

import numpy as np
import pytest
from scipy import stats

from mlserve_cli.drift.statistics import combined, quantile_bins
from mlserve_cli.drift.statistics import kolmogorov_smirnov as ks
from mlserve_cli.drift.statistics.chi_squared import homogeneity, on_quantile_bins
from mlserve_cli.drift.statistics.proportions import two_proportions

RUNS = 400
ROWS = [(100, 100), (1_000, 1_000), (2_000, 200), (1_001, 100), (10_000, 1_000), (200, 2_000)]
# More false alarms than this happen by chance once in ten thousand tests of this kind.
AT_5_PERCENT, AT_1_PERCENT = (stats.binom.isf(1e-4, RUNS, alpha) / RUNS for alpha in (0.05, 0.01))


def shares(p_values: list[float]) -> tuple[float, float]:
    found = np.array(p_values)
    return float((found <= 0.05).mean()), float((found <= 0.01).mean())


@pytest.mark.parametrize("rows", ROWS)
@pytest.mark.parametrize("categories", [2, 3, 20, 300])
@pytest.mark.parametrize("skewed", [False, True])
def test_chi_squared(rows: tuple[int, int], categories: int, skewed: bool) -> None:
    generator = np.random.default_rng([*rows, categories, skewed])
    weights = 1 / np.arange(1, categories + 1) ** (2 if skewed else 0)
    tables = [generator.multinomial(count, weights / weights.sum(), RUNS) for count in rows]
    found = shares([homogeneity(*pair).p_value for pair in zip(*tables, strict=True)])
    assert found[0] <= AT_5_PERCENT
    assert found[1] <= AT_1_PERCENT
    if not skewed:
        assert found[0] >= 0.02


@pytest.mark.parametrize("rows", [(20, 6), (2_000, 8), (60, 60)])
def test_chi_squared_of_sparse_counts(rows: tuple[int, int]) -> None:
    generator = np.random.default_rng(rows)
    weights = np.array([0.9, 0.04, 0.03, 0.02, 0.01])
    tables = [generator.multinomial(count, weights, RUNS) for count in rows]
    found = shares([homogeneity(*pair).p_value for pair in zip(*tables, strict=True)])
    assert found[0] <= AT_5_PERCENT
    assert found[1] <= AT_1_PERCENT


@pytest.mark.parametrize("rows", ROWS)
@pytest.mark.parametrize("kind", ["normal", "heavy tails", "rounded"])
def test_the_test_of_numeric_columns(rows: tuple[int, int], kind: str) -> None:
    generator = np.random.default_rng([*rows, len(kind)])
    bins = quantile_bins.bin_count(*rows)
    single, binned, both = [], [], []
    for _ in range(RUNS if max(rows) < 10_000 else RUNS // 2):
        pair = [generator.standard_t(1 if kind == "heavy tails" else 50, count) for count in rows]
        if kind == "rounded":
            pair = [sample.round(1) for sample in pair]
        reference, current = map(np.sort, pair)
        inner = quantile_bins.edges(reference, bins)
        counts = (quantile_bins.counts(sample, inner) for sample in (reference, current))
        single.append(ks.p_value(ks.statistic(reference, current), *rows))
        binned.append(on_quantile_bins(*counts).p_value)
        both.append(combined.numeric_p(single[-1], binned[-1]))
    limits = [stats.binom.isf(1e-4, len(both), alpha) / len(both) for alpha in (0.05, 0.01)]
    for found in (single, binned, both):
        assert shares(found)[0] <= limits[0]
        assert shares(found)[1] <= limits[1]
    assert shares(both)[0] >= 0.005


@pytest.mark.parametrize("rows", ROWS)
@pytest.mark.parametrize("share", [0.001, 0.05, 0.5])
def test_two_proportions(rows: tuple[int, int], share: float) -> None:
    generator = np.random.default_rng([*rows, int(1_000 * share)])
    missing = [generator.binomial(count, share, RUNS) for count in rows]
    found = shares(
        [two_proportions(a, rows[0], b, rows[1]).p_value for a, b in zip(*missing, strict=True)]
    )
    assert found[0] <= AT_5_PERCENT
    assert found[1] <= AT_1_PERCENT
