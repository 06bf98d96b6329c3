"""AdaBoost and bagging: ensembles whose members are trees in most cases, but can be anything."""

from typing import TYPE_CHECKING, Any

import numpy as np

from mlserve_cli.conversion.ensemble import (
    Weighted,
    as_float32,
    leaf_sum,
    tree_sum,
)
from mlserve_cli.conversion.families.trees import tree_of
from mlserve_cli.conversion.graph import Kind
from mlserve_cli.conversion.labels import from_decision, from_probabilities, softmax
from mlserve_cli.conversion.translator import Scores

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from mlserve_cli.conversion.graph import Tensor
    from mlserve_cli.conversion.table import Table
    from mlserve_cli.conversion.translator import Score, Transform, Translator

_TREES = (
    "DecisionTreeClassifier", "ExtraTreeClassifier", "DecisionTreeRegressor", "ExtraTreeRegressor",
)  # fmt: skip


def are_trees(members: "Sequence[Any]") -> bool:
    """Whether every member is a single tree of one output."""
    return all(
        type(member).__name__ in _TREES and getattr(member, "n_outputs_", 1) == 1
        for member in members
    )


def _votes(estimator: Any, index: "NDArray[np.int64]", weight: float) -> "NDArray[np.float64]":
    # What AdaBoost adds to the score of each class for a prediction.
    other = -1.0 / (estimator.n_classes_ - 1) * weight
    return np.where(index[:, None] == np.arange(estimator.n_classes_), weight, other)


def _positions(classes: Any, known: Any) -> "NDArray[np.int64]":
    return np.searchsorted(np.asarray(classes), np.asarray(known))


def _ada_classifier(translator: "Translator", estimator: Any, table: "Table") -> Scores:
    members = estimator.estimators_
    weights = estimator.estimator_weights_[: len(members)]
    positions = [_positions(estimator.classes_, member.classes_) for member in members]
    if are_trees(members):
        values = [
            _votes(estimator, known[member.tree_.value[:, 0, :].argmax(axis=1)], weight)
            for member, known, weight in zip(members, positions, weights, strict=True)
        ]
        total = leaf_sum(table.real().cast(Kind.FLOAT32), [tree_of(one) for one in members], values)
    else:
        parts = []
        for number, (member, known, weight) in enumerate(
            zip(members, positions, weights, strict=True)
        ):
            with translator.step(f"estimator {number}"):
                scores = translator.score(member, table)
            assert scores.index is not None
            parts.append(
                translator.graph.constant(_votes(estimator, known, weight)).gather(scores.index)
            )
        total = add_up(parts)
    decision = total / float(estimator.estimator_weights_.sum())
    count = estimator.n_classes_
    if count > 2:
        probabilities = softmax(decision / float(count - 1))
        return from_decision(estimator.classes_, decision, probabilities)
    single = decision.columns(1, 2) - decision.columns(0, 1)
    probabilities = softmax(translator.graph.concatenate([-single, single]) / 2.0)
    return from_decision(estimator.classes_, single, probabilities)


def add_up(parts: "Sequence[Tensor]") -> "Tensor":
    """The sum of tensors, the first first."""
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


def _ada_regressor(translator: "Translator", estimator: Any, table: "Table") -> Scores:
    members = estimator.estimators_
    if are_trees(members):
        weighted = [
            Weighted(tree_of(member), member.tree_.value[:, 0, 0], target)
            for target, member in enumerate(members)
        ]
        predictions = tree_sum(as_float32(table.real()), weighted, len(members))
    else:
        predictions = translator.graph.concatenate(_labels(translator, members, table))
    return Scores(
        labels=_weighted_median(predictions, estimator.estimator_weights_[: len(members)])
    )


def _labels(translator: "Translator", members: "Sequence[Any]", table: "Table") -> "list[Tensor]":
    labels = []
    for number, member in enumerate(members):
        with translator.step(f"estimator {number}"):
            labels.append(translator.score(member, table).labels)
    return labels


