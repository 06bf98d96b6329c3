"""The trees of a `TreeEnsemble` node as arrays, and where their leaves stand."""

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import AttributeProto, NodeProto, TensorProto, helper, numpy_helper

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

# What a node of the graph that adds weights up says besides its trees.
_SUM = 1
_SIDES = ("true", "false")


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
            ValueError: It compares with a set, or otherwise than our own converter's, or its nodes
                are no trees.
        """
        attributes = {entry.name: _value(entry) for entry in node.attribute}
        mode = attributes["nodes_modes"]
        sums = attributes.get("aggregate_function", _SUM) == _SUM
        if not sums or attributes.get("post_transform", 0) or not np.isin(mode, list(Mode)).all():
            raise ValueError(f"The trees of {node.name} compare or add up in another way.")
        splits = attributes["nodes_splits"].astype(np.float64)
        # No value is below, and none is the last one below.
        if np.isnan(splits).any() or (np.isneginf(splits) & (mode == Mode.LESS)).any():
            raise ValueError(f"The trees of {node.name} compare with what has no order.")
        feature = attributes["nodes_featureids"]
        found = cls(
            roots=attributes["tree_roots"],
            feature=feature,
            split=splits,
            mode=mode,
            missing_true=np.asarray(
                attributes.get("nodes_missing_value_tracks_true", np.zeros(feature.size)), np.bool_
            ),
            child=np.array([attributes[f"nodes_{side}nodeids"] for side in _SIDES]),
            is_leaf=np.array([attributes[f"nodes_{side}leafs"] for side in _SIDES], np.bool_),
            weight=attributes["leaf_weights"],
            target=attributes["leaf_targetids"],
            targets=attributes["n_targets"],
        )
        if not found._are_trees():
            raise ValueError(f"The nodes of {node.name} are not those of trees.")
        return found

    def _are_trees(self) -> bool:
        """Whether each node and leaf is there, and each node is reached in one way at most."""
        nodes, leaves = self.feature.size, self.weight.size
        if len({nodes, self.split.size, self.mode.size, self.missing_true.size}) > 1:
            return False
        if self.child.shape != (2, nodes) or self.target.size != leaves:
            return False
        reached = np.concatenate((self.roots, self.child[~self.is_leaf]))
        bounds = [
            (self.feature, np.iinfo(np.int64).max),
            (reached, nodes),
            (self.child[self.is_leaf], leaves),
            (self.target, self.targets),
        ]
        if any(((values < 0) | (values >= bound)).any() for values, bound in bounds):
            return False
        return bool(self.roots.size) and bool((np.bincount(reached) <= 1).all())

    def levels(self) -> "Iterator[NDArray[np.int64]]":
        """The nodes by their distance from the root."""
        level = self.roots
        while level.size:
            yield level
            level = self.child[:, level][~self.is_leaf[:, level]]

    def apart(self) -> "list[Trees]":
        """Each tree by itself.

        Raises:
            ValueError: Their nodes or leaves are not one after the other.
        """
        nodes = np.append(self.roots, self.feature.size)
        last = np.where(self.is_leaf, self.child, 0).max(axis=0)
        first = np.where(self.is_leaf, self.child, self.weight.size).min(axis=0)
        if nodes[0] or (np.diff(nodes) < 1).any():
            raise ValueError("The nodes of the trees are not one after the other.")
        leaves = np.append(np.minimum.reduceat(first, self.roots), self.weight.size)
        if leaves[0] or (np.maximum.reduceat(last, self.roots) != leaves[1:] - 1).any():
            raise ValueError("The leaves of the trees are not one after the other.")
        return [
            self._part(slice(*nodes[k : k + 2].tolist()), slice(*leaves[k : k + 2].tolist()))
            for k in range(self.roots.size)
        ]

    def _part(self, nodes: slice, leaves: slice) -> "Trees":
        is_leaf = self.is_leaf[:, nodes]
        return Trees(
            roots=np.zeros(1, np.int64),
            feature=self.feature[nodes],
            split=self.split[nodes],
            mode=self.mode[nodes],
            missing_true=self.missing_true[nodes],
            child=self.child[:, nodes] - np.where(is_leaf, leaves.start, nodes.start),
            is_leaf=is_leaf,
            weight=self.weight[leaves],
            target=self.target[leaves],
            targets=self.targets,
        )

    def to_node(self, source: str, result: str, domain: str) -> NodeProto:
        """A `TreeEnsemble` of these trees.

        Args:
            source: Name of the values that they compare.
            result: Name of the sums of weights.
            domain: Where ONNX has the operator.
        """
        integers = {
            "tree_roots": self.roots,
            "nodes_featureids": self.feature,
            "nodes_missing_value_tracks_true": self.missing_true.astype(np.int64),
            "leaf_targetids": self.target,
        }
        for side, child, is_leaf in zip(_SIDES, self.child, self.is_leaf, strict=True):
            integers[f"nodes_{side}nodeids"] = child
            integers[f"nodes_{side}leafs"] = is_leaf.astype(np.int64)
        tensors = {
            "nodes_splits": self.split.astype(self.weight.dtype),
            "nodes_modes": self.mode,
            "leaf_weights": self.weight,
        }
        node = helper.make_node(
            "TreeEnsemble", [source], [result], domain=domain,
            n_targets=self.targets, aggregate_function=_SUM, post_transform=0,
            **{name: numpy_helper.from_array(values) for name, values in tensors.items()},
        )  # fmt: skip
        # To let onnx find out that a list is of integers takes longer than all else.
        node.attribute.extend(
            AttributeProto(name=name, type=AttributeProto.INTS, ints=values.tolist())
            for name, values in integers.items()
        )
        return node


def _value(attribute: "AttributeProto") -> Any:
    if attribute.type == AttributeProto.INTS:
        # A list of large trees would take many times the memory.
        return np.fromiter(attribute.ints, np.int64, len(attribute.ints))
    value = helper.get_attribute_value(attribute)
    return numpy_helper.to_array(value) if isinstance(value, TensorProto) else value


class Places:
    """Where the nodes and leaves of an ensemble stand; the leaves of a tree count from the left.

    Args:
        trees: The ensemble.
        most_leaves: How many leaves a tree may have.

    Raises:
        ValueError: One has more.

    Attributes:
        leaves: How many leaves each tree has.
        leaf: Leaf at each place of each tree, shape `(trees, places)`; 0 beyond the last.
        tree: Tree of each node.
        first: First leaf below each node.
        middle: First leaf on its false side.
    """

    def __init__(self, trees: Trees, most_leaves: int) -> None:
        nodes = trees.feature.size
        levels = list(trees.levels())
        # Leaves below each side of a node, from the lowest nodes up.
        below = np.ones((2, nodes), np.int64)
        for level in reversed(levels):
            for side in range(2):
                inner = level[~trees.is_leaf[side, level]]
                below[side, inner] = below[:, trees.child[side, inner]].sum(axis=0)
        self.leaves = below[:, trees.roots].sum(axis=0)
        # Of all trees, most may be small.
        if (most := int(self.leaves.max())) > most_leaves:
            raise ValueError(f"A tree has {most:,} leaves; {most_leaves} are the most.")
        self.leaf = np.zeros((trees.roots.size, most), np.int64)
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
