"""How good a classifier probably is, while the truth is not known yet.

Confidence-based performance estimation: if of all rows with a probability of 0.8 four in five are
right, the expected confusion matrix follows from the probabilities alone. This assumes that they
are calibrated, and stays right when the inputs drift but the classes given the inputs do not. It
cannot see that the meaning of the inputs has changed. J. Kivimaeki, J. Bialek, J. K. Nurminen,
W. Kuberski, Journal of Artificial Intelligence Research 82, 2025. Tested against the metrics of
scikit-learn on labels drawn from the probabilities.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mlserve_cli.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

ASSUMPTION = (
    "An estimate: it assumes that the probabilities are calibrated and that only the inputs drift."
)
# What rounding to float32 may leave of a sum of 1.
_ROUNDING = 1e-3


@dataclass(frozen=True, slots=True)
class EstimatedPerformance:
    """Expected quality of predictions, under `ASSUMPTION`; names as in `quality_metrics`.

    Attributes:
        rows: Rows it is estimated from.
        accuracy: Expected share of right labels.
        accuracy_error: Standard error of the true share around it, if the assumption holds.
        f1_macro: F1 of the expected confusion matrix, mean over classes that occur.
        roc_auc: Area under the curve, of the second of two classes, or the mean of each class
            against the rest; None where a class never has any probability, or takes all of it.
    """

    rows: int
    accuracy: float
    accuracy_error: float
    f1_macro: float
    roc_auc: float | None


def estimate_performance(probabilities: "Array") -> EstimatedPerformance:
    """Expected quality of the labels with the highest probability.

    Args:
        probabilities: Of each class, shape `(rows, classes)`, at least two of them; for two classes
            also of the second one alone, shape `(rows,)`.

    Raises:
        InputError: There are no rows, or a row is no distribution over classes.
    """
    shares = _checked(probabilities)
    rows, classes = shares.shape
    chosen = shares.argmax(axis=1)
    confidence = shares[np.arange(rows), chosen]
    predicted = np.bincount(chosen, minlength=classes)
    right = np.bincount(chosen, weights=confidence, minlength=classes)
    # The F1 of a class from its right labels, and how often it is predicted and expected.
    both = predicted + shares.sum(axis=0)
    f1 = 2 * right[both > 0] / both[both > 0]
    areas = [_area(shares[:, k]) for k in (range(classes) if classes > 2 else [1])]
    known = [area for area in areas if area is not None]
    return EstimatedPerformance(
        rows=rows,
        accuracy=float(confidence.mean()),
        accuracy_error=math.sqrt(float((confidence * (1 - confidence)).sum())) / rows,
        f1_macro=float(f1.mean()),
        roc_auc=float(np.mean(known)) if len(known) == len(areas) else None,
    )


def _checked(probabilities: "Array") -> "Array":
    shares = np.asarray(probabilities, dtype=np.float64)
    if shares.ndim == 1:
        shares = np.stack([1 - shares, shares], axis=1)
    if shares.ndim != 2 or shares.shape[0] == 0 or shares.shape[1] < 2:
        raise InputError(f"Probabilities have the shape {shares.shape}; expected (rows, classes).")
    # The comparisons are false for NaN, too.
    sound = np.all((shares >= 0) & (shares <= 1), axis=1)
    sound &= np.abs(shares.sum(axis=1) - 1) <= _ROUNDING
    if not sound.all():
        row = int(np.argmin(sound))
        raise InputError(
            f"Row {row + 1} has the probabilities {shares[row].tolist()}; expected numbers from 0 "
            "to 1 with the sum 1."
        )
    return shares


def _area(scores: "Array") -> float | None:
    """Expected share of pairs, one row of the class and one of the rest, in the right order."""
    levels, place = np.unique(scores, return_inverse=True)
    positive = np.bincount(place, weights=scores)
    negative = np.bincount(place, weights=1 - scores)
    if not positive.sum() or not negative.sum():
        return None
    assert len(levels) == len(positive)
    below = np.cumsum(negative) - negative / 2
    return float((positive * below).sum() / (positive.sum() * negative.sum()))
