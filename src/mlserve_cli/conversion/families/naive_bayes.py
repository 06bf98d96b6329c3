"""Naive Bayes classifiers."""

from typing import TYPE_CHECKING, Any

import numpy as np

from mlserve_cli.conversion.graph import Kind
from mlserve_cli.conversion.labels import classified, softmax
from mlserve_cli.conversion.refusals import BEYOND

if TYPE_CHECKING:
    from mlserve_cli.conversion.graph import Tensor
    from mlserve_cli.conversion.table import Table
    from mlserve_cli.conversion.translator import Score, Scores, Transform, Translator


def _scores(estimator: Any, likelihood: "Tensor") -> "Scores":
    # Labels come from the logarithms: probabilities of 0 and 1 would make ties of them.
    return classified(estimator.classes_, likelihood.argmax(), probabilities=softmax(likelihood))


def _gaussian(_: "Translator", estimator: Any, table: "Table") -> "Scores":
    x = table.real()
    parts = []
    for prior, mean, variance in zip(
        estimator.class_prior_, estimator.theta_, estimator.var_, strict=True
    ):
        constant = -0.5 * np.sum(np.log(2.0 * np.pi * variance))
        distance = ((x - mean) * (x - mean) / variance).row_sum(len(mean))
        with np.errstate(divide="ignore"):
            parts.append((constant - distance * 0.5) + np.log(prior))
    return _scores(estimator, x.graph.concatenate(parts))


def _multinomial(_: "Translator", estimator: Any, table: "Table") -> "Scores":
    likelihood = table.real() @ estimator.feature_log_prob_.T + estimator.class_log_prior_
    return _scores(estimator, likelihood)


def _complement(_: "Translator", estimator: Any, table: "Table") -> "Scores":
    likelihood = table.real() @ estimator.feature_log_prob_.T
    if len(estimator.classes_) == 1:
        likelihood = likelihood + estimator.class_log_prior_
    return _scores(estimator, likelihood)


def _bernoulli(_: "Translator", estimator: Any, table: "Table") -> "Scores":
    x = table.real()
    if estimator.binarize is not None:
        x = (x > float(estimator.binarize)).cast(Kind.REAL)
    absent = np.log(1.0 - np.exp(estimator.feature_log_prob_))
    likelihood = x @ (estimator.feature_log_prob_ - absent).T
    return _scores(estimator, likelihood + (estimator.class_log_prior_ + absent.sum(axis=1)))


def _categorical(translator: "Translator", estimator: Any, table: "Table") -> "Scores":
    graph = translator.graph
    # Casting drops the fraction, as scikit-learn does. What is below 0 or missing must fail as it
    # does there: sent beyond the categories, ONNX Runtime refuses it too.
    every = table.real().cast(Kind.INT64)
    every = (every < 0).where(graph.constant(BEYOND, Kind.INT64), every)
    likelihood = None
    for position, logarithms in enumerate(estimator.feature_log_prob_):
        index = every.columns(position, position + 1).reshape([-1])
        part = graph.constant(logarithms.T).gather(index)
        likelihood = part if likelihood is None else likelihood + part
    assert likelihood is not None
    return _scores(estimator, likelihood + estimator.class_log_prior_)


TRANSFORMS: "dict[str, Transform]" = {}
SCORES: "dict[str, Score]" = {
    "sklearn.GaussianNB": _gaussian,
    "sklearn.MultinomialNB": _multinomial,
    "sklearn.ComplementNB": _complement,
    "sklearn.BernoulliNB": _bernoulli,
    "sklearn.CategoricalNB": _categorical,
}
