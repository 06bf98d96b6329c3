"""Decision trees as one `TreeEnsemble` node: nothing is rounded, every sum keeps its order."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import numpy_helper

from mlserve_cli.conversion.graph import ML_DOMAIN, Kind

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from mlserve_cli.conversion.graph import Tensor

_LESS_OR_EQUAL = 0
_LESS = 1
_MEMBER = 6
# Nodes that ONNX Runtime's own form of them, of 32 bytes, keeps in a usual second-level cache. It
# takes each row through all trees of a node of the graph. A forest regressor of 630,000 nodes took
# 371 ms for 10,000 rows as one node of the graph and 117 ms as ten of them (scikit-learn: 230 ms);
# one row took 9 and 13 microseconds. Smaller batches of rows change nothing.
_CACHED_NODES = 65_536
# Where every tree has a column of its own, a node of the graph with one tree writes it plainly, and
# one with several collects a row of columns for each row. A forest classifier of 440,000 nodes took
# 78 ms for 5,000 rows as seven nodes of the graph and 53 ms as one per tree; 32 rows took the same,
# and one row 0.13 and 0.19 ms. Trees of 60 nodes each are best left together.
_OWN_NODES = 4_096
# Votes are whole numbers, which may be added in any order. 5,000 rows of that forest took 55 ms as
# seven nodes of the graph, 48 ms as 34 and 43 ms as one per tree, one row 0.07, 0.08 and 0.14 ms.
_VOTING_NODES = 16_384

# Up to here single precision holds every whole number.
_WHOLE_NUMBERS = 2**24


@dataclass(frozen=True, slots=True)
class Tree:
    """One binary tree; arrays have one entry per node, node 0 is the root.

    Attributes:
        feature: Column that a node compares.
        threshold: Rows whose value is at most this go left.
        left: Left child; negative in a leaf.
        right: Right child.
        missing_left: Whether NaN goes left.
        members: Of nodes that test a category: the values that go left; empty elsewhere.
        strict: Whether values equal to the threshold go right.
    """

    feature: "NDArray[np.int64]"
    threshold: "NDArray[np.float64]"
    left: "NDArray[np.int64]"
    right: "NDArray[np.int64]"
    missing_left: "NDArray[np.bool_]"
    members: "dict[int, NDArray[np.float64]] | None" = None
    strict: bool = False

    @property
    def is_leaf(self) -> "NDArray[np.bool_]":
        """Which nodes are leaves."""
        return self.left < 0


@dataclass(frozen=True, slots=True)
class Weighted:
    """A tree whose leaves add a weight to one column of the result.

    Attributes:
        tree: The tree.
        weights: What each node adds if it is the leaf that a row ends in.
        target: Column of the result; where leaves differ in it, one for each node.
    """

    tree: Tree
    weights: "NDArray[np.float64]"
    target: "int | NDArray[np.int64]" = 0


def stump(weight: float, target: int = 0) -> Weighted:
    """A tree of one leaf: the same weight for every row."""
    nothing = np.array([-1])
    tree = Tree(nothing, np.array([0.0]), nothing, nothing, np.array([False]))
    return Weighted(tree, np.array([weight]), target)


def tree_sum(x: "Tensor", trees: "Sequence[Weighted]", targets: int = 1) -> "Tensor":
    """Adds up the trees' weights, shape `(rows, targets)`.

    Trees of the same target are added one after the other, as scikit-learn does, so that the
    result is the same to the last bit, unless there are so many that they are added in blocks.
    Values of FLOAT32 are compared and added up in single precision.
    """
    own = [tree.target for tree in trees if isinstance(tree.target, int)]
    if targets > 1 and own == list(range(targets)):
        columns = [
            [_own(tree, i) for i, tree in enumerate(one)] for one in _blocks(trees, _OWN_NODES)
        ]
        return x.graph.concatenate([_tree_sum(x, one, len(one)) for one in _told(x, columns)])
    return _added(x, _blocks(trees, _CACHED_NODES), targets)


def _added(x: "Tensor", blocks: "list[list[Weighted]]", targets: int) -> "Tensor":
    total, *others = (_tree_sum(x, block, targets) for block in _told(x, blocks))
    for part in others:
        total = total + part
    return total


def _told(x: "Tensor", blocks: "list[list[Weighted]]") -> "Iterator[list[Weighted]]":
    """The blocks; tells which trees are being written where there are several."""
    count, done = sum(map(len, blocks)), 0
    for block in blocks:
        if len(blocks) > 1:
            x.graph.tell(f"trees {done + 1:,} to {done + len(block):,} of {count:,}")
        done += len(block)
        yield block


def _own(tree: Weighted, target: int) -> Weighted:
    return Weighted(tree.tree, tree.weights, target)


def _blocks(trees: "Sequence[Weighted]", most_nodes: int) -> "list[list[Weighted]]":
    """Neighbouring trees of so many nodes together, or one that has more."""
    blocks: list[list[Weighted]] = [[]]
    nodes = 0
    for tree in trees:
        nodes += len(tree.weights)
        if blocks[-1] and nodes > most_nodes:
            blocks.append([])
            nodes = len(tree.weights)
        blocks[-1].append(tree)
    return blocks


def _tree_sum(x: "Tensor", trees: "Sequence[Weighted]", targets: int) -> "Tensor":
    real = np.dtype(np.float32) if x.kind is Kind.FLOAT32 else x.graph.real
    arrays = _Arrays()
    for tree in trees:
        arrays.append(tree)
    splits = np.concatenate(arrays.splits)
    if real == np.float32:
        splits = _round_down(splits)
    attributes: dict[str, Any] = {
        name: np.concatenate(parts) for name, parts in arrays.integers.items()
    }
    if arrays.members:
        # Sets of each node in order, parted by NaN.
        attributes["membership_values"] = numpy_helper.from_array(
            np.concatenate(arrays.members).astype(real)
        )
    return x.graph.add(
        "TreeEnsemble",
        x,
        domain=ML_DOMAIN,
        n_targets=targets,
        aggregate_function=1,
        post_transform=0,
        tree_roots=arrays.roots,
        nodes_splits=numpy_helper.from_array(splits.astype(real)),
        nodes_modes=numpy_helper.from_array(np.concatenate(arrays.modes)),
        leaf_weights=numpy_helper.from_array(np.concatenate(arrays.weights).astype(real)),
        **attributes,
    )


def leaf_sum(x: "Tensor", trees: "Sequence[Tree]", values: "Sequence[NDArray[Any]]") -> "Tensor":
    """Adds up one row of values per tree, shape `(rows, columns)`.

    `TreeEnsemble` gives a leaf one weight only. Here the weight is the number of the leaf, and the
    values, of shape `(nodes, columns)` for each tree, are looked up by it.

    For values of FLOAT32 that is done in single precision, and only the looked-up values are REAL:
    what comes out is the same to the last bit, the file is 14 % smaller, and forests of 100 and 500
    trees take up to 15 % less time, for 1 to 10,000 rows.

    Where each leaf is sure of one column, as in classifiers grown to their ends, votes are counted
    instead: the file has 60 % of the size or less, and a forest takes a third less time.
    """
    if len(trees) < _WHOLE_NUMBERS and all(map(_is_sure, trees, values)):
        return _votes(x, trees, values)
    return leaf_values(x, trees, values).reduce("Sum", 1, keep=False)


def _is_sure(tree: Tree, values: "NDArray[Any]") -> bool:
    leaves = values[tree.is_leaf]
    return bool(((leaves == 0) | (leaves == 1)).all() and (leaves.sum(axis=1) == 1).all())


def _votes(x: "Tensor", trees: "Sequence[Tree]", values: "Sequence[NDArray[Any]]") -> "Tensor":
    """How many trees are sure of each column."""
    columns = values[0].shape[1]
    if columns == 2:
        weighted = [Weighted(tree, one[:, 1]) for tree, one in zip(trees, values, strict=True)]
        votes = _added(x, _blocks(weighted, _VOTING_NODES), 1).cast(Kind.REAL)
        return x.graph.concatenate([float(len(trees)) - votes, votes])
    weighted = [
        Weighted(tree, np.ones(len(one)), one.argmax(axis=1))
        for tree, one in zip(trees, values, strict=True)
    ]
    return _added(x, _blocks(weighted, _CACHED_NODES), columns).cast(Kind.REAL)


def leaf_values(x: "Tensor", trees: "Sequence[Tree]", values: "Sequence[NDArray[Any]]") -> "Tensor":
    """The values of the leaf of each tree, shape `(rows, trees, columns)`."""
    leaves, rows = leaf_numbers(trees, values)
    x.graph.takes(len(trees) * int(rows.shape[1]) * 8)
    if len(rows) > _WHOLE_NUMBERS:
        x = x.cast(Kind.REAL)
    numbers = tree_sum(x, leaves, len(trees)).cast(Kind.INT64)
    return x.graph.constant(rows).gather(numbers)


def leaf_numbers(
    trees: "Sequence[Tree]", values: "Sequence[NDArray[Any]]"
) -> "tuple[list[Weighted], NDArray[Any]]":
    """Trees that answer the number of the leaf, and the values in the order of these numbers."""
    leaves = []
    rows = []
    start = 0
    for target, (tree, table) in enumerate(zip(trees, values, strict=True)):
        numbers = (np.cumsum(tree.is_leaf) - 1 + start).astype(np.float64)
        start += int(tree.is_leaf.sum())
        leaves.append(Weighted(tree, numbers, target))
        rows.append(table[tree.is_leaf])
    return leaves, np.concatenate(rows)


def as_float32(x: "Tensor") -> "Tensor":
    """The values rounded to single precision, as scikit-learn's trees compare them."""
    return x.cast(Kind.FLOAT32).cast(Kind.REAL)


