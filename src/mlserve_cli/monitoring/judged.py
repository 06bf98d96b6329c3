"""Predictions beside what was true."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from mlserve_cli.errors import InputError
from mlserve_cli.monitoring.weighted_figures import Classified, FiguresOf, regression_figures
from mlserve_cli.signature import Task

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mlserve_cli.signature import Label


@dataclass(frozen=True, slots=True)
class Judged:
    """Predictions and what was true.

    Attributes:
        task: Classification or regression.
        truth: True labels or values, none of them missing, shape `(rows,)`.
        predicted: Predicted labels or values, shape `(rows,)`.
        probabilities: Shape `(rows, classes)`; None where they are not known.
        classes: Classes in the order of the probabilities.
        times: When each was predicted, in seconds since 1970; None where that is not known.
        model: Name of the model.
        version: Its version.
        stored: Metrics when it was saved, by name.
        unmatched: Rows of the truth for which there is no prediction.
    """

    task: Task
    truth: Sequence[Any]
    predicted: Sequence[Any]
    probabilities: "NDArray[np.float64] | None" = None
    classes: "Sequence[Label]" = ()
    times: "NDArray[np.float64] | None" = None
    model: str = ""
    version: int = 0
    stored: Mapping[str, float] = field(default_factory=dict)
    unmatched: int = 0


def label_text(label: object) -> str:
    """A label as a text that is the same whether it was read as an integer, a float or text."""
    if isinstance(label, float) and label.is_integer():
        return str(int(label))
    return str(label)


def classified(judged: Judged) -> Classified:
    """The predictions of a classification as positions of classes."""
    truth = [label_text(label) for label in judged.truth]
    predicted = [label_text(label) for label in judged.predicted]
    known = [label_text(label) for label in judged.classes]
    names = known + sorted({*truth, *predicted} - set(known))
    places = {name: place for place, name in enumerate(names)}
    # A class that the model does not know has no probability.
    usable = judged.probabilities is not None and len(names) == len(known)
    return Classified(
        names,
        np.array([places[label] for label in truth], np.intp),
        np.array([places[label] for label in predicted], np.intp),
        judged.probabilities if usable else None,
    )


def regressed(judged: Judged) -> FiguresOf:
    """Gives the metrics of a regression.

    Raises:
        InputError: A truth or a prediction is no number.
    """
    try:
        truth = np.array(judged.truth, np.float64)
        predicted = np.array(judged.predicted, np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"The truth of a regression holds numbers: {error}.") from error
    return regression_figures(truth, predicted)
