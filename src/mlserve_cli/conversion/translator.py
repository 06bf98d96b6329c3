"""Walks a fitted estimator and writes its arithmetic into a graph, step by step."""

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlserve_cli.errors import UnsupportedEstimatorError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from mlserve_cli.conversion.graph import Graph, Tensor
    from mlserve_cli.conversion.table import Table

    Transform = Callable[["Translator", Any, Table], Table]
    Score = Callable[["Translator", Any, Table], "Scores"]


@dataclass(frozen=True, slots=True)
class Scores:
    """What a model's `predict` and its relatives return, as tensors.

    Attributes:
        labels: Classes and clusters of shape `(rows,)`, or values of shape `(rows, outputs)`.
        index: Position of the label among the classes, shape `(rows,)`, INT64.
        probabilities: Shape `(rows, classes)`.
        decision: Shape `(rows, scores)`, with one column where the estimator returns `(rows,)`.
        several: Class probabilities of each output of a classifier of several outputs.
    """

    labels: "Tensor"
    index: "Tensor | None" = None
    probabilities: "Tensor | None" = None
    decision: "Tensor | None" = None
    several: "tuple[Tensor, ...]" = ()


class Translator:
    """Finds the converter of each estimator.

    Args:
        graph: Where the nodes go.
        transforms: Converters of `transform`, by name as `type_name` gives it.
        scores: Converters of `predict`, by name.
        on_step: Called with the path of each step before it is written.
    """

    def __init__(
        self,
        graph: "Graph",
        transforms: "Mapping[str, Transform]",
        scores: "Mapping[str, Score]",
        on_step: "Callable[[str], None] | None" = None,
    ) -> None:
        self.graph = graph
        self._on_step = on_step
        self._transforms = transforms
        self._scores = scores
        self._path: list[str] = []

    @contextmanager
    def step(self, name: str) -> "Iterator[None]":
        """Names the step that is being written, for error messages."""
        self._path.append(name)
        if self._on_step is not None:
            self._on_step(self.path)
        yield
        # Left in place by an error, so that the message can tell where it happened.
        self._path.pop()

    @property
    def path(self) -> str:
        """Names of the steps that are being written, outermost first."""
        return " > ".join(self._path)

    def unsupported(self, reason: str) -> UnsupportedEstimatorError:
        """The error that refuses the current step."""
        return UnsupportedEstimatorError(reason, step=self.path)

    def transform(self, estimator: Any, table: "Table") -> "Table":
        """What `estimator.transform` makes of a table.

        Raises:
            UnsupportedEstimatorError: There is no converter.
        """
        if (converter := self._transforms.get(type_name(estimator))) is None:
            raise self.unsupported(f"{type(estimator).__name__}.transform has no ONNX form here.")
        return converter(self, estimator, table)

    def score(self, estimator: Any, table: "Table") -> Scores:
        """What `estimator.predict`, `predict_proba` and `decision_function` make of a table.

        Raises:
            UnsupportedEstimatorError: There is no converter.
        """
        if (converter := self._scores.get(type_name(estimator))) is None:
            raise self.unsupported(f"{type(estimator).__name__}.predict has no ONNX form here.")
        return converter(self, estimator, table)


def type_name(estimator: Any) -> str:
    """Distribution and class, such as `sklearn.LogisticRegression`; a subclass has its own."""
    return f"{type(estimator).__module__.partition('.')[0]}.{type(estimator).__name__}"
