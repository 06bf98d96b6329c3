"""Voting and stacking: estimators side by side, and what is made of their answers."""

from typing import TYPE_CHECKING, Any

import numpy as np

from mlserve_cli.conversion.families.voting_trees import add_up
from mlserve_cli.conversion.graph import Kind
from mlserve_cli.conversion.labels import classified, from_probabilities
from mlserve_cli.conversion.table import Table
from mlserve_cli.conversion.translator import Scores

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from mlserve_cli.conversion.graph import Tensor
    from mlserve_cli.conversion.translator import Score, Transform, Translator


def response(translator: "Translator", scores: Scores, method: str) -> "Tensor":
    """What one method of an estimator of one output returns, as REAL columns.

    Args:
        translator: Refuses what there is not.
        scores: Of the estimator.
        method: `predict_proba`, `decision_function` or `predict`.
    """
    if method == "predict_log_proba":
        # Near 0, probabilities are exact to 1e-16 only, which their logarithms are not.
        raise translator.unsupported("Logarithms of probabilities have no exact ONNX form.")
    if method == "predict":
        if scores.labels.kind is Kind.STRING:
            raise translator.unsupported("Classes that are text are used as numbers.")
        return scores.labels.cast(Kind.REAL).reshape([-1, 1])
    found = scores.decision if method == "decision_function" else scores.probabilities
    if found is None:
        raise translator.unsupported(f"The {method} of this step has no ONNX form here.")
    return found


def scored(translator: "Translator", estimators: "Sequence[Any]", table: Table) -> "list[Scores]":
    """The scores of each estimator on the same table."""
    found = []
    for number, estimator in enumerate(estimators):
        with translator.step(f"{number} {type(estimator).__name__}"):
            found.append(translator.score(estimator, table))
    return found


def response_method(estimator: Any, names: "Sequence[str]") -> str:
    """The first of the methods that the estimator has."""
    return next(name for name in names if hasattr(estimator, name))


def _weights(voting: Any) -> "NDArray[np.float64] | None":
    # Weights of estimators that were dropped do not count.
    weights = voting._weights_not_none
    return None if weights is None else np.asarray(weights, dtype=np.float64)


def _average(parts: "Sequence[Tensor]", weights: "NDArray[np.float64] | None") -> "Tensor":
    if weights is None:
        return add_up(parts) / float(len(parts))
    products = [part * float(weight) for part, weight in zip(parts, weights, strict=True)]
    return add_up(products) / float(weights.sum())


def _voting_classifier(translator: "Translator", voting: Any, table: Table) -> Scores:
    found = scored(translator, voting.estimators_, table)
    weights = _weights(voting)
    if voting.voting == "soft":
        parts = [response(translator, one, "predict_proba") for one in found]
        return from_probabilities(voting.classes_, _average(parts, weights))
    if weights is not None and np.any(weights < 0.0):
        raise translator.unsupported("VotingClassifier has votes of negative weight.")
    ballots = [
        response(translator, one, "predict").equals([np.arange(len(voting.classes_))])
        for one in found
    ]
    counted = [ballot.cast(Kind.REAL) for ballot in ballots]
    total = add_up(
        counted
        if weights is None
        else [ballot * float(weight) for ballot, weight in zip(counted, weights, strict=True)]
    )
    return classified(voting.classes_, total.argmax())


def _voting_regressor(translator: "Translator", voting: Any, table: Table) -> Scores:
    found = scored(translator, voting.estimators_, table)
    return Scores(labels=_average([one.labels for one in found], _weights(voting)))


def _votes(translator: "Translator", voting: Any, table: Table) -> Table:
    found = scored(translator, voting.estimators_, table)
    soft = getattr(voting, "voting", "hard") == "soft"
    if soft and not voting.flatten_transform:
        raise translator.unsupported(
            "VotingClassifier with flatten_transform=False makes three dimensions."
        )
    method = "predict_proba" if soft else "predict"
    joined = translator.graph.concatenate([response(translator, one, method) for one in found])
    return Table.of(joined, len(found) * (len(voting.classes_) if soft else 1))


def _answers(translator: "Translator", stacking: Any, table: Table) -> Table:
    if isinstance(getattr(stacking, "_label_encoder", None), list):
        raise translator.unsupported("StackingClassifier of several outputs has no ONNX form here.")
    found = scored(translator, stacking.estimators_, table)
    widths = stacking._n_feature_outs
    parts = []
    for scores, method, width in zip(found, stacking.stack_method_, widths, strict=True):
        answer = response(translator, scores, method)
        if method == "predict_proba" and len(stacking.classes_) == 2:
            answer = answer.columns(1, 2)
        parts.append(Table.of(answer, width))
    return Table.concatenate([*parts, table] if stacking.passthrough else parts)


def _stacked(translator: "Translator", stacking: Any, table: Table) -> Scores:
    answers = _answers(translator, stacking, table)
    with translator.step("final_estimator"):
        return translator.score(stacking.final_estimator_, answers)


def _stacking_classifier(translator: "Translator", stacking: Any, table: Table) -> Scores:
    scores = _stacked(translator, stacking, table)
    # The final estimator was fitted on the numbers of the classes.
    number = scores.labels.cast(Kind.INT64).reshape([-1])
    return classified(
        stacking.classes_, number, probabilities=scores.probabilities, decision=scores.decision
    )


TRANSFORMS: "dict[str, Transform]" = {
    "sklearn.StackingClassifier": _answers,
    "sklearn.StackingRegressor": _answers,
    "sklearn.VotingClassifier": _votes,
    "sklearn.VotingRegressor": _votes,
}
SCORES: "dict[str, Score]" = {
    "sklearn.StackingClassifier": _stacking_classifier,
    "sklearn.StackingRegressor": _stacked,
    "sklearn.VotingClassifier": _voting_classifier,
    "sklearn.VotingRegressor": _voting_regressor,
}
