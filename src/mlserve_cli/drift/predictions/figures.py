"""The metrics that fit the predictions: of a classification or of a regression."""

from typing import TYPE_CHECKING, Any

import numpy as np

from mlserve_cli.drift.report import Kind
from mlserve_cli.errors import InputError, UsageError
from mlserve_cli.monitoring.weighted_figures import (
    Classified,
    FiguresOf,
    classification_figures,
    regression_figures,
)
from mlserve_cli.signature import Task

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from mlserve_cli.drift.matching import Pair
    from mlserve_cli.drift.predictions.columns import PredictionColumns
    from mlserve_cli.drift.predictions.judged_rows import JudgedRows

# Whole numbers with more different values are quantities, not classes.
_MOST_CLASSES = 20


def figures_of(
    target: "Pair", columns: "PredictionColumns", sides: "Sequence[JudgedRows]"
) -> tuple[Task, list[FiguresOf]]:
    """The metrics of both sides, as functions of the weights of their rows.

    It is a classification where there are probabilities, text, truth values, or whole numbers of
    which at most 20 are different; otherwise a regression.

    Raises:
        UsageError: There is no prediction.
        InputError: Truth and prediction cannot be compared.
    """
    if not columns.probabilities and columns.label is None:
        raise UsageError(
            f"No column of predictions can be compared with the truth in {target.name!r}."
        )
    if _is_classification(target, columns, sides):
        return Task.CLASSIFICATION, _classifications(target, columns, sides)
    return Task.REGRESSION, [regression_figures(rows.truth, _predicted(rows)) for rows in sides]


def _predicted(rows: "JudgedRows") -> "NDArray[Any]":
    assert rows.predicted is not None
    return rows.predicted


def _is_classification(
    target: "Pair", columns: "PredictionColumns", sides: "Sequence[JudgedRows]"
) -> bool:
    if columns.probabilities or target.kind in (Kind.TEXT, Kind.BOOLEAN):
        return True
    values = [part for rows in sides for part in (rows.truth, _predicted(rows))]
    if any(part.dtype == object for part in values):
        return True
    whole = all((part == np.floor(part)).all() for part in values)
    return whole and len(np.unique(np.concatenate(values))) <= _MOST_CLASSES


def _classifications(
    target: "Pair", columns: "PredictionColumns", sides: "Sequence[JudgedRows]"
) -> list[FiguresOf]:
    truths = [_labels(rows.truth) for rows in sides]
    known = {label for truth in truths for label in truth.tolist()}
    named = _class_names(target, columns, known)
    found = []
    said = set(named)
    for rows, truth in zip(sides, truths, strict=True):
        shares = rows.probabilities
        if shares.shape[1] == 1:
            shares = np.column_stack([1 - shares, shares])
        if rows.predicted is None:
            predicted = np.array(named)[shares.argmax(axis=1)]
        else:
            predicted = _labels(rows.predicted)
        said |= set(predicted.tolist())
        found.append(classification_figures(_classified(truth, predicted, shares, named)))
    if not known & said:
        raise InputError(
            f"The target {target.name!r} holds {_some(known)}, none of which is ever predicted; "
            f"the predictions hold {_some(said)}.",
            hint="Give the truth as the model was fitted on it.",
        )
    return found


def _classified(
    truth: "NDArray[Any]",
    predicted: "NDArray[Any]",
    shares: "NDArray[np.float64]",
    named: list[str],
) -> Classified:
    classes = sorted({*named, *truth.tolist(), *predicted.tolist()})
    places = {label: place for place, label in enumerate(classes)}
    # Areas under the curve need the probabilities of every class.
    is_complete = set(classes) == set(named)
    return Classified(
        classes,
        np.array([places[label] for label in truth.tolist()]),
        np.array([places[label] for label in predicted.tolist()]),
        shares[:, [named.index(label) for label in classes]] if is_complete else None,
    )


def _class_names(target: "Pair", columns: "PredictionColumns", truth: set[str]) -> list[str]:
    """Names of the classes in the order of the probabilities, as the truth writes them."""
    if not columns.probabilities:
        return []
    names = list(columns.classes())
    if target.kind is Kind.BOOLEAN:
        names = [{"true": "1", "false": "0"}.get(name.lower(), name) for name in names]
    if len(names) > 1:
        return names
    if len(truth) > 2:
        raise InputError(
            f"The target {target.name!r} has {len(truth)} classes, and there is one column of "
            f"probabilities: {columns.probabilities[0].name!r}.",
            hint="Name a column of probabilities for each class.",
        )
    second = names[0] if names[0] in truth else max(truth)
    return [min(truth - {second}, default=""), second]


def _labels(values: "NDArray[Any]") -> "NDArray[Any]":
    """Labels as text, which identifies them as well and is of one type."""
    if values.dtype == object:
        return values.astype(str)
    return np.array([f"{value:.15g}" for value in values.tolist()])


def _some(labels: set[str]) -> str:
    shown = sorted(labels)
    return ", ".join(map(repr, shown[:5])) + (", ..." if len(shown) > 5 else "")
