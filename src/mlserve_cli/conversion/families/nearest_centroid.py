"""The class whose centroid is nearest."""

from typing import TYPE_CHECKING, Any

import numpy as np

from mlserve_cli.conversion.distances import folded, metric_of, squared_distances
from mlserve_cli.conversion.families.discriminant import gaussian_scores
from mlserve_cli.conversion.labels import classified

if TYPE_CHECKING:
    from mlserve_cli.conversion.table import Table
    from mlserve_cli.conversion.translator import Score, Scores, Transform, Translator


def _nearest_centroid(translator: "Translator", estimator: Any, table: "Table") -> "Scores":
    classes, priors = estimator.classes_, estimator.class_prior_
    metric = metric_of(estimator.metric, {}, estimator.centroids_.shape[1])
    if metric is None:
        raise translator.unsupported(f"Metric {estimator.metric!r} has no ONNX form.")
    x, centroids = table.real(), estimator.centroids_
    nearest = folded(x, centroids, metric).argmin()
    deviation = estimator.within_class_std_dev_
    scale = np.where(deviation != 0.0, deviation, 1.0)
    with np.errstate(divide="ignore"):
        bonus = 2.0 * np.log(priors)
    if estimator.metric == "euclidean":
        likelihood = -squared_distances(x / scale, centroids / scale) + bonus
    else:
        far = metric.root(folded(x / scale, centroids / scale, metric))
        likelihood = -(far * far) + bonus
    scores = gaussian_scores(classes, likelihood)
    index = scores.index
    if np.isclose(priors, 1 / len(classes)).all():
        # With equal priors the distances decide as they are, not scaled.
        index = nearest
    assert index is not None
    if estimator.metric != "euclidean":
        return classified(classes, index)
    return classified(classes, index, probabilities=scores.probabilities, decision=scores.decision)


TRANSFORMS: "dict[str, Transform]" = {}
SCORES: "dict[str, Score]" = {"sklearn.NearestCentroid": _nearest_centroid}
