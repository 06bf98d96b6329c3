"""Decision trees, forests and isolation forests of scikit-learn."""

from typing import TYPE_CHECKING, Any

import numpy as np

from mlserve_cli.conversion.ensemble import (
    Tree,
    Weighted,
    as_float32,
    leaf_numbers,
    leaf_sum,
    leaf_values,
    tree_sum,
)
from mlserve_cli.conversion.graph import Kind
from mlserve_cli.conversion.labels import from_probabilities, label_constant
from mlserve_cli.conversion.table import Table
from mlserve_cli.conversion.translator import Scores

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from mlserve_cli.conversion.graph import Tensor
    from mlserve_cli.conversion.translator import Score, Transform, Translator


def tree_of(estimator: Any, features: "NDArray[np.int64] | None" = None) -> Tree:
    """The tree of a fitted DecisionTree or ExtraTree.

    Args:
        estimator: The fitted tree.
        features: Columns of the whole input that the tree was given, if not all of them.
    """
    nodes = estimator.tree_
    feature = nodes.feature if features is None else np.asarray(features)[nodes.feature]
    return Tree(
        feature,
        nodes.threshold,
        nodes.children_left,
        nodes.children_right,
        nodes.missing_go_to_left.astype(bool),
    )


def _regressor(_: "Translator", estimator: Any, table: Table) -> Scores:
    # Trees round their inputs.
    x = table.real().cast(Kind.FLOAT32)
    members = _members(estimator)
    trees = [tree_of(member) for member in members]
    values = [member.tree_.value[:, :, 0] for member in members]
    if estimator.n_outputs_ == 1:
        weighted = [Weighted(tree, value[:, 0]) for tree, value in zip(trees, values, strict=True)]
        total = tree_sum(x.cast(Kind.REAL), weighted)
    else:
        total = leaf_sum(x, trees, values)
    return Scores(labels=total / float(len(members)) if len(members) > 1 else total)


def _classifier(_: "Translator", estimator: Any, table: Table) -> Scores:
    x = table.real().cast(Kind.FLOAT32)
    members = _members(estimator)
    trees = [tree_of(member) for member in members]
    counts = np.atleast_1d(estimator.n_classes_)
    # The values of several outputs stand side by side, those of each padded to the widest.
    values = [member.tree_.value.reshape(len(member.tree_.value), -1) for member in members]
    if len(members) == 1:
        total = leaf_values(x, trees, values).reshape([-1, values[0].shape[1]])
    else:
        total = leaf_sum(x, trees, values) / float(len(members))
    if estimator.n_outputs_ == 1:
        return from_probabilities(estimator.classes_, total)
    widest = int(counts.max())
    several = tuple(
        total.columns(output * widest, output * widest + int(count))
        for output, count in enumerate(counts)
    )
    return _several(estimator.classes_, several)


def _several(classes: "Sequence[Any]", several: "tuple[Tensor, ...]") -> Scores:
    labels = [
        label_constant(one.graph, values).gather(one.argmax()).reshape([-1, 1])
        for values, one in zip(classes, several, strict=True)
    ]
    return Scores(labels=several[0].graph.concatenate(labels), several=several)


def _members(estimator: Any) -> "list[Any]":
    return list(getattr(estimator, "estimators_", [estimator]))


def _isolation_forest(_: "Translator", estimator: Any, table: Table) -> Scores:
    x = as_float32(table.real())
    weighted = []
    for member, features in zip(estimator.estimators_, estimator.estimators_features_, strict=True):
        tree = tree_of(member, features)
        # In the order in which scikit-learn adds them, so that not a bit differs.
        depth = _depths(tree) + 1.0 + _path_length(member.tree_.n_node_samples) - 1.0
        weighted.append(Weighted(tree, depth))
    longest = len(estimator.estimators_) * float(
        _path_length(np.array([estimator._max_samples]))[0]
    )
    depths = tree_sum(x, weighted)
    ratio = depths / longest if longest else depths * 0.0 + 1.0
    scores = -(2.0 ** (-ratio))
    decision = scores - estimator.offset_
    graph = x.graph
    inlier, outlier = graph.constant([1], Kind.INT64), graph.constant([-1], Kind.INT64)
    return Scores(labels=(decision < 0.0).where(outlier, inlier).reshape([-1]), decision=decision)


def _depths(tree: Tree) -> "NDArray[np.float64]":
    depth = np.zeros(len(tree.left))
    for node in np.flatnonzero(~tree.is_leaf):
        depth[[tree.left[node], tree.right[node]]] = depth[node] + 1.0
    return depth


def _path_length(samples: "NDArray[Any]") -> "NDArray[np.float64]":
    """Average depth of an unsuccessful search in a tree of so many samples.

    Liu, Ting and Zhou, "Isolation forest", 2008, equation 1.
    """
    count = np.maximum(np.asarray(samples, dtype=np.float64), 2.0)
    many = 2.0 * (np.log(np.maximum(count - 1.0, 1.0)) + np.euler_gamma)
    length = many - 2.0 * (count - 1.0) / count
    return np.where(samples <= 1, 0.0, np.where(samples == 2, 1.0, length))


def _embedding(translator: "Translator", estimator: Any, table: Table) -> Table:
    x = as_float32(table.real())
    trees = [tree_of(member) for member in estimator.estimators_]
    weighted, nodes = leaf_numbers(trees, [np.arange(len(tree.left)) for tree in trees])
    numbers = tree_sum(x, weighted, len(trees)).cast(Kind.INT64)
    # The encoder was fitted on the numbers of the nodes that the training rows ended in.
    parts = []
    start = 0
    for position, (tree, known) in enumerate(
        zip(trees, estimator.one_hot_encoder_.categories_, strict=True)
    ):
        stop = start + int(tree.is_leaf.sum())
        wanted = start + np.searchsorted(nodes[start:stop], known)
        parts.append(numbers.columns(position, position + 1).equals(wanted[None, :]))
        start = stop
    joined = translator.graph.concatenate(parts)
    return Table.of(joined.cast(Kind.REAL), sum(map(len, estimator.one_hot_encoder_.categories_)))


_REGRESSORS = (
    "DecisionTreeRegressor", "ExtraTreeRegressor", "RandomForestRegressor", "ExtraTreesRegressor",
)  # fmt: skip
_CLASSIFIERS = (
    "DecisionTreeClassifier", "ExtraTreeClassifier", "RandomForestClassifier",
    "ExtraTreesClassifier",
)  # fmt: skip

TRANSFORMS: "dict[str, Transform]" = {"sklearn.RandomTreesEmbedding": _embedding}
SCORES: "dict[str, Score]" = {
    **{f"sklearn.{name}": _regressor for name in _REGRESSORS},
    **{f"sklearn.{name}": _classifier for name in _CLASSIFIERS},
    "sklearn.IsolationForest": _isolation_forest,
}
