"""Calibrated probabilities, and decision thresholds other than the usual ones."""

from typing import TYPE_CHECKING, Any

import numpy as np

from mlserve_cli.conversion.families.smooth import isotonic_values
from mlserve_cli.conversion.families.voting import response, response_method
from mlserve_cli.conversion.families.voting_trees import add_up
from mlserve_cli.conversion.graph import Kind
from mlserve_cli.conversion.labels import (
    classified,
    from_probabilities,
    sigmoid,
    softmax,
    two_columns,
)
from mlserve_cli.conversion.translator import Scores

if TYPE_CHECKING:
    from mlserve_cli.conversion.graph import Tensor
    from mlserve_cli.conversion.table import Table
    from mlserve_cli.conversion.translator import Score, Transform, Translator

# What scikit-learn adds to a probability before its logarithm.
_LEAST = 1e-12


def _calibrated(translator: "Translator", calibrated: Any, table: "Table") -> Scores:
    parts = []
    for number, member in enumerate(calibrated.calibrated_classifiers_):
        with translator.step(f"calibrated classifier {number}"):
            parts.append(_member(translator, member, table))
    return from_probabilities(calibrated.classes_, add_up(parts) / float(len(parts)))


def _member(translator: "Translator", member: Any, table: "Table") -> "Tensor":
    scores = translator.score(member.estimator, table)
    method = response_method(member.estimator, ("decision_function", "predict_proba"))
    answers = response(translator, scores, method)
    binary = len(member.estimator.classes_) == 2
    if binary and method == "predict_proba":
        answers = answers.columns(1, 2)
    if member.method == "temperature":
        if binary and method == "decision_function":
            logits = translator.graph.concatenate([-answers, answers])
        else:
            logits = _logits(two_columns(answers) if binary else answers)
        probabilities = softmax(logits * float(member.calibrators[0].beta_))
    else:
        probabilities = _each_class(translator, member, answers)
    above = (probabilities > 1.0) & (probabilities <= 1.0 + 1e-5)
    return above.where(probabilities * 0.0 + 1.0, probabilities)


def _each_class(translator: "Translator", member: Any, answers: "Tensor") -> "Tensor":
    count = len(member.classes)
    columns = [
        _calibrator(translator, calibrator, answers.columns(place, place + 1))
        for place, calibrator in enumerate(member.calibrators)
    ]
    if count == 2:
        return two_columns(columns[0])
    # A classifier that never saw some class gives it no probability.
    nothing = columns[0] * 0.0
    owners = np.searchsorted(member.classes, member.estimator.classes_)[: len(columns)]
    owned = dict(zip(owners.tolist(), columns, strict=True))
    joined = translator.graph.concatenate([owned.get(place, nothing) for place in range(count)])
    total = joined.row_sum(count)
    empty = total.equals(0.0)
    return empty.where(joined * 0.0 + 1.0 / count, joined / (total + empty.cast(Kind.REAL)))


def _calibrator(translator: "Translator", calibrator: Any, answers: "Tensor") -> "Tensor":
    if type(calibrator).__name__ == "IsotonicRegression":
        return isotonic_values(translator, calibrator, answers)
    return sigmoid(-(answers * float(calibrator.a_) + float(calibrator.b_)))


def _logits(answers: "Tensor") -> "Tensor":
    # scikit-learn takes the scores of a whole batch for probabilities if they look like them.
    inside = (answers >= 0.0) & (answers <= 1.0)
    near = (answers.reduce("Sum") - 1.0).apply("Abs") <= 1e-8 + 1e-5
    fitting = (inside & near).cast(Kind.REAL).reduce("Min", 1).reduce("Min", 0)
    return (fitting > 0.0).where((answers + _LEAST).apply("Log"), answers)


def _fixed(translator: "Translator", classifier: Any, table: "Table") -> Scores:
    threshold = None if classifier.threshold == "auto" else float(classifier.threshold)
    return _threshold(translator, classifier, table, threshold, classifier.pos_label)


def _tuned(translator: "Translator", classifier: Any, table: "Table") -> Scores:
    positive = classifier._curve_scorer._get_pos_label()
    return _threshold(translator, classifier, table, float(classifier.best_threshold_), positive)


def _threshold(
    translator: "Translator",
    classifier: Any,
    table: "Table",
    threshold: float | None,
    positive: Any,
) -> Scores:
    estimator = getattr(classifier, "estimator_", classifier.estimator)
    scores = translator.score(estimator, table)
    names = ("predict_proba", "decision_function")
    chosen = classifier.response_method
    method = response_method(estimator, names) if chosen == "auto" else chosen
    answers = response(translator, scores, method)
    place = 1 if positive is None else int(np.flatnonzero(classifier.classes_ == positive)[0])
    if method == "predict_proba":
        answers = answers.columns(place, place + 1)
        threshold = 0.5 if threshold is None else threshold
    elif place == 0:
        answers = answers * -1.0
    above = (answers >= (threshold or 0.0)).cast(Kind.INT64).reshape([-1])
    return classified(
        classifier.classes_,
        above if place == 1 else 1 - above,
        probabilities=scores.probabilities,
        decision=scores.decision,
    )


TRANSFORMS: "dict[str, Transform]" = {}
SCORES: "dict[str, Score]" = {
    "sklearn.CalibratedClassifierCV": _calibrated,
    "sklearn.FixedThresholdClassifier": _fixed,
    "sklearn.TunedThresholdClassifierCV": _tuned,
}