def _weighted_median(predictions: "Tensor", weights: "NDArray[np.float64]") -> "Tensor":
    graph = predictions.graph
    count = graph.constant([len(weights)], Kind.INT64)
    ordered, order = graph.add_many(
        "TopK", (predictions, count), (Kind.REAL, Kind.INT64), axis=1, largest=0, sorted=1
    )
    axis = graph.constant(1, Kind.INT64)
    cumulated = graph.add("CumSum", graph.constant(weights).gather(order), axis)
    half = cumulated.columns(len(weights) - 1, len(weights)) * 0.5
    first = (cumulated >= half).cast(Kind.INT64).argmax().reshape([-1, 1])
    return graph.add("GatherElements", ordered, first, axis=1)


def _bagged_tables(estimator: Any, table: "Table") -> "list[Table]":
    everything = list(range(table.width))
    return [
        table if list(features) == everything else table.select([int(f) for f in features])
        for features in estimator.estimators_features_
    ]


def _bagging_classifier(translator: "Translator", estimator: Any, table: "Table") -> Scores:
    members = estimator.estimators_
    count = estimator.n_classes_
    if are_trees(members):
        trees = [
            tree_of(member, features)
            for member, features in zip(members, estimator.estimators_features_, strict=True)
        ]
        values = [
            _spread(member.tree_.value[:, 0, :], member.classes_, count) for member in members
        ]
        total = leaf_sum(table.real().cast(Kind.FLOAT32), trees, values)
        return from_probabilities(estimator.classes_, total / float(len(members)))
    parts = []
    decisions = []
    for number, (member, part) in enumerate(
        zip(members, _bagged_tables(estimator, table), strict=True)
    ):
        with translator.step(f"estimator {number}"):
            scores = translator.score(member, part)
        parts.append(_ballot(translator, scores, member.classes_, count))
        if scores.decision is not None:
            decisions.append(scores.decision)
    complete = len(decisions) == len(members)
    decision = add_up(decisions) / float(len(members)) if complete else None
    return from_probabilities(
        estimator.classes_, add_up(parts) / float(len(members)), decision=decision
    )


def _spread(values: "NDArray[np.float64]", classes: Any, count: int) -> "NDArray[np.float64]":
    # A member that never saw some class has no column for it.
    result = np.zeros((len(values), count))
    result[:, np.asarray(classes, dtype=np.int64)] = values
    return result


def _ballot(translator: "Translator", scores: Scores, classes: Any, count: int) -> "Tensor":
    positions = np.asarray(classes, dtype=np.int64)
    unit = np.eye(count)[positions]
    if scores.probabilities is None:
        assert scores.index is not None
        return translator.graph.constant(unit).gather(scores.index)
    return scores.probabilities if len(positions) == count else scores.probabilities @ unit


def _bagging_regressor(translator: "Translator", estimator: Any, table: "Table") -> Scores:
    members = estimator.estimators_
    if are_trees(members):
        weighted = [
            Weighted(tree_of(member, features), member.tree_.value[:, 0, 0])
            for member, features in zip(members, estimator.estimators_features_, strict=True)
        ]
        total = tree_sum(as_float32(table.real()), weighted)
    else:
        parts = []
        for number, (member, part) in enumerate(
            zip(members, _bagged_tables(estimator, table), strict=True)
        ):
            with translator.step(f"estimator {number}"):
                parts.append(translator.score(member, part).labels)
        total = add_up(parts)
    return Scores(labels=total / float(len(members)))


TRANSFORMS: "dict[str, Transform]" = {}
SCORES: "dict[str, Score]" = {
    "sklearn.AdaBoostClassifier": _ada_classifier,
    "sklearn.AdaBoostRegressor": _ada_regressor,
    "sklearn.BaggingClassifier": _bagging_classifier,
    "sklearn.BaggingRegressor": _bagging_regressor,
}
