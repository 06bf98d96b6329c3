"""The signature of a fitted estimator, learnt from itself and from rows of its data."""

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import is_classifier, is_clusterer, is_outlier_detector, is_regressor

from mlserve_cli.errors import ArtifactError, MlserveError, SignatureError
from mlserve_cli.inference.acceptance import with_acceptance
from mlserve_cli.inference.estimator import EstimatorPredictor, can_score, takes_documents
from mlserve_cli.inference.frames import columns_of, to_batch
from mlserve_cli.inference.learnt_columns import learnt_columns
from mlserve_cli.signature import Column, DType, Label, Layout, Signature, Task

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from mlserve_cli.inference.predictor import Batch

_LABEL_DTYPES = {
    "i": DType.INT64,
    "u": DType.INT64,
    "b": DType.BOOL,
    "f": DType.FLOAT64,
    "O": DType.STRING,
    "U": DType.STRING,
}

# Rows of the data that are scored to see what comes out.
_SAMPLE_ROWS = 5


def describe_estimator(
    estimator: Any,
    data: "pd.DataFrame | None" = None,
    *,
    columns: tuple[Column, ...] | None = None,
) -> Signature:
    """The signature of a fitted estimator.

    Args:
        estimator: Fitted.
        data: Rows of its inputs. Gives exact names and dtypes; without it they are learnt from the
            estimator, as far as it remembers them. Columns that are not among the names that the
            estimator was fitted on are left out.
        columns: Its input columns where there is no data, known from elsewhere. The names that the
            estimator was fitted on, and their order, come first.

    Raises:
        SignatureError: The data lacks columns, or holds values that no estimator takes.
        ArtifactError: The estimator is not fitted, or does not say how many columns it takes.
    """
    if data is not None:
        columns, named = columns_of(input_frame(estimator, data)), True
    else:
        columns, named = _columns(estimator, columns)
    signature = Signature(
        task=task_of(estimator),
        columns=columns,
        layout=_layout(estimator, columns),
        named=named,
        classes=_classes(estimator),
    )
    if not can_score(estimator):
        return signature
    if data is not None:
        batch = to_batch(_rename(data, signature).head(_SAMPLE_ROWS), signature)
    else:
        batch = plausible_row(signature)
    try:
        signature = _with_outputs(estimator, signature, batch)
    except MlserveError:
        if data is not None:
            raise
        # Made-up values may be refused; then the outputs stay what the task suggests.
        return _assumed_outputs(estimator, signature)
    return with_acceptance(EstimatorPredictor(estimator, signature), batch)


def task_of(estimator: Any) -> Task:
    """What an estimator's predictions are."""
    if is_classifier(estimator):
        return Task.CLASSIFICATION
    if is_regressor(estimator):
        return Task.REGRESSION
    if is_outlier_detector(estimator):
        return Task.OUTLIER_DETECTION
    # What groups columns calls itself a clusterer too, but gives values and no groups of rows.
    groups_rows = is_clusterer(estimator) and (
        hasattr(estimator, "predict") or not hasattr(estimator, "transform")
    )
    return Task.CLUSTERING if groups_rows else Task.TRANSFORMATION


def input_frame(estimator: Any, data: "pd.DataFrame") -> "pd.DataFrame":
    """The columns of the data that the estimator takes, in its order.

    Raises:
        SignatureError: Columns are missing, or their number is not what the estimator takes.
    """
    names = getattr(estimator, "feature_names_in_", None)
    if names is None:
        expected = 1 if takes_documents(estimator) else getattr(estimator, "n_features_in_", None)
        if expected is not None and len(data.columns) != expected:
            raise SignatureError(
                f"The data has {len(data.columns)} columns "
                f"({', '.join(map(str, data.columns[:8]))}{', ...' * (len(data.columns) > 8)}); "
                f"the model was fitted on {expected} columns without names.",
                hint="Leave the other columns out of the file, or name the one that the model "
                "predicts: --target COLUMN",
            )
        return data
    missing = [str(name) for name in names if name not in data.columns]
    if missing:
        raise SignatureError(
            f"The data lacks columns that the model was fitted on: {', '.join(missing)}. "
            f"It has: {', '.join(map(str, data.columns))}.",
            column=missing[0],
            hint=_separator_hint(data),
        )
    return data[list(names)]


def _separator_hint(data: "pd.DataFrame") -> str | None:
    only = str(data.columns[0]) if len(data.columns) == 1 else ""
    separator = next((character for character in ";\t|" if character in only), None)
    if separator is None:
        return None
    return (
        f"Its only column is {only!r}, as where something else than a comma separates the fields. "
        "Write the file with commas, or with tabs as .tsv."
    )


