"""Gradient boosting of scikit-learn, with and without histograms."""

from typing import TYPE_CHECKING, Any

import numpy as np

from mlserve_cli.conversion.ensemble import Tree, Weighted, as_float32, stump, tree_sum
from mlserve_cli.conversion.families.trees import tree_of
from mlserve_cli.conversion.graph import Kind
from mlserve_cli.conversion.labels import classified, sigmoid_pair, softmax
from mlserve_cli.conversion.translator import Scores

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mlserve_cli.conversion.graph import Tensor
    from mlserve_cli.conversion.table import Table
    from mlserve_cli.conversion.translator import Score, Transform, Translator


def _gradient_raw(translator: "Translator", estimator: Any, table: "Table") -> "Tensor":
    x = as_float32(table.real())
    outputs = estimator.estimators_.shape[1]
    if estimator.init_ != "zero" and type(estimator.init_).__name__ not in (
        "DummyClassifier",
        "DummyRegressor",
    ):
        raise translator.unsupported(
            f"{type(estimator).__name__} starts from its init estimator "
            f"{type(estimator.init_).__name__}, which has no ONNX form here."
        )
    nowhere = np.zeros((1, estimator.n_features_in_), dtype=np.float32)
    start = estimator._raw_predict_init(nowhere)[0]
    trees = [stump(float(value), output) for output, value in enumerate(start)]
    for stage in estimator.estimators_:
        for output, member in enumerate(stage):
            weights = estimator.learning_rate * member.tree_.value[:, 0, 0]
            trees.append(Weighted(tree_of(member), weights, output))
    return tree_sum(x, trees, outputs)


def _gradient_regressor(translator: "Translator", estimator: Any, table: "Table") -> Scores:
    return Scores(labels=_gradient_raw(translator, estimator, table))


def _gradient_classifier(translator: "Translator", estimator: Any, table: "Table") -> Scores:
    raw = _gradient_raw(translator, estimator, table)
    if len(estimator.classes_) > 2:
        return classified(
            estimator.classes_, raw.argmax(), probabilities=softmax(raw), decision=raw
        )
    scale = 2.0 if estimator.loss == "exponential" else 1.0
    return classified(
        estimator.classes_,
        (raw >= 0.0).cast(Kind.INT64).reshape([-1]),
        probabilities=sigmoid_pair(raw * scale if scale != 1.0 else raw),
        decision=raw,
    )


def _histogram_raw(translator: "Translator", estimator: Any, table: "Table") -> "Tensor":
    # With categorical columns the estimator encodes them and puts them first.
    if getattr(estimator, "_preprocessor", None) is not None:
        with translator.step("categories"):
            table = translator.transform(estimator._preprocessor, table)
    baseline = np.ravel(estimator._baseline_prediction)
    trees = [stump(float(value), output) for output, value in enumerate(baseline)]
    for stage in estimator._predictors:
        for output, predictor in enumerate(stage):
            trees.append(Weighted(_histogram_tree(predictor), predictor.nodes["value"], output))
    return tree_sum(table.real(), trees, len(baseline))


def _histogram_tree(predictor: Any) -> Tree:
    nodes = predictor.nodes
    leaf = nodes["is_leaf"].astype(bool)
    members = {
        int(node): _bits(predictor.raw_left_cat_bitsets[nodes["bitset_idx"][node]])
        for node in np.flatnonzero(nodes["is_categorical"].astype(bool) & ~leaf)
    }
    return Tree(
        nodes["feature_idx"].astype(np.int64),
        nodes["num_threshold"],
        np.where(leaf, -1, nodes["left"].astype(np.int64)),
        np.where(leaf, -1, nodes["right"].astype(np.int64)),
        nodes["missing_go_to_left"].astype(bool),
        members,
    )


def _bits(bitset: "NDArray[np.uint32]") -> "NDArray[np.float64]":
    octets = np.ascontiguousarray(bitset, dtype="<u4").view(np.uint8)
    members = np.flatnonzero(np.unpackbits(octets, bitorder="little")).astype(np.float64)
    # A set must not be empty; no category has a negative number.
    return members if members.size else np.array([-1.0])


def _histogram_regressor(translator: "Translator", estimator: Any, table: "Table") -> Scores:
    raw = _histogram_raw(translator, estimator, table)
    link = type(estimator._loss.link).__name__
    if link not in ("IdentityLink", "LogLink"):
        raise translator.unsupported(f"The link {link} of the loss has no ONNX form here.")
    return Scores(labels=raw.apply("Exp") if link == "LogLink" else raw)


def _histogram_classifier(translator: "Translator", estimator: Any, table: "Table") -> Scores:
    raw = _histogram_raw(translator, estimator, table)
    binary = len(estimator.classes_) == 2
    index = (raw > 0.0).cast(Kind.INT64).reshape([-1]) if binary else raw.argmax()
    probabilities = sigmoid_pair(raw) if binary else softmax(raw)
    return classified(estimator.classes_, index, probabilities=probabilities, decision=raw)


TRANSFORMS: "dict[str, Transform]" = {}
SCORES: "dict[str, Score]" = {
    "sklearn.GradientBoostingClassifier": _gradient_classifier,
    "sklearn.GradientBoostingRegressor": _gradient_regressor,
    "sklearn.HistGradientBoostingClassifier": _histogram_classifier,
    "sklearn.HistGradientBoostingRegressor": _histogram_regressor,
}
