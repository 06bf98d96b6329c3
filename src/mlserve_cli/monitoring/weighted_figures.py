"""Quality metrics of weighted rows, fast enough to be computed for every bootstrap sample.

Without weights they are those of `quality_metrics`, which uses scikit-learn; tests compare them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Figures = dict[str, float]
# From weights of shape (rows,), such as ones, to metrics by name.
FiguresOf = Callable[["NDArray[np.float64]"], Figures]


@dataclass(frozen=True, slots=True)
class Classified:
    """True and predicted classes of rows.

    Attributes:
        classes: Names of all classes that occur.
        truth: Positions of the true classes, shape `(rows,)`.
        predicted: Positions of the predicted classes, shape `(rows,)`.
        probabilities: Shape `(rows, classes)` in the same order; None where they are not known, or
            a true class has none.
    """

    classes: Sequence[str]
    truth: "NDArray[np.intp]"
    predicted: "NDArray[np.intp]"
    probabilities: "NDArray[np.float64] | None" = None


def confusion(rows: Classified, weights: "NDArray[np.float64]") -> "NDArray[np.float64]":
    """Weight of the rows by true and predicted class, shape `(classes, classes)`."""
    count = len(rows.classes)
    cells = np.bincount(rows.truth * count + rows.predicted, weights, count * count)
    return cells.astype(np.float64).reshape(count, count)


def f1_scores(matrix: "NDArray[np.float64]") -> "NDArray[np.float64]":
    """F1 of each class; 0 where it neither occurs nor is predicted."""
    return _ratio(2 * np.diag(matrix), matrix.sum(0) + matrix.sum(1))


def classification_figures(rows: Classified) -> FiguresOf:
    """Gives the metrics of a classification.

    They are `accuracy`, `balanced_accuracy` and `f1_macro`, and from probabilities `log_loss`,
    `brier` (Brier 1950; for two classes of the second one) and `roc_auc` (one against the rest,
    macro average) where every class occurs.
    """
    from_probabilities = _probability_figures(rows)

    def figures(weights: "NDArray[np.float64]") -> Figures:
        matrix = confusion(rows, weights)
        occurring = matrix.sum(1) > 0
        recalls = _ratio(np.diag(matrix), matrix.sum(1))[occurring]
        seen = occurring | (matrix.sum(0) > 0)
        return {
            "accuracy": float(np.trace(matrix) / matrix.sum()),
            "balanced_accuracy": float(recalls.mean()),
            "f1_macro": float(f1_scores(matrix)[seen].mean()),
        } | {name: of(weights) for name, of in from_probabilities.items()}

    return figures


def regression_figures(truth: "NDArray[np.float64]", predicted: "NDArray[np.float64]") -> FiguresOf:
    """Gives `r2`, `mae` and `rmse`; `r2` only where the truth varies."""
    errors = predicted - truth

    def figures(weights: "NDArray[np.float64]") -> Figures:
        squared = float(np.average(errors**2, weights=weights))
        found = {"mae": float(np.average(np.abs(errors), weights=weights)), "rmse": squared**0.5}
        mean = np.average(truth, weights=weights)
        variance = float(np.average((truth - mean) ** 2, weights=weights))
        return {"r2": 1 - squared / variance} | found if variance else found

    return figures


def _probability_figures(
    rows: Classified,
) -> "dict[str, Callable[[NDArray[np.float64]], float]]":
    probabilities = rows.probabilities
    if probabilities is None:
        return {}
    places = np.arange(len(rows.truth))
    # As scikit-learn bounds them.
    epsilon = np.finfo(np.float64).eps
    losses = -np.log(np.clip(probabilities[places, rows.truth], epsilon, 1 - epsilon))
    hits = np.zeros_like(probabilities)
    hits[places, rows.truth] = 1
    binary = len(rows.classes) == 2
    squares = (probabilities - hits) ** 2
    briers = squares[:, 1] if binary else squares.sum(1)
    found = {
        "log_loss": lambda weights: float(np.average(losses, weights=weights)),
        "brier": lambda weights: float(np.average(briers, weights=weights)),
    }
    if hits.any(0).all() and len(rows.classes) > 1:
        areas = [
            _area(probabilities[:, place], rows.truth == place)
            for place in ([1] if binary else range(len(rows.classes)))
        ]
        found["roc_auc"] = lambda weights: float(np.mean([area(weights) for area in areas]))
    return found


def _area(
    scores: "NDArray[np.float64]", positive: "NDArray[np.bool_]"
) -> "Callable[[NDArray[np.float64]], float]":
    """Area under the curve as the share of pairs in the right order, equal scores counting half."""
    _, group = np.unique(scores, return_inverse=True)
    count = int(group.max()) + 1

    def area(weights: "NDArray[np.float64]") -> float:
        good = np.bincount(group[positive], weights[positive], count)
        bad = np.bincount(group[~positive], weights[~positive], count)
        pairs = good.sum() * bad.sum()
        below = np.cumsum(bad) - bad / 2
        return float(good @ below / pairs) if pairs else np.nan

    return area


def _ratio(
    numerator: "NDArray[np.float64]", denominator: "NDArray[np.float64]"
) -> "NDArray[np.float64]":
    result = np.zeros_like(numerator)
    np.divide(numerator, denominator, out=result, where=denominator > 0)
    return result
