"""Linear models, generalized linear models and linear support vector machines."""

from typing import TYPE_CHECKING, Any

import numpy as np

from mlserve_cli.conversion.graph import Kind
from mlserve_cli.conversion.labels import (
    from_decision,
    normalized,
    sigmoid_pair,
    softmax,
    two_columns,
)
from mlserve_cli.conversion.translator import Scores

if TYPE_CHECKING:
    from mlserve_cli.conversion.graph import Tensor
    from mlserve_cli.conversion.table import Table
    from mlserve_cli.conversion.translator import Score, Transform, Translator


# Logarithm of half the smallest number of double precision: what is less becomes 0.
_LEAST = -745.133


def linear_scores(estimator: Any, table: "Table") -> "Tensor":
    """`X @ coef_.T + intercept_`, shape `(rows, outputs)`."""
    coefficients = np.atleast_2d(estimator.coef_)
    if hasattr(coefficients, "toarray"):
        coefficients = coefficients.toarray()
    product = table.real() @ np.asarray(coefficients).T
    intercept = np.ravel(estimator.intercept_)
    return product + intercept if np.any(intercept) else product


def _regressor(_: "Translator", estimator: Any, table: "Table") -> Scores:
    return Scores(labels=linear_scores(estimator, table))


def _log_link(_: "Translator", estimator: Any, table: "Table") -> Scores:
    return Scores(labels=linear_scores(estimator, table).apply("Exp"))


def _tweedie(translator: "Translator", estimator: Any, table: "Table") -> Scores:
    # The link "auto" is the identity for the normal distribution only.
    identity = estimator.link == "identity" or (estimator.link == "auto" and estimator.power <= 0)
    return (_regressor if identity else _log_link)(translator, estimator, table)


def _plain_classifier(_: "Translator", estimator: Any, table: "Table") -> Scores:
    return from_decision(estimator.classes_, linear_scores(estimator, table))


def _ridge_classifier(_: "Translator", estimator: Any, table: "Table") -> Scores:
    if estimator._label_binarizer.y_type_.startswith("multilabel"):
        decision = linear_scores(estimator, table)
        return Scores(labels=(decision > 0.0).cast(Kind.INT64), decision=decision)
    return from_decision(estimator.classes_, linear_scores(estimator, table))


def one_versus_rest(decision: "Tensor") -> "Tensor":
    """Logistic probabilities of each class on its own, scaled to a sum of 1."""
    # Shares of the tiniest probabilities count too, so they are made of logarithms: those of
    # Sigmoid are the score itself where it is small.
    logarithms = (decision < -30.0).where(decision, decision.apply("Sigmoid").apply("Log"))
    # Where no probability can be told from 0, all are equal.
    nothing = decision.reduce("Max") < _LEAST
    return softmax(nothing.where(logarithms * 0.0, logarithms))


def _logistic(_: "Translator", estimator: Any, table: "Table") -> Scores:
    decision = linear_scores(estimator, table)
    if len(estimator.classes_) > 2:
        # Before scikit-learn 1.8, liblinear fitted one class against the rest.
        alone = getattr(estimator, "multi_class", "auto") == "ovr"
        rest = alone or getattr(estimator, "solver", "") == "liblinear"
        probabilities = one_versus_rest(decision) if rest else softmax(decision)
    elif getattr(estimator, "multi_class", "auto") == "multinomial":
        probabilities = sigmoid_pair(decision * 2.0)
    else:
        probabilities = sigmoid_pair(decision)
    return from_decision(estimator.classes_, decision, probabilities)


def _stochastic(_: "Translator", estimator: Any, table: "Table") -> Scores:
    decision = linear_scores(estimator, table)
    binary = len(estimator.classes_) == 2
    if estimator.loss == "log_loss":
        probabilities = sigmoid_pair(decision) if binary else one_versus_rest(decision)
    elif estimator.loss == "modified_huber":
        clipped = (_clip(decision, -1.0, 1.0) + 1.0) / 2.0
        classes = len(estimator.classes_)
        probabilities = two_columns(clipped) if binary else _shares(clipped, classes)
    else:
        return from_decision(estimator.classes_, decision)
    return from_decision(estimator.classes_, decision, probabilities)


def _shares(values: "Tensor", classes: int) -> "Tensor":
    # Where every class has probability 0, all are equally probable.
    nothing = values.reduce("Sum").equals(0.0).cast(Kind.REAL)
    return normalized(values + nothing, classes)


def _clip(x: "Tensor", low: float, high: float) -> "Tensor":
    return x.graph.add("Clip", x, x.graph.constant(low), x.graph.constant(high))


def _one_class(_: "Translator", estimator: Any, table: "Table") -> Scores:
    decision = table.real() @ np.asarray(estimator.coef_).reshape(-1, 1) - estimator.offset_
    return outliers(decision)


def outliers(decision: "Tensor", *, strict: bool = False) -> Scores:
    """1 where the score is at least 0 (above 0 if `strict`), else -1."""
    graph = decision.graph
    inside = decision > 0.0 if strict else decision >= 0.0
    one, minus = graph.constant([1], Kind.INT64), graph.constant([-1], Kind.INT64)
    return Scores(labels=inside.where(one, minus).reshape([-1]), decision=decision)


_REGRESSORS = (
    "ARDRegression", "BayesianRidge", "ElasticNet", "ElasticNetCV", "HuberRegressor", "Lars",
    "LarsCV", "Lasso", "LassoCV", "LassoLars", "LassoLarsCV", "LassoLarsIC", "LinearRegression",
    "LinearSVR", "MultiTaskElasticNet", "MultiTaskElasticNetCV", "MultiTaskLasso",
    "MultiTaskLassoCV", "OrthogonalMatchingPursuit", "OrthogonalMatchingPursuitCV",
    "PassiveAggressiveRegressor", "QuantileRegressor", "Ridge", "RidgeCV", "SGDRegressor",
    "TheilSenRegressor",
)  # fmt: skip
_PLAIN_CLASSIFIERS = ("LinearSVC", "PassiveAggressiveClassifier", "Perceptron")

TRANSFORMS: "dict[str, Transform]" = {}
SCORES: "dict[str, Score]" = {
    **{f"sklearn.{name}": _regressor for name in _REGRESSORS},
    **{f"sklearn.{name}": _plain_classifier for name in _PLAIN_CLASSIFIERS},
    "sklearn.LogisticRegression": _logistic,
    "sklearn.LogisticRegressionCV": _logistic,
    "sklearn.RidgeClassifier": _ridge_classifier,
    "sklearn.RidgeClassifierCV": _ridge_classifier,
    "sklearn.SGDClassifier": _stochastic,
    "sklearn.SGDOneClassSVM": _one_class,
    "sklearn.PoissonRegressor": _log_link,
    "sklearn.GammaRegressor": _log_link,
    "sklearn.TweedieRegressor": _tweedie,
}
