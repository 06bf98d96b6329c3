"""Names and shapes of what a converted model returns."""

from typing import TYPE_CHECKING, Any

from mlserve_cli.conversion.graph import Kind, Output
from mlserve_cli.errors import UsageError
from mlserve_cli.signature import Task

if TYPE_CHECKING:
    from collections.abc import Collection

    from mlserve_cli.conversion.table import Table
    from mlserve_cli.conversion.translator import Scores, Translator

LABEL = "label"
VALUE = "variable"
PROBABILITIES = "probabilities"
DECISION = "decision"


def translate_outputs(
    translator: "Translator", estimator: Any, table: "Table", task: Task
) -> list[Output]:
    """Writes the estimator into the graph and names everything that it can return."""
    if not hasattr(estimator, "predict"):
        result = translator.transform(estimator, table)
        return [Output(VALUE, result.real(), (None, result.width))]
    scores = translator.score(estimator, table)
    if task is not Task.CLASSIFICATION and scores.labels.kind is Kind.REAL:
        return [Output(VALUE, scores.labels, (None, None))]
    return [
        Output(LABEL, scores.labels, (None, None) if scores.several else (None,)),
        *_probabilities(estimator, scores),
        *_decision(estimator, scores),
    ]


def _probabilities(estimator: Any, scores: "Scores") -> list[Output]:
    # An estimator may be set so that it hides the probabilities of what it is made of.
    if not hasattr(estimator, "predict_proba"):
        return []
    if scores.probabilities is not None:
        return [Output(PROBABILITIES, scores.probabilities, (None, None))]
    return [
        Output(f"{PROBABILITIES}_{number}", tensor, (None, None))
        for number, tensor in enumerate(scores.several)
    ]


def _decision(estimator: Any, scores: "Scores") -> list[Output]:
    if scores.decision is None or not hasattr(estimator, "decision_function"):
        return []
    return [Output(DECISION, scores.decision, (None, None))]


def chosen(available: list[Output], names: "Collection[str] | None") -> list[Output]:
    """The outputs that a caller asked for, or those that serving needs.

    By default the decision function is left out where there are probabilities, unless they are
    computed from it: every output is computed for every request.

    Raises:
        UsageError: The model has no output of that name.
    """
    known = [output.name for output in available]
    if names is None:
        needed = [one for one in available if one.name != DECISION or PROBABILITIES not in known]
        tensors = [one.tensor for one in needed]
        return [
            one
            for one in available
            if one in needed or not one.tensor.graph.needs_more(one.tensor, tensors)
        ]
    for name in names:
        if name not in known:
            raise UsageError(f"The model has no output {name!r}; it has: {', '.join(known)}.")
    return [one for one in available if one.name in names]
