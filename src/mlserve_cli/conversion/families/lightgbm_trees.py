"""Boosted trees and forests of LightGBM's scikit-learn interface."""

from typing import TYPE_CHECKING, Any

import numpy as np

from mlserve_cli.conversion.ensemble import Tree, Weighted, tree_sum
from mlserve_cli.conversion.families.encoders import lookup
from mlserve_cli.conversion.graph import Kind
from mlserve_cli.conversion.labels import from_probabilities, softmax, two_columns
from mlserve_cli.conversion.table import Table
from mlserve_cli.conversion.translator import Scores

if TYPE_CHECKING:
    from mlserve_cli.conversion.graph import Tensor
    from mlserve_cli.conversion.translator import Score, Transform, Translator

_IDENTITY = (
    "regression", "regression_l1", "huber", "fair", "quantile", "mape", "lambdarank", "rank_xendcg",
)  # fmt: skip
_EXPONENTIAL = ("poisson", "gamma", "tweedie")


def _regressor(translator: "Translator", estimator: Any, table: Table) -> Scores:
    raw, name, settings = _raw(translator, estimator, table)
    if name in _EXPONENTIAL:
        return Scores(labels=raw.apply("Exp"))
    if name in ("cross_entropy", "binary"):
        return Scores(labels=_logistic(raw, settings))
    if name not in _IDENTITY:
        raise translator.unsupported(f"LightGBM's objective {name} has no ONNX form here.")
    if "sqrt" in settings:
        return Scores(labels=raw.apply("Sign") * raw * raw)
    return Scores(labels=raw)


def _classifier(translator: "Translator", estimator: Any, table: Table) -> Scores:
    raw, name, settings = _raw(translator, estimator, table)
    if name in ("binary", "cross_entropy"):
        return from_probabilities(estimator.classes_, two_columns(_logistic(raw, settings)))
    if name == "multiclassova":
        return from_probabilities(estimator.classes_, _logistic(raw, settings))
    if name != "multiclass":
        raise translator.unsupported(f"LightGBM's objective {name} has no ONNX form here.")
    return from_probabilities(estimator.classes_, softmax(raw))


def _logistic(raw: "Tensor", settings: "list[str]") -> "Tensor":
    steepness = next((one.partition(":")[2] for one in settings if one.startswith("sigmoid:")), "1")
    return (raw * float(steepness)).apply("Sigmoid")


def _raw(translator: "Translator", estimator: Any, table: Table) -> "tuple[Tensor, str, list[str]]":
    """Raw scores, and the name and the settings of the objective."""
    model = estimator.booster_.dump_model()
    count = int(model["num_tree_per_iteration"])
    trees = [
        _weighted(translator, tree["tree_structure"], number % count)
        for number, tree in enumerate(model["tree_info"])
    ]
    x = _inputs(translator, model, table)
    raw = tree_sum(x, trees, count)
    if model["average_output"]:
        raw = raw / float(len(trees) // count)
    # A custom objective is not written down, and changes nothing of the raw scores.
    name, *settings = model.get("objective", "custom").split(" ")
    return raw, name, settings


def _weighted(translator: "Translator", root: "dict[str, Any]", target: int) -> Weighted:
    nodes: list[dict[str, Any]] = []
    links: list[tuple[int, int]] = []
    waiting = [(root, -1, 0)]
    while waiting:
        node, parent, side = waiting.pop()
        if parent >= 0:
            pair = links[parent]
            links[parent] = (len(nodes), pair[1]) if side == 0 else (pair[0], len(nodes))
        number = len(nodes)
        nodes.append(node)
        links.append((-1, -1))
        if "leaf_coeff" in node:
            raise translator.unsupported(
                "Trees with linear models in the leaves have no ONNX form."
            )
        if "left_child" in node:
            waiting += [(node["right_child"], number, 1), (node["left_child"], number, 0)]
    left, right = np.array(links).T
    members = {
        number: np.array([float(one) for one in node["threshold"].split("||")])
        for number, node in enumerate(nodes)
        if node.get("decision_type") == "=="
    }
    if any(node.get("missing_type") == "Zero" for node in nodes):
        raise translator.unsupported("Zeros that count as missing have no ONNX form here.")
    thresholds = [
        0.0 if number in members else float(node.get("threshold", 0.0))
        for number, node in enumerate(nodes)
    ]
    tree = Tree(
        np.array([node.get("split_feature", 0) for node in nodes]),
        np.array(thresholds),
        left,
        right,
        np.array([_missing_left(node) for node in nodes]),
        members,
    )
    weights = np.array([float(node.get("leaf_value", 0.0)) for node in nodes])
    return Weighted(tree, weights, target)


def _missing_left(node: "dict[str, Any]") -> bool:
    if "threshold" not in node:
        return False
    categorical = node["decision_type"] == "=="
    # Without missing values in training, one counts as 0.
    if node["missing_type"] == "None":
        threshold = node["threshold"]
        return "0" in threshold.split("||") if categorical else float(threshold) >= 0.0
    return not categorical and bool(node["default_left"])


def _inputs(translator: "Translator", model: "dict[str, Any]", table: Table) -> "Tensor":
    known = list(model["pandas_categorical"] or ())
    if not known:
        return table.real()
    # One list of categories for each categorical column, in the order of the columns.
    texts = [one for one in range(table.width) if table.column(one).kind is Kind.STRING]
    if len(texts) != len(known):
        raise translator.unsupported("Categories that are not text have no ONNX form here.")
    parts = []
    for position in range(table.width):
        column = table.column(position).cast(Kind.REAL) if position not in texts else None
        if column is None:
            categories = known[texts.index(position)]
            found = table.column(position)
            codes = lookup(translator, found, categories, np.arange(len(categories)), -1)
            number = codes.cast(Kind.REAL)
            column = (codes < 0).where(number * np.nan, number)
        parts.append(Table.of(column, 1))
    return Table.concatenate(parts).real()


TRANSFORMS: "dict[str, Transform]" = {}
SCORES: "dict[str, Score]" = {
    "lightgbm.LGBMClassifier": _classifier,
    "lightgbm.LGBMRegressor": _regressor,
    "lightgbm.LGBMRanker": _regressor,
}
