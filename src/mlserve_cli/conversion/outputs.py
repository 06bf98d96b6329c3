"""Names and shapes of what a converted model returns."""

import re
from typing import TYPE_CHECKING, Any

from mlserve_cli.conversion.graph import Kind, Output
from mlserve_cli.errors import UsageError
from mlserve_cli.signature import Task

if TYPE_CHECKING:
    from collections.abc import Collection

    from mlserve_cli.conversion.table import Table
    from mlserve_cli.conversion.translator import Scores, Translator
    from mlserve_cli.signature import Signature

LABEL = "label"
VALUE = "variable"
PROBABILITIES = "probabilities"
DECISION = "decision"


def translate_outputs(
    translator: "Translator", estimator: Any, table: "Table", signature: "Signature"
) -> list[Output]:
    """Writes the estimator into the graph and names everything that it can return."""
    if not hasattr(estimator, "predict"):
        result = translator.transform(estimator, table)
        return [Output(VALUE, result.real(), (None, result.width))]
    scores = translator.score(estimator, table)
    width = len(signature.outputs)
    if signature.task is not Task.CLASSIFICATION and scores.labels.kind is Kind.REAL:
        return [Output(VALUE, scores.labels, (None, width))]
    return [
        Output(LABEL, scores.labels, (None,) if width == 1 else (None, width)),
        *_probabilities(estimator, scores, signature),
        *_decision(estimator, scores, signature),
    ]


def _probabilities(estimator: Any, scores: "Scores", signature: "Signature") -> list[Output]:
    # An estimator may be set so that it hides the probabilities of what it is made of.
    if not hasattr(estimator, "predict_proba"):
        return []
    if scores.probabilities is not None:
        width = len(signature.classes) if signature.classes else None
        return [Output(PROBABILITIES, scores.probabilities, (None, width))]
    if not scores.several:
        return []
    several = zip(scores.several, estimator.classes_, strict=True)
    return [
        Output(f"{PROBABILITIES}_{number}", tensor, (None, len(classes)))
        for number, (tensor, classes) in enumerate(several)
    ]


def _decision(estimator: Any, scores: "Scores", signature: "Signature") -> list[Output]:
    if scores.decision is None or not hasattr(estimator, "decision_function"):
        return []
    return [Output(DECISION, scores.decision, (None, len(signature.decision) or None))]


def is_output_name(name: str) -> bool:
    """Whether an output may be called so."""
    return (
        name in (LABEL, VALUE, DECISION)
        or re.fullmatch(rf"{PROBABILITIES}(_\d+)?", name) is not None
    )


def has_label(names: "Collection[str] | None") -> bool:
    """Whether these outputs, as a caller asked for them, include what a model predicts."""
    return names is None or LABEL in names or VALUE in names


def chosen(
    available: list[Output], names: "Collection[str] | None", *, with_label: bool = False
) -> list[Output]:
    """The outputs that a caller asked for, or those that serving needs.

    By default the decision function is left out where there are probabilities, unless they are
    computed from it: every output is computed for every request.

    Args:
        available: All that the model has.
        names: What was asked for.
        with_label: Whether what the model predicts is among them in any case.

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
    wanted = {*names, LABEL, VALUE} if with_label else set(names)
    return [one for one in available if one.name in wanted]
