"""Small decision trees scored many rows at a time, without a walk from node to node.

Each leaf is a bit. A value of a feature tells which splits on that feature are false, and each
false split rules out the leaves on its true side: a vector of bits for all trees, looked up by the
interval that the value lies in. What all features leave is a vector whose highest bit, for each
tree, is the leaf that the row ends in. See Lucchese et al., "QuickScorer: a fast algorithm to rank
documents with additive ensembles of regression trees", SIGIR 2015.

Weights are added up tree by tree, as ONNX Runtime does in one thread, so that the results are the
same to the last bit.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from mlserve_cli.inference.trees.ensemble import Mode, Places, Trees
from mlserve_cli.inference.trees.grid import Grid

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

# So much of the tables of a group of trees stays in a usual second-level cache. A table has a row
# for each interval and a column for each tree, so that it grows with the square of the trees.
_TABLE_BYTES = 3 << 19
# The groups of a model take some 30 MB together, and half a second to be written.
MOST_GROUPS = 20
# What so many rows need stays there as well.
_ROWS = 1_000
_WORDS = (np.dtype(np.uint8), np.dtype(np.uint16), np.dtype(np.uint32), np.dtype(np.uint64))
# Bits of the widest word.
MOST_LEAVES = 64

# Where the exponent of a double begins, and what it is for 1.
_EXPONENT = 52
_ONE = 1023


class BitVectors:
    """An ensemble of trees, compiled. Safe to call from several threads at once.

    Args:
        trees: The ensemble.
        most_groups: How many groups its trees may have.

    Raises:
        ValueError: A tree has more leaves than `MOST_LEAVES`, or they add to several targets, or
            there are too many trees.
    """

    def __init__(self, trees: Trees, most_groups: int = MOST_GROUPS) -> None:
        # Where the leaves of large trees stand takes long to find out.
        if trees.weight.size > MOST_LEAVES * trees.roots.size:
            raise ValueError(f"Trees have more than {MOST_LEAVES} leaves.")
        places = Places(trees, MOST_LEAVES)
        targets = places.targets(trees)
        cuts = list(_cuts(places))
        if len(cuts) > most_groups:
            raise ValueError(f"The tables of {trees.roots.size:,} trees would be too large.")
        self._dtype = trees.weight.dtype
        self._targets = trees.targets
        # What is next to the largest numbers may be infinite.
        with np.errstate(over="ignore"):
            self._groups = [
                _Group(trees, places, range(*cut), targets[slice(*cut)]) for cut in cuts
            ]

    @property
    def groups(self) -> int:
        """How many groups its trees have."""
        return len(self._groups)

    def score(self, x: "NDArray[np.floating[Any]]") -> "NDArray[np.floating[Any]]":
        """The sums of the weights, shape `(rows, targets)`.

        Args:
            x: Values of shape `(rows, features)`.
        """
        totals = np.zeros((self._targets, len(x)), self._dtype)
        for start in range(0, len(x), _ROWS):
            columns = np.ascontiguousarray(x[start : start + _ROWS].T, np.float64)
            for group in self._groups:
                group.add(columns, totals[:, start : start + _ROWS])
        return np.ascontiguousarray(totals.T)


class _Group:
    """Neighbouring trees whose tables are small together."""

    def __init__(
        self, trees: Trees, places: Places, members: range, targets: "NDArray[np.int64]"
    ) -> None:
        count = len(members)
        own = slice(members.start, members.stop)
        word = _word(places.leaves[own])
        width = word.itemsize * 8
        # The first leaf is the highest bit.
        leaf = places.leaf[own, :width]
        weights = np.zeros((count, width), trees.weight.dtype)
        weights[:, width - leaf.shape[1] :] = trees.weight[leaf[:, ::-1]]
        self._weights = weights.reshape(-1)
        # From the exponent of a double to the place of a weight.
        self._places = np.arange(count) * width - _ONE
        self._targets = targets.tolist()
        nodes = np.flatnonzero(np.isin(places.tree, members))
        self._features = np.unique(trees.feature[nodes])
        parts = [nodes[trees.feature[nodes] == feature] for feature in self._features]
        points = [np.unique(_lasts(trees, part)) for part in parts]
        self._grid = Grid(points)
        self._table = np.concatenate([
            _table(trees, places, part, known, members, word)
            for part, known in zip(parts, points, strict=True)
        ])  # fmt: skip

    def add(self, columns: "NDArray[np.float64]", totals: "NDArray[np.floating[Any]]") -> None:
        """Adds the weights of the leaves that rows end in.

        Args:
            columns: Values of shape `(features, rows)`.
            totals: Of shape `(targets, rows)`.
        """
        first, *others = self._grid.find(columns[self._features])
        left = self._table.take(first, axis=0, mode="clip")
        vectors = np.empty_like(left)
        for rows in others:
            self._table.take(rows, axis=0, out=vectors, mode="clip")
            np.bitwise_and(left, vectors, out=left)
        if left.itemsize == _WORDS[-1].itemsize:
            # A double has no room for all of the bits, and must not be rounded up to the next.
            left &= ~(left >> np.uint64(1))
        places = left.astype(np.float64).view(np.int64)
        places >>= _EXPONENT
        places += self._places
        weights = self._weights.take(places, mode="clip").T
        for target, added in zip(self._targets, weights, strict=True):
            totals[target] += added


def _cuts(places: Places) -> "Iterator[tuple[int, int]]":
    """The first tree of each group, and the one after its last."""
    word = _word(places.leaves).itemsize
    start, nodes = 0, 0
    for tree, leaves in enumerate(places.leaves.tolist()):
        nodes += leaves - 1
        if tree > start and nodes * (tree + 1 - start) * word > _TABLE_BYTES:
            yield start, tree
            start, nodes = tree, leaves - 1
    yield start, places.leaves.size


def _word(leaves: "NDArray[np.int64]") -> "np.dtype[np.unsignedinteger[Any]]":
    """The smallest type that has a bit for each leaf of each tree."""
    return next(word for word in _WORDS if word.itemsize * 8 >= leaves.max())


def _lasts(trees: Trees, nodes: "NDArray[np.int64]") -> "NDArray[np.float64]":
    """The last value that goes to the true side of each node."""
    splits = trees.split[nodes]
    return np.where(trees.mode[nodes] == Mode.LESS, np.nextafter(splits, -np.inf), splits)


def _table(
    trees: Trees,
    places: Places,
    nodes: "NDArray[np.int64]",
    points: "NDArray[np.float64]",
    members: range,
    word: "np.dtype[np.unsignedinteger[Any]]",
) -> "NDArray[np.unsignedinteger[Any]]":
    """The leaves that are left, by the interval that the value of a feature lies in.

    Args:
        trees: The ensemble.
        places: Where its leaves stand.
        nodes: Those that compare this feature.
        points: The last value of each interval; above them is one more, and one for missing values.
        members: The trees of the table.
        word: Has a bit for each leaf.

    Returns:
        Shape `(intervals, trees)`.
    """
    everything = np.iinfo(word).max
    left = np.full((len(members), points.size + 2), everything, word)
    # Without the leaves on the true side; the first leaf of a tree is the highest bit.
    below, behind = (everything >> at[nodes].astype(word) for at in (places.first, places.middle))
    rests = everything & ~below | behind
    ends = np.searchsorted(points, _lasts(trees, nodes), "right")
    for node, end, rest in zip(nodes.tolist(), ends.tolist(), rests, strict=True):
        tree = left[places.tree[node] - members.start]
        tree[end:-1] &= rest
        if not trees.missing_true[node]:
            tree[-1] &= rest
    return np.ascontiguousarray(left.T)
