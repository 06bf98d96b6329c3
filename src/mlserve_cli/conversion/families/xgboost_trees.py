"""Boosted trees and forests of XGBoost's scikit-learn interface."""

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from mlserve_cli.conversion.ensemble import Tree, Weighted, stump, tree_sum
from mlserve_cli.conversion.families.encoders import lookup
from mlserve_cli.conversion.graph import Kind
from mlserve_cli.conversion.labels import classified, from_probabilities, softmax, two_columns
from mlserve_cli.conversion.table import Table
from mlserve_cli.conversion.translator import Scores

if TYPE_CHECKING:
    from mlserve_cli.conversion.graph import Tensor
    from mlserve_cli.conversion.translator import Score, Transform, Translator

_IDENTITY = (
    "reg:squarederror", "reg:absoluteerror", "reg:pseudohubererror", "reg:quantileerror",
    "reg:squaredlogerror", "rank:pairwise", "rank:ndcg", "rank:map", "binary:logitraw",
)  # fmt: skip
_LOGISTIC = ("binary:logistic", "reg:logistic")
_EXPONENTIAL = ("count:poisson", "reg:gamma", "reg:tweedie", "survival:cox", "survival:aft")


def _regressor(translator: "Translator", estimator: Any, table: Table) -> Scores:
    learner = _learner(translator, estimator)
    raw = _raw(translator, estimator, learner, table)
    objective = learner["objective"]["name"]
    if objective in _LOGISTIC:
        return Scores(labels=_single(raw.apply("Sigmoid")))
    return Scores(labels=_single(raw.apply("Exp") if objective in _EXPONENTIAL else raw))


def _classifier(translator: "Translator", estimator: Any, table: Table) -> Scores:
    learner = _learner(translator, estimator)
    raw = _raw(translator, estimator, learner, table)
    objective = learner["objective"]["name"]
    if objective.startswith("multi:"):
        return from_probabilities(estimator.classes_, _single(softmax(raw)))
    if objective != "binary:logistic" or int(learner["learner_model_param"]["num_target"]) > 1:
        raise translator.unsupported(f"A classifier of {objective} has no ONNX form here.")
    # Compared in single precision, where a tiny score still gives one half.
    positive = _single(raw.apply("Sigmoid"))
    index = (positive > 0.5).cast(Kind.INT64).reshape([-1])
    return classified(estimator.classes_, index, probabilities=two_columns(positive))


def _learner(translator: "Translator", estimator: Any) -> "dict[str, Any]":
    learner: dict[str, Any] = json.loads(estimator.get_booster().save_raw("json"))["learner"]
    objective, kind = learner["objective"]["name"], learner["gradient_booster"]["name"]
    if kind not in ("gbtree", "dart"):
        raise translator.unsupported(f"Only trees of XGBoost are converted, and this is {kind}.")
    if objective not in (*_IDENTITY, *_LOGISTIC, *_EXPONENTIAL, "multi:softprob"):
        raise translator.unsupported(f"XGBoost's objective {objective} has no ONNX form here.")
    return learner


def _raw(
    translator: "Translator", estimator: Any, learner: "dict[str, Any]", table: Table
) -> "Tensor":
    booster = learner["gradient_booster"]
    weights = booster.get("weight_drop")
    model = booster["gbtree"]["model"] if "gbtree" in booster else booster["model"]
    objective = learner["objective"]["name"]
    base = [_margin(objective, value) for value in _numbers(learner)]
    targets = max(len(base), max(model["tree_info"], default=0) + 1)
    base = base if len(base) == targets else base * targets
    trees = [stump(value, target) for target, value in enumerate(base)]
    for number in range(_used(estimator, model)):
        tree, target = model["trees"][number], model["tree_info"][number]
        if int(tree["tree_param"]["size_leaf_vector"]) > 1:
            raise translator.unsupported("Trees with several values in a leaf have no ONNX form.")
        weight = 1.0 if weights is None else float(np.float32(weights[number]))
        trees.append(_weighted(tree, target, weight))
    # XGBoost adds up in single precision, in this order.
    x = _inputs(translator, estimator, learner, table).cast(Kind.FLOAT32)
    return tree_sum(x, trees, targets).cast(Kind.REAL)


def _numbers(learner: "dict[str, Any]") -> "list[float]":
    # One number before XGBoost 3.1, a list of them since.
    found = json.loads(learner["learner_model_param"]["base_score"])
    return [float(np.float32(one)) for one in (found if isinstance(found, list) else [found])]


def _margin(objective: str, base: float) -> float:
    if objective in _LOGISTIC:
        return float(np.float32(-np.log(1.0 / base - 1.0)))
    return float(np.float32(np.log(base))) if objective in _EXPONENTIAL else base


def _used(estimator: Any, model: "dict[str, Any]") -> int:
    """Trees up to the best iteration, after which early stopping leaves some over."""
    try:
        best = int(estimator.best_iteration)
    except AttributeError:
        return len(model["trees"])
    return int(model["iteration_indptr"][best + 1])


def _weighted(tree: "dict[str, Any]", target: int, weight: float) -> Weighted:
    left, right = np.array(tree["left_children"]), np.array(tree["right_children"])
    values = np.array(tree["split_conditions"], dtype=np.float32).astype(np.float64)
    missing = np.array(tree["default_left"]).astype(bool)
    members: dict[int, Any] = {}
    segments = zip(
        tree["categories_nodes"], tree["categories_segments"], tree["categories_sizes"], strict=True
    )
    for node, start, size in segments:
        # Categories of the set go to the right; the sides change places.
        members[int(node)] = np.array(tree["categories"][start : start + size], dtype=np.float64)
        left[node], right[node] = right[node], left[node]
        missing[node] = not missing[node]
    shape = Tree(
        np.array(tree["split_indices"]), values, left, right, missing, members, strict=True
    )
    return Weighted(shape, values * weight, target)


def _inputs(
    translator: "Translator", estimator: Any, learner: "dict[str, Any]", table: Table
) -> "Tensor":
    kinds = learner["feature_types"] or ["float"] * table.width
    if "c" in kinds:
        table = _coded(translator, estimator, kinds, table)
    x = table.real().cast(Kind.FLOAT32)
    missing = estimator.missing
    if missing is None or np.isnan(missing):
        return x
    return x.equals(float(missing)).where(x * 0.0 + np.nan, x)


def _coded(translator: "Translator", estimator: Any, kinds: "list[str]", table: Table) -> Table:
    booster = estimator.get_booster()
    if not hasattr(booster, "get_categories"):
        raise translator.unsupported("Categories are kept by XGBoost from version 3.1 on only.")
    known = booster.get_categories(export_to_arrow=True).to_arrow()
    parts = []
    for position, kind in enumerate(kinds):
        column = table.column(position)
        if kind == "c":
            categories = known[position][1].to_pylist()
            codes = lookup(translator, column, categories, np.arange(len(categories)), -1)
            number = codes.cast(Kind.REAL)
            column = (codes < 0).where(number * np.nan, number)
        parts.append(Table.of(column.cast(Kind.REAL), 1))
    return Table.concatenate(parts)


def _single(values: "Tensor") -> "Tensor":
    return values.cast(Kind.FLOAT32).cast(Kind.REAL)


TRANSFORMS: "dict[str, Transform]" = {}
SCORES: "dict[str, Score]" = {
    "xgboost.XGBClassifier": _classifier,
    "xgboost.XGBRFClassifier": _classifier,
    "xgboost.XGBRegressor": _regressor,
    "xgboost.XGBRFRegressor": _regressor,
    "xgboost.XGBRanker": _regressor,
}
