"""Boosted trees of CatBoost, over numbers."""

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mlserve_cli.conversion.ensemble import Tree, Weighted, as_float32, leaf_sum, tree_sum
from mlserve_cli.conversion.graph import Kind
from mlserve_cli.conversion.labels import classified, from_probabilities, softmax, two_columns
from mlserve_cli.conversion.translator import Scores

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mlserve_cli.conversion.graph import Tensor
    from mlserve_cli.conversion.table import Table
    from mlserve_cli.conversion.translator import Score, Transform, Translator

# Losses whose predictions are the exponential of the raw score; those of the others are it.
_EXPONENTIAL = ("Poisson", "Tweedie")
_BINARY = ("Logloss", "CrossEntropy")
_REGRESSION = (
    "RMSE", "MAE", "Quantile", "MAPE", "LogLinQuantile", "Huber", "Lq", "Expectile", "MultiRMSE",
    "YetiRank", "PairLogit", "QueryRMSE", "YetiRankPairwise", "PairLogitPairwise",
)  # fmt: skip


def _regressor(translator: "Translator", estimator: Any, table: "Table") -> Scores:
    loss = _loss(estimator)
    if loss not in (*_REGRESSION, *_EXPONENTIAL):
        raise translator.unsupported(f"CatBoost's loss {loss} has no ONNX form here.")
    raw = _raw(translator, estimator, table)
    return Scores(labels=raw.apply("Exp") if loss in _EXPONENTIAL else raw)


def _classifier(translator: "Translator", estimator: Any, table: "Table") -> Scores:
    loss = _loss(estimator)
    if loss in _BINARY and estimator.get_probability_threshold() not in (None, 0.5):
        raise translator.unsupported("A probability threshold other than 0.5 has no ONNX form.")
    if loss not in (*_BINARY, "MultiClass", "MultiClassOneVsAll"):
        raise translator.unsupported(f"CatBoost's loss {loss} has no ONNX form here.")
    raw = _raw(translator, estimator, table)
    if loss in _BINARY:
        index = (raw > 0.0).cast(Kind.INT64).reshape([-1])
        probabilities = two_columns(raw.apply("Sigmoid"))
        return classified(estimator.classes_, index, probabilities=probabilities)
    if loss == "MultiClassOneVsAll":
        return classified(estimator.classes_, raw.argmax(), probabilities=raw.apply("Sigmoid"))
    return from_probabilities(estimator.classes_, softmax(raw))


def _loss(estimator: Any) -> str:
    return str(estimator.get_all_params()["loss_function"]).partition(":")[0]


def _raw(translator: "Translator", estimator: Any, table: "Table") -> "Tensor":
    model = _model(estimator)
    kinds = [name for name in model["features_info"] if name != "float_features"]
    if kinds:
        raise translator.unsupported(
            f"CatBoost's {kinds[0].replace('_', ' ')} have no ONNX form here, only its numbers."
        )
    columns = {one["feature_index"]: one for one in model["features_info"]["float_features"]}
    scale, bias = model["scale_and_bias"]
    if "oblivious_trees" in model:
        found = [_oblivious(tree, columns) for tree in model["oblivious_trees"]]
    else:
        found = [_nested(tree, columns) for tree in model["trees"]]
    x = as_float32(table.real())
    if found[0][1].shape[1] == 1:
        total = tree_sum(x, [Weighted(tree, values[:, 0]) for tree, values in found])
    else:
        total = leaf_sum(x, [tree for tree, _ in found], [values for _, values in found])
    return total * float(scale) + np.array(bias, dtype=np.float64)


def _model(estimator: Any) -> "dict[str, Any]":
    # There is no other way to get at the trees than a file.
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.json"
        estimator.save_model(str(path), format="json")
        model: dict[str, Any] = json.loads(path.read_text())
    return model


def _oblivious(
    tree: "dict[str, Any]", columns: "dict[int, Any]"
) -> "tuple[Tree, NDArray[np.float64]]":
    """A tree whose nodes of one level all compare the same, written out; level 0 comes last."""
    splits = tree["splits"] or []
    depth = len(splits)
    inner, leaves = 2**depth - 1, 2**depth
    numbers = np.arange(inner + leaves)
    levels = np.floor(np.log2(numbers[:inner] + 1)).astype(np.int64)
    order = splits[::-1]
    left = np.where(numbers < inner, 2 * numbers + 1, -1)
    shape = _shape([order[level] for level in levels], left, left + 1, columns)
    values = np.array(tree["leaf_values"], dtype=np.float64).reshape(leaves, -1)
    return shape, np.vstack([np.zeros((inner, values.shape[1])), values])


def _nested(
    root: "dict[str, Any]", columns: "dict[int, Any]"
) -> "tuple[Tree, NDArray[np.float64]]":
    nodes = [root]
    left, right = [], []
    for node in nodes:
        inner = "split" in node
        left.append(len(nodes) if inner else -1)
        right.append(len(nodes) + 1 if inner else -1)
        if inner:
            nodes += [node["left"], node["right"]]
    splits = [node.get("split") for node in nodes]
    width = max(np.size(node.get("value", 0.0)) for node in nodes)
    values = [np.ravel(node.get("value", np.zeros(width))) for node in nodes]
    shape = _shape(splits, np.array(left), np.array(right), columns)
    return shape, np.array(values, dtype=np.float64)


def _shape(
    splits: "list[Any]",
    left: "NDArray[np.int64]",
    right: "NDArray[np.int64]",
    columns: "dict[int, Any]",
) -> Tree:
    feature = np.zeros(len(left), dtype=np.int64)
    threshold = np.zeros(len(left))
    missing = np.ones(len(left), dtype=bool)
    for node, split in enumerate(splits):
        if split is not None:
            column = columns[split["float_feature_index"]]
            feature[node] = column["flat_feature_index"]
            threshold[node] = np.float32(split["border"])
            # What is greater than the border goes right; a missing value is greater than all or
            # than none.
            missing[node] = column["nan_value_treatment"] != "AsTrue"
    return Tree(feature, threshold, left, np.where(left < 0, -1, right), missing)


TRANSFORMS: "dict[str, Transform]" = {}
SCORES: "dict[str, Score]" = {
    "catboost.CatBoostClassifier": _classifier,
    "catboost.CatBoostRegressor": _regressor,
    "catboost.CatBoostRanker": _regressor,
}
