"""Can a classifier tell the rows of both samples apart?

D. Lopez-Paz, M. Oquab, "Revisiting classifier two-sample tests", International Conference on
Learning Representations, 2017.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier

from mlserve_cli.drift.statistics.multivariate.sampling import sample

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

LARGEST_SAMPLE = 5_000
_PERMUTATIONS = 1_999


@dataclass(frozen=True, slots=True)
class DomainClassifier:
    """How well a classifier tells the current rows from those of the reference.

    Attributes:
        auc: Area under the curve on rows that it was not fitted on; 0.5 is guessing.
        p_value: Probability of such an area without a difference.
        importances: What the area loses when one column is shuffled, shape `(columns,)`: large for
            the columns that tell the samples apart.
    """

    auc: float
    p_value: float
    importances: tuple[float, ...]


def domain_classifier(
    reference: "Array", current: "Array", *, limit: int = LARGEST_SAMPLE, seed: int = 0
) -> DomainClassifier:
    """Fits gradient boosting on one half of the rows and tests it on the other, both ways.

    The test of one half is exact: its scores are compared with those of shuffled labels. The
    p-value is twice the smaller one of the two halves.

    Args:
        reference: Shape `(rows, columns)`, at least four rows.
        current: The same of the other sample.
        limit: Rows of each sample that are used.
        seed: Of the samples, halves, classifiers and permutations.
    """
    generator = np.random.default_rng(seed)
    samples = [sample(rows, limit, generator) for rows in (reference, current)]
    halves = [
        (
            np.concatenate([rows[part::2] for rows in samples]),
            np.repeat([0, 1], [len(rows[part::2]) for rows in samples]),
        )
        for part in (0, 1)
    ]
    areas, p_values, importances = [], [], []
    for (rows, labels), (held, truth) in (halves, halves[::-1]):
        # Both samples weigh the same, whatever their sizes.
        model = HistGradientBoostingClassifier(
            max_iter=50, max_leaf_nodes=15, class_weight="balanced", random_state=seed
        )
        # It cannot be fitted to columns without any value.
        known = np.isfinite(rows).any(axis=0)
        model.fit(np.where(known, rows, 0.0), labels)
        scores = model.predict_proba(held)[:, 1]
        areas.append(_area(scores, truth))
        p_values.append(_permutation_p(scores, truth, generator))
        importances.append(_importances(model, held, truth, areas[-1], generator))
    return DomainClassifier(
        auc=float(np.mean(areas)),
        p_value=min(1.0, 2 * min(p_values)),
        importances=tuple(np.mean(importances, axis=0).tolist()),
    )


def _ranks(scores: "Array") -> "Array":
    ordered = np.sort(scores)
    below = np.searchsorted(ordered, scores, side="left")
    return (below + np.searchsorted(ordered, scores, side="right") + 1) / 2


def _area(scores: "Array", labels: "NDArray[np.int64]") -> float:
    positive = int(labels.sum())
    excess = float(_ranks(scores)[labels == 1].sum()) - positive * (positive + 1) / 2
    return excess / (positive * (len(labels) - positive))


def _permutation_p(
    scores: "Array", labels: "NDArray[np.int64]", generator: "np.random.Generator"
) -> float:
    """Share of shuffled labels that the scores fit at least as well."""
    ranks = _ranks(scores)
    positive = int(labels.sum())
    observed = ranks[labels == 1].sum()
    reached = 1
    for _ in range(_PERMUTATIONS):
        reached += generator.permutation(ranks)[:positive].sum() >= observed - 1e-9
    return float(reached) / (1 + _PERMUTATIONS)


def _importances(
    model: Any,
    rows: "Array",
    labels: "NDArray[np.int64]",
    area: float,
    generator: "np.random.Generator",
) -> list[float]:
    losses = []
    for column in range(rows.shape[1]):
        shuffled = rows.copy()
        shuffled[:, column] = generator.permutation(shuffled[:, column])
        losses.append(area - _area(model.predict_proba(shuffled)[:, 1], labels))
    return losses
