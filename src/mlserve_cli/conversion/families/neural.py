"""Multi-layer perceptrons and restricted Boltzmann machines."""

from typing import TYPE_CHECKING, Any

from mlserve_cli.conversion.graph import Kind
from mlserve_cli.conversion.labels import classified, sigmoid, softmax, two_columns
from mlserve_cli.conversion.table import Table
from mlserve_cli.conversion.translator import Scores

if TYPE_CHECKING:
    from mlserve_cli.conversion.graph import Tensor
    from mlserve_cli.conversion.translator import Score, Transform, Translator

_OPERATORS = {"logistic": "Sigmoid", "tanh": "Tanh", "relu": "Relu", "exp": "Exp"}


def _activated(values: "Tensor", activation: str) -> "Tensor":
    if activation == "identity":
        return values
    if activation == "softmax":
        return softmax(values)
    return values.apply(_OPERATORS[activation])


def _forward(estimator: Any, table: Table) -> "Tensor":
    """What the last layer returns, shape `(rows, outputs)`."""
    values = table.real()
    last = len(estimator.coefs_) - 1
    for number, (weights, bias) in enumerate(
        zip(estimator.coefs_, estimator.intercepts_, strict=True)
    ):
        activation = estimator.out_activation_ if number == last else estimator.activation
        values = _activated(values @ weights + bias, activation)
    return values


def _classifier(_: "Translator", estimator: Any, table: Table) -> Scores:
    outputs = _forward(estimator, table)
    binarizer = estimator._label_binarizer
    if binarizer.y_type_.startswith("multilabel"):
        return Scores(labels=(outputs > 0.5).cast(Kind.INT64), probabilities=outputs)
    if estimator.n_outputs_ == 1:
        index = (outputs > 0.5).cast(Kind.INT64).reshape([-1])
        return classified(estimator.classes_, index, probabilities=two_columns(outputs))
    return classified(estimator.classes_, outputs.argmax(), probabilities=outputs)


def _regressor(_: "Translator", estimator: Any, table: Table) -> Scores:
    return Scores(labels=_forward(estimator, table))


def _hidden(_: "Translator", estimator: Any, table: Table) -> Table:
    weights = estimator.components_
    hidden = table.real() @ weights.T + estimator.intercept_hidden_
    return Table.of(sigmoid(hidden), weights.shape[0])


TRANSFORMS: "dict[str, Transform]" = {"sklearn.BernoulliRBM": _hidden}
SCORES: "dict[str, Score]" = {
    "sklearn.MLPClassifier": _classifier,
    "sklearn.MLPRegressor": _regressor,
}
