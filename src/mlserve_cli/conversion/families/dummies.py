"""Baselines that predict the same for every row."""

from typing import TYPE_CHECKING, Any

import numpy as np

from mlserve_cli.conversion.graph import Kind
from mlserve_cli.conversion.labels import classified, label_constant
from mlserve_cli.conversion.translator import Scores

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mlserve_cli.conversion.graph import Tensor
    from mlserve_cli.conversion.table import Table
    from mlserve_cli.conversion.translator import Score, Transform, Translator


def _repeated(table: "Table", row: "Tensor") -> "Tensor":
    """A row of shape `(1, width)`, once for each row of the table."""
    graph = table.graph
    rows = graph.add("Shape", table.blocks[0].tensor, kind=Kind.INT64, start=0, end=1)
    shape = graph.concatenate([rows, graph.constant([1], Kind.INT64)], axis=0)
    return graph.add("Expand", row, shape, kind=row.kind)


def _shares(estimator: Any, classes: "NDArray[Any]", prior: Any, constant: Any) -> Any:
    """Probabilities of the classes of one output."""
    if estimator._strategy == "prior":
        return np.asarray(prior, np.float64)
    chosen = np.zeros(len(classes))
    if estimator._strategy == "most_frequent":
        chosen[np.argmax(prior)] = 1.0
    else:
        chosen[np.flatnonzero(classes == constant)] = 1.0
    return chosen


def _classifier(translator: "Translator", estimator: Any, table: "Table") -> Scores:
    if estimator._strategy in ("stratified", "uniform"):
        raise translator.unsupported(f"The strategy {estimator._strategy!r} predicts at random.")
    if estimator.sparse_output_:
        raise translator.unsupported("Labels given as a sparse matrix have no ONNX form.")
    if estimator.n_outputs_ == 1:
        constant = estimator.constant
        constant = np.ravel(constant)[0] if constant is not None else None
        shares = _shares(estimator, estimator.classes_, estimator.class_prior_, constant)
        row = translator.graph.constant([shares])
        probabilities = _repeated(table, row)
        return classified(estimator.classes_, probabilities.argmax(), probabilities=probabilities)
    constants = estimator.constant
    constants = [None] * estimator.n_outputs_ if constants is None else np.ravel(constants)
    labels, several = [], []
    for classes, prior, constant in zip(
        estimator.classes_, estimator.class_prior_, constants, strict=True
    ):
        shares = _shares(estimator, classes, prior, constant)
        several.append(_repeated(table, translator.graph.constant([shares])))
        label = label_constant(translator.graph, classes[[np.argmax(shares)]])
        labels.append(_repeated(table, label.reshape([1, 1])))
    return Scores(labels=translator.graph.concatenate(labels), several=tuple(several))


def _regressor(translator: "Translator", estimator: Any, table: "Table") -> Scores:
    row = translator.graph.constant(np.asarray(estimator.constant_, np.float64).reshape(1, -1))
    return Scores(labels=_repeated(table, row))


TRANSFORMS: "dict[str, Transform]" = {}
SCORES: "dict[str, Score]" = {
    "sklearn.DummyClassifier": _classifier,
    "sklearn.DummyRegressor": _regressor,
}
