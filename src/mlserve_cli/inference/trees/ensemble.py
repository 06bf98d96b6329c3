"""The trees of a `TreeEnsemble` node as arrays, and where their leaves stand."""

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import AttributeProto, TensorProto, helper, numpy_helper

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from onnx import NodeProto


class Mode(IntEnum):
    """When a value goes to the true side of a node, by ONNX's number.

    Nodes that look whether a value is in a set are left to ONNX Runtime, which cuts off what is
    behind the decimal point for some sets, and not for others.
    """

    LESS_OR_EQUAL = 0
    LESS = 1


@dataclass(frozen=True, slots=True)
class Trees:
    """An ensemble of trees.

    Attributes:
        roots: Number of the first node of each tree.
        feature: Column that a node compares.
        split: What it compares with.
        mode: How, one of `Mode`.
        missing_true: Whether missing values go to its true side.
        child: Node or leaf on its true and on its false side, shape `(2, nodes)`.
        is_leaf: Which of the two it is, shape `(2, nodes)`.
        weight: What a leaf adds, in the type in which weights are added up.
        target: Column of the result that it is added to.
        targets: How many columns the result has.
    """

    roots: "NDArray[np.int64]"
    feature: "NDArray[np.int64]"
    split: "NDArray[np.float64]"
    mode: "NDArray[np.uint8]"
    missing_true: "NDArray[np.bool_]"
    child: "NDArray[np.int64]"
    is_leaf: "NDArray[np.bool_]"
    weight: "NDArray[np.floating[Any]]"
    target: "NDArray[np.int64]"
    targets: int

    @classmethod
    def of_node(cls, node: "NodeProto") -> "Trees":
        """The trees of a `TreeEnsemble`.

        Raises:
            ValueError: It compares with a set, or otherwise than our own converter's.
        """
        attributes = {entry.name: _value(entry) for entry in node.attribute}
        mode = attributes["nodes_modes"]
        sums = attributes.get("aggregate_function", 1) == 1
        if not sums or attributes.get("post_transform", 0) or not np.isin(mode, list(Mode)).all():
            raise ValueError(f"The trees of {node.name} compare or add up in another way.")
        splits = attributes["nodes_splits"].astype(np.float64)
        # No value is below, and none is the last one below.
        if np.isnan(splits).any() or (np.isneginf(splits) & (mode == Mode.LESS)).any():
            raise ValueError(f"The trees of {node.name} compare with what has no order.")
        feature = attributes["nodes_featureids"]
        sides = ("true", "false")
        return cls(
            roots=attributes["tree_roots"],
            feature=feature,
            split=splits,
            mode=mode,
            missing_true=np.asarray(
                attributes.get("nodes_missing_value_tracks_true", np.zeros(feature.size)), np.bool_
            ),
            child=np.array([attributes[f"nodes_{side}nodeids"] for side in sides]),
            is_leaf=np.array([attributes[f"nodes_{side}leafs"] for side in sides], np.bool_),
            weight=attributes["leaf_weights"],
            target=attributes["leaf_targetids"],
            targets=attributes["n_targets"],
        )

    def levels(self) -> "Iterator[NDArray[np.int64]]":
        """The nodes by their distance from the root."""
        level = self.roots
        while level.size:
            yield level
            level = self.child[:, level][~self.is_leaf[:, level]]


def _value(attribute: "AttributeProto") -> Any:
    if attribute.type == AttributeProto.INTS:
        # A list of large trees would take many times the memory.
        return np.fromiter(attribute.ints, np.int64, len(attribute.ints))
    value = helper.get_attribute_value(attribute)
    return numpy_helper.to_array(value) if isinstance(value, TensorProto) else value


class Places:
    """Where the nodes and leaves of an ensemble stand; the leaves of a tree count from the left.

    Attributes:
        leaves: How many leaves each tree has.
        leaf: Leaf at each place of each tree, shape `(trees, places)`; 0 beyond the last.
        tree: Tree of each node.
        first: First leaf below each node.
        middle: First leaf on its false side.
    """

    def __init__(self, trees: Trees) -> None:
        nodes = trees.feature.size
        levels = list(trees.levels())
        # Leaves below each side of a node, from the lowest nodes up.
        below = np.ones((2, nodes), np.int64)
        for level in reversed(levels):
            for side in range(2):
                inner = level[~trees.is_leaf[side, level]]
                below[side, inner] = below[:, trees.child[side, inner]].sum(axis=0)
        self.leaves = below[:, trees.roots].sum(axis=0)
        self.leaf = np.zeros((trees.roots.size, int(self.leaves.max())), np.int64)
        self.tree = np.zeros(nodes, np.int64)
        self.tree[trees.roots] = np.arange(trees.roots.size)
        self.first = np.zeros(nodes, np.int64)
        for level in levels:
            for side in range(2):
                start = self.first[level] + side * below[0, level]
                child, is_leaf, tree = (
                    trees.child[side, level], trees.is_leaf[side, level], self.tree[level]
                )  # fmt: skip
                self.leaf[tree[is_leaf], start[is_leaf]] = child[is_leaf]
                self.first[child[~is_leaf]] = start[~is_leaf]
                self.tree[child[~is_leaf]] = tree[~is_leaf]
        self.middle = self.first + below[0]

    def targets(self, trees: Trees) -> "NDArray[np.int64]":
        """The target of each tree.

        Raises:
            ValueError: The leaves of a tree have several.
        """
        targets = trees.target[self.leaf]
        known = np.arange(self.leaf.shape[1]) < self.leaves[:, None]
        if (known & (targets != targets[:, :1])).any():
            raise ValueError("The leaves of a tree add to several targets.")
        first: NDArray[np.int64] = targets[:, 0]
        return first
