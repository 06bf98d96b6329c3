"""Do whole rows differ? Three tests on seeded samples, and what follows from them."""

from dataclasses import replace
from typing import TYPE_CHECKING

from mlserve_cli.drift.evaluation.shares import share
from mlserve_cli.drift.report import Kind
from mlserve_cli.drift.rows.encoding import Encoded, encode
from mlserve_cli.drift.rows.report import RowsTest, SeparatingColumn, WholeRows
from mlserve_cli.drift.rows.sample import row_limit, sample_rows
from mlserve_cli.drift.statistics.correction import adjust
from mlserve_cli.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlserve_cli.drift.matching import Pair
    from mlserve_cli.drift.rule import Rule
    from mlserve_cli.drift.sources.interface import Dataset

FEWEST_ROWS = 50
_MOST_ROWS = 20_000
# Seeds of both samples: rows at the same places must not be drawn together.
_SEEDS = 0, 1
_SEPARATING = 5
# Losses of the area below this are noise.
_TOLD_IMPORTANCE = 0.005


def compare_rows(
    first: "Dataset", second: "Dataset", pairs: "Sequence[Pair]", rule: "Rule"
) -> WholeRows:
    """Compares samples of whole rows; imports scikit-learn.

    It is drift where one of three tests is significant, after the rule's correction for three
    tests, and its effect is large enough. The domain classifier's area A counts from `2 A - 1` on,
    the distance of the reconstruction errors from itself on, both measured by the rule's
    `min_effect`. The maximum mean discrepancy has no such scale; it looks at so few rows that only
    what is large is significant.

    Args:
        first: The reference.
        second: The current data.
        pairs: The columns; times are left out.
        rule: Its `alpha`, `correction` and `min_effect`.

    Raises:
        UsageError: Fewer than two columns make up a row.
        InputError: The data cannot be read.
    """
    used = [pair for pair in pairs if pair.kind is not Kind.TIME]
    if len(used) < 2:
        raise UsageError(
            f"Whole rows consist of two columns at least; {first.name} and {second.name} share "
            f"{len(used)} that can be used.",
            hint="Leave out --multivariate, or compare more columns.",
        )
    limit = row_limit(len(used), _MOST_ROWS)
    before = sample_rows(first, [p.reference_position for p in used], limit, seed=_SEEDS[0])
    after = sample_rows(second, [p.current_position for p in used], limit, seed=_SEEDS[1])
    rows = len(before[0]), len(after[0])
    if min(rows) < FEWEST_ROWS:
        return WholeRows(False, *rows, len(used), (), ())
    tests, importances = _tests(encode(before, after), rule)
    drifted = any(test.drifted for test in tests)
    named = [SeparatingColumn(p.name, i) for p, i in zip(used, importances, strict=True)]
    named = [column for column in named if column.importance >= _TOLD_IMPORTANCE]
    named.sort(key=lambda column: -column.importance)
    separating = tuple(named[:_SEPARATING]) if drifted else ()
    return WholeRows(drifted, *rows, len(used), tests, separating)


def _tests(rows: Encoded, rule: "Rule") -> tuple[tuple[RowsTest, ...], tuple[float, ...]]:
    from threadpoolctl import threadpool_limits

    from mlserve_cli.drift.statistics.multivariate.domain_classifier import domain_classifier
    from mlserve_cli.drift.statistics.multivariate.maximum_mean_discrepancy import (
        maximum_mean_discrepancy,
    )
    from mlserve_cli.drift.statistics.multivariate.pca_reconstruction import pca_reconstruction

    # On so few rows several threads take four times the processor time, and wait for each other.
    with threadpool_limits(limits=1):
        told = domain_classifier(*rows.codes)
        rebuilt = pca_reconstruction(*rows.indicators)
        apart = maximum_mean_discrepancy(*rows.indicators)
    p_values = [told.p_value, rebuilt.p_value, apart.p_value]
    p_pairs = list(zip(p_values, adjust(p_values, rule.correction).tolist(), strict=True))
    scale = (1 + rule.min_effect) / 2, rule.min_effect
    details = (
        f"a classifier puts {share(told.auc)} of pairs of rows in the right order",
        f"median error {rebuilt.reference_error:.3g} -> {rebuilt.current_error:.3g}",
        f"on {apart.rows[0]:,} and {apart.rows[1]:,} rows",
    )
    tests = (
        RowsTest("domain_classifier", "auc", told.auc, scale[0], *p_pairs[0], False, details[0]),
        RowsTest(
            "pca_reconstruction", "ks", rebuilt.statistic, scale[1], *p_pairs[1], False, details[1]
        ),
        RowsTest(
            "mmd", "mmd", max(0.0, apart.squared) ** 0.5, None, *p_pairs[2], False, details[2]
        ),
    )
    return tuple(_decided(test, rule.alpha) for test in tests), told.importances


def _decided(test: RowsTest, alpha: float) -> RowsTest:
    large = test.threshold is None or test.effect >= test.threshold
    return replace(test, drifted=test.adjusted_p_value <= alpha and large)