def _round_down(thresholds: "NDArray[np.float64]") -> "NDArray[np.float32]":
    # x <= t for a single-precision x is x <= the largest single-precision value up to t.
    single = thresholds.astype(np.float32)
    return np.where(single > thresholds, np.nextafter(single, np.float32(-np.inf)), single)


class _Arrays:
    """The attributes of the node, tree by tree."""

    def __init__(self) -> None:
        names = ("featureids", "truenodeids", "trueleafs", "falsenodeids", "falseleafs")
        self.integers: dict[str, list[NDArray[Any]]] = {f"nodes_{name}": [] for name in names}
        self.integers |= {"nodes_missing_value_tracks_true": [], "leaf_targetids": []}
        self.splits: list[NDArray[Any]] = []
        self.modes: list[NDArray[Any]] = []
        self.weights: list[NDArray[Any]] = []
        self.members: list[NDArray[Any]] = []
        self.roots: list[int] = []
        self._nodes = 0
        self._leaves = 0

    def append(self, weighted: Weighted) -> None:
        tree = weighted.tree
        leaf = tree.is_leaf
        inner = np.flatnonzero(~leaf)
        numbers = np.where(
            leaf, np.cumsum(leaf) - 1 + self._leaves, np.cumsum(~leaf) - 1 + self._nodes
        )
        self.roots.append(self._nodes)
        self.weights.append(weighted.weights[leaf])
        self.integers["leaf_targetids"].append(np.broadcast_to(weighted.target, leaf.shape)[leaf])
        self._leaves += int(leaf.sum())
        if not inner.size:
            # A root must be a split: one whose two sides are the same leaf.
            self._add_splits(np.zeros((7, 1), dtype=np.int64), np.zeros(1), leaf_of=numbers[:1])
            return
        left, right = tree.left[inner], tree.right[inner]
        modes = np.full(inner.size, _LESS if tree.strict else _LESS_OR_EQUAL)
        members = tree.members or {}
        for position, node in enumerate(inner if members else ()):
            if node in members:
                modes[position] = _MEMBER
                self.members.append(np.append(members[int(node)], np.nan))
        columns = [
            tree.feature[inner], numbers[left], leaf[left], numbers[right], leaf[right],
            tree.missing_left[inner], modes,
        ]  # fmt: skip
        self._add_splits(np.array(columns, dtype=np.int64), tree.threshold[inner])

    def _add_splits(
        self,
        columns: "NDArray[np.int64]",
        thresholds: "NDArray[Any]",
        leaf_of: "NDArray[Any] | None" = None,
    ) -> None:
        if leaf_of is not None:
            columns[1:5] = np.array([leaf_of, [1], leaf_of, [1]])
        names = ("featureids", "truenodeids", "trueleafs", "falsenodeids", "falseleafs")
        for name, values in zip(names, columns, strict=False):
            self.integers[f"nodes_{name}"].append(values)
        self.integers["nodes_missing_value_tracks_true"].append(columns[5])
        self.modes.append(columns[6].astype(np.uint8))
        self.splits.append(thresholds)
        self._nodes += thresholds.size
