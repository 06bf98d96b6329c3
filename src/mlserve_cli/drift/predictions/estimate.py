"""How good predictions probably are on both sides, while the truth is not known."""

from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from mlserve_cli.drift.predictions.judged_rows import known_rows
from mlserve_cli.drift.predictions.report import Performance, PerformanceFigure
from mlserve_cli.drift.statistics.performance import (
    ASSUMPTION,
    EstimatedPerformance,
    estimate_performance,
)
from mlserve_cli.errors import InputError

if TYPE_CHECKING:
    from mlserve_cli.drift.predictions.columns import PredictionColumns
    from mlserve_cli.drift.rule import Rule
    from mlserve_cli.drift.sources.interface import Dataset

_METRICS = ("accuracy", "f1_macro", "roc_auc")


def estimated_performance(
    sides: "tuple[Dataset, Dataset]", columns: "PredictionColumns", rule: "Rule"
) -> Performance:
    """Estimates metrics of both sides from calibrated confidence; see `estimate_performance`.

    It informs, and never makes the check fail.

    Args:
        sides: The reference and the current data.
        columns: The predictions, with probabilities among them.
        rule: Its `alpha`.

    Raises:
        InputError: The probabilities are no distribution over classes.
    """
    before, after = (_estimate(data, columns, side) for side, data in enumerate(sides))
    reach = NormalDist().inv_cdf(1 - rule.alpha / 2)
    spread = reach * float(np.hypot(before.accuracy_error, after.accuracy_error))
    figures = []
    for name in _METRICS:
        first, second = getattr(before, name), getattr(after, name)
        if first is None or second is None:
            continue
        difference = second - first
        low = high = None
        if name == "accuracy":
            low, high = difference - spread, difference + spread
        figures.append(
            PerformanceFigure(name, first, second, difference, low, high, None, drifted=False)
        )
    return Performance(
        drifted=False,
        task="classification",
        target=None,
        reference_rows=before.rows,
        current_rows=after.rows,
        confidence=1 - rule.alpha,
        figures=tuple(figures),
        assumption=ASSUMPTION,
    )


def _estimate(data: "Dataset", columns: "PredictionColumns", side: int) -> EstimatedPerformance:
    pairs = columns.probabilities
    shares = np.column_stack(known_rows(data, pairs, side))
    names = ", ".join(repr(pair.name) for pair in pairs)
    try:
        return estimate_performance(shares[:, 0] if len(pairs) == 1 else shares)
    except InputError as error:
        raise InputError(
            f"{data.name}: {names} hold no probabilities of classes. {error.message}",
            hint="Name a column of probabilities for each class, or for two classes that of the "
            "second one.",
        ) from error
