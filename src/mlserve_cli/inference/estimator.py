"""Scoring with a fitted scikit-learn estimator, or anything that behaves like one."""

from enum import Enum, auto
from typing import TYPE_CHECKING, Any

import numpy as np

from mlserve_cli.errors import EngineError, MlserveError, SignatureError, UsageError
from mlserve_cli.inference.predictor import Engine, Prediction
from mlserve_cli.signature import Signature

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from mlserve_cli.inference.predictor import Batch


class _Feed(Enum):
    """The kind of object that the estimator was fitted on."""

    FRAME = auto()
    ARRAY = auto()
    DOCUMENTS = auto()


class EstimatorPredictor:
    """A `Predictor` over a fitted estimator.

    Where the estimator has no `predict`, `transform` takes its place.

    Args:
        estimator: Fitted.
        signature: What it takes and returns.
    """

    def __init__(self, estimator: Any, signature: Signature) -> None:
        self.estimator = estimator
        self._signature = signature
        self._feed = _feed_of(estimator, signature)
        self._score = _scoring_method(estimator)
        self._classes = _classes_by_probability(estimator)

    @property
    def engine(self) -> Engine:
        """Always `sklearn`."""
        return Engine.SKLEARN

    @property
    def signature(self) -> Signature:
        """What the estimator takes and returns."""
        return self._signature

    def predict(self, batch: "Batch", *, probabilities: bool = False) -> Prediction:
        """See `Predictor.predict`.

        Raises:
            UsageError: Probabilities of an estimator that has none, or that cannot score new rows.
            SignatureError: The estimator refuses these values.
            EngineError: It fails in another way.
        """
        if probabilities and not hasattr(self.estimator, "predict_proba"):
            name = type(self.estimator).__name__
            raise UsageError(
                f"{name} gives no probabilities.", hint="Ask for labels only: --output label"
            )
        rows = self._arrange(batch)
        if not probabilities:
            return Prediction(self.score(rows))
        found = _probabilities(self._call(self.estimator.predict_proba, rows))
        if self._classes is not None and len(found) == len(rows):
            return Prediction(self._classes.take(found.argmax(axis=1)), found)
        return Prediction(self.score(rows), found)

    def score(self, rows: Any) -> "NDArray[Any]":
        """Predicted values of rows that are what the estimator itself takes.

        Raises:
            SignatureError: The estimator refuses these values.
            EngineError: It fails in another way.
        """
        labels = _dense(self._call(self._score, rows))
        if len(labels) != len(rows):
            raise EngineError(
                f"The model returned {len(labels)} predictions for {len(rows)} rows; it does not "
                "take one row of a table after the other."
            )
        return labels

    def decision_function(self, batch: "Batch") -> "NDArray[np.float64]":
        """See `Predictor.decision_function`."""
        if not hasattr(self.estimator, "decision_function"):
            name = type(self.estimator).__name__
            raise UsageError(
                f"{name} has no decision function, so there are no raw scores.",
                hint="Ask for labels or probabilities: --output both",
            )
        scores = self._call(self.estimator.decision_function, self._arrange(batch))
        return np.asarray(scores, np.float64)

    def _arrange(self, batch: "Batch") -> Any:
        if self._feed is _Feed.FRAME:
            from mlserve_cli.inference.frames import to_frame

            frame = to_frame(batch, self._signature)
            # Generated names must not be told apart from the names the estimator was fitted on.
            frame.columns = getattr(self.estimator, "feature_names_in_", frame.columns)
            return frame
        if isinstance(batch, np.ndarray):
            return batch
        if self._feed is _Feed.DOCUMENTS:
            return batch[self._signature.names[0]]
        columns = [np.asarray(batch[name], dtype=object) for name in self._signature.names]
        return np.column_stack(columns)

    def _call(self, method: "Callable[[Any], Any]", rows: Any) -> Any:
        try:
            return method(rows)
        except MlserveError:
            raise
        except (TypeError, ValueError, KeyError) as error:
            raise SignatureError(f"The model refuses these rows: {_first_line(error)}") from error
        # An estimator is somebody's code and may raise anything; the caller gets one kind of error.
        except Exception as error:
            kind = type(error).__name__
            raise EngineError(
                f"The model failed while scoring: {kind}: {_first_line(error)}"
            ) from error


def can_score(estimator: Any) -> bool:
    """Whether an estimator can score rows it has not seen."""
    return hasattr(estimator, "predict") or hasattr(estimator, "transform")


def takes_documents(estimator: Any) -> bool:
    """Whether the first step of an estimator reads one text per row, as text vectorizers do."""
    estimator = getattr(estimator, "best_estimator_", estimator)
    first = getattr(estimator, "steps", ())[:1] or getattr(estimator, "transformer_list", ())
    return hasattr(estimator, "build_analyzer") or any(takes_documents(step) for _, step in first)


def _feed_of(estimator: Any, signature: Signature) -> _Feed:
    if hasattr(estimator, "feature_names_in_"):
        return _Feed.FRAME
    if takes_documents(estimator):
        return _Feed.DOCUMENTS
    if signature.named and not hasattr(estimator, "n_features_in_"):
        return _Feed.FRAME
    return _Feed.ARRAY


def _scoring_method(estimator: Any) -> "Callable[[Any], Any]":
    for name in ("predict", "transform"):
        if hasattr(estimator, name):
            method: Callable[[Any], Any] = getattr(estimator, name)
            return method
    kind = type(estimator).__name__

    def refuse(_: Any) -> Any:
        raise UsageError(f"{kind} cannot score new rows: it has neither predict nor transform.")

    return refuse


# Classifiers of scikit-learn whose `predict` is the class with the highest `predict_proba`, in the
# same arithmetic: one call gives both.
_LIKELIEST = frozenset(
    {
        "BaggingClassifier",
        "CalibratedClassifierCV",
        "DecisionTreeClassifier",
        "ExtraTreeClassifier",
        "ExtraTreesClassifier",
        "RandomForestClassifier",
    }
)


def _classes_by_probability(estimator: Any) -> "NDArray[Any] | None":
    """Classes of a model that predicts the likeliest one; None where that is not known."""
    while steps := getattr(estimator, "steps", None):
        estimator = steps[-1][1]
    kind = type(estimator)
    known = kind.__module__.startswith("sklearn.") and kind.__name__ in _LIKELIEST
    classes = getattr(estimator, "classes_", None)
    return classes if known and isinstance(classes, np.ndarray) else None


def _dense(values: Any) -> "NDArray[Any]":
    if hasattr(values, "toarray"):
        values = values.toarray()
    array = np.asarray(values)
    # Regressors of one target fitted on a column vector answer with one column.
    return array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array


def _probabilities(values: Any) -> "NDArray[np.float64]":
    if isinstance(values, list):
        raise UsageError(
            f"The model predicts {len(values)} outputs; probabilities of several outputs at once "
            "are not supported.",
            hint="Ask for labels only: --output label",
        )
    return np.asarray(values, np.float64)


def _first_line(error: Exception) -> str:
    first, _, rest = str(error).strip().partition("\n")
    # Some messages are a heading with what it is about below.
    second = f" {rest.partition(chr(10))[0].strip()}" if first.endswith(":") else ""
    return first + second or type(error).__name__