def plausible_row(signature: Signature) -> "Batch":
    """One made-up row of zeros, known categories and words that fits a signature."""
    if signature.layout is Layout.MATRIX:
        return np.zeros((1, len(signature.columns)))
    return {column.name: _plausible_value(column) for column in signature.columns}


def _columns(estimator: Any, known: tuple[Column, ...] | None) -> tuple[tuple[Column, ...], bool]:
    learnt = learnt_columns(estimator)
    if learnt is not None:
        types = {column.name: column for column in known or ()}
        return tuple(types.get(column.name, column) for column in learnt), True
    documents = takes_documents(estimator)
    count = 1 if documents else getattr(estimator, "n_features_in_", None)
    if known is not None and count in (None, len(known)):
        return known, True
    if documents:
        return (Column("text", DType.STRING),), False
    if count is None:
        raise ArtifactError(
            f"{type(estimator).__name__} does not say how many columns it takes: it is not fitted, "
            "or keeps no record of its inputs.",
            hint="Fit it, or give rows of its data: --data FILE",
        )
    return tuple(Column(f"x{position}") for position in range(count)), False


def _layout(estimator: Any, columns: tuple[Column, ...]) -> Layout:
    if all(column.dtype is DType.FLOAT64 for column in columns):
        return Layout.MATRIX
    unnamed = not hasattr(estimator, "feature_names_in_")
    if unnamed and all(column.dtype.is_number or column.dtype is DType.BOOL for column in columns):
        return Layout.MATRIX
    return Layout.FRAME


def _rename(data: "pd.DataFrame", signature: Signature) -> "pd.DataFrame":
    return data.rename(columns={name: str(name) for name in data.columns})[list(signature.names)]


def _classes(estimator: Any) -> tuple[Label, ...] | None:
    classes = getattr(estimator, "classes_", None) if is_classifier(estimator) else None
    if not isinstance(classes, np.ndarray) or classes.ndim != 1:
        return None
    return tuple(classes.tolist())


def _plausible_value(column: Column) -> "NDArray[Any]":
    if column.categories:
        return np.array([column.categories[0]], dtype=object)
    if column.dtype is DType.STRING:
        return np.array(["text"], dtype=object)
    return np.zeros(1, bool if column.dtype is DType.BOOL else float)


def _with_outputs(estimator: Any, signature: Signature, batch: "Batch") -> Signature:
    predictor = EstimatorPredictor(estimator, signature)
    labels = predictor.predict(batch).labels
    decision: tuple[str, ...] = ()
    if hasattr(estimator, "decision_function"):
        decision = _decision_names(predictor.decision_function(batch), signature)
    return replace(
        signature,
        label_dtype=_LABEL_DTYPES.get(labels.dtype.kind, DType.FLOAT64),
        outputs=_output_names(estimator, labels),
        probabilities=_gives_probabilities(estimator, signature),
        decision=decision,
    )


def _assumed_outputs(estimator: Any, signature: Signature) -> Signature:
    dtype = DType.FLOAT64
    if signature.classes:
        kind = np.asarray(signature.classes).dtype.kind
        dtype = _LABEL_DTYPES.get(kind, DType.STRING)
    return replace(
        signature,
        label_dtype=dtype,
        probabilities=_gives_probabilities(estimator, signature),
        decision=("decision_function",) if hasattr(estimator, "decision_function") else (),
    )


def _gives_probabilities(estimator: Any, signature: Signature) -> bool:
    return signature.classes is not None and hasattr(estimator, "predict_proba")


def _output_names(estimator: Any, labels: "NDArray[Any]") -> tuple[str, ...]:
    if labels.ndim == 1:
        return ("prediction",)
    names = [str(position) for position in range(labels.shape[1])]
    if not hasattr(estimator, "predict") and hasattr(estimator, "get_feature_names_out"):
        # A step without names of its own raises one of these, and numbers are as good.
        with contextlib.suppress(AttributeError, ValueError):
            names = [str(name) for name in estimator.get_feature_names_out()]
    return tuple(f"prediction_{name}" for name in names)


def _decision_names(scores: "NDArray[np.float64]", signature: Signature) -> tuple[str, ...]:
    if scores.ndim == 1:
        return ("decision_function",)
    suffixes: list[object] = list(range(scores.shape[1]))
    if signature.classes and len(signature.classes) == scores.shape[1]:
        suffixes = list(signature.classes)
    return tuple(f"decision_function_{suffix}" for suffix in suffixes)
