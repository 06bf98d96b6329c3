"""Linear and quadratic discriminant analysis."""

from typing import TYPE_CHECKING, Any

import numpy as np

from mlserve_cli.conversion.families.linear import linear_scores
from mlserve_cli.conversion.labels import classified, from_decision, sigmoid_pair, softmax
from mlserve_cli.conversion.table import Table

if TYPE_CHECKING:
    from mlserve_cli.conversion.graph import Tensor
    from mlserve_cli.conversion.translator import Score, Scores, Transform, Translator


def _linear(_: "Translator", estimator: Any, table: Table) -> "Scores":
    decision = linear_scores(estimator, table)
    binary = len(estimator.classes_) == 2
    probabilities = sigmoid_pair(decision) if binary else softmax(decision)
    return from_decision(estimator.classes_, decision, probabilities)


def _projection(translator: "Translator", estimator: Any, table: Table) -> Table:
    if estimator.solver == "lsqr":
        raise translator.unsupported("The solver 'lsqr' has no transform; use 'svd' or 'eigen'.")
    x = table.real()
    if estimator.solver == "svd":
        x = x - estimator.xbar_
    width = min(estimator._max_components, estimator.scalings_.shape[1])
    return Table.of(x @ estimator.scalings_[:, :width], width)


def gaussian_scores(classes: Any, likelihood: "Tensor") -> "Scores":
    """Scores of a classifier that compares the log-posteriors of its classes.

    Args:
        classes: Its classes.
        likelihood: Log-posteriors up to a constant, shape `(rows, classes)`.
    """
    decision = likelihood
    if len(classes) == 2:
        decision = likelihood.columns(1, 2) - likelihood.columns(0, 1)
    return classified(
        classes, likelihood.argmax(), probabilities=softmax(likelihood), decision=decision
    )


def _quadratic(_: "Translator", estimator: Any, table: Table) -> "Scores":
    x = table.real()
    norms = []
    for mean, rotation, scaling in zip(
        estimator.means_, estimator.rotations_, estimator.scalings_, strict=True
    ):
        rotated = (x - mean) @ (rotation * scaling**-0.5)
        norms.append((rotated * rotated).row_sum(rotation.shape[1]))
    volumes = np.array([np.sum(np.log(scaling)) for scaling in estimator.scalings_])
    with np.errstate(divide="ignore"):
        priors = np.log(estimator.priors_)
    likelihood = (x.graph.concatenate(norms) + volumes) * -0.5 + priors
    return gaussian_scores(estimator.classes_, likelihood)


TRANSFORMS: "dict[str, Transform]" = {"sklearn.LinearDiscriminantAnalysis": _projection}
SCORES: "dict[str, Score]" = {
    "sklearn.LinearDiscriminantAnalysis": _linear,
    "sklearn.QuadraticDiscriminantAnalysis": _quadratic,
}
