"""How good predictions are on both sides, where the truth is known."""

from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from mlserve_cli.drift.predictions.figures import figures_of
from mlserve_cli.drift.predictions.judged_rows import judged_rows
from mlserve_cli.drift.predictions.report import Performance, PerformanceFigure
from mlserve_cli.drift.statistics.correction import Correction

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlserve_cli.drift.matching import Pair
    from mlserve_cli.drift.predictions.columns import PredictionColumns
    from mlserve_cli.drift.rule import Rule
    from mlserve_cli.drift.sources.interface import Dataset
    from mlserve_cli.monitoring.weighted_figures import FiguresOf

    Figures = Mapping[str, float]

_SAMPLES = 200
# Metrics of which more is better, on a scale that ends at 1, and those of which less is.
_SCORES = ("accuracy", "balanced_accuracy", "f1_macro", "roc_auc", "r2")
_ERRORS = ("mae",)


def measure_performance(
    sides: "tuple[Dataset, Dataset]", target: "Pair", columns: "PredictionColumns", rule: "Rule"
) -> Performance:
    """Compares metrics of both sides.

    A metric got worse where the interval of the difference leaves out 0, and by at least the rule's
    `min_share` for scores such as accuracy, or for the mean absolute error by `min_effect` of
    itself. The intervals are normal ones from bootstrap samples of rows; with the rule's correction
    they leave its `alpha` for all metrics together.

    Args:
        sides: The reference and the current data.
        target: The column with the truth.
        columns: The predictions.
        rule: Its `alpha`, `correction`, `min_share` and `min_effect`.

    Raises:
        UsageError: It is not clear which column is the prediction.
        InputError: There is no row with a truth and a prediction, or they cannot be compared.
    """
    rows = [judged_rows(data, target, columns, side) for side, data in enumerate(sides)]
    counts = [len(one.truth) for one in rows]
    task, figures_by_side = figures_of(target, columns, rows)
    before, after = (
        _with_errors(figures, count, side)
        for side, (figures, count) in enumerate(zip(figures_by_side, counts, strict=True))
    )
    names = [name for name in (*_SCORES, *_ERRORS) if name in before[0] and name in after[0]]
    tests = 1 if rule.correction is Correction.NONE else max(1, len(names))
    confidence = 1 - rule.alpha / tests
    width = NormalDist().inv_cdf((1 + confidence) / 2)
    figures = tuple(_figure(name, before, after, width, rule) for name in names)
    return Performance(
        drifted=any(figure.drifted for figure in figures),
        task=task.value,
        target=target.name,
        reference_rows=counts[0],
        current_rows=counts[1],
        confidence=confidence,
        figures=figures,
    )


def _figure(
    name: str,
    before: "tuple[Figures, Figures]",
    after: "tuple[Figures, Figures]",
    width: float,
    rule: "Rule",
) -> PerformanceFigure:
    first, second = before[0][name], after[0][name]
    difference = second - first
    reach = width * float(np.hypot(before[1][name], after[1][name]))
    is_error = name in _ERRORS
    threshold = rule.min_effect * first if is_error else rule.min_share
    worse = difference if is_error else -difference
    is_known = bool(np.isfinite(reach))
    return PerformanceFigure(
        name=name,
        reference=first,
        current=second,
        difference=difference,
        low=difference - reach if is_known else None,
        high=difference + reach if is_known else None,
        threshold=threshold,
        drifted=is_known and worse > reach and worse >= threshold,
    )


def _with_errors(figures: "FiguresOf", rows: int, side: int) -> "tuple[Figures, Figures]":
    """Metrics of all rows, and their standard errors."""
    generator = np.random.default_rng(side)
    drawn = [
        figures(np.bincount(generator.integers(0, rows, rows), minlength=rows).astype(np.float64))
        for _ in range(_SAMPLES)
    ]
    values = figures(np.ones(rows))
    errors = {}
    for name in values:
        known = [one[name] for one in drawn if np.isfinite(one.get(name, np.nan))]
        errors[name] = float(np.std(known)) if known else np.inf
    return values, errors
