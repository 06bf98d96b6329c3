"""How good predictions are, once the truth is known."""

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn import metrics

from mlserve_cli.errors import SignatureError
from mlserve_cli.signature import Task

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from mlserve_cli.inference.predictor import Prediction
    from mlserve_cli.signature import Label


def quality_metrics(
    task: Task,
    truth: "pd.Series[Any]",
    prediction: "Prediction",
    classes: "Sequence[Label] | None" = None,
) -> dict[str, float]:
    """Quality of predictions, by the names that scikit-learn gives the metrics.

    Classification: `accuracy`, `balanced_accuracy`, `f1_macro`, and from probabilities `log_loss`
    and `roc_auc` (one against the rest, macro average, for more than two classes) where every
    class occurs in the truth. Regression: `r2` (from two rows on), `mae`, `rmse`. Rows whose truth
    is missing do not count; `rows` says how many did.

    Args:
        task: Classification or regression; other tasks have no truth and give no metrics.
        truth: True labels or values, shape `(rows,)`.
        prediction: What the model said about the same rows.
        classes: Classes in the order of the probabilities.

    Raises:
        SignatureError: The truth cannot be compared: no known values, text for a regression,
            or labels none of which the model knows.
    """
    if task not in (Task.CLASSIFICATION, Task.REGRESSION) or prediction.labels.ndim != 1:
        return {}
    known = truth.notna().to_numpy()
    if not known.any():
        raise SignatureError(f"The target '{truth.name}' is missing in every row.")
    values = np.array(truth[known].tolist())
    labels = prediction.labels[known]
    if task is Task.REGRESSION:
        return _regression(values, labels, truth.name)
    probabilities = prediction.probabilities
    return _classification(
        values, labels, None if probabilities is None else probabilities[known], classes or ()
    )


def _regression(
    truth: "NDArray[np.float64]", predicted: "NDArray[np.float64]", name: object
) -> dict[str, float]:
    if truth.dtype.kind not in "iufb":
        raise SignatureError(
            f"The target '{name}' holds {str(truth[0])!r}; the model predicts numbers.",
            column=str(name),
        )
    result = {
        "rows": float(len(truth)),
        "mae": float(metrics.mean_absolute_error(truth, predicted)),
        "rmse": float(metrics.root_mean_squared_error(truth, predicted)),
    }
    if len(truth) > 1:
        result["r2"] = float(metrics.r2_score(truth, predicted))
    return result


def _classification(
    truth: "NDArray[np.generic]",
    predicted: "NDArray[np.generic]",
    probabilities: "NDArray[np.float64] | None",
    classes: "Sequence[Label]",
) -> dict[str, float]:
    found = set(truth.tolist())
    if classes and not found.intersection(classes):
        raise SignatureError(
            f"The target holds {_some(found)}; the model knows the classes {_some(classes)}.",
            hint="Give the labels as the model was fitted on them.",
        )
    # Metrics want one type; the text of a label identifies it as well as the label does.
    codes = {label: str(label) for label in [*found, *classes, *predicted.tolist()]}
    actual = np.array([codes[label] for label in truth.tolist()])
    guessed = np.array([codes[label] for label in predicted.tolist()])
    present = sorted(set(actual.tolist()))
    result = {
        "rows": float(len(actual)),
        "accuracy": float(metrics.accuracy_score(actual, guessed)),
        # The mean recall over the classes that occur; scikit-learn's own function warns where a
        # predicted class does not.
        "balanced_accuracy": float(
            metrics.recall_score(actual, guessed, labels=present, average="macro", zero_division=0)
        ),
        "f1_macro": float(metrics.f1_score(actual, guessed, average="macro", zero_division=0)),
    }
    if probabilities is not None and found.issubset(classes):
        result |= _from_probabilities(truth, probabilities, classes)
    return result


def _from_probabilities(
    truth: "NDArray[np.generic]", probabilities: "NDArray[np.float64]", classes: "Sequence[Label]"
) -> dict[str, float]:
    positions = {label: position for position, label in enumerate(classes)}
    codes = np.array([positions[label] for label in truth.tolist()])
    numbers = np.arange(len(classes))
    result = {"log_loss": float(metrics.log_loss(codes, probabilities, labels=numbers))}
    if len(set(codes.tolist())) < len(classes) or len(classes) < 2:
        return result
    binary = len(classes) == 2
    scores = probabilities[:, 1] if binary else probabilities
    area = metrics.roc_auc_score(codes, scores, multi_class="ovr", labels=numbers)
    return result | {"roc_auc": float(area)}


def _some(labels: "Sequence[object] | set[object]") -> str:
    shown = [repr(label) for label in sorted(labels, key=str)[:6]]
    return ", ".join(shown) + (", ..." if len(labels) > len(shown) else "")
